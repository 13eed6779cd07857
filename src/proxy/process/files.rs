//! Which files a spec is made of, and whether one of them has changed: asked for their stamps from time to time, which also sees what
//! network file systems, bind mounts and swapped links do, where a watch of folders hears nothing; and it takes no further crate.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ir::{AuthKind, CertificateSource, Gateway, JwtKeys, Secret};

/// How often files are looked at. A change counts once two looks in a row have found the same: editors write in several steps.
pub(crate) const EVERY: Duration = Duration::from_millis(500);

/// What tells that a file is another one: its device and number, length, and times of change.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

/// The files of a spec, as they were when it was read last.
#[derive(Default)]
pub(crate) struct Files {
    known: Vec<(PathBuf, Stamp)>,
    changing: Option<Vec<Stamp>>,
}

impl Files {
    /// Watches these; what was known of them stays.
    pub(crate) fn watch(&mut self, mut paths: Vec<PathBuf>) {
        paths.sort_unstable();
        paths.dedup();
        let known = paths.into_iter().map(|path| {
            let before = self.known.iter().find(|(known, _)| *known == path);
            let stamp = before.map_or_else(|| stamp(&path), |(_, stamp)| *stamp);
            (path, stamp)
        });
        self.known = known.collect();
    }

    /// Whether one has changed, and is not changing any more.
    pub(crate) fn have_changed(&mut self) -> bool {
        let now: Vec<Stamp> = self.known.iter().map(|(path, _)| stamp(path)).collect();
        if self.known.iter().map(|(_, stamp)| stamp).eq(&now) {
            self.changing = None;
            return false;
        }
        if self.changing.as_ref() != Some(&now) {
            self.changing = Some(now);
            return false;
        }
        self.changing = None;
        for ((_, known), now) in self.known.iter_mut().zip(now) {
            *known = now;
        }
        true
    }
}

fn stamp(path: &Path) -> Stamp {
    let it = fs::metadata(path).ok()?;
    let at = it.mtime().wrapping_mul(1_000_000_000);
    Some((
        it.dev(),
        it.ino(),
        it.len(),
        at.wrapping_add(it.mtime_nsec()),
        it.ctime()
            .wrapping_mul(1_000_000_000)
            .wrapping_add(it.ctime_nsec()),
    ))
}

/// The files that a spec names and the proxy reads: certificates, keys, passwords.
pub(crate) fn named(gateway: &Gateway) -> Vec<PathBuf> {
    let mut files: Vec<&str> = Vec::new();
    for certificate in &gateway.certificates {
        if let CertificateSource::Files { cert, key } = &certificate.source {
            files.extend([cert.value.as_str(), &key.value]);
        }
    }
    for tls in gateway.listeners.iter().filter_map(|it| it.tls.as_ref()) {
        files.extend(tls.client_auth.iter().map(|it| it.ca.value.as_str()));
    }
    for tls in gateway.upstreams.iter().filter_map(|it| it.tls.as_ref()) {
        files.extend(tls.ca.iter().map(|it| it.value.as_str()));
        if let Some((cert, key)) = &tls.client {
            files.extend([cert.value.as_str(), &key.value]);
        }
    }
    for auth in &gateway.auth {
        match &auth.kind {
            AuthKind::Jwt(jwt) => match &jwt.keys.value {
                JwtKeys::Key {
                    key: Secret::File(file),
                    ..
                }
                | JwtKeys::JwksFile { file, .. } => files.push(file),
                JwtKeys::Key {
                    key: Secret::Env(_),
                    ..
                }
                | JwtKeys::JwksUrl { .. } => {}
            },
            AuthKind::Basic(basic) => files.push(&basic.file.value),
            AuthKind::ApiKey(keys) => match &keys.keys.value {
                Secret::File(file) => files.push(file),
                Secret::Env(_) => {}
            },
            AuthKind::Forward(_) => {}
        }
    }
    files.into_iter().map(PathBuf::from).collect()
}
