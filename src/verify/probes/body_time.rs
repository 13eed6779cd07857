//! The time of requests and answers (contract §4.4): until the response head, and between two bytes of a body.

use std::io;
use std::time::{Duration, Instant};

use super::approach::{answer, begun, good_tunnel, plain};
use super::ends::{most, part, within};
use crate::ir::{Dur, Feature, Gateway, Route, RouteId, Set};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};
use crate::verify::scale::Scale;
use crate::verify::wire::Response;

type Look = fn(&Lab, RouteId, Dur) -> Seen;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for route in gateway.routes.iter().filter(|it| !it.shares().is_empty()) {
        let id = route.id;
        // What fails may take its server out, and other probes with it.
        let ejects = route.shares().iter().any(|share| {
            let upstream = gateway.upstream(share.upstream.value);
            upstream.passive.is_some() || upstream.health.is_some()
        });
        let mut add = |feature,
                       setting: &Set<Dur>,
                       promise: String,
                       fails: bool,
                       of: fn(&Route) -> Dur,
                       run: Look| {
            let probe = Probe::new(feature, route, setting.loc(), promise, move |lab| {
                run(lab, id, of(lab.gateway.route(id)))
            });
            let probe = probe.scaled(Scale::around(setting.value));
            probes.push(if fails && ejects {
                probe.alone()
            } else {
                probe
            });
        };
        let only = route.websocket.as_ref().is_some_and(|it| it.only.value);
        let response = &route.response;
        let head = Feature::TimeoutResponse;
        let of = |route: &Route| route.response.value;
        let limit = response.value;
        if !only {
            add(
                head,
                response,
                format!("a server that does not answer within {limit} is given up with 504"),
                true,
                of,
                late_head,
            );
        }
        if route.websocket.is_some() {
            add(
                head,
                response,
                format!("a handshake that is not answered within {limit} is given up with 504"),
                true,
                of,
                late_handshake,
            );
        }
        if let Some(stream) = &route.stream {
            let limit = stream.idle.value;
            let feature = Feature::TimeoutStreamIdle;
            let of = |route: &Route| {
                route
                    .stream
                    .as_ref()
                    .map_or(Dur::from_secs(1), |it| it.idle.value)
            };
            add(
                feature,
                &stream.idle,
                format!("a stream without a byte is closed after {limit}"),
                true,
                of,
                silent_stream,
            );
            add(
                feature,
                &stream.idle,
                "events keep a stream".to_owned(),
                false,
                of,
                busy_answer,
            );
        }
        // On a stream its own idle time is the one that counts; where all requests are handshakes, that of tunnels.
        if only || route.stream.is_some() {
            continue;
        }
        let limit = route.idle.value;
        let feature = Feature::TimeoutIdle;
        let of = |route: &Route| route.idle.value;
        let idle = &route.idle;
        add(
            feature,
            idle,
            format!("an answer that stands still in its middle is closed after {limit}"),
            true,
            of,
            silent_answer,
        );
        add(
            feature,
            idle,
            "an answer may take long as long as bytes come".to_owned(),
            false,
            of,
            busy_answer,
        );
        add(
            feature,
            idle,
            format!("a request body that stands still is closed after {limit}"),
            false,
            of,
            silent_request,
        );
        add(
            feature,
            idle,
            "a request body may take long as long as bytes come".to_owned(),
            false,
            of,
            busy_request,
        );
    }
    probes
}

/// A time that no limit under probe reaches.
fn beyond(limit: Dur) -> String {
    (most(limit) + Duration::from_millis(1500))
        .as_millis()
        .to_string()
}

/// Of tries after a time-out each has its own time.
fn tries(lab: &Lab, route: RouteId) -> u64 {
    let shares = lab.gateway.route(route).shares().iter();
    let further = shares.filter_map(|share| {
        share
            .retries
            .value
            .as_ref()
            .map(|it| u64::from(it.attempts))
    });
    1 + further.max().unwrap_or(0)
}

fn late_head(lab: &Lab, route: RouteId, limit: Dur) -> Seen {
    let half = part(limit, 50).as_millis().to_string();
    let (ask, answered, _) = answer(lab, route, |ask| ask.header("X-Delay", &half))?;
    match answered {
        Ok(response) if !response.server().is_empty() => {}
        Ok(response) => {
            return Err(deviation(
                &ask,
                status(&response),
                "the answer of a server that is slow",
            ));
        }
        Err(why) => {
            return Err(deviation(
                &ask,
                why.to_string(),
                "the answer of a server that is slow",
            ));
        }
    }
    let ask = plain(lab, route)?.header("X-Delay", &beyond(limit));
    given_up(lab, route, &ask, limit)
}

fn late_handshake(lab: &Lab, route: RouteId, limit: Dur) -> Seen {
    let ask = good_tunnel(lab, route)?
        .header("X-Delay", &beyond(limit))
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    given_up(lab, route, &ask, limit)
}

