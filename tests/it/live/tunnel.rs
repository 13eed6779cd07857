//! The client's end of a WebSocket, and the words for what happens on it.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use tungstenite::protocol::{Role, WebSocket};
use tungstenite::{Error, Message};

use super::http::Response;
use super::tls::Stream;

/// The key of every handshake here: the sample of RFC 6455. One key is as good as another on loopback.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// An upgraded connection.
pub(crate) struct Tunnel {
    /// The 101, with its headers.
    pub(crate) response: Response,
    pub(crate) socket: WebSocket<Stream>,
}

/// What one read found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Text(String),
    Binary(Vec<u8>),
    Ping,
    Pong,
    /// A close frame with its code; 1005 where it had none.
    Close(u16),
    /// The connection ended with no close frame: what a browser calls 1006.
    End,
    /// Nothing came in time.
    Quiet,
}

impl Tunnel {
    pub(crate) fn new(stream: Stream, early: Vec<u8>, response: Response) -> io::Result<Tunnel> {
        let accept = tungstenite::handshake::derive_accept_key(KEY.as_bytes());
        if response.header("sec-websocket-accept") != Some(accept.as_str()) {
            return Err(io::Error::other(format!(
                "a 101 with a wrong accept key: {:?}",
                response.headers
            )));
        }
        Ok(Tunnel {
            response,
            socket: WebSocket::from_partially_read(stream, early, Role::Client, None),
        })
    }

    /// The name of the stub at the other end.
    pub(crate) fn server(&self) -> &str {
        self.response.server()
    }

    pub(crate) fn send(&mut self, message: Message) -> Result<(), Error> {
        self.socket.send(message)
    }

    /// The next event, within `limit`. A ping is answered.
    pub(crate) fn read_within(&mut self, limit: Duration) -> Event {
        if self
            .socket
            .get_ref()
            .tcp()
            .set_read_timeout(Some(limit.max(Duration::from_millis(1))))
            .is_err()
        {
            return Event::End;
        }
        match self.socket.read() {
            Ok(Message::Text(text)) => Event::Text(text.to_string()),
            Ok(Message::Binary(bytes)) => Event::Binary(bytes.to_vec()),
            Ok(Message::Ping(_)) => Event::Ping,
            Ok(Message::Pong(_) | Message::Frame(_)) => Event::Pong,
            Ok(Message::Close(frame)) => {
                Event::Close(frame.map_or(1005, |frame| frame.code.into()))
            }
            Err(Error::Io(why))
                if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
            {
                Event::Quiet
            }
            Err(_) => Event::End,
        }
    }

    /// The next event, within 5 s.
    pub(crate) fn read(&mut self) -> Event {
        self.read_within(Duration::from_secs(5))
    }

    /// Sends a text and panics unless just it comes back.
    #[track_caller]
    pub(crate) fn echo(&mut self, text: &str) {
        if let Err(why) = self.send(Message::text(text)) {
            panic!("the tunnel takes no text: {why}");
        }
        assert_eq!(self.read(), Event::Text(text.to_owned()));
    }

    /// Keeps silent until the tunnel ends: how, and after how long. `None` where it outlives `limit`.
    /// Pings from the server are answered and passed over, other messages too.
    pub(crate) fn ends_within(&mut self, limit: Duration) -> Option<(Event, Duration)> {
        let start = Instant::now();
        while let Some(left) = limit.checked_sub(start.elapsed()) {
            match self.read_within(left) {
                Event::Quiet => return None,
                end @ (Event::End | Event::Close(_)) => return Some((end, start.elapsed())),
                _ => {}
            }
        }
        None
    }
}
