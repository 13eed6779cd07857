//! A name server on loopback: its answers can change while it runs, and it counts what it was asked.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Answers A and AAAA over UDP and TCP on one port, until it is dropped.
#[derive(Debug)]
pub struct NameServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    stopping: AtomicBool,
    /// Seconds.
    ttl: AtomicU32,
    names: Mutex<BTreeMap<String, Vec<IpAddr>>>,
    asked: Mutex<BTreeMap<String, usize>>,
}

/// How often a thread looks whether it is still needed.
const PULSE: Duration = Duration::from_millis(20);
/// How long a client may keep a TCP connection without a word.
const PATIENCE: Duration = Duration::from_secs(5);

impl NameServer {
    /// On a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port is free for both UDP and TCP.
    pub fn start() -> io::Result<NameServer> {
        let mut failure = None;
        for _ in 0..20 {
            match NameServer::at((Ipv4Addr::LOCALHOST, 0).into()) {
                Err(why) if why.kind() == ErrorKind::AddrInUse => failure = Some(why),
                other => return other,
            }
        }
        Err(failure.unwrap_or_else(|| ErrorKind::AddrInUse.into()))
    }

    /// At this address; port 0 is any that is free for TCP.
    ///
    /// # Errors
    /// The address is not to be had.
    pub fn at(address: SocketAddr) -> io::Result<NameServer> {
        let tcp = TcpListener::bind(address)?;
        let address = tcp.local_addr()?;
        let udp = UdpSocket::bind(address)?;
        udp.set_read_timeout(Some(PULSE))?;
        let shared = Arc::new(Shared {
            stopping: AtomicBool::new(false),
            ttl: AtomicU32::new(1),
            names: Mutex::default(),
            asked: Mutex::default(),
        });
        let (one, other) = (Arc::clone(&shared), Arc::clone(&shared));
        let threads = vec![
            std::thread::spawn(move || one.datagrams(&udp)),
            std::thread::spawn(move || other.connections(&tcp)),
        ];
        Ok(NameServer {
            shared,
            address,
            threads,
        })
    }

    /// Where it listens, with UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the name has these addresses, in this order; with none of a family its answer is empty.
    /// A name that was never set, or is [removed](NameServer::remove), does not exist.
    pub fn set(&self, name: &str, addresses: &[IpAddr]) {
        lock(&self.shared.names).insert(key(name), addresses.to_vec());
    }

    /// From now on the name does not exist (NXDOMAIN).
    pub fn remove(&self, name: &str) {
        lock(&self.shared.names).remove(&key(name));
    }

    /// How long an answer may be kept, in whole seconds; 1 s at first.
    pub fn set_ttl(&self, seconds: u32) {
        self.shared.ttl.store(seconds, Ordering::SeqCst);
    }

    /// How many questions came for this name so far, of any type: a client that wants both families asks twice.
    pub fn queries(&self, name: &str) -> usize {
        let asked = lock(&self.shared.asked);
        asked.get(&key(name)).copied().unwrap_or(0)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn datagrams(&self, udp: &UdpSocket) {
        let mut buffer = [0; 4096];
        while !self.stopping.load(Ordering::SeqCst) {
            // A timeout, or an earlier answer that nobody took: the next datagram counts.
            let Ok((length, client)) = udp.recv_from(&mut buffer) else {
                continue;
            };
            let query = buffer.get(..length).unwrap_or_default();
            if let Some(reply) = self.reply(query, 512) {
                let _ = udp.send_to(&reply, client);
            }
        }
    }

    fn connections(self: Arc<Shared>, tcp: &TcpListener) {
        for connection in tcp.incoming() {
            if self.stopping.load(Ordering::SeqCst) {
                return;
            }
            if let Ok(connection) = connection {
                let shared = Arc::clone(&self);
                // A client that goes away ends its thread, and concerns nobody.
                std::thread::spawn(move || shared.conversation(connection));
            }
        }
    }

    fn conversation(&self, mut tcp: TcpStream) -> io::Result<()> {
        tcp.set_read_timeout(Some(PATIENCE))?;
        while !self.stopping.load(Ordering::SeqCst) {
            let mut length = [0; 2];
            tcp.read_exact(&mut length)?;
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            tcp.read_exact(&mut query)?;
            let Some(reply) = self.reply(&query, usize::from(u16::MAX)) else {
                break;
            };
            let length = u16::try_from(reply.len()).map_err(io::Error::other)?;
            tcp.write_all(&[&length.to_be_bytes()[..], &reply].concat())?;
        }
        Ok(())
    }

    /// The answer to a message, cut to `limit` bytes; `None` to what is no question.
    fn reply(&self, message: &[u8], limit: usize) -> Option<Vec<u8>> {
        let question = Question::read(message)?;
        let name = key(&question.name);
        *lock(&self.asked).entry(name.clone()).or_default() += 1;
        let found = lock(&self.names).get(&name).cloned();
        Some(question.answer(found.as_deref(), self.ttl.load(Ordering::SeqCst), limit))
    }
}

/// The one question of a message (RFC 1035 §4).
struct Question<'a> {
    id: &'a [u8],
    recursion_desired: bool,
    name: String,
    kind: u16,
    /// Name, type and class as they came: the case of the letters is to come back.
    bytes: &'a [u8],
}

