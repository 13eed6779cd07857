//! Listeners (contract §3): what connects, what is redirected, what a listener does with odd hosts, paths and headers.

use super::beside::{compare, fresh, on};
use crate::ir::{
    EncodedSlash, Feature, Gateway, HeaderNames, HostMatch, Listener, ListenerId, PathRewrite,
    Paths, Route, UnknownHost,
};
use crate::request::{Request, Router};
use crate::verify::ask::Ask;
use crate::verify::asker::{hosts, paths as paths_of};
use crate::verify::behave::{deviation, status};
use crate::verify::exchange::answer_by;
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    gateway
        .listeners
        .iter()
        .flat_map(|it| of(gateway, it))
        .collect()
}

fn rewrites_by_regex(route: &Route) -> bool {
    let rewrite = route.rewrite.as_ref();
    let path = rewrite.and_then(|it| it.path.as_ref());
    path.is_some_and(|it| matches!(it.value, PathRewrite::Regex { .. }))
}

fn of(gateway: &Gateway, it: &Listener) -> Vec<Probe> {
    let id = it.id;
    let mut all = vec![Probe::new(
        Feature::ListenerBind,
        it,
        it.port.loc(),
        "clients connect to it and are answered",
        move |lab| bound(lab, id),
    )];
    if let Some(to) = &it.redirect {
        let name = &gateway.listener(to.value).name;
        let promise = format!("every request that no route takes is sent to {name} with 301");
        let run = move |lab: &Lab| redirected(lab, id);
        all.push(Probe::new(
            Feature::ListenerRedirect,
            it,
            to.loc(),
            promise,
            run,
        ));
    }
    if it.public_port.value != it.port.value {
        let promise = format!("redirects and servers see port {}", it.public_port.value);
        let run = move |lab: &Lab| public_port(lab, id);
        let at = it.public_port.loc();
        let probe = Probe::new(Feature::ListenerPublicPort, it, at, promise, run);
        all.push(probe.or(Feature::ListenerRedirect));
    }
    let named = |host: &HostMatch| !matches!(host, HostMatch::Any);
    if gateway
        .routes
        .iter()
        .all(|route| route.hosts.iter().all(|host| named(&host.value)))
    {
        let promise = match it.unknown_host.value {
            UnknownHost::NotFound => "a host that no route names gets 404",
            UnknownHost::Close => "a host that no route names gets no answer",
        };
        let run = move |lab: &Lab| unknown_host(lab, id);
        let at = it.unknown_host.loc();
        all.push(Probe::new(
            Feature::ListenerUnknownHost,
            it,
            at,
            promise,
            run,
        ));
    }
    if gateway.routes.iter().any(|route| gateway.serves(it, route)) {
        let promise = match it.paths.value {
            Paths::Normalize => "paths are matched in their normal form",
            Paths::Reject => "a path with dot segments or `//` gets 400",
            Paths::Raw => "paths are matched as they are sent",
        };
        let run = move |lab: &Lab| paths(lab, id);
        let at = it.paths.loc();
        let probe = Probe::new(Feature::ListenerPaths, it, at, promise, run);
        // The first route that takes such a path is asked, and may rewrite it.
        let mut served = gateway
            .routes
            .iter()
            .filter(|route| gateway.serves(it, route));
        all.push(match served.any(rewrites_by_regex) {
            true => probe.or(Feature::RewriteRegex),
            false => probe,
        });
    }
    let keep = it.encoded_slash.value == EncodedSlash::Keep;
    if !keep || slash_matters(gateway, it) {
        let promise = match keep {
            true => "`%2F` in a path is no slash",
            false => "a path with `%2F` gets 400",
        };
        let run = move |lab: &Lab| encoded_slash(lab, id);
        let at = it.encoded_slash.loc();
        all.push(Probe::new(
            Feature::ListenerEncodedSlash,
            it,
            at,
            promise,
            run,
        ));
    }
    let leads_on = |route: &Route| gateway.serves(it, route) && !route.shares().is_empty();
    if gateway.routes.iter().any(leads_on) {
        let promise = match it.header_names.value {
            HeaderNames::Strict => {
                "a header with an underscore in its name does not reach the server"
            }
            HeaderNames::Lenient => {
                "headers with underscores and dots in their names reach the server"
            }
        };
        let run = move |lab: &Lab| header_names(lab, id);
        let at = it.header_names.loc();
        all.push(Probe::new(
            Feature::ListenerHeaderNames,
            it,
            at,
            promise,
            run,
        ));
    }
    all
}

