//! What a stub says on a WebSocket: each text's echo, or what the text asks for.
//!
//! `who` (the stub's name comes back), `ping` (so does a ping), `close 4001` (a close frame), `drop` (the end, with none),
//! `tick 100 3` (three texts, 100 ms apart).

use std::time::Duration;

use tungstenite::protocol::WebSocket;
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::{Error, Message};

use super::super::wire::Stream;

/// Talks until the end, and says how it ended.
pub(super) fn converse(name: &str, mut socket: WebSocket<Stream>) -> String {
    let mut closed = None;
    let end = loop {
        let outcome = match socket.read() {
            Ok(Message::Text(text)) => obey(name, &text, &mut socket),
            Ok(Message::Binary(bytes)) => socket.send(Message::Binary(bytes)),
            Ok(Message::Close(frame)) => {
                closed = Some(frame.map_or(1005, |frame| frame.code.into()));
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(why) => Err(why),
        };
        if let Err(why) = outcome {
            break why;
        }
    };
    match (closed, end) {
        (Some(code), _) => format!("close {code}"),
        (None, Error::ConnectionClosed) => "close 1005".to_owned(),
        (None, _) => "end".to_owned(),
    }
}

fn obey(name: &str, text: &str, socket: &mut WebSocket<Stream>) -> Result<(), Error> {
    let words: Vec<&str> = text.split(' ').collect();
    let number = |index: usize| {
        words
            .get(index)
            .and_then(|word: &&str| word.parse::<u64>().ok())
            .unwrap_or(0)
    };
    match words.first().copied().unwrap_or_default() {
        "who" => socket.send(Message::text(name)),
        "ping" => socket.send(Message::Ping("stub".into())),
        "close" => socket.close(Some(CloseFrame {
            code: (number(1) as u16).into(),
            reason: "asked".into(),
        })),
        "drop" => socket.get_mut().shutdown().map_err(Error::Io),
        "tick" => (1..=number(2)).try_for_each(|tick| {
            std::thread::sleep(Duration::from_millis(number(1)));
            socket.send(Message::text(format!("tick {tick}")))
        }),
        _ => socket.send(Message::text(text)),
    }
}
