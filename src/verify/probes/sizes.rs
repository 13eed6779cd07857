//! Sizes (contract §3, §4.6): the largest request head and the largest body, each just inside and just outside.

use std::io;

use super::beside::{fresh, good};
use crate::ir::{Feature, Gateway, ListenerId, RouteId};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};
use crate::verify::wire::Response;

/// The most that is sent for a probe.
const MOST: u64 = 4 << 20;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for listener in &gateway.listeners {
        let (id, limit) = (listener.id, &listener.head_limit);
        // Heads are sent only to who serves something itself.
        if listener.redirect.is_some() {
            continue;
        }
        let mut add = |promise: &str, run: fn(&Lab, ListenerId) -> Seen| {
            probes.push(Probe::new(
                Feature::LimitHead,
                listener,
                limit.loc(),
                promise,
                move |lab| run(lab, id),
            ));
        };
        add(
            "a head of many lines gets 431 above the limit, and passes below it",
            lines,
        );
        add(
            "one long line passes where the whole head is below the limit",
            one_line,
        );
        add("a head that is too large for its target gets 431", target);
        add("a head several times the limit gets 431", huge);
    }
    for route in &gateway.routes {
        let only = route.websocket.as_ref().is_some_and(|it| it.only.value);
        if route.body.value.is_none() || only {
            continue;
        }
        let id = route.id;
        let mut add = |promise: &str, run: fn(&Lab, RouteId) -> Seen| {
            probes.push(Probe::new(
                Feature::LimitBody,
                route,
                route.body.loc(),
                promise,
                move |lab| run(lab, id),
            ));
        };
        add("a body of the limit passes, a larger one gets 413", sized);
        add("a body in chunks is counted too", chunked);
    }
    probes
}

/// A plain request to the listener, whatever becomes of it.
fn to(lab: &Lab, listener: ListenerId) -> Result<Ask, Miss> {
    for route in &lab.gateway.routes {
        let mut asks = lab.asker().every_good(route.id).into_iter();
        let found = asks.find(|ask| ask.listener == listener && ask.request.upgrade.is_none());
        if let Some(ask) = found {
            return Ok(fresh(lab, &ask, route.id));
        }
    }
    Err(Miss::Unseen(
        "no plain request was found for this listener".to_owned(),
    ))
}