/// The forms in which `%2F` stands in a path: where a slash would end a segment, and where it would lead out of one.
fn with_slashes(path: &str) -> Vec<String> {
    let bare = path.trim_end_matches('/');
    let mut all = vec![
        format!("{bare}%2Fx"),
        format!("{bare}%2f"),
        format!("{bare}/a%2Fb"),
        bare.replacen('/', "/x%2F..%2F", 1),
    ];
    all.retain(|path| path.starts_with('/'));
    all
}

/// Whether some path would come to something else if `%2F` were a slash.
fn slash_matters(gateway: &Gateway, listener: &Listener) -> bool {
    let router = Router::new(gateway);
    let leads_to = |host: &str, path: String| {
        let request = Request {
            method: "GET".to_owned(),
            tls: listener.tls.is_some(),
            host: host.to_owned(),
            port: (!listener.has_scheme_port()).then_some(listener.public_port.value),
            path,
            query: None,
            headers: Vec::new(),
            client: None,
            upgrade: None,
        };
        let outcome = router.outcome(&request).ok()?;
        Some((outcome.status, outcome.location, outcome.upstreams))
    };
    gateway
        .table
        .iter()
        .filter(|entry| gateway.serves(listener, gateway.route(entry.route)))
        .take(50)
        .any(|entry| {
            let hosts = hosts(entry.host(gateway));
            let paths = paths_of(entry.path(gateway));
            let (Some(host), Some(path)) = (hosts.first(), paths.first()) else {
                return false;
            };
            with_slashes(path).into_iter().any(|path| {
                let slash = path.replace("%2F", "/").replace("%2f", "/");
                leads_to(host, path) != leads_to(host, slash)
            })
        })
}

/// Requests that routes take on this listener, at most a few.
pub(super) fn taken(lab: &Lab, listener: ListenerId) -> Vec<Ask> {
    let asker = lab.asker();
    let all = lab.open_routes();
    all.flat_map(|route| asker.every_good(route.id))
        .filter(|ask| ask.listener == listener)
        .take(6)
        .collect()
}

/// Some request to this listener, whether a route takes it or not.
pub(super) fn some(lab: &Lab, listener: ListenerId) -> Result<Ask, Miss> {
    // A handshake is a matter of its own.
    let mut all = taken(lab, listener);
    all.sort_by_key(|ask| ask.request.is_websocket());
    if let Some(ask) = all.into_iter().next() {
        return Ok(ask);
    }
    let asker = lab.asker();
    let mut all = lab.gateway.routes.iter();
    all.find_map(|route| asker.good(route.id))
        .map(|ask| on(lab, &ask, listener))
        .ok_or_else(|| Miss::Unseen("no request was found that leads here".to_owned()))
}

/// One that goes on to a server.
pub(super) fn passed_on(lab: &Lab, listener: ListenerId) -> Result<Ask, Miss> {
    let asker = lab.asker();
    let passes = |ask: &Ask| asker.outcome(ask).is_some_and(|it| it.status.is_none());
    let mut all = taken(lab, listener).into_iter();
    all.find(passes)
        .ok_or_else(|| Miss::Unseen("no route of this listener leads to a server".to_owned()))
}

fn bound(lab: &Lab, listener: ListenerId) -> Seen {
    let ask = some(lab, listener)?;
    match lab.send(&ask) {
        Ok(_) => Ok(()),
        Err(why) => Err(deviation(&ask, why.to_string(), "an answer")),
    }
}

fn redirected(lab: &Lab, listener: ListenerId) -> Seen {
    let mut any = false;
    for route in &lab.gateway.routes {
        let Some(ask) = lab.asker().good(route.id) else {
            continue;
        };
        let ask = on(lab, &ask, listener);
        for ask in [
            ask.again(),
            ask.again().query("a", "b%20c").query("d", ""),
            ask.again().method("POST"),
            ask.again().path("/a%20b/%2e%2e/c%2Fd"),
        ] {
            if lab
                .asker()
                .outcome(&ask)
                .is_some_and(|it| it.entry.is_none())
            {
                any = true;
                compare(lab, &ask, route.id)?;
            }
        }
    }
    match any {
        true => Ok(()),
        false => Err(Miss::Unseen("no URL leads to the listener".to_owned())),
    }
}

