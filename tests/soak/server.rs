//! An echo server that can be killed and started again at the same address.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// The server.
pub(crate) struct Server {
    address: SocketAddr,
    running: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts at any free port.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        Self {
            address,
            running: Some(tokio::spawn(serve(listener))),
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it with all its connections.
    pub(crate) async fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            // It was told to.
            let _ = running.await;
        }
    }

    /// Starts it again.
    pub(crate) async fn revive(&mut self) {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("an option");
        socket.bind(self.address).expect("its port is its own");
        let listener = socket.listen(4096).expect("it listens");
        self.running = Some(tokio::spawn(serve(listener)));
    }
}

async fn serve(listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(echo(stream));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Agrees to the handshake, then sends every frame back, unmasked.
async fn echo(mut stream: TcpStream) -> Option<()> {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    let end = loop {
        let came = stream
            .read(&mut buffer)
            .await
            .ok()
            .filter(|came| *came > 0)?;
        seen.extend_from_slice(&buffer[..came]);
        if let Some(at) = seen.windows(4).position(|it| it == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let head = String::from_utf8_lossy(&seen[..end]).to_ascii_lowercase();
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("sec-websocket-key: "));
    let Some(_) = key else {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .await
            .ok()?;
        return None;
    };
    seen.drain(..end);
    // Every client here has the key of RFC 6455.
    let agreed = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    stream.write_all(agreed.as_bytes()).await.ok()?;
    loop {
        while let Some((opcode, payload, length)) = frame(&seen) {
            seen.drain(..length);
            let mut back = vec![0x80 | opcode, payload.len() as u8];
            back.extend(payload);
            stream.write_all(&back).await.ok()?;
            if opcode == 8 {
                return None;
            }
        }
        let came = stream
            .read(&mut buffer)
            .await
            .ok()
            .filter(|came| *came > 0)?;
        seen.extend_from_slice(&buffer[..came]);
    }
}

/// A small frame: its opcode, what it carries, and how long it is.
pub(crate) fn frame(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let [first, second, rest @ ..] = bytes else {
        return None;
    };
    let length = usize::from(second & 0x7f);
    assert!(length < 126, "frames are small here");
    let (mask, head) = if second & 0x80 == 0 {
        ([0; 4], 2)
    } else {
        (rest.get(..4)?.try_into().ok()?, 6)
    };
    let payload = bytes.get(head..head + length)?;
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b);
    Some((first & 0x0f, payload.collect(), head + length))
}
