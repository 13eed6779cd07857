//! Clients that send exactly the bytes they are told to.

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::http::{Response, Wire};
use super::tls::{Authority, Pair, Stream};
use super::tunnel::{self, Tunnel};

/// Where to connect, and how: cheap to copy and to change.
#[derive(Clone)]
pub(crate) struct Client {
    port: u16,
    host: String,
    tls: Option<(Arc<ClientConfig>, String)>,
    preface: Vec<u8>,
}

/// How long one read or write may take before it fails.
const PATIENCE: Duration = Duration::from_secs(5);

impl Client {
    pub(crate) fn new(port: u16) -> Client {
        Client {
            port,
            host: "localhost".to_owned(),
            tls: None,
            preface: Vec::new(),
        }
    }

    /// The `Host` line of requests that bring none, and the name asked for in TLS.
    pub(crate) fn host(mut self, host: &str) -> Client {
        host.clone_into(&mut self.host);
        if let Some((_, name)) = &mut self.tls {
            host.clone_into(name);
        }
        self
    }

    /// TLS with the host's name; the server must be certified by `authority`.
    pub(crate) fn tls(self, authority: &Authority) -> Client {
        self.tls_as(authority, None)
    }

    /// TLS that shows `identity` to a server that asks for one.
    pub(crate) fn tls_as(mut self, authority: &Authority, identity: Option<&Pair>) -> Client {
        self.tls = Some((authority.client(identity), self.host.clone()));
        self
    }

    /// The name asked for in TLS, where it differs from the `Host` line.
    pub(crate) fn server_name(mut self, name: &str) -> Client {
        if let Some((_, asked)) = &mut self.tls {
            name.clone_into(asked);
        }
        self
    }

    /// Opens with a PROXY protocol line that claims this client address.
    pub(crate) fn from(mut self, address: &str) -> Client {
        self.preface =
            format!("PROXY TCP4 {address} 127.0.0.1 40000 {}\r\n", self.port).into_bytes();
        self
    }

    /// A connection, TLS done.
    pub(crate) fn connect(&self) -> io::Result<Connection> {
        let mut tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        tcp.write_all(&self.preface)?;
        let stream = match &self.tls {
            None => Stream::Plain(tcp),
            Some((config, name)) => Stream::connect(tcp, config, name)?,
        };
        Ok(Connection {
            wire: Wire::new(stream),
            host: self.host.clone(),
        })
    }

    /// One GET on a connection of its own. Panics where no answer comes; [`Client::try_send`] does not.
    #[track_caller]
    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.send("GET", path, headers, b"")
    }

    /// One request on a connection of its own; a body brings its `Content-Length`.
    #[track_caller]
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        match self.try_send(method, path, headers, body) {
            Ok(response) => response,
            Err(why) => panic!("{method} {path} on port {}: {why}", self.port),
        }
    }

    /// Like [`Client::send`], for a test that expects no answer.
    pub(crate) fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        self.connect()?.send(method, path, headers, body)
    }

    /// One request given as its bytes, on a connection of its own.
    pub(crate) fn raw(&self, bytes: &[u8]) -> io::Result<Response> {
        let mut connection = self.connect()?;
        connection.write(bytes)?;
        connection.response("GET")
    }

    /// A WebSocket, or the answer that refused it. A header given here replaces the handshake's own of that name.
    /// Panics where no answer comes.
    #[track_caller]
    pub(crate) fn websocket(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Tunnel, Response> {
        match self
            .connect()
            .and_then(|connection| connection.websocket(path, headers))
        {
            Ok(answer) => answer,
            Err(why) => panic!("websocket {path} on port {}: {why}", self.port),
        }
    }
}

/// One connection, for several requests.
pub(crate) struct Connection {
    wire: Wire<Stream>,
    host: String,
}

impl Connection {
    /// Sends bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.stream.write_all(bytes)?;
        self.wire.stream.flush()
    }

    /// Reads the answer to a request of this method.
    pub(crate) fn response(&mut self, method: &str) -> io::Result<Response> {
        self.wire.response(method)
    }

    /// Reads only the head of the answer.
    pub(crate) fn head(&mut self) -> io::Result<Response> {
        self.wire.response_head()
    }

    /// Reads one chunk of a chunked answer; empty at its end.
    pub(crate) fn chunk(&mut self) -> io::Result<Vec<u8>> {
        self.wire.chunk()
    }

    /// One request and its answer.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        let length = body.len().to_string();
        let own = if body.is_empty() {
            vec![]
        } else {
            vec![("Content-Length", length.as_str())]
        };
        let mut bytes = self.compose(method, path, &own, headers);
        bytes.extend_from_slice(body);
        self.write(&bytes)?;
        self.response(method)
    }

    /// The connection becomes a tunnel, or what refused it comes back.
    pub(crate) fn websocket(
        mut self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<Result<Tunnel, Response>> {
        let own = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", tunnel::KEY),
        ];
        let bytes = self.compose("GET", path, &own, headers);
        self.write(&bytes)?;
        let response = self.response("GET")?;
        if response.status != 101 {
            return Ok(Err(response));
        }
        let (stream, early) = self.wire.into_parts();
        Tunnel::new(stream, early, response).map(Ok)
    }

    /// Is the connection at its end? Waits for at most `limit`; bytes that come instead are an error.
    pub(crate) fn ends_within(&mut self, limit: Duration) -> io::Result<bool> {
        self.wire.stream.tcp().set_read_timeout(Some(limit))?;
        match self.wire.response_head() {
            Err(why)
                if matches!(
                    why.kind(),
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
                ) =>
            {
                Ok(true)
            }
            Err(why)
                if matches!(
                    why.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                Ok(false)
            }
            Err(why) => Err(why),
            Ok(response) => Err(io::Error::other(format!(
                "an answer came instead: {}",
                response.status
            ))),
        }
    }

    /// `own` lines stand unless `headers` has one of that name; so does `Host`. An empty value leaves the line out.
    fn compose(
        &self,
        method: &str,
        path: &str,
        own: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Vec<u8> {
        let given = |name: &str| {
            headers
                .iter()
                .any(|(one, _)| one.eq_ignore_ascii_case(name))
        };
        let host = [("Host", self.host.as_str())];
        let mut text = format!("{method} {path} HTTP/1.1\r\n");
        let kept = host.iter().chain(own).filter(|(name, _)| !given(name));
        for (name, value) in kept.chain(headers).filter(|(_, value)| !value.is_empty()) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}
