//! Clients that send exactly the bytes they are told to.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use socket2::{Domain, Protocol, Socket, Type};

use super::http::{Response, Wire};
use super::tls::{Authority, Pair, Stream};
use super::tunnel::{self, Tunnel};

/// Where to connect, and how: cheap to copy and to change.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    source: Option<IpAddr>,
    pub(super) patience: Duration,
    pub(super) host: String,
    pub(super) tls: Option<(Arc<ClientConfig>, String)>,
    preface: Vec<u8>,
}

/// How long one read or write may take before it fails.
const PATIENCE: Duration = Duration::from_secs(5);

impl Client {
    /// A client of this address, in plain HTTP/1.1, with the host `localhost`.
    pub fn new(address: SocketAddr) -> Client {
        Client {
            address,
            source: None,
            patience: PATIENCE,
            host: "localhost".to_owned(),
            tls: None,
            preface: Vec::new(),
        }
    }

    /// The `Host` line of requests that bring none, and the name asked for in TLS.
    pub fn host(mut self, host: &str) -> Client {
        host.clone_into(&mut self.host);
        if let Some((_, name)) = &mut self.tls {
            host.clone_into(name);
        }
        self
    }

    /// TLS with the host's name; the server must be certified by `authority`.
    pub fn tls(self, authority: &Authority) -> Client {
        let config = authority.client();
        self.tls_with(config)
    }

    /// TLS that shows `identity` to a server that asks for one.
    ///
    /// # Errors
    /// When the identity's certificate and key do not belong together.
    pub fn tls_as(self, authority: &Authority, identity: &Pair) -> io::Result<Client> {
        let config = authority.client_as(identity)?;
        Ok(self.tls_with(config))
    }

    /// TLS as this says, with the host's name.
    pub fn tls_with(mut self, config: Arc<ClientConfig>) -> Client {
        self.tls = Some((config, self.host.clone()));
        self
    }

    /// The name asked for in TLS, where it differs from the `Host` line.
    pub fn server_name(mut self, name: &str) -> Client {
        if let Some((_, asked)) = &mut self.tls {
            name.clone_into(asked);
        }
        self
    }

    /// Opens with a PROXY protocol line that claims this client address.
    pub fn from(mut self, address: &str) -> Client {
        let (kind, local) = match address.contains(':') {
            true => ("TCP6", "::1"),
            false => ("TCP4", "127.0.0.1"),
        };
        let port = self.address.port();
        self.preface = format!("PROXY {kind} {address} {local} 40000 {port}\r\n").into_bytes();
        self
    }

    /// Opens with these bytes, in place of a PROXY protocol line.
    pub fn opening(mut self, bytes: &[u8]) -> Client {
        self.preface = bytes.to_vec();
        self
    }

    /// Connects from this address of the machine's own, such as 127.0.0.7.
    pub fn source(mut self, ip: IpAddr) -> Client {
        self.source = Some(ip);
        self
    }

    /// How long connecting, and each read and write, may take before it fails; 5 s where nothing is said.
    pub fn patience(mut self, limit: Duration) -> Client {
        self.patience = limit;
        self
    }

    /// Where it connects to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection, TLS done.
    ///
    /// # Errors
    /// When nobody accepts, or the handshake fails.
    pub fn connect(&self) -> io::Result<Connection> {
        let tcp = self.tcp()?;
        let stream = match &self.tls {
            None => Stream::Plain(tcp),
            Some((config, name)) => Stream::connect(tcp, config, name)?,
        };
        Ok(Connection {
            wire: Wire::new(stream),
            host: self.host.clone(),
        })
    }

    /// A connection with nothing on it but the PROXY protocol line, if there is one.
    pub(super) fn tcp(&self) -> io::Result<TcpStream> {
        let mut tcp = self.socket()?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(self.patience))?;
        tcp.set_write_timeout(Some(self.patience))?;
        tcp.write_all(&self.preface)?;
        Ok(tcp)
    }

    fn socket(&self) -> io::Result<TcpStream> {
        let Some(source) = self.source else {
            return TcpStream::connect_timeout(&self.address, self.patience);
        };
        let domain = Domain::for_address(self.address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.bind(&SocketAddr::new(source, 0).into())?;
        socket.connect_timeout(&self.address.into(), self.patience)?;
        Ok(socket.into())
    }

    /// One GET on a connection of its own.
    ///
    /// # Errors
    /// When no whole answer comes.
    pub fn try_get(&self, path: &str, headers: &[(&str, &str)]) -> io::Result<Response> {
        self.try_send("GET", path, headers, b"")
    }

    /// One request on a connection of its own; a body brings its `Content-Length`.
    ///
    /// # Errors
    /// When no whole answer comes.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        self.connect()?.send(method, path, headers, body)
    }

    /// One request given as its bytes, on a connection of its own.
    ///
    /// # Errors
    /// When no whole answer comes.
    pub fn raw(&self, bytes: &[u8]) -> io::Result<Response> {
        let mut connection = self.connect()?;
        connection.write(bytes)?;
        connection.response("GET")
    }

    /// A WebSocket, or the answer that refused it. A header given here replaces the handshake's own of that name.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn try_websocket(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<Result<Tunnel, Response>> {
        self.connect()?.websocket(path, headers)
    }
}

/// One connection, for several requests.
#[derive(Debug)]
pub struct Connection {
    wire: Wire<Stream>,
    host: String,
}

impl Connection {
    /// What it goes over: the socket, and TLS's own findings.
    pub fn stream(&self) -> &Stream {
        &self.wire.stream
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection takes none.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.stream.write_all(bytes)?;
        self.wire.stream.flush()
    }

    /// How long each read may take from now on before it fails.
    ///
    /// # Errors
    /// When the socket takes no such time.
    pub fn set_patience(&mut self, limit: Duration) -> io::Result<()> {
        self.wire.stream.set_read_timeout(limit)
    }

    /// Sends the head of a request; its body may follow by [`Connection::write`].
    ///
    /// # Errors
    /// When the connection takes none.
    pub fn begin(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> io::Result<()> {
        let head = self.compose(method, path, &[], headers);
        self.write(&head)
    }

    /// Reads the answer to a request of this method.
    ///
    /// # Errors
    /// When no whole answer comes.
    pub fn response(&mut self, method: &str) -> io::Result<Response> {
        self.wire.response(method)
    }

    /// Reads only the head of the answer.
    ///
    /// # Errors
    /// When none comes.
    pub fn head(&mut self) -> io::Result<Response> {
        self.wire.response_head()
    }

    /// Reads one chunk of a chunked answer; empty at its end.
    ///
    /// # Errors
    /// When none comes.
    pub fn chunk(&mut self) -> io::Result<Vec<u8>> {
        self.wire.chunk()
    }

    /// Reads what has come, at least one byte, whatever it is a part of.
    ///
    /// # Errors
    /// When nothing comes.
    pub fn piece(&mut self) -> io::Result<Vec<u8>> {
        self.wire.piece()
    }

    /// One request and its answer.
    ///
    /// # Errors
    /// When no whole answer comes.
    pub fn send(
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
    ///
    /// # Errors
    /// When no answer comes.
    pub fn websocket(
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
    ///
    /// # Errors
    /// When an answer comes instead.
    pub fn ends_within(&mut self, limit: Duration) -> io::Result<bool> {
        self.wire.stream.set_read_timeout(limit)?;
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