/// 504 at its time.
fn given_up(lab: &Lab, route: RouteId, ask: &Ask, limit: Dur) -> Seen {
    let all = Dur::from_millis(limit.as_millis() * tries(lab, route));
    let client = lab.client_of(ask)?.patience(most(all));
    let promised = format!("504 after {limit}");
    let start = Instant::now();
    let answered = client.try_send(&ask.request.method, &ask.target(), &ask.lines(), b"");
    let after = start.elapsed();
    match answered {
        Ok(response) if response.status == 504 => within(limit, Some(after))
            .map_err(|came| deviation(ask, format!("504, but {came}"), promised)),
        Ok(response) => Err(deviation(ask, status(&response), promised)),
        Err(why) => Err(deviation(
            ask,
            format!("no answer within {:.1} s: {why}", after.as_secs_f64()),
            promised,
        )),
    }
}

/// The answer, whole or not, as far as it came in time.
fn read_within(lab: &Lab, ask: &Ask, limit: Duration) -> io::Result<Response> {
    let mut connection = begun(lab, ask, &[])?;
    connection.set_patience(limit)?;
    connection.response(&ask.request.method)
}

fn silent_answer(lab: &Lab, route: RouteId, limit: Dur) -> Seen {
    let ask = plain(lab, route)?
        .header("X-Size", "20000")
        .header("X-Pause", &beyond(limit));
    stands_still(lab, &ask, limit)
}

fn silent_stream(lab: &Lab, route: RouteId, limit: Dur) -> Seen {
    let ask = plain(lab, route)?
        .header("X-Ticks", "2")
        .header("X-Every", &beyond(limit));
    stands_still(lab, &ask, limit)
}

/// The end of an answer that stands still.
fn stands_still(lab: &Lab, ask: &Ask, limit: Dur) -> Seen {
    let promised = format!("an answer that is cut off after {limit} of silence");
    let start = Instant::now();
    let answered = read_within(lab, ask, most(limit));
    let after = start.elapsed();
    let over = match answered {
        // Cut off before its head was passed on.
        Ok(response) if response.status == 504 => true,
        Ok(response)
            if response.header("content-length").is_none()
                && !response.text().contains("data: 2")
                && !response.body.is_empty() =>
        {
            true
        }
        Ok(response) => {
            let came = format!("{} and the whole body", status(&response));
            return Err(deviation(ask, came, promised));
        }
        Err(why) => !matches!(
            why.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
        ),
    };
    within(limit, over.then_some(after)).map_err(|came| deviation(ask, came, promised))
}

/// An answer of four events takes longer in all than one may be waited for.
fn busy_answer(lab: &Lab, route: RouteId, limit: Dur) -> Seen {
    let every = part(limit, 40).as_millis().to_string();
    let (ask, answered, _) = answer(lab, route, |ask| {
        ask.header("X-Ticks", "4").header("X-Every", &every)
    })?;
    let promised = "four events, each in time";
    match answered {
        Ok(response) if response.text().contains("data: 4") => Ok(()),
        Ok(response) => {
            let came = format!("{} and {} bytes", status(&response), response.body.len());
            Err(deviation(&ask, came, promised))
        }
        Err(why) => Err(deviation(&ask, why.to_string(), promised)),
    }
}

fn silent_request(lab: &Lab, route: RouteId, limit: Dur) -> Seen {
    let ask = plain(lab, route)?;
    let mut connection = begun(lab, &ask, &[("Content-Length", "10")])?;
    connection.write(b"half ")?;
    let start = Instant::now();
    connection.set_patience(most(limit))?;
    let answered = connection.response(&ask.request.method);
    let after = start.elapsed();
    let promised = format!("the end, or an error, after {limit} of silence");
    let over = match answered {
        Ok(response) if matches!(response.status, 400 | 408 | 504) => true,
        Ok(response) => {
            return Err(deviation(
                &ask,
                format!("half a body, then {}", status(&response)),
                promised,
            ));
        }
        Err(why) => !matches!(
            why.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
        ),
    };
    within(limit, over.then_some(after))
        .map_err(|came| deviation(&ask, format!("half a body, then {came}"), promised))
}

fn busy_request(lab: &Lab, route: RouteId, limit: Dur) -> Seen {
    let ask = plain(lab, route)?;
    let mut connection = begun(lab, &ask, &[("Content-Length", "5")])?;
    let promised = "a body of 5 bytes at the server";
    for _ in 0..5 {
        connection
            .write(b"x")
            .map_err(|why| deviation(&ask, why.to_string(), promised))?;
        std::thread::sleep(part(limit, 40));
    }
    let answered = connection.response(&ask.request.method);
    let response = answered.map_err(|why| deviation(&ask, why.to_string(), promised))?;
    let arrived = lab.arrivals(&ask);
    match arrived.as_slice() {
        [(.., request)] if request.body == b"xxxxx" => Ok(()),
        _ => Err::<(), Miss>(deviation(&ask, status(&response), promised)),
    }
}
