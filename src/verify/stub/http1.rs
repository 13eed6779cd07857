//! A stub's side of HTTP/1.1.

use std::io::{self, Write};

use tungstenite::protocol::{Role, WebSocket};

use super::super::wire::{Headers, Request, Stream, Wire};
use super::reply::{Content, subprotocol};
use super::{Answer, Shared, lock};

/// Answers requests until the client ends, or asks for the end.
pub(super) fn serve(shared: &Shared, stream: Stream) -> io::Result<()> {
    let mut wire = Wire::new(stream);
    let on_head = |stream: &mut Stream, headers: &Headers| {
        lock(&shared.heads).push(headers.clone());
        match headers.lists("expect", "100-continue") {
            true => stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n"),
            false => Ok(()),
        }
    };
    while let Some(request) = wire.request(on_head)? {
        lock(&shared.requests).push(request.clone());
        let answer = shared.decide(&request);
        std::thread::sleep(answer.delay);
        if answer.broken {
            return Ok(());
        }
        if request.is_websocket() && matches!(answer.status, 0 | 101) {
            let (mut stream, early) = wire.into_parts();
            stream.write_all(&upgrade(shared, &request, &answer))?;
            stream.flush()?;
            let socket = WebSocket::from_partially_read(stream, early, Role::Server, None);
            shared.converse(socket);
            return Ok(());
        }
        reply(shared, &mut wire.stream, &request, &answer)?;
        if request.version == "HTTP/1.0" || request.headers.lists("connection", "close") {
            return Ok(());
        }
    }
    Ok(())
}

fn upgrade(shared: &Shared, request: &Request, answer: &Answer) -> Vec<u8> {
    let key = request.header("sec-websocket-key").unwrap_or_default();
    let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
    let mut own = vec![
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", &accept),
    ];
    own.extend(subprotocol(request).map(|first| ("Sec-WebSocket-Protocol", first)));
    head("101 Switching Protocols", &shared.headers(&own, answer))
}

fn reply(
    shared: &Shared,
    stream: &mut Stream,
    request: &Request,
    answer: &Answer,
) -> io::Result<()> {
    let mut reply = shared.reply(request, answer);
    if matches!(reply.content, Content::Ticks(..)) {
        let chunked = ("Transfer-Encoding".to_owned(), "chunked".to_owned());
        reply.headers.push(chunked);
    }
    stream.write_all(&head(&format!("{} Stub", reply.status), &reply.headers))?;
    match reply.content {
        Content::None => {}
        Content::Whole(body, pause) => {
            let (first, second) = body.split_at(body.len() / 2);
            stream.write_all(first)?;
            stream.flush()?;
            std::thread::sleep(pause);
            stream.write_all(second)?;
        }
        Content::Ticks(count, every) => {
            for tick in 1..=count {
                std::thread::sleep(every);
                let event = format!("data: {tick}\n\n");
                write!(stream, "{:x}\r\n{event}\r\n", event.len())?;
                stream.flush()?;
            }
            stream.write_all(b"0\r\n\r\n")?;
        }
    }
    stream.flush()
}

fn head(line: &str, headers: &[(String, String)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {line}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    (head + "\r\n").into_bytes()
}
