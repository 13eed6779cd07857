//! A cluster's API, as far as a controller asks for it: it holds the resources of a file, tells of every change to the file, and
//! takes what the controller says of them. Nothing is validated, nothing runs.

mod store;

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use store::{Key, Store, kind};

/// How often the file is looked at, and how long a watch waits before it looks whether anybody still listens.
const PAUSE: Duration = Duration::from_millis(25);

/// The most bytes of a request.
const MOST: usize = 16 << 20;

/// A cluster on a loopback port. It ends on drop.
#[derive(Debug)]
pub struct Cluster {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What a file's text says, and what has to be there beside it; the number is how often it was read anew, so that something can
/// differ each time that nobody looks at.
pub type Reader = Box<dyn Fn(&str, u32) -> Vec<Value> + Send>;

struct Shared {
    store: Mutex<Store>,
    over: Arc<AtomicBool>,
}

impl Shared {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

impl Cluster {
    /// A cluster with the resources of a file, as `read` finds them there; they follow it. When `touched` is written anew
    /// they are read again too.
    ///
    /// # Errors
    /// Where no port is free, or the file cannot be read.
    pub fn start(main: &Path, touched: &Path, read: Reader) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Shared {
            store: Mutex::new(Store::default()),
            over: Arc::clone(&over),
        });
        let text = std::fs::read_to_string(main)?;
        shared.store().replace(&read(&text, 0));
        let files = [main.to_owned(), touched.to_owned()];
        let following = Arc::clone(&shared);
        let threads = vec![
            std::thread::spawn({
                let shared = Arc::clone(&shared);
                move || accept(&listener, &shared)
            }),
            std::thread::spawn(move || follow(&following, &files, text, &read)),
        ];
        Ok(Self {
            address,
            over,
            threads,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the one that accepts.
        let _ = TcpStream::connect(self.address);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.over.load(Ordering::Relaxed) {
            return;
        }
        if let Ok(stream) = stream {
            let shared = Arc::clone(shared);
            std::thread::spawn(move || {
                let _ = serve(&stream, &shared);
                let _ = stream.shutdown(Shutdown::Both);
            });
        }
    }
}

/// Looks at the files until the end.
fn follow(shared: &Shared, [main, touched]: &[PathBuf; 2], mut known: String, read: &Reader) {
    let written = |path: &Path| std::fs::metadata(path).and_then(|it| it.modified()).ok();
    let mut at: [Option<SystemTime>; 2] = [written(main), written(touched)];
    let mut round = 0_u32;
    while !shared.over.load(Ordering::Relaxed) {
        std::thread::sleep(PAUSE);
        let now = [written(main), written(touched)];
        if now == at {
            continue;
        }
        if let Ok(text) = std::fs::read_to_string(main)
            && (text != known || now[1] != at[1])
        {
            round += 1;
            let objects = read(&text, round);
            shared.store().replace(&objects);
            known = text;
        }
        at = now;
    }
}

struct Request {
    method: String,
    path: String,
    query: String,
    body: Vec<u8>,
}

impl Request {
    /// The next request on a connection; `None` at its end.
    fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Ok(None);
        };
        let mut length = 0;
        loop {
            let mut head = String::new();
            if from.read_line(&mut head)? == 0 || head.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = head.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; usize::min(length, MOST)];
        from.read_exact(&mut body)?;
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        Ok(Some(Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            body,
        }))
    }

    fn asks(&self, name: &str) -> Option<&str> {
        let mut pairs = self
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    fn is_on(&self, name: &str) -> bool {
        self.asks(name)
            .is_some_and(|value| ["true", "1"].contains(&value))
    }
}

/// What a path names: a kind, possibly in a namespace, possibly one object, possibly its status.
struct Place {
    api: String,
    key: Key,
    part: Option<String>,
}

