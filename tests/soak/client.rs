//! A client that numbers its messages and knows of each what came back. When its tunnel ends it opens another one and sends anew what had no
//! answer.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::pause;
use super::server::frame;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What all clients have seen.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Tunnels that are open.
    pub(crate) open: AtomicU64,
    /// Tunnels that were opened.
    pub(crate) opened: AtomicU64,
    /// Tunnels that ended with 1001.
    pub(crate) told_to_go: AtomicU64,
    /// Messages that came back.
    pub(crate) echoed: AtomicU64,
    /// What must not be.
    pub(crate) wrong: Mutex<Vec<String>>,
}

/// A client.
pub(crate) struct Client {
    at: usize,
    to: SocketAddr,
    tally: Arc<Tally>,
    over: Arc<AtomicBool>,
    /// The message that has no answer yet.
    next: u64,
}

impl Client {
    /// The client of this number.
    pub(crate) fn new(at: usize, to: SocketAddr, tally: Arc<Tally>, over: Arc<AtomicBool>) -> Self {
        Self {
            at,
            to,
            tally,
            over,
            next: 0,
        }
    }

    /// Talks until it is over.
    pub(crate) async fn run(mut self) {
        // Not all at once.
        pause(self.at as u64 % 1000).await;
        while !self.over.load(Relaxed) {
            if let Ok(stream) = TcpStream::connect(self.to).await {
                self.talk(stream).await;
            }
            pause(50 + self.at as u64 % 100).await;
        }
    }

    fn wrong(&self, what: String) {
        let mut wrong = self.tally.wrong.lock().expect("no panic");
        wrong.push(format!("client {}: {what}", self.at));
    }

    async fn talk(&mut self, mut stream: TcpStream) -> Option<()> {
        let head = "GET /ws HTTP/1.1\r\nHost: soak\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(head.as_bytes()).await.ok()?;
        let mut seen = Vec::new();
        let end = loop {
            self.more(&mut stream, &mut seen).await?;
            if let Some(at) = seen.windows(4).position(|it| it == b"\r\n\r\n") {
                break at + 4;
            }
        };
        if !seen.starts_with(b"HTTP/1.1 101 ") {
            return None;
        }
        seen.drain(..end);
        self.tally.open.fetch_add(1, Relaxed);
        self.tally.opened.fetch_add(1, Relaxed);
        self.exchange(&mut stream, seen).await;
        self.tally.open.fetch_sub(1, Relaxed);
        None
    }

    /// Messages, each answered before the next; every so often several at once.
    async fn exchange(&mut self, stream: &mut TcpStream, mut seen: Vec<u8>) -> Option<()> {
        while !self.over.load(Relaxed) {
            let burst = if self.next.is_multiple_of(7) { 5 } else { 1 };
            for number in self.next..self.next + burst {
                stream
                    .write_all(&masked(1, self.text(number).as_bytes()))
                    .await
                    .ok()?;
            }
            for _ in 0..burst {
                let (opcode, payload) = self.frame(stream, &mut seen).await?;
                if opcode == 8 {
                    if payload.starts_with(&1001_u16.to_be_bytes()) {
                        self.tally.told_to_go.fetch_add(1, Relaxed);
                    }
                    // Who gets a goodbye returns it.
                    let _ = stream.write_all(&masked(8, &payload)).await;
                    return None;
                }
                let text = String::from_utf8_lossy(&payload).into_owned();
                if text != self.text(self.next) {
                    self.wrong(format!("{} awaited, {text} came", self.next));
                    return None;
                }
                self.next += 1;
                self.tally.echoed.fetch_add(1, Relaxed);
            }
            pause(200 + self.at as u64 % 300).await;
        }
        let _ = stream.write_all(&masked(8, &1000_u16.to_be_bytes())).await;
        while self.frame(stream, &mut seen).await?.0 != 8 {}
        None
    }

    fn text(&self, number: u64) -> String {
        format!("client {} message {number}", self.at)
    }

    async fn frame(&self, stream: &mut TcpStream, seen: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((opcode, payload, length)) = frame(seen) {
                seen.drain(..length);
                return Some((opcode, payload));
            }
            self.more(stream, seen).await?;
        }
    }

    async fn more(&self, stream: &mut TcpStream, seen: &mut Vec<u8>) -> Option<()> {
        let mut buffer = [0; 2048];
        let Ok(read) = timeout(PATIENCE, stream.read(&mut buffer)).await else {
            // A tunnel that is open and does not answer has lost something.
            self.wrong(format!("no answer to {}", self.next));
            return None;
        };
        let came = read.ok().filter(|came| *came > 0)?;
        seen.extend_from_slice(&buffer[..came]);
        Some(())
    }
}

fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let mut bytes = vec![0x80 | opcode, 0x80 | payload.len() as u8];
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
    bytes
}
