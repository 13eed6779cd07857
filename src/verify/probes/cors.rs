//! Cross-origin requests (contract §4.6): preflights that the proxy answers itself, and headers on every other answer.

use std::collections::BTreeSet;

use crate::ir::{Cors, Feature, Gateway, RouteId};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};
use crate::verify::wire::Response;

/// An origin that no spec names.
const FOREIGN: &str = "https://foreign.example";

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for route in &gateway.routes {
        let Some(cors) = &route.cors else { continue };
        let id = route.id;
        let mut add = |promise: &str, run: fn(&Lab, RouteId, &Cors) -> Seen| {
            probes.push(Probe::new(
                Feature::Cors,
                route,
                cors.at,
                promise,
                move |lab| match &lab.gateway.route(id).cors {
                    Some(cors) => run(lab, id, cors),
                    None => Ok(()),
                },
            ));
        };
        add(
            "a preflight gets 204 with what is allowed, and reaches no server",
            preflights,
        );
        add(
            "answers to an allowed origin carry it, and the server's own such headers do not get through",
            answers,
        );
        if cors.origins.value.is_some() {
            add("another origin is told nothing", foreigners);
        }
    }
    probes
}

/// An origin that may ask.
fn allowed(cors: &Cors) -> &str {
    let named = cors.origins.value.as_ref().and_then(|all| all.first());
    named.map_or(FOREIGN, String::as_str)
}

/// The value of `Access-Control-Allow-Origin` for an origin; `None` where it may not ask.
fn expected<'a>(cors: &'a Cors, origin: &'a str) -> Option<&'a str> {
    match &cors.origins.value {
        None if cors.credentials.value => Some(origin),
        None => Some("*"),
        Some(all) => all
            .iter()
            .find(|known| known.eq_ignore_ascii_case(origin))
            .map(|_| origin),
    }
}

fn preflight(lab: &Lab, route: RouteId, cors: &Cors, origin: &str) -> Result<Ask, Miss> {
    let mut ask = super::beside::good(lab, route)?;
    ask.request.upgrade = None;
    // A browser sends no credentials with it.
    if let Some(auth) = lab.gateway.auth_of(lab.gateway.route(route)) {
        ask = ask.unshown(auth);
    }
    let method = cors.methods.value.first().map_or("GET", String::as_str);
    let ask = ask
        .method("OPTIONS")
        .header("Origin", origin)
        .header("Access-Control-Request-Method", method);
    Ok(match cors.headers.value.first() {
        Some(name) => ask.header("Access-Control-Request-Headers", name),
        None => ask,
    })
}

fn preflights(lab: &Lab, route: RouteId, cors: &Cors) -> Seen {
    let origin = allowed(cors);
    let ask = preflight(lab, route, cors, origin)?;
    lab.behaves(&ask)?;
    let answer = lab.send(&ask.again())?;
    origin_is(&ask, &answer, expected(cors, origin))?;
    let list = |values: &[String]| (!values.is_empty()).then(|| values.join(", "));
    let age = cors.max_age.value.map(|age| age.as_secs_ceil().to_string());
    let credentials = cors.credentials.value.then(|| "true".to_owned());
    for (name, wanted) in [
        ("Access-Control-Allow-Methods", list(&cors.methods.value)),
        ("Access-Control-Allow-Headers", list(&cors.headers.value)),
        ("Access-Control-Max-Age", age),
        ("Access-Control-Allow-Credentials", credentials),
    ] {
        let Some(wanted) = wanted else { continue };
        let came = answer.headers.all(name).join(", ");
        if words(&came) != words(&wanted) {
            let promised = format!("{name}: {wanted}");
            return Err(deviation(&ask, format!("{name}: {came}"), promised));
        }
    }
    Ok(())
}

fn answers(lab: &Lab, route: RouteId, cors: &Cors) -> Seen {
    let mut origins = vec![allowed(cors).to_owned()];
    origins.extend(cors.origins.value.iter().flatten().skip(1).cloned());
    for origin in origins.iter().take(5) {
        // A handshake's `Origin` is a matter of `origins`.
        let ask = super::beside::fresh(lab, &super::beside::good(lab, route)?, route);
        if ask.request.upgrade.is_some() {
            return Err(Miss::Unseen("the route takes only sockets".to_owned()));
        }
        let ask = ask
            .header("Origin", origin)
            .also(
                "X-Reply",
                "Access-Control-Allow-Origin: https://server.example",
            )
            .also("X-Reply", "Vary: Accept-Language");
        let answer = lab.send(&ask)?;
        if answer.status >= 300 {
            return Err(deviation(&ask, status(&answer), "an answer of the server"));
        }
        origin_is(&ask, &answer, expected(cors, origin))?;
        let vary = answer.headers.lists("vary", "origin");
        if expected(cors, origin) != Some("*") && !vary {
            return Err(deviation(&ask, "no Vary: Origin", "Vary: Origin"));
        }
        let exposed = answer
            .headers
            .all("access-control-expose-headers")
            .join(", ");
        let wanted = cors.expose.value.join(", ");
        if words(&exposed) != words(&wanted) {
            let name = "Access-Control-Expose-Headers";
            return Err(deviation(
                &ask,
                format!("{name}: {exposed}"),
                format!("{name}: {wanted}"),
            ));
        }
        let credentials = answer.header("access-control-allow-credentials");
        if cors.credentials.value != (credentials == Some("true")) {
            let came = format!("credentials allowed: {credentials:?}");
            let promised = format!("credentials allowed: {}", cors.credentials.value);
            return Err(deviation(&ask, came, promised));
        }
    }
    Ok(())
}

fn foreigners(lab: &Lab, route: RouteId, cors: &Cors) -> Seen {
    let known = allowed(cors);
    for origin in [
        FOREIGN.to_owned(),
        "null".to_owned(),
        format!("{known}.evil.example"),
        known.replacen("://", "://evil", 1),
        known.replace('.', "x"),
    ] {
        let ask = preflight(lab, route, cors, &origin)?;
        lab.behaves(&ask)?;
        origin_is(&ask, &lab.send(&ask.again())?, None)?;
        let ask = super::beside::fresh(lab, &super::beside::good(lab, route)?, route);
        if ask.request.upgrade.is_none() {
            let ask = ask.header("Origin", &origin);
            origin_is(&ask, &lab.send(&ask)?, None)?;
        }
    }
    Ok(())
}

fn origin_is(ask: &Ask, answer: &Response, wanted: Option<&str>) -> Seen {
    let name = "Access-Control-Allow-Origin";
    let came = answer.headers.all(name);
    let wanted: Vec<&str> = wanted.into_iter().collect();
    if came == wanted {
        return Ok(());
    }
    let told = |all: &[&str]| match all {
        [] => format!("no {name}"),
        all => format!("{name}: {}", all.join(" and ")),
    };
    Err(deviation(
        ask,
        format!("{}, {}", status(answer), told(&came)),
        told(&wanted),
    ))
}

fn words(list: &str) -> BTreeSet<String> {
    let words = list.split(',').map(|it| it.trim().to_ascii_lowercase());
    words.filter(|it| !it.is_empty()).collect()
}
