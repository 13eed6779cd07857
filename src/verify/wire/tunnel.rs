//! The client's end of a WebSocket, and the words for what happens on it.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use tungstenite::protocol::{Role, WebSocket};
use tungstenite::{Error, Message};

use super::http::Response;
use super::pipe::Pipe;
use super::tls::Stream;

/// The key of every handshake here: the sample of RFC 6455. One key is as good as another on loopback.
pub(super) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// An upgraded connection.
#[derive(Debug)]
pub struct Tunnel {
    /// The 101, with its headers.
    pub response: Response,
    /// The frames.
    pub socket: WebSocket<Stream>,
}

/// What one read found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A whole text.
    Text(String),
    /// A whole binary message.
    Binary(Vec<u8>),
    /// A ping, which is answered.
    Ping,
    /// A pong.
    Pong,
    /// A close frame with its code; 1005 where it had none.
    Close(u16),
    /// The connection ended with no close frame: what a browser calls 1006.
    End,
    /// Nothing came in time.
    Quiet,
}

impl Event {
    /// The event in words.
    pub fn says(&self) -> String {
        match self {
            Self::Text(_) => "a text".to_owned(),
            Self::Binary(_) => "a binary message".to_owned(),
            Self::Ping => "a ping".to_owned(),
            Self::Pong => "a pong".to_owned(),
            Self::Close(code) => format!("a close frame {code}"),
            Self::End => "the end, with no close frame".to_owned(),
            Self::Quiet => "nothing".to_owned(),
        }
    }
}

impl Tunnel {
    /// What follows a 101: `early` came with it.
    ///
    /// # Errors
    /// When the accept key is not the one that our own key asks for.
    pub fn new(stream: Stream, early: Vec<u8>, response: Response) -> io::Result<Tunnel> {
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

    /// What follows the 200 to an extended CONNECT: no key, so nothing to check.
    pub(super) fn over_http2(pipe: Pipe, response: Response) -> Tunnel {
        let stream = Stream::Http2(Box::new(pipe));
        Tunnel {
            response,
            socket: WebSocket::from_raw_socket(stream, Role::Client, None),
        }
    }

    /// The name of the stub at the other end.
    pub fn server(&self) -> &str {
        self.response.server()
    }

    /// Sends one message.
    ///
    /// # Errors
    /// When the tunnel takes none.
    pub fn send(&mut self, message: Message) -> io::Result<()> {
        self.socket.send(message).map_err(|why| match why {
            Error::Io(why) => why,
            why => io::Error::other(why),
        })
    }

    /// The next event, within `limit`. A ping is answered.
    pub fn read_within(&mut self, limit: Duration) -> Event {
        if self
            .socket
            .get_mut()
            .set_read_timeout(limit.max(Duration::from_millis(1)))
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
    pub fn read(&mut self) -> Event {
        self.read_within(Duration::from_secs(5))
    }

    /// Sends a text, which just so comes back.
    ///
    /// # Errors
    /// When the tunnel takes no text, or something else comes back.
    pub fn try_echo(&mut self, text: &str) -> io::Result<()> {
        self.send(Message::text(text))?;
        match self.read() {
            Event::Text(back) if back == text => Ok(()),
            other => Err(io::Error::other(format!(
                "{text:?} was sent, and {other:?} came back"
            ))),
        }
    }

    /// Keeps silent until the tunnel ends: how, and after how long. `None` where it outlives `limit`.
    /// Pings from the server are answered and passed over, other messages too.
    pub fn ends_within(&mut self, limit: Duration) -> Option<(Event, Duration)> {
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
