//! Servers that speak nonsense over HTTP/2: 502 or 504, or an answer that the client sees is cut off; the log says why, no request waits for
//! ever, and the next one is answered, on the connection that is there or on another one. Frames are written by hand, for no library would.

mod table;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wsgen::verify::stub::Stub;
use wsgen::verify::wire::Response;

use self::table::{BEGINNINGS, ENDLESS, TABLE};
use super::super::http2::{field, frame};
use super::super::nonsense::Gets;
use super::super::serving::{Led, Serving, Then, say};

/// What a server says to a request on this stream.
type Says = fn(u32) -> Vec<u8>;

/// A bit of a frame's flags (RFC 9113 §6): nothing more comes on the stream.
const END: u8 = 1;
/// The block of fields is whole.
const WHOLE: u8 = 4;

fn head(id: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    frame(1, WHOLE | flags, id, block)
}

/// A head with the status 200 and these fields.
fn ok(id: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = vec![0x88];
    for (name, value) in fields {
        block.extend(field(name.as_bytes(), value.as_bytes()));
    }
    head(id, flags, &block)
}

fn data(id: u32, flags: u8, bytes: &[u8]) -> Vec<u8> {
    frame(0, flags, id, bytes)
}

fn reset(id: u32, code: u32) -> Vec<u8> {
    frame(3, 0, id, &code.to_be_bytes())
}

