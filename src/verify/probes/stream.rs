//! Streams and compression (contract §4.3, §4.6): bytes pass on as they arrive, and answers shrink only where that was asked for.

use std::time::{Duration, Instant};

use crate::ir::{Feature, Gateway, RouteId};
use crate::verify::ask::{Ask, MARK};
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};

/// Between two events: long enough that a busy machine does not put them together.
const PAUSE: Duration = Duration::from_millis(400);

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for route in gateway.routes.iter().filter(|it| !it.shares().is_empty()) {
        let id = route.id;
        if let Some(stream) = &route.stream {
            probes.push(Probe::new(
                Feature::Stream,
                route,
                stream.at,
                "an event reaches the client before the next one is sent, and uncompressed",
                move |lab| events(lab, id),
            ));
            if stream.request.value {
                let probe = Probe::new(
                    Feature::StreamRequest,
                    route,
                    stream.request.loc(),
                    "a request reaches the server before its body is whole",
                    move |lab| request(lab, id),
                );
                // A limit that wants the length told refuses what is sent while it is made.
                probes.push(match route.body.value {
                    Some(_) => probe.or(Feature::LimitBody),
                    None => probe,
                });
            }
        }
        if route.compression.value {
            probes.push(Probe::new(
                Feature::Compression,
                route,
                route.compression.loc(),
                "an answer is compressed for a client that asks for it, and for no other",
                move |lab| compressed(lab, id),
            ));
        }
    }
    probes
}

fn plain(lab: &Lab, route: RouteId) -> Result<Ask, Miss> {
    let good = lab.asker().good(route);
    good.filter(|it| !it.request.is_websocket())
        .ok_or_else(|| Miss::Unseen("no plain request was found that the route takes".to_owned()))
}

fn events(lab: &Lab, route: RouteId) -> Seen {
    let every = PAUSE.as_millis().to_string();
    let ask = plain(lab, route)?
        .header("X-Ticks", "3")
        .header("X-Every", &every)
        .header("Accept", "text/event-stream")
        .header("Accept-Encoding", "gzip");
    let promised = "three events, each as it is sent";
    let mut connection = lab.client_of(&ask)?.connect()?;
    connection.begin(&ask.request.method, &ask.target(), &ask.lines())?;
    let head = connection.head()?;
    if head.status != 200 {
        return Err(deviation(&ask, status(&head), promised));
    }
    if let Some(coding) = head.header("content-encoding") {
        return Err(deviation(
            &ask,
            format!("events in {coding}"),
            "events that are not compressed",
        ));
    }
    let mut first = None;
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains("data: 3") {
        let chunk = connection.chunk()?;
        if chunk.is_empty() {
            return Err(deviation(&ask, "an end before the last event", promised));
        }
        text.extend(chunk);
        first.get_or_insert_with(Instant::now);
    }
    // From the first to the last there are two pauses; held back, they come together.
    match first {
        Some(first) if first.elapsed() >= PAUSE => halves(lab, route),
        _ => Err(deviation(&ask, "all events at once, at the end", promised)),
    }
}

/// An answer whose length is known, with a pause in its middle: some programs hold back what is not whole.
fn halves(lab: &Lab, route: RouteId) -> Seen {
    let pause = (PAUSE * 2).as_millis().to_string();
    let ask = plain(lab, route)?
        .header("X-Size", "4000")
        .header("X-Pause", &pause);
    let mut connection = lab.client_of(&ask)?.connect()?;
    connection.begin(&ask.request.method, &ask.target(), &ask.lines())?;
    let head = connection.head()?;
    let promised = "the first half before the pause, and the second after it";
    if head.status != 200 {
        return Err(deviation(&ask, status(&head), promised));
    }
    let mut got = connection.piece()?.len();
    let first = Instant::now();
    while got < 4000 {
        got += connection.piece()?.len();
    }
    if first.elapsed() >= PAUSE {
        Ok(())
    } else {
        Err(deviation(&ask, "both halves at once, at the end", promised))
    }
}

fn request(lab: &Lab, route: RouteId) -> Seen {
    let good = plain(lab, route)?;
    let methods = &lab.gateway.route(route).methods;
    let takes = |method: &str| {
        methods
            .as_ref()
            .is_none_or(|it| it.value.iter().any(|one| one == method))
    };
    let method = ["POST", "PUT", "PATCH"].into_iter().find(|it| takes(it));
    let Some(method) = method else {
        return Err(Miss::Unseen(
            "no method of the route brings a body".to_owned(),
        ));
    };
    let ask = good.method(method).header("Transfer-Encoding", "chunked");
    let mut connection = lab.client_of(&ask)?.connect()?;
    connection.begin(&ask.request.method, &ask.target(), &ask.lines())?;
    connection.write(b"5\r\nfirst\r\n")?;
    let upstreams = lab.asker().upstreams(&ask);
    let arrived = || {
        let mut stubs = upstreams.iter().flat_map(|id| lab.stubs(*id));
        stubs.any(|stub| stub.has_head(MARK, &ask.mark))
    };
    let start = Instant::now();
    while !arrived() {
        if start.elapsed() > Duration::from_secs(2) {
            return Err(deviation(
                &ask,
                "nothing at a server while half of the body was sent",
                "the request's head and what there is of its body",
            ));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    connection.write(b"6\r\nsecond\r\n0\r\n\r\n")?;
    let answer = connection.response(&ask.request.method)?;
    let whole = lab
        .arrivals(&ask)
        .into_iter()
        .any(|(_, _, request)| request.body == b"firstsecond");
    match (answer.status, whole) {
        (200, true) => Ok(()),
        (200, false) => Err(deviation(
            &ask,
            "a server saw another body",
            "the whole body",
        )),
        _ => Err(deviation(&ask, status(&answer), "the server's answer")),
    }
}

fn compressed(lab: &Lab, route: RouteId) -> Seen {
    let ask = plain(lab, route)?.header("X-Size", "20000");
    let asked = ask.again().header("Accept-Encoding", "gzip");
    let answer = lab.send(&asked)?;
    let coding = answer
        .header("content-encoding")
        .unwrap_or("nothing")
        .to_owned();
    if answer.status != 200 || coding != "gzip" || answer.body.len() >= 10_000 {
        let came = format!(
            "{}, {} bytes, compressed by {coding}",
            status(&answer),
            answer.body.len()
        );
        return Err(deviation(
            &asked,
            came,
            "20000 bytes of one letter, by gzip",
        ));
    }
    let answer = lab.send(&ask)?;
    match answer.header("content-encoding") {
        None if answer.body.len() == 20_000 => Ok(()),
        None => Err(deviation(
            &ask,
            format!("{} bytes", answer.body.len()),
            "20000 bytes",
        )),
        Some(coding) => Err(deviation(
            &ask,
            format!("an answer in {coding}"),
            "an answer that is not compressed",
        )),
    }
}
