//! Rewrites (contract §4.6): what the server sees as path and query, and what it says of its own paths.

use super::beside::{behind_auth, compare, compare_query, fresh, good};
use crate::ir::{Feature, Gateway, PathMatch, PathRewrite, Rewrite, Route, RouteId};
use crate::verify::ask::{Ask, encoded};
use crate::verify::behave::deviation;
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};
use crate::verify::wire::Response;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for route in &gateway.routes {
        let Some(rewrite) = route.rewrite.as_deref() else {
            continue;
        };
        let id = route.id;
        let mut all = Vec::new();
        if let Some(path) = &rewrite.path {
            let (feature, promise) = match &path.value {
                PathRewrite::StripPrefix => (
                    Feature::RewritePath,
                    "the server sees the path without the route's prefix".to_owned(),
                ),
                PathRewrite::ReplacePrefix(new) => (
                    Feature::RewritePath,
                    format!("the server sees `{new}` in place of the route's prefix"),
                ),
                PathRewrite::Path(new) => {
                    (Feature::RewritePath, format!("the server sees `{new}`"))
                }
                PathRewrite::Regex { matches, .. } => (
                    Feature::RewriteRegex,
                    format!("the server sees what a path like `{matches}` is replaced by"),
                ),
            };
            all.push(Probe::new(
                feature,
                route,
                path.loc(),
                promise,
                move |lab| paths(lab, id),
            ));
        }
        for one in &rewrite.query_remove {
            let name = one.value.clone();
            let promise = format!("the server does not see the parameter `{name}`");
            let run = move |lab: &Lab| removed(lab, id, &name);
            all.push(Probe::new(
                Feature::RewriteQuery,
                route,
                one.loc(),
                promise,
                run,
            ));
        }
        for one in &rewrite.query_set {
            let (name, value) = one.value.clone();
            let promise = format!("the server sees the parameter `{name}={value}`, once");
            let run = move |lab: &Lab| removed(lab, id, &name);
            all.push(Probe::new(
                Feature::RewriteQuery,
                route,
                one.loc(),
                promise,
                run,
            ));
        }
        if rewrite.map_location.value {
            all.extend(map_probe(route, rewrite));
        }
        let guarded = all.into_iter();
        probes.extend(guarded.map(|probe| behind_auth(probe, gateway, route)));
    }
    probes
}

/// The path that the server sees, for paths at, below and around the route's own.
fn paths(lab: &Lab, route: RouteId) -> Seen {
    let asks = lab.asker().every_good(route);
    if asks.is_empty() {
        good(lab, route)?;
    }
    for ask in asks {
        compare(lab, &ask, route)?;
        let own = &ask.request.path;
        let bare = own.trim_end_matches('/');
        for path in [
            format!("{bare}/"),
            format!("{bare}/a/b"),
            format!("{bare}/a%20b/%7Ec"),
            format!("{bare}/a%3Fb"),
            format!("{bare}/$1/x"),
            format!("/x/..{own}"),
            format!("{bare}/a/../b"),
            format!("/{own}"),
        ] {
            let other = fresh(lab, &ask, route).path(&path);
            compare(lab, &other, route)?;
            compare(lab, &fresh(lab, &other, route).query("a", "b%20c"), route)?;
        }
    }
    Ok(())
}

