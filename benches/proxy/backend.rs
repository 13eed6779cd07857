//! The server behind every program, a process of its own: 128 bytes for `/`, 64 KiB for `/64k`, and an echo of WebSocket messages.

use std::io::{self, Read as _};
use std::net::TcpListener as Bound;
use std::process::{Child, Command, ExitCode, Stdio};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What this very program is called with to be the backend.
pub(crate) const ARGUMENT: &str = "--be-the-backend";

/// The size of a large answer.
pub(crate) const LARGE: usize = 64 * 1024;

/// The backend's process. It ends with its owner.
pub(crate) struct Backend {
    child: Child,
    /// Where it listens.
    pub(crate) port: u16,
}

impl Backend {
    /// Starts it.
    pub(crate) fn start() -> io::Result<Self> {
        let port = wsgen::verify::port::free()?;
        let child = Command::new(std::env::current_exe()?)
            .arg(ARGUMENT)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .spawn()?;
        let backend = Self { child, port };
        for _ in 0..500 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(backend);
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Err(io::Error::other("the backend does not start"))
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The backend's own life.
pub(crate) fn run(port: &str) -> ExitCode {
    // Standard input ends when the bench does, however it does.
    std::thread::spawn(|| {
        let mut rest = Vec::new();
        let _ = io::stdin().read_to_end(&mut rest);
        std::process::exit(0);
    });
    let serve = || -> io::Result<()> {
        let port: u16 = port.parse().map_err(io::Error::other)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let bound = socket(port)?;
            bound.set_nonblocking(true)?;
            let listener = TcpListener::from_std(bound)?;
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    continue;
                };
                tokio::spawn(async move {
                    // A connection that breaks is the program's matter, which is seen at its other side.
                    let _ = answer(stream).await;
                });
            }
        })
    };
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn socket(port: u16) -> io::Result<Bound> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], port)).into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let small = fixed(128);
    let large = fixed(LARGE);
    let mut buffer = Vec::with_capacity(1024);
    loop {
        let end = loop {
            if let Some(end) = memchr::memmem::find(&buffer, b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let head = &buffer[..end];
        if head.starts_with(b"GET /ws") {
            let accept = tungstenite::handshake::derive_accept_key(key(head));
            let agreed = format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            stream.write_all(agreed.as_bytes()).await?;
            let rest = buffer.split_off(end);
            drop((small, large, buffer));
            return echo(stream, rest).await;
        }
        let whole = match head.starts_with(b"GET /64k") {
            true => &large,
            false => &small,
        };
        buffer.drain(..end);
        stream.write_all(whole).await?;
    }
}

fn fixed(length: usize) -> Vec<u8> {
    let mut whole =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n")
            .into_bytes();
    whole.resize(whole.len() + length, b'x');
    whole
}

fn key(head: &[u8]) -> &[u8] {
    let name = b"sec-websocket-key:";
    head.split(|byte| *byte == b'\n')
        .find(|line| line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name))
        .map_or(&[], |line| line[name.len()..].trim_ascii())
}

/// Sends every message back, unmasked: the client masks with zeros.
async fn echo(mut stream: TcpStream, mut came: Vec<u8>) -> io::Result<()> {
    let mut back = Vec::new();
    loop {
        let mut used = 0;
        while let Some((head, payload)) = frame(&came[used..]) {
            let frame = &came[used..used + head + payload];
            // Without the mask's bit and key.
            back.push(frame[0]);
            back.push(frame[1] & 0x7f);
            back.extend_from_slice(&frame[2..head - 4]);
            back.extend_from_slice(&frame[head..]);
            used += head + payload;
        }
        came.drain(..used);
        if !back.is_empty() {
            stream.write_all(&back).await?;
            back.clear();
        }
        if came.is_empty() {
            // An idle tunnel costs the backend little too.
            if came.capacity() > 1024 {
                (came, back) = (Vec::new(), Vec::new());
            }
            stream.readable().await?;
            came.reserve(256);
        } else {
            came.reserve(16 * 1024);
        }
        if stream.read_buf(&mut came).await? == 0 {
            return Ok(());
        }
    }
}

/// The lengths of a masked frame's head and payload, once all of it is here.
fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let (head, payload) = match bytes.get(1)? & 0x7f {
        126 => (
            8,
            usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
        ),
        // Nobody sends longer ones here.
        short => (6, usize::from(short)),
    };
    (bytes.len() >= head + payload).then_some((head, payload))
}
