//! A byte stream to a client or a server: TCP, TLS over it, or a Unix socket, as one type that a tunnel can take back from hyper.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::{client, server};

/// Asks the system to notice when the other end is gone: after so long without a byte, in whole seconds.
pub(crate) fn keep_alive(tcp: &TcpStream, after: crate::ir::Dur) {
    let after = std::time::Duration::from_secs(after.as_secs_ceil());
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(after)
        .with_interval(after);
    // A system that has other bounds keeps its own: no connection ends for that.
    let _ = socket2::SockRef::from(tcp).set_tcp_keepalive(&keepalive);
}

/// The shortest line of a head: a name of one letter, and no value.
const LINE: usize = b"a:\r\n".len();

/// The most lines of a head, whatever its size may be: hyper makes room for all of them anew for each, and somebody could ask for many.
const LINES: usize = 512;

/// How many lines a head of this size may have.
pub(crate) const fn most_lines(size: usize) -> usize {
    let fit = size / LINE;
    if fit < LINES { fit } else { LINES }
}

/// A byte stream.
pub(crate) enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
    /// TLS that a client began.
    FromClient(Box<server::TlsStream<TcpStream>>),
    /// TLS that we began.
    ToServer(Box<client::TlsStream<TcpStream>>),
    /// The same over a Unix socket.
    ToFile(Box<client::TlsStream<UnixStream>>),
}

macro_rules! each {
    ($self:ident, $stream:ident => $what:expr) => {
        match $self.get_mut() {
            Self::Tcp($stream) => $what,
            Self::Unix($stream) => $what,
            Self::FromClient($stream) => $what,
            Self::ToServer($stream) => $what,
            Self::ToFile($stream) => $what,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
            Self::FromClient(stream) => stream.is_write_vectored(),
            Self::ToServer(stream) => stream.is_write_vectored(),
            Self::ToFile(stream) => stream.is_write_vectored(),
        }
    }
}