/// The query that the server sees, when the client sends the parameter nowhere, once, often, and in disguise.
fn removed(lab: &Lab, route: RouteId, name: &str) -> Seen {
    let ask = good(lab, route)?;
    compare_query(lab, &ask, route)?;
    let name = encoded(name);
    let disguised: String = name
        .bytes()
        .map(
            |byte| match byte.is_ascii_alphanumeric() && !name.contains('%') {
                true => format!("%{byte:02x}"),
                false => char::from(byte).to_string(),
            },
        )
        .collect();
    let with = |query: &str| {
        let mut ask = fresh(lab, &ask, route);
        ask.request.query = Some(match ask.request.query.take() {
            Some(before) => format!("{before}&{query}"),
            None => query.to_owned(),
        });
        ask
    };
    let often = vec![format!("{name}=x"); 6].join("&");
    for query in [
        "a=1&b=2".to_owned(),
        format!("{name}=x"),
        format!("{name}=x&a=1"),
        format!("a=1&{name}=x&b=2"),
        format!("a=1&{name}"),
        format!("a=1&{disguised}=x"),
        format!("x{name}=1&{name}x=2"),
        format!("{name}=x&{name}=y&a=1"),
        format!("a=1&{often}&b=2"),
    ] {
        compare_query(lab, &with(&query), route)?;
    }
    Ok(())
}

/// The probe of `map_location`, where the rewrite has a way back.
fn map_probe(route: &Route, rewrite: &Rewrite) -> Option<Probe> {
    let new = match rewrite.path.as_ref().map(|it| &it.value)? {
        PathRewrite::StripPrefix => String::new(),
        PathRewrite::ReplacePrefix(new) => new.trim_end_matches('/').to_owned(),
        PathRewrite::Path(_) | PathRewrite::Regex { .. } => return None,
    };
    let own = route.paths.iter().find_map(|path| match &path.value {
        PathMatch::Prefix(path) => Some(path.trim_end_matches('/').to_owned()),
        PathMatch::Exact(_) | PathMatch::Regex(_) => None,
    })?;
    let id = route.id;
    Some(Probe::new(
        Feature::RewriteMapLocation,
        route,
        rewrite.map_location.loc(),
        "the server's `Location` and cookie paths are mapped back to what the client sees",
        move |lab| mapped(lab, id, &own, &new),
    ))
}

fn mapped(lab: &Lab, route: RouteId, own: &str, new: &str) -> Seen {
    let asker = lab.asker();
    let asks = asker.every_good(route);
    // The way back is the one of the path that the request came by.
    let ask = asks
        .iter()
        .find(|ask| ask.request.path.starts_with(own))
        .ok_or_else(|| Miss::Unseen("no request was found that the route takes".to_owned()))?;
    let reply = |lines: &[String]| {
        let mut ask = fresh(lab, ask, route).header("X-Status", "302");
        for line in lines {
            let pair = ("X-Reply".to_owned(), line.clone());
            ask.request.headers.push(pair);
        }
        ask
    };
    let scheme = if ask.request.tls { "https" } else { "http" };
    let site = format!("{scheme}://{}", ask.authority());
    let foreign = "https://else.example/x/y".to_owned();
    for (said, mapped) in [
        (format!("{new}/a/b?c=d"), format!("{own}/a/b?c=d")),
        (format!("{site}{new}/a"), format!("{site}{own}/a")),
        (foreign.clone(), foreign),
    ] {
        let ask = reply(&[format!("Location: {said}")]);
        let came = lab.send(&ask)?;
        let got = came.header("location").unwrap_or("none");
        // Relative and absolute lead to the same place.
        if got != mapped && got != format!("{site}{mapped}") {
            return Err(deviation(
                &ask,
                format!("Location: {got}"),
                format!("Location: {mapped}"),
            ));
        }
    }
    let ask = reply(&[format!("Set-Cookie: id=1; Path={new}/a; HttpOnly")]);
    is_cookie(&ask, &lab.send(&ask)?, &format!("{own}/a"))
}

fn is_cookie(ask: &Ask, came: &Response, path: &str) -> Seen {
    let got = came.header("set-cookie").unwrap_or("none");
    let attribute = got.split(';').map(str::trim).find_map(|it| {
        let (name, value) = it.split_once('=')?;
        name.eq_ignore_ascii_case("path").then_some(value)
    });
    match attribute == Some(path) && got.contains("HttpOnly") {
        true => Ok(()),
        false => Err(deviation(
            ask,
            format!("Set-Cookie: {got}"),
            format!("Path={path} in the cookie"),
        )),
    }
}