/// The server takes no stream after `last`.
fn goaway(last: u32, code: u32) -> Vec<u8> {
    frame(7, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

/// A whole answer.
fn good(id: u32, body: &str) -> Vec<u8> {
    let length = body.len().to_string();
    let head = ok(id, 0, &[("content-length", &length)]);
    [head, data(id, END, body.as_bytes())].concat()
}

/// What the server does with the next request.
#[derive(Clone, Copy)]
enum Now {
    /// It answers well.
    Good,
    /// It begins its connection with this.
    Begin(&'static [u8], Then),
    /// It answers with this.
    Say(Says, Then),
}

/// Speaks HTTP/2 as far as it has to.
fn lead(mut stream: TcpStream, now: &Mutex<Now>) {
    let mut preface = [0; 24];
    if stream.read_exact(&mut preface).is_err() {
        return;
    }
    let now = || *now.lock().expect("a lock");
    let settings = frame(4, 0, 0, &[]);
    match now() {
        Now::Begin(bytes, then) if !say(&mut stream, bytes, then) => return,
        Now::Begin(..) => {}
        Now::Good | Now::Say(..) if stream.write_all(&settings).is_err() => return,
        Now::Good | Now::Say(..) => {}
    }
    while let Some((kind, flags, id, payload)) = read(&mut stream) {
        let stays = match (kind, flags & 1) {
            (4, 0) => say(&mut stream, &frame(4, 1, 0, &[]), Then::Stay),
            (6, 0) => say(&mut stream, &frame(6, 1, 0, &payload), Then::Stay),
            (1, _) => match now() {
                Now::Good | Now::Begin(..) => say(&mut stream, &good(id, "good"), Then::Stay),
                Now::Say(says, then) => say(&mut stream, &says(id), then),
            },
            _ => true,
        };
        if !stays {
            return;
        }
    }
}

/// The next frame: kind, flags, stream and payload; `None` at the end of the connection.
fn read(stream: &mut TcpStream) -> Option<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).ok()?;
    let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    Some((head[3], head[4], id, payload))
}

/// An answer in few words.
fn told(answered: &std::io::Result<Response>) -> String {
    match answered {
        Ok(answer) => format!("{} {:?}", answer.status, answer.text()),
        Err(why) => why.to_string(),
    }
}

/// A proxy before such a server, and before a good one.
struct Site {
    serving: Serving,
    now: Arc<Mutex<Now>>,
    _bad: Led,
    _other: Stub,
}

impl Site {
    fn start() -> Self {
        let now = Arc::new(Mutex::new(Now::Good));
        let shared = Arc::clone(&now);
        let bad = Led::by(move |stream| lead(stream, &shared));
        let other = Stub::try_start("other").expect("a port is free");
        let times = "timeouts: { response: 500ms, idle: 500ms }";
        let serving = Serving::start(&format!(
            "wsgen: 1\nlisteners: {{ web: {{ port: PORT, address: 127.0.0.1, http2: on }} }}\n\
             upstreams:\n  kept: {{ servers: [\"{0}\"], protocol: http2 }}\n\
             \x20 fresh: {{ servers: [\"{0}\"], protocol: http2, keepalive: off }}\n\
             \x20 other: {{ servers: [\"{1}\"], protocol: http2 }}\n\
             routes:\n  - {{ name: kept, path: /kept, upstream: kept, {times} }}\n\
             \x20 - {{ name: fresh, path: /fresh, upstream: fresh, {times} }}\n\
             \x20 - {{ name: other, path: /, upstream: other }}\n\
             log: {{ format: json }}\nruntime: {{ workers: 1 }}\n",
            bad.address(),
            other.address()
        ));
        Self {
            serving,
            now,
            _bad: bad,
            _other: other,
        }
    }

    fn says(&self, now: Now) {
        *self.now.lock().expect("a lock") = now;
    }

    /// Whether a request gets what it should, in time and with a line in the log, and the ones after it too.
    fn faults(&self, path: &str, now: Now, gets: Gets) -> Vec<String> {
        let mut faults = Vec::new();
        self.says(now);
        let start = Instant::now();
        let mut connection = self.serving.client().connect().expect("it listens");
        let answered = connection.send("GET", path, &[], b"");
        let came = Gets::of(&answered);
        if came != gets {
            faults.push(format!("{path}: {}, not {gets:?}", told(&answered)));
        }
        let took = start.elapsed();
        if took > Duration::from_secs(2) {
            faults.push(format!("{path}: it took {took:?}"));
        }
        self.says(Now::Good);
        let upstream = &path[..path.rfind('/').expect("a path")];
        for (next, body) in [
            ("/other", None),
            (upstream, Some("good")),
            (upstream, Some("good")),
        ] {
            let answered = self.serving.client().try_get(next, &[]);
            let fits =
                |it: &Response| it.status == 200 && body.is_none_or(|body| it.text() == body);
            if !answered.as_ref().is_ok_and(fits) {
                faults.push(format!("{path}, and then {next}: {}", told(&answered)));
            }
        }
        if matches!(gets, Gets::Status(_) | Gets::Cut) {
            let line = self.serving.logged(&format!("\"{path}\""));
            if line["error"].as_str().is_none_or(str::is_empty) {
                faults.push(format!("{path}: the log does not say why: {line}"));
            }
        }
        faults
    }
}

#[test]
fn nonsense_gets_502_and_a_line_in_the_log() {
    let site = Site::start();
    let mut faults = Vec::new();
    for (name, says, then, gets) in TABLE.iter().chain(ENDLESS) {
        faults.extend(site.faults(&format!("/fresh/{name}"), Now::Say(*says, *then), *gets));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The same on a connection that has carried good answers before.
#[test]
fn nonsense_after_good_answers_too() {
    let site = Site::start();
    let mut faults = Vec::new();
    for (name, says, then, gets) in TABLE {
        faults.extend(site.faults(&format!("/kept/{name}"), Now::Say(*says, *then), *gets));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Nonsense in the place of what HTTP/2 begins with.
#[test]
fn a_connection_that_begins_with_nonsense_gets_502() {
    let site = Site::start();
    let mut faults = Vec::new();
    for (name, bytes, then, gets) in BEGINNINGS {
        let begin = Now::Begin(bytes, *then);
        faults.extend(site.faults(&format!("/fresh/{name}"), begin, *gets));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A server says goodbye between two requests, as those that restart do: no client hears of it.
#[test]
fn a_goodbye_between_requests_is_nobodys() {
    let site = Site::start();
    for (name, farewell) in [
        (
            "goodbye",
            (|id| [good(id, "body"), goaway(id, 0)].concat()) as Says,
        ),
        ("warning", |id| {
            [good(id, "body"), goaway(0x7fff_ffff, 0)].concat()
        }),
        ("error", |id| [good(id, "body"), goaway(id, 2)].concat()),
    ] {
        for then in [Then::Stay, Then::Close] {
            let faults = site.faults(
                &format!("/kept/{name}"),
                Now::Say(farewell, then),
                Gets::Body,
            );
            assert!(faults.is_empty(), "{then:?}: {}", faults.join("\n"));
        }
    }
}
