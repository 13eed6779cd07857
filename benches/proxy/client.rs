//! Clients: a connection, plain or TLS, its requests and its WebSocket messages. Every answer and every echo is read whole.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A byte stream to a program.
pub(crate) trait Wire: AsyncRead + AsyncWrite {}

impl<T: AsyncRead + AsyncWrite> Wire for T {}

/// Where a program listens, and how its certificate is trusted: none is plain.
#[derive(Clone)]
pub(crate) struct Target {
    /// The port on 127.0.0.1.
    pub(crate) port: u16,
    /// TLS.
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

impl Target {
    /// Connects.
    pub(crate) async fn connect(&self) -> io::Result<Client> {
        Ok(Client {
            wire: self.wire().await?,
            target: self.clone(),
            came: Vec::new(),
        })
    }

    /// A connection as bytes.
    pub(crate) async fn wire(&self) -> io::Result<Pin<Box<dyn Wire>>> {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).await?;
        tcp.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Box::pin(tcp),
            Some(config) => {
                let connector = TlsConnector::from(Arc::clone(config));
                let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
                Box::pin(connector.connect(name, tcp).await?)
            }
        })
    }

    /// Connects, and asks for a WebSocket.
    pub(crate) async fn tunnel(&self) -> io::Result<Client> {
        let mut client = self.connect().await?;
        client.wire.write_all(UPGRADE).await?;
        client.wire.flush().await?;
        let head = client.head().await?;
        if !client.came.starts_with(b"HTTP/1.1 101 ") {
            return Err(unfit(&client.came[..head]));
        }
        client.came.drain(..head);
        // An idle tunnel costs the bench little as well.
        client.came = Vec::new();
        Ok(client)
    }
}

const UPGRADE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A connection.
pub(crate) struct Client {
    target: Target,
    wire: Pin<Box<dyn Wire>>,
    came: Vec<u8>,
}

/// A request as it is sent.
pub(crate) fn request(host: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
        .into()
}

/// A binary message in one frame, masked with zeros.
pub(crate) fn message(length: usize) -> Vec<u8> {
    let mut frame = vec![0x82];
    match u16::try_from(length) {
        Ok(short) if short < 126 => frame.push(0x80 | short as u8),
        Ok(long) => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&long.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.resize(frame.len() + length, b'x');
    frame
}

impl Client {
    /// Sends a request and reads its answer, which has to be a 200 with a length. Where the program ends the connection with it, as NGINX
    /// does after a thousand requests, a new one is there for the next.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> io::Result<()> {
        self.wire.write_all(request).await?;
        self.wire.flush().await?;
        let head = self.head().await?;
        let length = length(&self.came[..head]).ok_or_else(|| unfit(&self.came[..head]))?;
        let last = memchr::memmem::find(&self.came[..head], b"onnection: close").is_some();
        self.rest(head + length).await?;
        if last {
            *self = self.target.clone().connect().await?;
        }
        Ok(())
    }

    /// Sends a message and reads its echo, which is shorter by the mask.
    pub(crate) async fn echo(&mut self, message: &[u8]) -> io::Result<()> {
        self.wire.write_all(message).await?;
        self.wire.flush().await?;
        self.rest(message.len() - 4).await
    }

    /// Frees what idle connections do not need.
    pub(crate) fn rested(&mut self) {
        self.came = Vec::new();
    }

    async fn head(&mut self) -> io::Result<usize> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.came, b"\r\n\r\n") {
                return Ok(end + 4);
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.came.capacity() - self.came.len() < 1024 {
            self.came.reserve(16 * 1024);
        }
        match self.wire.read_buf(&mut self.came).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Reads until so many bytes are here, and takes them off.
    async fn rest(&mut self, bytes: usize) -> io::Result<()> {
        while self.came.len() < bytes {
            self.more().await?;
        }
        self.came.drain(..bytes);
        Ok(())
    }
}

/// The length of a good answer's body.
fn length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    if !head.starts_with(b"HTTP/1.1 200 ") {
        return None;
    }
    head.split(|byte| *byte == b'\n')
        .find(|line| line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME))
        .and_then(|line| std::str::from_utf8(&line[NAME.len()..]).ok())
        .and_then(|value| value.trim().parse().ok())
}

fn unfit(head: &[u8]) -> io::Error {
    let shown = String::from_utf8_lossy(head);
    io::Error::other(format!(
        "an answer that nobody expected: {}",
        shown.trim_end()
    ))
}
