//! Reads and writes of a tunnel that never wait: what a receiver does not take at once is kept for it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Reads; `None` where nothing is there.
pub(crate) fn read<R: AsyncRead + Unpin>(
    from: &mut R,
    buffer: &mut [u8],
    cx: &mut Context<'_>,
) -> io::Result<Option<usize>> {
    let mut buf = ReadBuf::new(buffer);
    // Not `try_read`: a short read tells tokio that the socket is empty, which saves the next call.
    match Pin::new(from).poll_read(cx, &mut buf) {
        Poll::Pending => Ok(None),
        Poll::Ready(read) => read.map(|()| Some(buf.filled().len())),
    }
}

/// Writes what goes at once and keeps the rest; whether all went.
pub(crate) fn write<W: AsyncWrite + Unpin>(
    to: &mut W,
    bytes: &[u8],
    rest: &mut Vec<u8>,
    cx: &mut Context<'_>,
) -> io::Result<bool> {
    let mut at = 0;
    while at < bytes.len() {
        match Pin::new(&mut *to).poll_write(cx, &bytes[at..])? {
            Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(written) => at += written,
            Poll::Pending => {
                rest.extend_from_slice(&bytes[at..]);
                return Ok(false);
            }
        }
    }
    let _ = Pin::new(to).poll_flush(cx)?;
    Ok(true)
}

/// Writes what was kept; whether all of it went.
pub(crate) fn send<W: AsyncWrite + Unpin>(
    to: &mut W,
    pending: &mut Vec<u8>,
    cx: &mut Context<'_>,
) -> io::Result<bool> {
    let bytes = std::mem::take(pending);
    write(to, &bytes, pending, cx)
}
