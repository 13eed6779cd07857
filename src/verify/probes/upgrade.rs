//! Upgrades (contract §4.2): the probes of each route, and what passes through a tunnel unchanged.

use tungstenite::Message;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::approach::{handshake, tunnel, tunnel_with};
use super::arrival::arrival;
use super::tokens::{methods, only, plain_route, tokens};
use crate::ir::{Feature, Gateway, Route, RouteId};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};
use crate::verify::wire::Event;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for route in &gateway.routes {
        if route.shares().is_empty() {
            continue;
        }
        let id = route.id;
        if route.websocket.is_some() {
            probes.extend(tunnels(gateway, route));
        } else {
            let promise = "an upgrade request is answered as if it had not asked, and the server sees no `Upgrade`";
            probes.push(Probe::new(
                Feature::WebSocketOff,
                route,
                route.at,
                promise,
                move |lab| plain_route(lab, id),
            ));
        }
    }
    probes
}

fn tunnels(gateway: &Gateway, route: &Route) -> Vec<Probe> {
    let Some(websocket) = &route.websocket else {
        return Vec::new();
    };
    let id = route.id;
    let mut probes = Vec::new();
    let mut add = |feature, at, promise: &str, run: fn(&Lab, RouteId) -> Seen| {
        probes.push(Probe::new(feature, route, at, promise, move |lab| {
            run(lab, id)
        }));
    };
    let upgrade = |promise: &str, run: fn(&Lab, RouteId) -> Seen| {
        let run = move |lab: &Lab| run(lab, id);
        Probe::new(Feature::WebSocketUpgrade, route, websocket.at, promise, run)
    };
    let through = [
        upgrade(
            "text and binary messages from 1 byte to 16 MiB come back as they were, whole or in fragments",
            echo,
        ),
        upgrade("subprotocols pass in both directions", subprotocols),
    ];
    // Errors of a server may take it out, and other probes with it.
    let ejects = route.shares().iter().any(|share| {
        let upstream = gateway.upstream(share.upstream.value);
        upstream.passive.is_some() || upstream.health.is_some()
    });
    // The statuses that the contract names: what an application says to a handshake that it does not want.
    let refusal = upgrade(
        "a handshake that the server refuses with an error reaches the client as it is",
        |lab, route| refused(lab, route, &["401", "403", "404", "503"]),
    );
    let refusal = refusal.strictly();
    let token_at = websocket.tokens.loc();
    if websocket.only.value {
        add(
            Feature::WebSocketOnly,
            websocket.only.loc(),
            "a plain request gets 426 with `Upgrade: websocket`, and reaches no server",
            only,
        );
    }
    add(
        Feature::WebSocketTokens,
        token_at,
        "other upgrade tokens are not passed on, those that are named are",
        tokens,
    );
    add(
        Feature::WebSocketMethods,
        websocket.methods.loc(),
        "an upgrade passes with the methods that are named, and with no other",
        methods,
    );
    probes.extend(through.map(Probe::strictly));
    probes.push(upgrade("extensions pass in both directions", extensions));
    probes.push(if ejects { refusal.alone() } else { refusal });
    probes
}

/// Messages of many sizes, in both kinds, and one in fragments.
fn echo(lab: &Lab, route: RouteId) -> Seen {
    let Some(websocket) = &lab.gateway.route(route).websocket else {
        return Err(Miss::gone());
    };
    let longest = match websocket.max_message.value {
        Some(size) => usize::try_from(size.as_bytes()).unwrap_or(usize::MAX),
        None => 16 << 20,
    };
    let (ask, mut tunnel) = tunnel(lab, route)?;
    let mut sizes = vec![1, 125, 126, 65_535, 65_536, 1 << 20, 16 << 20];
    sizes.retain(|size| *size <= longest);
    // A client that may say little says the one thing that shows most.
    if websocket.messages.value.is_some() {
        sizes.drain(..sizes.len().saturating_sub(1));
    }
    for size in sizes {
        let text = "0123456789abcde\n".repeat(size / 16 + 1);
        let text = text.get(..size).unwrap_or_default();
        for message in [
            Message::text(text),
            Message::binary(text.as_bytes().to_vec()),
        ] {
            if websocket.messages.value.is_some() && message.is_text() {
                continue;
            }
            let kind = if message.is_text() {
                "a text"
            } else {
                "a binary message"
            };
            let what = format!("{kind} of {size} bytes");
            tunnel.send(message).map_err(|why| {
                deviation(&ask, format!("{what} was not taken: {why}"), "its echo")
            })?;
            let same = match tunnel.read() {
                Event::Text(back) => kind == "a text" && back == text,
                Event::Binary(back) => kind != "a text" && back == text.as_bytes(),
                other => {
                    return Err(deviation(
                        &ask,
                        format!("{what}, then {}", other.says()),
                        "its echo",
                    ));
                }
            };
            if !same {
                return Err(deviation(
                    &ask,
                    format!("{what}, and something else"),
                    "its echo",
                ));
            }
        }
    }
    if websocket.messages.value.is_none() && longest >= 9 {
        for (part, code, last) in [
            ("one", Data::Text, false),
            ("two", Data::Continue, false),
            ("six", Data::Continue, true),
        ] {
            let frame = Frame::message(part.as_bytes().to_vec(), OpCode::Data(code), last);
            tunnel.send(Message::Frame(frame)).map_err(|why| {
                deviation(&ask, format!("a fragment was not taken: {why}"), "its echo")
            })?;
        }
        match tunnel.read() {
            Event::Text(back) if back == "onetwosix" => {}
            other => {
                return Err(deviation(
                    &ask,
                    format!("a text in three fragments, then {}", other.says()),
                    "its echo",
                ));
            }
        }
    }
    Ok(())
}

