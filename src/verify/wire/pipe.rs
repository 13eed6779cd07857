//! One stream of an HTTP/2 connection as plain bytes in both directions.

use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use h2::{Reason, RecvStream, SendStream};
use tungstenite::Bytes;

use super::engine::Engine;

/// The tunnel that an extended CONNECT leaves. Its end on drop is the orderly one: an empty frame with END_STREAM.
#[derive(Debug)]
pub struct Pipe {
    send: SendStream<Bytes>,
    receive: RecvStream,
    early: Bytes,
    limit: Duration,
    engine: Arc<Engine>,
}

impl Pipe {
    pub(in crate::verify) fn new(
        send: SendStream<Bytes>,
        receive: RecvStream,
        limit: Duration,
        engine: Arc<Engine>,
    ) -> Pipe {
        Pipe {
            send,
            receive,
            early: Bytes::new(),
            limit,
            engine,
        }
    }

    /// How long one read or write may take before it fails with `TimedOut`.
    pub(in crate::verify) fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// The end with no orderly close: RST_STREAM.
    pub(in crate::verify) fn reset(&mut self) {
        self.send.send_reset(Reason::CANCEL);
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.early.is_empty() {
            match self.engine.wait(self.limit, piece(&mut self.receive))?? {
                Some(bytes) => self.early = bytes,
                None => return Ok(0),
            }
        }
        let length = self.early.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(self.early.split_to(length)) {
            *to = from;
        }
        Ok(length)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let content = Bytes::copy_from_slice(bytes);
        self.engine
            .wait(self.limit, pour(&mut self.send, content))??;
        Ok(bytes.len())
    }

    /// The connection is written by its own task.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // Nobody is left to be told that the stream had ended before.
        let _ = self.send.send_data(Bytes::new(), true);
    }
}

/// The next bytes of a body; `None` at its end.
pub(in crate::verify) async fn piece(receive: &mut RecvStream) -> io::Result<Option<Bytes>> {
    match poll_fn(|context| receive.poll_data(context)).await {
        None => Ok(None),
        Some(Err(why)) => Err(fault(why)),
        Some(Ok(bytes)) => {
            let flow = receive.flow_control();
            flow.release_capacity(bytes.len()).map_err(fault)?;
            Ok(Some(bytes))
        }
    }
}

/// Sends all of the bytes, as the peer's window allows.
pub(in crate::verify) async fn pour(
    send: &mut SendStream<Bytes>,
    mut bytes: Bytes,
) -> io::Result<()> {
    while !bytes.is_empty() {
        send.reserve_capacity(bytes.len());
        while send.capacity() == 0 {
            match poll_fn(|context| send.poll_capacity(context)).await {
                Some(Ok(_)) => {}
                Some(Err(why)) => return Err(fault(why)),
                None => return Err(ErrorKind::BrokenPipe.into()),
            }
        }
        let part = bytes.split_to(send.capacity().min(bytes.len()));
        send.send_data(part, false).map_err(fault)?;
    }
    Ok(())
}

/// `ConnectionReset` for a stream that was reset, `ConnectionAborted` where the peer ends the whole connection (GOAWAY).
pub(in crate::verify) fn fault(why: h2::Error) -> io::Error {
    let kind = match () {
        () if why.is_reset() => ErrorKind::ConnectionReset,
        () if why.is_go_away() => ErrorKind::ConnectionAborted,
        () => why.get_io().map_or(ErrorKind::Other, io::Error::kind),
    };
    io::Error::new(kind, why)
}