fn limit(lab: &Lab, listener: ListenerId) -> usize {
    let bytes = lab.gateway.listener(listener).head_limit.value.as_bytes();
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// A head of about this many bytes, in lines of 400.
fn of_lines(ask: &Ask, bytes: usize) -> Ask {
    let value = "x".repeat(380);
    (0..bytes / 400).fold(ask.again(), |ask, number| {
        ask.also(&format!("X-Filler-{number:05}"), &value)
    })
}

fn passes(lab: &Lab, ask: &Ask, what: &str) -> Seen {
    let answer = lab
        .send(ask)
        .map_err(|why| told(ask, what, &why.to_string(), "an answer"))?;
    match answer.status {
        400 | 413 | 414 | 431 => Err(told(ask, what, &status(&answer), "no refusal")),
        _ => Ok(()),
    }
}

fn refused(lab: &Lab, ask: &Ask, what: &str) -> Seen {
    // Only the head: who has not read all of a request may break off while its answer is read.
    let came = lab.client_of(ask).and_then(|client| {
        let mut connection = client.connect()?;
        connection.begin(&ask.request.method, &ask.target(), &ask.lines())?;
        connection.head()
    });
    match came {
        Ok(answer) if answer.status == 431 => Ok(()),
        Ok(answer) => Err(told(ask, what, &status(&answer), "431")),
        Err(why) => Err(told(ask, what, &why.to_string(), "431")),
    }
}

/// A deviation without the whole head in it.
fn told(ask: &Ask, what: &str, came: &str, promised: &str) -> Miss {
    let mut short = ask.clone();
    short.request.headers.clear();
    short.request.query = None;
    let Miss::Broken(mut it) = deviation(&short, came, promised) else {
        return Miss::Unseen(came.to_owned());
    };
    it.sent = format!("{} with {what}", it.sent);
    Miss::Broken(it)
}

fn lines(lab: &Lab, listener: ListenerId) -> Seen {
    let (ask, limit) = (to(lab, listener)?, limit(lab, listener));
    let below = limit * 8 / 10;
    passes(
        lab,
        &of_lines(&ask, below),
        &format!("a head of {below} bytes"),
    )?;
    let above = limit * 5 / 4 + 800;
    refused(
        lab,
        &of_lines(&ask, above),
        &format!("a head of {above} bytes"),
    )
}

fn one_line(lab: &Lab, listener: ListenerId) -> Seen {
    let (ask, limit) = (to(lab, listener)?, limit(lab, listener));
    let length = limit * 7 / 10;
    let ask = ask.header("X-Filler", &"x".repeat(length));
    passes(lab, &ask, &format!("one line of {length} bytes"))
}

fn target(lab: &Lab, listener: ListenerId) -> Seen {
    let (ask, limit) = (to(lab, listener)?, limit(lab, listener));
    let length = limit * 5 / 4 + 800;
    let ask = ask.query("filler", &"x".repeat(length));
    refused(lab, &ask, &format!("a target of {length} bytes"))
}

fn huge(lab: &Lab, listener: ListenerId) -> Seen {
    let (ask, limit) = (to(lab, listener)?, limit(lab, listener));
    let bytes = limit * 4;
    refused(
        lab,
        &of_lines(&ask, bytes),
        &format!("a head of {bytes} bytes"),
    )
}

/// A request that may have a body, and the limit of its route.
fn with_body(lab: &Lab, route: RouteId) -> Result<(Ask, u64), Miss> {
    let mut ask = good(lab, route)?;
    ask.request.upgrade = None;
    let ask = ask.without("Origin");
    let post = ask.again().method("POST");
    let takes = lab.asker().outcome(&post).is_some_and(|outcome| {
        outcome.entry.is_some_and(|it| it.route == route) && outcome.status != Some(405)
    });
    let limit = lab.gateway.route(route).body.value;
    let limit = limit.map_or(0, |limit| limit.as_bytes());
    Ok((if takes { post } else { ask }, limit))
}

fn sized(lab: &Lab, route: RouteId) -> Seen {
    let (ask, limit) = with_body(lab, route)?;
    let forwards = !lab.gateway.route(route).shares().is_empty();
    if limit <= MOST && forwards {
        let size = usize::try_from(limit).unwrap_or_default();
        let ask = fresh(lab, &ask, route).body(vec![b'x'; size]);
        let answer = lab.send(&ask)?;
        let arrived = lab.arrivals(&ask);
        if arrived
            .first()
            .is_none_or(|(.., seen)| seen.body.len() != size)
        {
            return Err(deviation(
                &ask,
                format!("a body of {limit} bytes: {}", status(&answer)),
                "all of it at the server",
            ));
        }
    }
    let ask = fresh(lab, &ask, route);
    let length = (limit + 1).to_string();
    let ask = ask.header("Content-Length", &length);
    // More than is ever sent is only announced: the refusal needs no more. Programs in Go read up to 256 KiB before they answer.
    let size = if limit < 1 << 18 { limit + 1 } else { 0 };
    let body = vec![b'x'; usize::try_from(size).unwrap_or_default()];
    too_large(lab, &ask, &format!("a body of {length} bytes"), &body)
}

fn too_large(lab: &Lab, ask: &Ask, what: &str, body: &[u8]) -> Seen {
    let came = send(lab, ask, body)?;
    if came.status == 413 && lab.arrivals(ask).is_empty() {
        return Ok(());
    }
    Err(deviation(
        ask,
        format!("{what}: {}", status(&came)),
        "413, and no server sees it",
    ))
}

/// Sends a head, then a body as it stands, and reads the answer.
fn send(lab: &Lab, ask: &Ask, body: &[u8]) -> io::Result<Response> {
    let mut connection = lab.client_of(ask)?.connect()?;
    let mut head = format!("{} {} HTTP/1.1\r\n", ask.request.method, ask.target());
    head.push_str(&format!("Host: {}\r\n", ask.authority()));
    for (name, value) in ask.lines() {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    connection.write(head.as_bytes())?;
    // Who has refused already may not read on.
    let _ = connection.write(body);
    connection.response(&ask.request.method)
}

fn chunked(lab: &Lab, route: RouteId) -> Seen {
    let (ask, limit) = with_body(lab, route)?;
    let usual = lab.send(&fresh(lab, &ask, route))?.status;
    let ask = ask.header("Transfer-Encoding", "chunked");
    let small = fresh(lab, &ask, route);
    let answer = send(lab, &small, b"4\r\nbody\r\n0\r\n\r\n")?;
    let forwards = !lab.gateway.route(route).shares().is_empty();
    let arrived = lab.arrivals(&small);
    let whole = arrived
        .first()
        .is_some_and(|(.., seen)| seen.body == b"body");
    if limit >= 4 && (answer.status != usual || forwards && !whole) {
        let came = format!("a body of 4 bytes in chunks: {}", status(&answer));
        return Err(deviation(
            &small,
            came,
            format!("status {usual}, the body at the server"),
        ));
    }
    // Who answers itself need not read a body.
    if limit > MOST || !forwards {
        return Ok(());
    }
    let size = usize::try_from(limit).unwrap_or_default();
    let mut body = format!("{size:x}\r\n").into_bytes();
    body.resize(body.len() + size, b'x');
    body.extend_from_slice(b"\r\n1\r\nx\r\n0\r\n\r\n");
    let large = fresh(lab, &ask, route);
    let came = send(lab, &large, &body)?;
    if came.status == 413 {
        return Ok(());
    }
    let came = format!("a body of {} bytes in chunks: {}", size + 1, status(&came));
    Err(deviation(&large, came, "413"))
}
