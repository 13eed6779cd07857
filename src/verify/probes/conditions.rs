//! Conditions (contract §4.1): for each one a request that meets it and requests that miss it, and whose they are then.

use super::beside::{behind_auth, compare, fresh, good, on};
use crate::ir::{Condition, Feature, Gateway, Loc, RouteId, ValueMatch};
use crate::verify::ask::{Ask, encoded};
use crate::verify::asker::sample;
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for route in &gateway.routes {
        let mut add = |feature, at: Loc, promise: String, run: Run| {
            let id = route.id;
            let probe = Probe::new(feature, route, at, promise, move |lab| {
                let ask = good(lab, id)?;
                compare(lab, &ask, id)?;
                run(lab, id, &ask)
            });
            // Requests that do not meet it may be those of a route that is lost for the like.
            let probe = probe.or(feature);
            probes.push(behind_auth(probe, gateway, route));
        };
        if let Some(methods) = &route.methods {
            let all = methods.value.clone();
            add(
                Feature::RouteMethods,
                methods.loc(),
                format!("other methods than {} get 405 with `Allow`", all.join(", ")),
                Box::new(move |lab, id, ask| allowed(lab, id, ask, &all)),
            );
        }
        let when = &route.when;
        if let Some(methods) = &when.methods {
            let all = methods.value.clone();
            add(
                Feature::WhenMethods,
                methods.loc(),
                format!("only {} is taken", all.join(", ")),
                Box::new(move |lab, id, ask| methods_taken(lab, id, ask, &all)),
            );
        }
        for header in &when.headers {
            let condition = header.value.clone();
            let own = header.clone();
            add(
                Feature::WhenHeaders,
                header.loc(),
                format!(
                    "only requests with {} are taken",
                    says("header", &condition)
                ),
                Box::new(move |lab, id, ask| {
                    let others = headers(ask, &condition, sample(&own));
                    each(lab, id, others)
                }),
            );
        }
        for parameter in &when.query {
            let condition = parameter.value.clone();
            let own = parameter.clone();
            add(
                Feature::WhenQuery,
                parameter.loc(),
                format!(
                    "only requests with {}, decoded, are taken",
                    says("query parameter", &condition)
                ),
                Box::new(move |lab, id, ask| {
                    let others = queries(ask, &condition, sample(&own));
                    each(lab, id, others)
                }),
            );
        }
        if let Some(clients) = &when.clients {
            add(
                Feature::WhenClients,
                clients.loc(),
                "only these client addresses are taken".to_owned(),
                Box::new(clients_taken),
            );
        }
        if let Some(upgrade) = &when.upgrade {
            let only = if upgrade.value { "only" } else { "no" };
            add(
                Feature::WhenUpgrade,
                upgrade.loc(),
                format!("{only} upgrade requests are taken"),
                Box::new(upgrades),
            );
        }
        if let Some(listeners) = &when.listeners {
            add(
                Feature::WhenListeners,
                listeners.loc(),
                "only requests on these listeners are taken".to_owned(),
                Box::new(listeners_taken),
            );
        }
    }
    probes
}

type Run = Box<dyn Fn(&Lab, RouteId, &Ask) -> Seen + Send + Sync>;

fn says(what: &str, condition: &Condition) -> String {
    let name = &condition.name;
    match &condition.value {
        ValueMatch::Exact(text) => format!("{what} `{name}: {text}`"),
        ValueMatch::Regex(regex) => format!("{what} `{name}` like `{regex}`"),
        ValueMatch::Present(true) => format!("{what} `{name}`"),
        ValueMatch::Present(false) => format!("no {what} `{name}`"),
    }
}

/// Each request compared, wherever it ends up.
fn each(lab: &Lab, route: RouteId, asks: Vec<Ask>) -> Seen {
    for ask in asks {
        compare(lab, &fresh(lab, &ask, route), route)?;
    }
    Ok(())
}

/// Methods that a probe tries; none of them opens a tunnel or echoes by itself.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

fn methods_taken(lab: &Lab, route: RouteId, ask: &Ask, own: &[String]) -> Seen {
    let named = own.iter().map(String::as_str);
    let all = named.chain(
        METHODS
            .into_iter()
            .filter(|it| !own.iter().any(|own| own == it)),
    );
    each(lab, route, all.map(|method| plain(ask, method)).collect())
}

/// The request with another method: a handshake is always a GET.
fn plain(ask: &Ask, method: &str) -> Ask {
    match ask.request.is_websocket() && method != "GET" {
        true => {
            let mut ask = ask.again().method(method);
            ask.request.upgrade = None;
            ask
        }
        false => ask.again().method(method),
    }
}