fn public_port(lab: &Lab, listener: ListenerId) -> Seen {
    let wanted = lab.gateway.listener(listener).public_port.value.to_string();
    for other in &lab.gateway.listeners {
        if other
            .redirect
            .as_ref()
            .is_some_and(|to| to.value == listener)
        {
            redirected(lab, other.id)?;
        }
    }
    let Ok(ask) = passed_on(lab, listener) else {
        return Ok(());
    };
    compare(lab, &ask, lab.gateway.routes[0].id)?;
    let route = lab.asker().outcome(&ask).and_then(|it| it.entry);
    let forwarded = route.is_some_and(|it| lab.gateway.route(it.route).forwarded.value);
    let arrivals = lab.arrivals(&ask);
    let seen = arrivals
        .first()
        .and_then(|(_, _, request)| request.header("x-forwarded-port"));
    match seen {
        Some(port) if forwarded && port != wanted => Err(deviation(
            &ask,
            format!("the server saw X-Forwarded-Port: {port}"),
            format!("X-Forwarded-Port: {wanted}"),
        )),
        None if forwarded => Err(deviation(
            &ask,
            "the server saw no X-Forwarded-Port",
            format!("X-Forwarded-Port: {wanted}"),
        )),
        _ => Ok(()),
    }
}

fn unknown_host(lab: &Lab, listener: ListenerId) -> Seen {
    let ask = some(lab, listener)?;
    let route = lab.gateway.routes[0].id;
    let name = "wsgen-probe.example";
    compare(lab, &ask.again().host(name), route)?;
    compare(lab, &ask.again().host(name).path("/wsgen-probe"), route)?;
    if lab.gateway.listener(listener).tls.is_none() {
        return Ok(());
    }
    super::tls::greeting(lab, listener, name)
}

fn paths(lab: &Lab, listener: ListenerId) -> Seen {
    let asks = taken(lab, listener);
    let mut routes = lab.gateway.routes.iter();
    let has_routes = routes.any(|it| lab.gateway.listeners_of(it).any(|it| it.id == listener));
    if asks.is_empty() && has_routes {
        return Err(Miss::Unseen("no route here lets a request in".to_owned()));
    }
    for ask in asks {
        let own = ask.request.path.clone();
        let bare = own.trim_end_matches('/');
        for path in [
            format!("/x/..{own}"),
            format!("/{own}"),
            format!("{bare}/./x"),
            format!("{bare}//x"),
            format!("{bare}/x/.."),
            format!("/%2e{own}"),
            format!("/x/%2E%2e{own}"),
            format!("{bare}/%7Ex"),
        ] {
            let Some(entry) = lab.asker().outcome(&ask).and_then(|it| it.entry) else {
                continue;
            };
            compare(lab, &fresh(lab, &ask, entry.route).path(&path), entry.route)?;
        }
    }
    Ok(())
}

fn encoded_slash(lab: &Lab, listener: ListenerId) -> Seen {
    for ask in taken(lab, listener) {
        let Some(entry) = lab.asker().outcome(&ask).and_then(|it| it.entry) else {
            continue;
        };
        for path in with_slashes(&ask.request.path) {
            let other = fresh(lab, &ask, entry.route).path(&path);
            compare(lab, &other, entry.route)?;
        }
    }
    Ok(())
}

fn header_names(lab: &Lab, listener: ListenerId) -> Seen {
    let lenient = lab.gateway.listener(listener).header_names.value == HeaderNames::Lenient;
    let ask = passed_on(lab, listener)?
        .header("X_Wsgen_Probe", "1")
        .header("X-Wsgen.Probe", "2");
    let response = answer_by(&lab.client_of(&ask)?, &ask)?;
    let arrivals = lab.arrivals(&ask);
    let Some((_, _, request)) = arrivals.first() else {
        return Err(deviation(&ask, status(&response), "an answer of a server"));
    };
    let seen = |name: &str| request.header(name).is_some();
    let wrong = match lenient {
        true => !seen("X_Wsgen_Probe") || !seen("X-Wsgen.Probe"),
        false => seen("X_Wsgen_Probe"),
    };
    match (wrong, lenient) {
        (false, _) => Ok(()),
        (true, true) => Err(deviation(
            &ask,
            "a header did not reach the server",
            "both headers at the server",
        )),
        (true, false) => Err(deviation(
            &ask,
            "the server saw X_Wsgen_Probe",
            "no X_Wsgen_Probe at the server",
        )),
    }
}
