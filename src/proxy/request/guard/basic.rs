//! Names and passwords of an htpasswd file. A password that was right is remembered by its hash: bcrypt takes longer than a request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use http::header::{self, HeaderMap};
use md5::{Digest as _, Md5};
use tokio::sync::Semaphore;

use crate::ir::Basic;
use crate::proxy::fault::Fault;

/// How many right passwords are remembered.
const MOST: usize = 10_000;

/// How many passwords wait for their check at most: each takes a tenth of a second, and those who guess have time.
const WAITING: usize = 64;

/// A way to know clients by name and password.
pub(crate) struct Passwords {
    users: HashMap<String, Stored>,
    /// Hashes of name and password that were right.
    right: Mutex<std::collections::HashSet<[u8; 32]>>,
    /// Who checks now: half of the cores at most, for the others have requests.
    turns: Semaphore,
    waiting: AtomicUsize,
    /// What the password of an unknown name is checked with: an answer in no time would tell that there is no such name.
    stand_in: Option<Stored>,
    /// The challenge of a refusal.
    pub(crate) challenge: String,
    strip: bool,
}

/// What a check has shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Checked {
    /// The name and its password.
    Right,
    /// Something else.
    Wrong,
    /// Too many wait for theirs.
    Busy,
}

#[derive(Clone)]
enum Stored {
    Bcrypt(String),
    Sha1(Vec<u8>),
    Apr1 { salt: String, hash: String },
}

impl Passwords {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it, at its place in the spec.
    pub(crate) fn new(basic: &Basic) -> Result<Self, Fault> {
        let (file, at) = (&basic.file.value, basic.file.loc());
        let text = std::fs::read_to_string(file)
            .map_err(|error| Fault::new(at, format!("{file}: {error}")))?;
        let mut users = HashMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let stored = line.split_once(':').and_then(|(name, rest)| {
                let hash = rest.split(':').next().unwrap_or_default();
                Some((name, stored(hash)?))
            });
            let Some((name, stored)) = stored else {
                return Err(Fault::new(
                    at,
                    format!("{file}, line {number}: no password that can be read"),
                )
                .help("write it with `htpasswd -B`: bcrypt, `$apr1$` and `{SHA}` are read"));
            };
            users.insert(name.to_owned(), stored);
        }
        let slowest = |stored: &&Stored| matches!(stored, Stored::Bcrypt(_));
        let stand_in = users.values().find(slowest).or(users.values().next());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            stand_in: stand_in.cloned(),
            users,
            right: Mutex::default(),
            turns: Semaphore::new(cores.div_ceil(2)),
            waiting: AtomicUsize::new(0),
            challenge: format!(
                "Basic realm=\"{}\", charset=\"UTF-8\"",
                basic.realm.value.replace('\\', "\\\\").replace('"', "\\\"")
            ),
            strip: basic.strip.value,
        })
    }

    /// Whether a request shows a right name and password.
    pub(crate) async fn check(&self, headers: &mut HeaderMap) -> Checked {
        let checked = match shown(headers) {
            Some((name, password)) => self.checked(&name, &password).await,
            None => Checked::Wrong,
        };
        if checked == Checked::Right && self.strip {
            headers.remove(header::AUTHORIZATION);
        }
        checked
    }

    async fn checked(&self, name: &str, password: &str) -> Checked {
        let user = self.users.get(name);
        let Some(stored) = user.or(self.stand_in.as_ref()) else {
            return Checked::Wrong;
        };
        let mut seen = [0; 32];
        let digest = digest::digest(&digest::SHA256, format!("{name}\0{password}").as_bytes());
        seen.copy_from_slice(digest.as_ref());
        let remembered = |right: &mut std::collections::HashSet<[u8; 32]>| right.contains(&seen);
        if remembered(&mut self.right.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Checked::Right;
        }
        let good = match stored {
            Stored::Bcrypt(hash) => {
                let (password, hash) = (password.to_owned(), hash.clone());
                let check = move || bcrypt::verify(password, &hash).unwrap_or(false);
                let Some(good) = self.aside(check).await else {
                    return Checked::Busy;
                };
                good
            }
            Stored::Sha1(hash) => {
                let own = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
                verify_slices_are_equal(own.as_ref(), hash).is_ok()
            }
            Stored::Apr1 { salt, hash } => {
                let (password, salt, hash) = (password.to_owned(), salt.clone(), hash.clone());
                // A thousand rounds over a password that may be as long as a head.
                let check = move || {
                    let own = apr1(password.as_bytes(), salt.as_bytes());
                    verify_slices_are_equal(own.as_bytes(), hash.as_bytes()).is_ok()
                };
                let Some(good) = self.aside(check).await else {
                    return Checked::Busy;
                };
                good
            }
        };
        if good && user.is_some() {
            let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
            if right.len() >= MOST {
                right.clear();
            }
            right.insert(seen);
            return Checked::Right;
        }
        Checked::Wrong
    }

    /// A check that takes long, on another thread: a worker has other clients meanwhile. `None` where too many wait.
    async fn aside(&self, check: impl FnOnce() -> bool + Send + 'static) -> Option<bool> {
        let _waits = Waits::new(&self.waiting)?;
        let _turn = self.turns.acquire().await;
        let checked = tokio::task::spawn_blocking(check).await;
        Some(checked.unwrap_or(false))
    }
}

