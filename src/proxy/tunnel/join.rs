//! Out of HTTP: both connections of a handshake are taken back from hyper, with nothing of hyper's kept, and become one tunnel.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::client::conn::http1;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_local;

use crate::proxy::client::edge::Edge;
use crate::proxy::client::listen;
use crate::proxy::client::who::Client;
use crate::proxy::process::worker::{Registered, Worker};
use crate::proxy::request::body::Upload;
use crate::proxy::request::limit::Counted;
use crate::proxy::telemetry::log::Tunnelled;
use crate::proxy::tunnel::relay::Tunnel;
use crate::proxy::tunnel::watch::Watch;
use crate::proxy::upstream::servers::Open;
use crate::proxy::wire::Stream;

/// What counts as long as a tunnel is open, and the line that its end writes.
pub(crate) struct Held {
    /// The line.
    pub(crate) record: Tunnelled,
    /// It is open at the server.
    pub(crate) _open: Open,
    /// It counts for the route.
    pub(crate) _counted: Option<Counted>,
    /// It counts as a connection.
    pub(crate) _connection: Rc<listen::Counted>,
}

/// Two connections that are about to be one tunnel.
pub(crate) struct Joining {
    /// The thread.
    pub(crate) worker: Rc<Worker>,
    /// What the sweep will know of it.
    pub(crate) watch: Rc<Watch>,
    /// The client's connection.
    pub(crate) from_client: OnUpgrade,
    /// The server's.
    pub(crate) from_server: OnUpgrade,
    /// Whose it is where it is a stream of HTTP/2.
    pub(crate) over_h2: Option<Rc<Client>>,
    /// What sent the handshake.
    pub(crate) sender: http1::SendRequest<Upload>,
}

impl Joining {
    /// Makes them one. Where a side has gone meanwhile, what was held writes its line and is let go.
    pub(crate) async fn join(self, mut held: Held) {
        let Ok(server) = self.from_server.await else {
            return;
        };
        drop(self.sender);
        let Some((server, early_down)) = raw(server) else {
            return;
        };
        let Ok(client) = self.from_client.await else {
            return;
        };
        held.record.begin();
        let held = Begun {
            held,
            _registered: self.worker.watch(&self.watch),
            _over: self.over_h2.map(OpenOver::new),
        };
        let watch = self.watch;
        if held._over.is_some() {
            carry(
                TokioIo::new(client),
                server,
                (&[], &early_down),
                watch,
                held,
            );
            return;
        }
        let Ok(parts) = client.downcast::<TokioIo<Edge<Stream>>>() else {
            return;
        };
        let (client, held_back) = parts.io.into_inner().into_parts();
        let mut early_up = parts.read_buf.to_vec();
        early_up.extend_from_slice(&held_back);
        let early = (early_up.as_slice(), early_down.as_slice());
        // The plain kind is by far the smaller one, and by far the more frequent one inside a network.
        match (client, server) {
            (Stream::Tcp(client), Stream::Tcp(server)) => carry(client, server, early, watch, held),
            (client, server) => carry(client, server, early, watch, held),
        }
    }
}

/// What a tunnel holds from its first byte to its last.
struct Begun {
    held: Held,
    _registered: Registered,
    _over: Option<OpenOver>,
}

/// A tunnel that is open over a client's connection of HTTP/2.
struct OpenOver(Rc<Client>);

impl OpenOver {
    fn new(client: Rc<Client>) -> Self {
        client.tunnels.set(client.tunnels.get() + 1);
        Self(client)
    }
}

impl Drop for OpenOver {
    fn drop(&mut self) {
        self.0.tunnels.set(self.0.tunnels.get() - 1);
    }
}

/// A server's connection and what came after its 101.
fn raw(server: Upgraded) -> Option<(Stream, Vec<u8>)> {
    let parts = server.downcast::<TokioIo<Stream>>().ok()?;
    Some((parts.io.into_inner(), parts.read_buf.to_vec()))
}

/// Starts a tunnel as a task of its own, which holds nothing else.
fn carry<C, S>(
    client: C,
    server: S,
    (early_up, early_down): (&[u8], &[u8]),
    watch: Rc<Watch>,
    held: Begun,
) where
    C: AsyncRead + AsyncWrite + Unpin + 'static,
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    spawn_local(Carrying {
        tunnel: Tunnel::new(client, server, early_up, early_down, watch),
        held: Some(Box::new(held)),
    });
}

/// A tunnel, and what it holds until its end. No `async` block: that would keep room for the tunnel twice.
struct Carrying<C, S> {
    tunnel: Tunnel<C, S>,
    held: Option<Box<Begun>>,
}

impl<C, S> Future for Carrying<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let carried = ready!(Pin::new(&mut this.tunnel).poll(cx));
        if let Some(begun) = this.held.take() {
            begun.held.record.end(&carried);
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::mem::size_of;

    use tokio::net::TcpStream;

    use super::Carrying;

    /// A task of tokio's adds 96 bytes and is aligned to 128: one byte more here costs every idle tunnel 128.
    #[test]
    fn a_plain_tunnel_fits_three_cache_lines_of_tokio() {
        assert!(size_of::<Carrying<TcpStream, TcpStream>>() <= 3 * 128 - 96);
    }
}
