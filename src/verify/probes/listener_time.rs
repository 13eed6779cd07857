//! The time of clients (contract §4.4): until a request head is whole, and from one request to the next.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use super::ends::{most, part, within};
use super::listener::some;
use crate::ir::{Dur, Feature, Gateway, ListenerId};
use crate::verify::ask::Ask;
use crate::verify::behave::status;
use crate::verify::lab::Lab;
use crate::verify::probe::{Deviation, Miss, Probe, Seen};
use crate::verify::scale::Scale;
use crate::verify::wire::{Client, Connection};

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for listener in &gateway.listeners {
        let id = listener.id;
        let (head, kept) = (&listener.head_timeout, &listener.keepalive);
        let mut add = |feature,
                       setting: &crate::ir::Set<Dur>,
                       promise: String,
                       run: fn(&Lab, ListenerId) -> Seen| {
            let probe = Probe::new(feature, listener, setting.loc(), promise, move |lab| {
                run(lab, id)
            });
            probes.push(probe.scaled(Scale::around(setting.value)));
        };
        let feature = Feature::TimeoutHead;
        let limit = head.value;
        add(
            feature,
            head,
            format!("a client that says nothing is closed, or gets 408, after {limit}"),
            |lab, id| unfinished(lab, id, ""),
        );
        add(
            feature,
            head,
            format!("half a request head is closed, or gets 408, after {limit}"),
            |lab, id| unfinished(lab, id, "GET / HTTP/1.1\r\nHost: "),
        );
        add(
            feature,
            head,
            format!("a head that comes byte by byte has no more than {limit} in all"),
            dribbled,
        );
        let feature = Feature::TimeoutClientKeepalive;
        let limit = kept.value;
        add(
            feature,
            kept,
            format!(
                "a connection takes further requests, and is closed {limit} after the last response"
            ),
            silence,
        );
        if listener.http2.value && listener.tls.is_some() {
            add(
                feature,
                kept,
                format!("an HTTP/2 connection is closed {limit} after the last response"),
                silence_over_http2,
            );
        }
    }
    probes
}

/// A plain request that this listener takes.
fn good(lab: &Lab, listener: ListenerId) -> Option<Ask> {
    let asker = lab.asker();
    lab.gateway.routes.iter().find_map(|route| {
        let asks = asker.every_good(route.id);
        asks.into_iter()
            .find(|ask| ask.listener == listener && ask.request.upgrade.is_none())
    })
}

fn client(lab: &Lab, listener: ListenerId) -> io::Result<Client> {
    match good(lab, listener) {
        Some(ask) => lab.client_of(&ask),
        // A host of the gateway's own, as a listener may take no handshake for another.
        None => {
            let host = some(lab, listener).map_or("localhost".to_owned(), |ask| ask.authority());
            lab.client(listener, Some(lab.ranges.stranger()), &host)
        }
    }
}

/// When the connection ends, or 408 comes; an error is another answer.
fn ended(connection: &mut Connection, limit: Duration) -> io::Result<bool> {
    connection.set_patience(limit)?;
    match connection.head() {
        Ok(response) if response.status == 408 => Ok(true),
        Ok(response) => Err(io::Error::other(status(&response))),
        Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(false),
        Err(_) => Ok(true),
    }
}

fn unfinished(lab: &Lab, listener: ListenerId, head: &str) -> Seen {
    let limit = lab.gateway.listener(listener).head_timeout.value;
    let client = client(lab, listener)?;
    let start = Instant::now();
    let mut connection = client.connect()?;
    connection.write(head.as_bytes())?;
    let outcome = ended(&mut connection, most(limit))
        .map_err(|why| why.to_string())
        .and_then(|over| within(limit, over.then(|| start.elapsed())));
    let sent = if head.is_empty() {
        "a connection and nothing on it"
    } else {
        "half a request head"
    };
    judged(sent, limit, outcome)
}

fn dribbled(lab: &Lab, listener: ListenerId) -> Seen {
    let limit = lab.gateway.listener(listener).head_timeout.value;
    let client = client(lab, listener)?;
    let start = Instant::now();
    let mut connection = client.connect()?;
    let mut over = None;
    connection.write(b"GET / HTTP/1.1\r\nX-Long: ")?;
    while over.is_none() && start.elapsed() < most(limit) {
        let gone = connection.write(b"x").is_err()
            || ended(&mut connection, part(limit, 20)).unwrap_or(true);
        over = gone.then(|| start.elapsed());
    }
    judged("a request head, byte by byte", limit, within(limit, over))
}

fn judged(sent: &str, limit: Dur, outcome: Result<(), String>) -> Seen {
    outcome.map_err(|came| {
        Deviation::new(sent, came, format!("the end, or 408, after {limit}")).into()
    })
}

/// A request that the listener answers, and in words: one of a route's, else one that it answers by itself.
struct Plain {
    client: Client,
    ask: Option<Ask>,
    says: String,
}

impl Plain {
    fn new(lab: &Lab, listener: ListenerId) -> io::Result<Self> {
        let ask = good(lab, listener);
        Ok(Self {
            client: client(lab, listener)?,
            says: ask.as_ref().map_or_else(
                || {
                    format!(
                        "GET / to the listener {}",
                        lab.gateway.listener(listener).name
                    )
                },
                Ask::says,
            ),
            ask,
        })
    }

    fn line(&self) -> (&str, String, Vec<(&str, &str)>) {
        match &self.ask {
            Some(ask) => (&ask.request.method, ask.target(), ask.lines()),
            None => ("GET", "/".to_owned(), Vec::new()),
        }
    }

    fn miss(&self, came: impl Into<String>, promised: impl Into<String>) -> Miss {
        Deviation::new(&self.says, came, promised).into()
    }
}

fn silence(lab: &Lab, listener: ListenerId) -> Seen {
    let limit = lab.gateway.listener(listener).keepalive.value;
    let plain = Plain::new(lab, listener)?;
    let mut connection = plain.client.connect()?;
    let (method, target, lines) = plain.line();
    let mut start = Instant::now();
    for pause in [Duration::ZERO, part(limit, 50)] {
        std::thread::sleep(pause);
        start = Instant::now();
        connection
            .send(method, &target, &lines, b"")
            .map_err(|why| plain.miss(why.to_string(), "an answer on the same connection"))?;
    }
    let outcome = ended(&mut connection, most(limit))
        .map_err(|why| why.to_string())
        .and_then(|over| within(limit, over.then(|| start.elapsed())));
    outcome.map_err(|came| plain.miss(came, format!("the end {limit} after the response")))
}

fn silence_over_http2(lab: &Lab, listener: ListenerId) -> Seen {
    let limit = lab.gateway.listener(listener).keepalive.value;
    let plain = Plain::new(lab, listener)?;
    let mut connection = plain.client.http2()?;
    let (method, target, lines) = plain.line();
    let start = Instant::now();
    connection
        .send(method, &target, &lines, b"")
        .map_err(|why| plain.miss(why.to_string(), "an answer over HTTP/2"))?;
    let over = connection.ends_within(most(limit));
    within(limit, over.then(|| start.elapsed())).map_err(|came| {
        plain.miss(
            came,
            format!("the end {limit} after the response, over HTTP/2"),
        )
    })
}