/// One who waits.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn new(count: &'a AtomicUsize) -> Option<Self> {
        let waits = Self(count);
        // Dropped, it counts no more, also where it is one too many.
        (count.fetch_add(1, Relaxed) < WAITING).then_some(waits)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// The name and password that a request shows.
fn shown(headers: &HeaderMap) -> Option<(String, String)> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    // Of two the server could read the other one.
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return None;
    };
    let (scheme, encoded) = line.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(super::base64(encoded.trim())?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

fn stored(hash: &str) -> Option<Stored> {
    if let Some(encoded) = hash.strip_prefix("{SHA}") {
        return super::base64(encoded)
            .filter(|hash| hash.len() == 20)
            .map(Stored::Sha1);
    }
    if let Some(rest) = hash.strip_prefix("$apr1$") {
        let (salt, hash) = rest.split_once('$')?;
        return Some(Stored::Apr1 {
            salt: salt.to_owned(),
            hash: hash.to_owned(),
        });
    }
    ["$2y$", "$2a$", "$2b$"]
        .iter()
        .any(|kind| hash.starts_with(kind))
        .then(|| Stored::Bcrypt(hash.to_owned()))
}

/// Apache's variant of the MD5 crypt, as `htpasswd -m` writes it.
fn apr1(password: &[u8], salt: &[u8]) -> String {
    let inner = Md5::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(password)
        .finalize();
    let mut first = Md5::new()
        .chain_update(password)
        .chain_update(b"$apr1$")
        .chain_update(salt);
    for at in (0..password.len()).step_by(16) {
        first.update(&inner[..(password.len() - at).min(16)]);
    }
    let mut bits = password.len();
    while bits > 0 {
        first.update(if bits & 1 == 1 {
            &[0][..]
        } else {
            &password[..1]
        });
        bits >>= 1;
    }
    let mut sum = first.finalize();
    for round in 0..1000 {
        let mut next = Md5::new();
        next.update(if round & 1 == 1 { password } else { &sum[..] });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if round & 1 == 1 { &sum[..] } else { password });
        sum = next.finalize();
    }
    const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = String::with_capacity(22);
    let mut letters = |mut value: u32, count: usize| {
        for _ in 0..count {
            text.push(char::from(LETTERS[(value & 0x3f) as usize]));
            value >>= 6;
        }
    };
    let three = |a: usize, b: usize, c: usize| {
        u32::from(sum[a]) << 16 | u32::from(sum[b]) << 8 | u32::from(sum[c])
    };
    for (a, b, c) in [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)] {
        letters(three(a, b, c), 4);
    }
    letters(u32::from(sum[11]), 2);
    text
}

#[cfg(test)]
mod tests {
    use super::apr1;

    /// `openssl passwd -apr1 -salt r31..... myPassword`, as in Apache's documentation of password formats.
    #[test]
    fn apache_and_we_agree() {
        assert_eq!(apr1(b"myPassword", b"r31....."), "HqJZimcKQFAMYayBlzkrA/");
    }
}