impl Place {
    fn of(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').filter(|it| !it.is_empty()).collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let (plural, rest) = rest.split_first()?;
        let api = match group.is_empty() {
            true => version.to_owned(),
            false => format!("{group}/{version}"),
        };
        Some(Self {
            api,
            key: Key {
                group: group.to_owned(),
                plural: (*plural).to_owned(),
                namespace: namespace.to_owned(),
                name: rest.first().copied().unwrap_or_default().to_owned(),
            },
            part: rest.get(1).map(|it| (*it).to_owned()),
        })
    }

    /// An object as this version of its API has it.
    fn seen(&self, mut object: Value) -> Value {
        if let Some(map) = object.as_object_mut() {
            map.insert("apiVersion".to_owned(), json!(self.api));
            map.insert("kind".to_owned(), json!(kind(&self.key.plural)));
        }
        object
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut from = BufReader::new(stream);
    let mut to = stream;
    while let Some(request) = Request::read(&mut from)? {
        if request.path == "/version" {
            let version = json!({ "major": "1", "minor": "34", "gitVersion": "v1.34.0" });
            answer(&mut to, 200, &version)?;
            continue;
        }
        let Some(place) = Place::of(&request.path) else {
            refuse(&mut to)?;
            continue;
        };
        let is_list = place.key.name.is_empty();
        match request.method.as_str() {
            "GET" if is_list && request.is_on("watch") => {
                return watch(&mut to, shared, &place, &request);
            }
            "GET" if is_list => {
                let (items, version) = {
                    let store = shared.store();
                    let key = &place.key;
                    let items = store.list(&key.group, &key.plural, &key.namespace);
                    (items, store.version())
                };
                let items: Vec<Value> = items.into_iter().map(|it| place.seen(it)).collect();
                let list = json!({
                    "apiVersion": place.api,
                    "kind": format!("{}List", kind(&place.key.plural)),
                    "metadata": { "resourceVersion": version.to_string() },
                    "items": items,
                });
                answer(&mut to, 200, &list)?;
            }
            "GET" => {
                let found = shared.store().get(&place.key).cloned();
                match found {
                    Some(object) => answer(&mut to, 200, &place.seen(object))?,
                    None => refuse(&mut to)?,
                }
            }
            "PUT" | "PATCH" if place.part.as_deref() == Some("status") => {
                let said: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let found = shared.store().set_status(&place.key, &said["status"]);
                match found {
                    Some(object) => answer(&mut to, 200, &place.seen(object))?,
                    None => refuse(&mut to)?,
                }
            }
            // Events and leases: taken and forgotten.
            _ => answer(&mut to, 201, &Value::Object(Map::new()))?,
        }
    }
    Ok(())
}

fn answer(to: &mut impl Write, status: u16, body: &Value) -> io::Result<()> {
    let body = body.to_string();
    write!(
        to,
        "HTTP/1.1 {status} It\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn refuse(to: &mut impl Write) -> io::Result<()> {
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure",
        "reason": "NotFound", "code": 404, "metadata": {},
    });
    answer(to, 404, &status)
}

/// Tells of changes until nobody listens any more.
fn watch(to: &mut impl Write, shared: &Shared, place: &Place, request: &Request) -> io::Result<()> {
    write!(
        to,
        "HTTP/1.1 200 It\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )?;
    to.flush()?;
    let since = match request.is_on("sendInitialEvents") {
        true => None,
        false => Some(
            request
                .asks("resourceVersion")
                .and_then(|it| it.parse().ok())
                .unwrap_or(0),
        ),
    };
    let key = &place.key;
    let changes = shared
        .store()
        .watch(&key.group, &key.plural, &key.namespace, since);
    loop {
        match changes.recv_timeout(PAUSE) {
            Ok((change, object)) => {
                let line = json!({ "type": change, "object": place.seen(object) }).to_string();
                write!(to, "{:x}\r\n{line}\n\r\n", line.len() + 1)?;
                to.flush()?;
            }
            Err(RecvTimeoutError::Timeout) if shared.over.load(Ordering::Relaxed) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}
