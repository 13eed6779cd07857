//! The access log and who reads it: slowly, not at all, or to the end.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wsgen::verify::wire::Client;

use super::{PATIENCE, filled, free, until};
use crate::scratch::Scratch;

const SPEC: &str = "wsgen: 1
log: { format: json }
metrics: { port: ADMIN }
listeners: { web: { port: LISTEN, address: 127.0.0.1 } }
runtime: { workers: 1 }
routes: [{ name: page, path: /, respond: { status: 200, body: page } }]
";

/// How long the path of each request is.
const LONG: usize = 16 * 1024;

/// A proxy whose standard output is a pipe.
struct Piped {
    child: Child,
    folder: Scratch,
    client: Client,
    admin: Client,
}

impl Piped {
    fn start() -> Self {
        let folder = Scratch::new("proxy-log");
        let (address, admin) = (free(), free());
        let path = folder.write("spec.yaml", filled(SPEC, address, admin));
        let said = File::create(folder.path().join("stderr")).expect("writable");
        let child = Command::new(env!("CARGO_BIN_EXE_wsgen"))
            .arg("proxy")
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(said)
            .spawn()
            .expect("this build's command");
        let piped = Self {
            child,
            folder,
            client: Client::new(address).patience(PATIENCE),
            admin: Client::new(admin).patience(PATIENCE),
        };
        until("it serves", || piped.said().contains("serving\n"));
        piped
    }

    fn said(&self) -> String {
        self.folder.read("stderr")
    }

    /// Lines that were lost, by the metrics.
    fn lost(&self) -> usize {
        let answer = self.admin.try_get("/metrics", &[]).expect("it answers");
        let text = answer.text();
        let mut lines = text.lines();
        let number = lines.find_map(|line| line.strip_prefix("wsgen_log_lines_lost_total "));
        number.and_then(|it| it.parse().ok()).expect("the metric")
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number that a line's path begins with.
fn number(line: &str) -> usize {
    let line: serde_json::Value = serde_json::from_str(line).expect("a whole line");
    let path = line["path"].as_str().expect("a path");
    let digits = path[1..].split('-').next().expect("a number");
    digits.parse().expect("a number")
}

#[test]
fn a_reader_that_stalls_stops_no_request() {
    let mut proxy = Piped::start();
    let mut connection = proxy.client.connect().expect("it listens");
    let tail = "x".repeat(LONG);
    let start = Instant::now();
    let mut sent = 0;
    // Some megabytes wait; what comes then is lost.
    while proxy.lost() == 0 {
        for _ in 0..50 {
            let path = format!("/{sent}-{tail}");
            let answer = connection.send("GET", &path, &[], b"").expect("an answer");
            assert_eq!(answer.status, 200);
            sent += 1;
        }
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{sent} lines wait"
        );
    }
    until("it is told", || {
        proxy.said().contains("warning: nobody reads the log")
    });
    // Somebody reads again: in order, whole lines, and at the end what was lost.
    let out = proxy.child.stdout.take().expect("a pipe");
    let mut lines = BufReader::new(out).lines();
    let mut next = || lines.next().expect("a line").expect("text");
    let mut seen = vec![number(&next())];
    while proxy.said().matches("note: the log is read again").count() == 0 {
        // A quiet request now and then keeps lines coming.
        let path = format!("/{sent}-");
        let answer = connection.send("GET", &path, &[], b"").expect("an answer");
        assert_eq!(answer.status, 200);
        sent += 1;
        seen.push(number(&next()));
        assert!(
            start.elapsed() < Duration::from_secs(90),
            "{}",
            proxy.said()
        );
    }
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!(proxy.said().matches("nobody reads the log").count(), 1);
}

/// A drain ends with the last line written, if anybody reads.
#[test]
fn the_last_lines_are_written_before_the_end() {
    let mut proxy = Piped::start();
    let mut connection = proxy.client.connect().expect("it listens");
    for number in 0..500 {
        let path = format!("/{number}-");
        connection.send("GET", &path, &[], b"").expect("an answer");
    }
    drop(connection);
    let done = Command::new("kill")
        .arg(proxy.child.id().to_string())
        .status();
    assert!(done.expect("kill is there").success());
    let mut log = String::new();
    let mut out = proxy.child.stdout.take().expect("a pipe");
    out.read_to_string(&mut log).expect("text");
    let seen: Vec<usize> = log.lines().map(number).collect();
    assert_eq!(seen, (0..500).collect::<Vec<_>>());
}

/// Nobody ever reads: the end comes all the same.
#[test]
fn nobody_waits_for_a_reader_at_the_end() {
    let mut proxy = Piped::start();
    let mut connection = proxy.client.connect().expect("it listens");
    let tail = "x".repeat(LONG);
    for number in 0..100 {
        let path = format!("/{number}-{tail}");
        connection.send("GET", &path, &[], b"").expect("an answer");
    }
    drop(connection);
    let done = Command::new("kill")
        .arg(proxy.child.id().to_string())
        .status();
    assert!(done.expect("kill is there").success());
    let start = Instant::now();
    until("its end", || {
        proxy.child.try_wait().expect("a child").is_some()
    });
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}