fn subprotocols(lab: &Lab, route: RouteId) -> Seen {
    let (ask, tunnel) = tunnel_with(lab, route, |ask| {
        // A token may already stand there.
        let own = own_header(&ask, "Sec-WebSocket-Protocol");
        let protocols = own.map_or("chat.v2, chat.v1".to_owned(), |own| {
            format!("{own}, chat.v1")
        });
        ask.header("Sec-WebSocket-Protocol", &protocols)
    })?;
    let request = arrival(lab, &ask)?;
    let protocols = request.header("sec-websocket-protocol");
    let protocols = protocols.unwrap_or("nothing");
    if !protocols.contains("chat.v1") {
        return Err(deviation(
            &ask,
            format!("the server saw `Sec-WebSocket-Protocol: {protocols}`"),
            "the subprotocols that the client offered",
        ));
    }
    let chosen = protocols.split(',').next().map(str::trim);
    let got = tunnel.response.header("sec-websocket-protocol");
    if got != chosen {
        let got = got.unwrap_or("nothing");
        return Err(deviation(
            &ask,
            format!("`Sec-WebSocket-Protocol: {got}` in the answer"),
            format!("`{}`, as the server chose", chosen.unwrap_or_default()),
        ));
    }
    Ok(())
}

fn extensions(lab: &Lab, route: RouteId) -> Seen {
    let offer = "permessage-deflate; client_max_window_bits";
    let (ask, tunnel) = tunnel_with(lab, route, |ask| {
        ask.header("Sec-WebSocket-Extensions", offer)
            .header("X-Reply", "Sec-WebSocket-Extensions: permessage-deflate")
    })?;
    let request = arrival(lab, &ask)?;
    let seen = request.header("sec-websocket-extensions");
    if seen != Some(offer) {
        let seen = seen.unwrap_or("nothing");
        return Err(deviation(
            &ask,
            format!("the server saw `Sec-WebSocket-Extensions: {seen}`"),
            "the extensions that the client offered",
        ));
    }
    match tunnel.response.header("sec-websocket-extensions") {
        Some("permessage-deflate") => Ok(()),
        other => Err(deviation(
            &ask,
            format!(
                "`Sec-WebSocket-Extensions: {}` in the answer",
                other.unwrap_or("nothing")
            ),
            "`permessage-deflate`, as the server chose",
        )),
    }
}

/// What a server says instead of 101.
fn refused(lab: &Lab, route: RouteId, statuses: &[&str]) -> Seen {
    let pages = lab.gateway.route(route).error_pages.as_deref();
    // Pages in place of a server's own errors are another promise.
    if pages.is_some_and(|pages| pages.replace.value != crate::ir::Replace::Proxy) {
        return Err(Miss::Unseen(
            "`error_pages` replace what the server says".to_owned(),
        ));
    }
    for wanted in statuses.iter().copied() {
        let (ask, outcome) = handshake(lab, route, |ask| {
            ask.header("X-Status", wanted)
                .header("X-Reply", "X-Why: the server says no")
        })?;
        let promised = format!("{wanted} with the server's own header and body");
        let response = match outcome {
            Ok(_) => return Err(deviation(&ask, "a tunnel", promised)),
            Err(response) => response,
        };
        let whole = response.status.to_string() == wanted
            && response.header("x-why") == Some("the server says no")
            && response.try_seen().is_ok();
        if !whole {
            let what = format!(
                "{}, {} bytes of body",
                status(&response),
                response.body.len()
            );
            return Err(deviation(&ask, what, promised));
        }
    }
    Ok(())
}

fn own_header(ask: &Ask, name: &str) -> Option<String> {
    let mut named = ask.request.headers.iter();
    named
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.clone())
}