const A: u16 = 1;
const AAAA: u16 = 28;
const INTERNET: u16 = 1;
const NXDOMAIN: u8 = 3;
const TRUNCATED: u8 = 0x02;

impl<'a> Question<'a> {
    /// `None` unless it is a plain query with one question; what follows that (EDNS options) is passed over.
    fn read(message: &'a [u8]) -> Option<Question<'a>> {
        let (head, rest) = message.split_at_checked(12)?;
        let [_, _, flags, _, 0, 1, ..] = head else {
            return None;
        };
        // Not a response, and the operation is 0: a standard query.
        if flags & 0xf8 != 0 {
            return None;
        }
        let mut labels = Vec::new();
        let mut at = 0;
        loop {
            let length = usize::from(*rest.get(at)?);
            at += 1;
            match length {
                0 => break,
                // More is a pointer to another name: there is none yet.
                1..=63 => labels.push(String::from_utf8_lossy(rest.get(at..at + length)?)),
                _ => return None,
            }
            at += length;
        }
        let &[high, low, ..] = rest.get(at..at + 4)? else {
            return None;
        };
        Some(Question {
            id: head.get(..2)?,
            recursion_desired: flags & 1 == 1,
            name: labels.join("."),
            kind: u16::from_be_bytes([high, low]),
            bytes: rest.get(..at + 4)?,
        })
    }

    /// The response: `None` is a name that does not exist. What would be longer than `limit` comes back empty and
    /// marked as cut, so that the client asks again over TCP.
    fn answer(&self, found: Option<&[IpAddr]>, ttl: u32, limit: usize) -> Vec<u8> {
        let records = found.unwrap_or_default().iter().filter_map(|address| {
            let data = match (address, self.kind) {
                (IpAddr::V4(v4), A) => v4.octets().to_vec(),
                (IpAddr::V6(v6), AAAA) => v6.octets().to_vec(),
                _ => return None,
            };
            Some(self.record(ttl, &data))
        });
        let records: Vec<Vec<u8>> = records.collect();
        let count = u16::try_from(records.len()).unwrap_or(u16::MAX);
        let fits = self.head(found.is_some(), count, 0).len() + records.concat().len() <= limit;
        if fits {
            let mut message = self.head(found.is_some(), count, 0);
            message.extend(records.concat());
            message
        } else {
            self.head(found.is_some(), 0, TRUNCATED)
        }
    }

    /// The header and the question.
    fn head(&self, exists: bool, count: u16, more: u8) -> Vec<u8> {
        const RESPONSE: u8 = 0x80;
        const AUTHORITATIVE: u8 = 0x04;
        const RECURSION_AVAILABLE: u8 = 0x80;
        let mut head = self.id.to_vec();
        head.push(RESPONSE | AUTHORITATIVE | more | u8::from(self.recursion_desired));
        head.push(RECURSION_AVAILABLE | if exists { 0 } else { NXDOMAIN });
        head.extend([0, 1]);
        head.extend(count.to_be_bytes());
        head.extend([0; 4]);
        head.extend(self.bytes);
        head
    }

    fn record(&self, ttl: u32, data: &[u8]) -> Vec<u8> {
        // The name is the one that stands behind the header, at byte 12.
        let mut record = vec![0xc0, 12];
        record.extend(self.kind.to_be_bytes());
        record.extend(INTERNET.to_be_bytes());
        record.extend(ttl.to_be_bytes());
        // An address has 4 or 16 bytes.
        record.extend([0, data.len() as u8]);
        record.extend(data);
        record
    }
}

/// Names are the same in any case, and with a dot at their end.
fn key(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// A thread that died while it held a lock is no reason to answer no more.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_is_too_odd() {
        let server = NameServer::start().expect("a port is free");
        server.set("a", &[Ipv4Addr::LOCALHOST.into()]);
        let query = *b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01";
        let reply = server.shared.reply(&query, 512).expect("a question");
        assert_eq!(
            reply,
            b"\0\x07\x85\x80\0\x01\0\x01\0\0\0\0\x01a\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x01\0\x04\x7f\0\0\x01"
        );
        let mut random = fastrand::Rng::with_seed(1);
        let mut answered = 0;
        for _ in 0..200_000 {
            let mut bytes = query.to_vec();
            bytes.resize(random.usize(0..40), random.u8(..));
            for _ in 0..random.usize(0..4) {
                if let Some(byte) = random.choice(&mut bytes) {
                    *byte = random.u8(..);
                }
            }
            let limit = random.usize(0..60);
            if let Some(reply) = server.shared.reply(&bytes, limit) {
                answered += 1;
                assert!(reply.len() <= limit.max(bytes.len()), "{bytes:?}");
                assert_eq!(reply.get(..2), bytes.get(..2));
            }
        }
        assert!(answered > 10_000, "{answered}");
    }
}