fn allowed(lab: &Lab, route: RouteId, ask: &Ask, own: &[String]) -> Seen {
    methods_taken(lab, route, ask, own)?;
    let refused = METHODS
        .into_iter()
        .find(|it| !own.iter().any(|own| own == it));
    let Some(method) = refused else {
        return Ok(());
    };
    let ask = plain(&fresh(lab, ask, route), method);
    let outcome = lab.asker().outcome(&ask);
    let is_405 = outcome.is_some_and(|it| {
        it.status == Some(405) && it.entry.is_some_and(|entry| entry.route == route)
    });
    if !is_405 {
        return Ok(());
    }
    let response = lab.send(&ask)?;
    let missing: Vec<&str> = own
        .iter()
        .map(String::as_str)
        .filter(|method| !response.headers.lists("allow", method))
        .collect();
    match (missing.is_empty(), response.headers.lists("allow", method)) {
        (true, false) => Ok(()),
        _ => Err(crate::verify::behave::deviation(
            &ask,
            format!(
                "status {}, Allow: {}",
                response.status,
                response.header("allow").unwrap_or("none")
            ),
            format!("405, Allow: {}", own.join(", ")),
        )),
    }
}

/// Requests that meet or miss a condition on a header.
fn headers(ask: &Ask, condition: &Condition, good: Option<String>) -> Vec<Ask> {
    let name = condition.name.as_str();
    let mut asks = vec![
        ask.again().without(name),
        ask.again().header(name, "wsgen-probe"),
    ];
    let Some(good) = good else {
        return asks;
    };
    let values = [
        format!("x{good}"),
        format!("{good}x"),
        good.to_uppercase(),
        good.to_lowercase(),
    ];
    asks.extend(values.iter().map(|value| ask.again().header(name, value)));
    asks.push(ask.again().header(&name.to_uppercase(), &good));
    // Several lines are one value, joined by commas.
    for pair in [
        [good.as_str(), "wsgen-probe"],
        ["wsgen-probe", good.as_str()],
    ] {
        let mut twice = ask.again().without(name);
        for value in pair {
            twice
                .request
                .headers
                .push((name.to_owned(), value.to_owned()));
        }
        asks.push(twice);
    }
    asks
}

/// Requests that meet or miss a condition on a query parameter.
fn queries(ask: &Ask, condition: &Condition, good: Option<String>) -> Vec<Ask> {
    let name = encoded(&condition.name);
    let bare = ask.again().without_query(&condition.name);
    let with = |query: String| {
        let mut ask = bare.again();
        ask.request.query = Some(match ask.request.query.take() {
            Some(before) => format!("{before}&{query}"),
            None => query,
        });
        ask
    };
    let mut asks = vec![
        bare.again(),
        with(format!("{name}=wsgen-probe")),
        with(format!("x{name}=1")),
        with(name.clone()),
    ];
    let Some(good) = good else {
        return asks;
    };
    let value = encoded(&good);
    let disguised = percent(&good);
    asks.extend([
        with(format!("{name}={value}x")),
        with(format!("{name}=x{value}")),
        with(format!("{name}={disguised}")),
        with(format!("{}={value}", percent(&condition.name))),
        with(format!("a=1&{name}={value}&b=2")),
        with(format!("a=1;{name}={value}")),
        with(format!("{name}={value}&{name}=wsgen-probe")),
        with(format!("{name}=wsgen-probe&{name}={value}")),
    ]);
    if good.contains(' ') {
        asks.push(with(format!("{name}={}", value.replace("%20", "+"))));
    }
    asks
}

/// Text with every byte encoded, which means the same.
fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn clients_taken(lab: &Lab, route: RouteId, ask: &Ask) -> Seen {
    let ranges = lab.gateway.route(route).when.clients.as_ref();
    let inside = ranges.iter().flat_map(|it| &it.value).take(4);
    let mut asks: Vec<Ask> = inside
        .map(|range| ask.again().from(lab.ranges.inside(*range)))
        .collect();
    asks.push(ask.again().from(lab.ranges.stranger()));
    for ask in asks {
        compare(lab, &ask, route)?;
    }
    Ok(())
}

fn upgrades(lab: &Lab, route: RouteId, ask: &Ask) -> Seen {
    let mut plain = ask.again();
    plain.request.upgrade = None;
    let token = [("Connection", "Upgrade"), ("Upgrade", "wsgen-probe")];
    let mut other = token
        .iter()
        .fold(ask.again(), |ask, (name, value)| ask.header(name, value));
    other.request.upgrade = Some("wsgen-probe".to_owned());
    each(lab, route, vec![plain, ask.again().websocket(), other])
}

fn listeners_taken(lab: &Lab, route: RouteId, ask: &Ask) -> Seen {
    let mut any = false;
    for listener in &lab.gateway.listeners {
        let ask = on(lab, &fresh(lab, ask, route), listener.id);
        // A listener that no URL reaches is probed by none.
        if lab.asker().outcome(&ask).is_some() {
            any = true;
            compare(lab, &ask, route)?;
        }
    }
    match any {
        true => Ok(()),
        false => Err(Miss::Unseen("no URL leads to the listeners".to_owned())),
    }
}
