//! A byte stream to whoever is asked, be it a server, one that is checked, or who publishes keys: a socket or a file, encrypted where the
//! spec says so. Nobody else dials.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::StatusCode;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::ir::{Address, Dur};

use crate::proxy::fault::causes;
use crate::proxy::process::generation::Generation;
use crate::proxy::upstream::servers::Server;
use crate::proxy::wire::{self, Stream};

/// Why there is no connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Unreached {
    /// Refused, or the name is not known: nothing was sent.
    Refused(String),
    /// Not in time.
    Late,
    /// The server is not who it should be, or speaks something else.
    Strange(String),
}

impl Unreached {
    /// What the client gets where nobody else is left.
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            // Nothing was sent: there is no server that could be asked.
            Self::Refused(_) | Self::Strange(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Late => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// What the log says.
    pub(crate) fn why(self) -> String {
        match self {
            Self::Refused(why) | Self::Strange(why) => why,
            Self::Late => "not connected in time".to_owned(),
        }
    }
}

/// Who a stream leads to.
pub(crate) enum Place<'a> {
    /// Whoever answers first of these, in their order.
    Sockets(&'a [SocketAddr]),
    /// A socket of a file.
    File(&'a str),
}

/// TLS, and the name that the other side has to prove.
pub(crate) struct Secure<'a> {
    /// What is asked for, and who is trusted.
    pub(crate) config: &'a Arc<ClientConfig>,
    /// The name.
    pub(crate) name: ServerName<'static>,
}

/// Opens a stream.
///
/// # Errors
/// Why there is none.
pub(crate) async fn dial(
    to: Place<'_>,
    tls: Option<Secure<'_>>,
    keep_alive: Option<Dur>,
) -> Result<Stream, Unreached> {
    match to {
        Place::Sockets(addresses) => {
            let tcp = connected(addresses).await?;
            let _ = tcp.set_nodelay(true);
            if let Some(after) = keep_alive {
                wire::keep_alive(&tcp, after);
            }
            match tls {
                None => Ok(Stream::Tcp(tcp)),
                Some(tls) => Ok(Stream::ToServer(Box::new(secured(tls, tcp).await?))),
            }
        }
        Place::File(path) => {
            let unix = UnixStream::connect(path).await;
            let unix = unix.map_err(|error| refused(&error))?;
            match tls {
                None => Ok(Stream::Unix(unix)),
                Some(tls) => Ok(Stream::ToFile(Box::new(secured(tls, unix).await?))),
            }
        }
    }
}

/// What a stream to a server is for.
#[derive(Clone, Copy, Default)]
pub(crate) struct For {
    /// HTTP/2, where the upstream speaks it.
    pub(crate) http2: bool,
    /// Another port than that of its address.
    pub(crate) port: Option<u16>,
}

/// Opens a stream to a server, encrypted where its upstream says so.
///
/// # Errors
/// Why there is none.
pub(crate) async fn to_server(
    generation: &Generation,
    upstream: usize,
    server: &Server,
    what: For,
) -> Result<Stream, Unreached> {
    let secure = match &generation.upstreams[upstream].tls {
        None => None,
        Some(tls) => Some(Secure {
            config: if what.http2 { &tls.own } else { &tls.http1 },
            name: match &tls.name {
                Some(name) => name.clone(),
                None => own_name(&server.address)?,
            },
        }),
    };
    let keep_alive = generation.gateway.upstreams[upstream].tcp_keepalive.value;
    match &server.address {
        Address::Unix { path } => dial(Place::File(path), secure, keep_alive).await,
        Address::Ip { .. } | Address::Name { .. } => {
            let mut addresses = server.addresses();
            for address in &mut addresses {
                address.set_port(what.port.unwrap_or(address.port()));
            }
            dial(Place::Sockets(&addresses), secure, keep_alive).await
        }
    }
}

/// The name that a server proves where the spec names none: that by which it is asked for, as in `Host`.
fn own_name(address: &Address) -> Result<ServerName<'static>, Unreached> {
    let host = match address {
        Address::Ip { ip, .. } => return Ok(ServerName::IpAddress((*ip).into())),
        Address::Name { host, .. } => host.clone(),
        Address::Unix { .. } => "localhost".to_owned(),
    };
    ServerName::try_from(host).map_err(|why| Unreached::Strange(why.to_string()))
}

async fn connected(addresses: &[SocketAddr]) -> Result<TcpStream, Unreached> {
    let mut last = Unreached::Refused("its name has no address".to_owned());
    for to in addresses {
        let socket = if to.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        };
        let stream = match socket {
            Ok(socket) => socket.connect(*to).await,
            Err(error) => Err(error),
        };
        match stream {
            Ok(stream) => return Ok(stream),
            Err(error) => last = refused(&error),
        }
    }
    Err(last)
}

async fn secured<T>(
    tls: Secure<'_>,
    stream: T,
) -> Result<tokio_rustls::client::TlsStream<T>, Unreached>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let connector = TlsConnector::from(Arc::clone(tls.config));
    let secured = connector.connect(tls.name, stream).await;
    secured.map_err(|why| Unreached::Strange(format!("TLS: {}", causes(&why))))
}

fn refused(error: &io::Error) -> Unreached {
    match error.kind() {
        io::ErrorKind::TimedOut => Unreached::Late,
        _ => Unreached::Refused(error.to_string()),
    }
}
