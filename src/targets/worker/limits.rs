//! What Cloudflare or wrangler would refuse of the Worker as a whole, at the lines of the spec that ask for it.

use super::{COMPATIBILITY_DATE, NEWEST_DATE, OLDEST_DATE, facts};
use crate::diag::Report;
use crate::ir::{Gateway, HostMatch, Loc};

/// Characters of a Worker's name: it becomes part of a host name.
const NAME: usize = 63;

/// Routes of a zone (Cloudflare docs, "Workers limits").
const ROUTES: usize = 1000;

/// Every fault.
pub(super) fn limits(g: &Gateway) -> Report {
    let mut report = Report::new();
    name(g, &mut report);
    date(g, &mut report);
    zone(g, &mut report);
    routes(g, &mut report);
    urls(g, &mut report);
    report
}

fn name(g: &Gateway, report: &mut Report) {
    let Some(name) = &g.rooms.worker.name else {
        let derived = facts::worker_name(g);
        if derived.is_empty() || derived.len() > NAME {
            report
                .error("worker::name", g.name.loc())
                .says(format!(
                    "of this name none of 1 to {NAME} characters can be made for the Worker"
                ))
                .help("write one for Cloudflare: `targets: {worker: {name: edge}}`");
        }
        return;
    };
    let text = &name.value;
    let small = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let fits = (1..=NAME).contains(&text.len())
        && text.bytes().all(|b| small(b) || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-');
    if !fits {
        report
            .error("worker::name", name.loc())
            .says(format!("`{}` is no name of a Worker", text.escape_debug()))
            .help(format!(
                "a name has 1 to {NAME} lower-case letters, digits and `-`, which stands neither first nor last"
            ));
    }
}

fn date(g: &Gateway, report: &mut Report) {
    let Some(date) = &g.rooms.worker.compatibility_date else {
        return;
    };
    let text = date.value.as_str();
    if !is_date(text) {
        report
            .error("worker::date", date.loc())
            .says(format!("`{}` is no date", text.escape_debug()))
            .help(format!("write it as `{COMPATIBILITY_DATE}`"));
    } else if text < OLDEST_DATE {
        report
            .error("worker::date", date.loc())
            .says(format!(
                "before {OLDEST_DATE} a Worker connects to port 80 or 443, whatever port a server has"
            ))
            .help(format!("leave it out: then it is {COMPATIBILITY_DATE}"));
    } else if text > NEWEST_DATE {
        report
            .error("worker::date", date.loc())
            .says(format!(
                "the newest date that the runtime of this version knows is {NEWEST_DATE}"
            ))
            .help(format!("leave it out: then it is {COMPATIBILITY_DATE}"));
    }
}

/// `2026-11-01`: dates so written have the order of their texts.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let number = |part: &str, digits: usize| {
        let plain = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse::<u32>().ok()).flatten()
    };
    let days = match (number(year, 4), number(month, 2)) {
        (Some(year), Some(2)) if year % 4 == 0 => 29,
        (Some(_), Some(2)) => 28,
        (Some(_), Some(4 | 6 | 9 | 11)) => 30,
        (Some(_), Some(1..=12)) => 31,
        _ => return false,
    };
    number(day, 2).is_some_and(|day| (1..=days).contains(&day))
}

/// A route's host has to lie in the zone that the route is to be in.
fn zone(g: &Gateway, report: &mut Report) {
    let Some(zone) = &g.rooms.worker.zone else {
        return;
    };
    let name = zone.value.as_str();
    if !is_host(name) || !name.contains('.') {
        report
            .error("worker::zone", zone.loc())
            .says(format!("`{}` is no zone", name.escape_debug()))
            .help("write the domain that Cloudflare has, such as `example.com`");
        return;
    }
    let mut outside: Vec<(&str, Loc)> = Vec::new();
    for host in g.routes.iter().flat_map(|route| &route.hosts) {
        let (HostMatch::Exact(text) | HostMatch::Wildcard(text)) = &host.value else {
            continue;
        };
        let below = text.strip_suffix(name);
        let within = below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        if !within && !outside.iter().any(|(known, _)| *known == text) {
            outside.push((text, host.loc()));
        }
    }
    let Some(((first, at), more)) = outside.split_first() else {
        return;
    };
    let diag = report.error("worker::zone", *at);
    diag.says(format!("`{first}` is not in the zone `{name}`"))
        .label("Cloudflare refuses a route whose host is in another zone");
    for (host, at) in more.iter().take(7) {
        diag.also(*at, format!("`{host}` neither"));
    }
    diag.help("leave `targets.worker.zone` out: wrangler finds the zone of each host; or render a Worker for each zone");
}

fn routes(g: &Gateway, report: &mut Report) {
    let patterns = facts::patterns(g);
    if let Some(first) = patterns.get(ROUTES) {
        report
            .error("worker::routes", first.at)
            .says(format!(
                "the Worker would have {} routes, and a zone has {ROUTES} at most",
                patterns.len()
            ))
            .label("from here on they do not fit: one for each host")
            .help("write `*.example.com` in place of hosts below it, or name the zone and leave hosts to a regex");
    }
}

/// A URL in place of servers: paths are put behind it.
fn urls(g: &Gateway, report: &mut Report) {
    for (upstream, url) in &g.rooms.worker.upstreams {
        let text = url.value.as_str();
        let why = match parts(text) {
            None => "it does not begin with `https://` or `http://`",
            Some((authority, _)) if authority.contains('@') => {
                "a password in it would stand in the module"
            }
            Some((authority, rest)) => match authority_of(authority) {
                None => "its host is none",
                Some(host) if is_plain_address(host) => {
                    "Cloudflare connects to no plain address (error 1003)"
                }
                Some(_) if rest.contains(['?', '#']) => {
                    "it has a query or a fragment, and paths are put behind it"
                }
                Some(_) if !rest.bytes().all(|b| b.is_ascii_graphic()) => {
                    "its path has characters that have to be encoded"
                }
                Some(_) => continue,
            },
        };
        report
            .error("worker::url", url.loc())
            .says(format!("`{}` cannot stand for the servers of `{upstream}`", text.escape_debug()))
            .label(why)
            .help("write where the servers can be reached from everywhere, such as `https://origin.example.com`");
    }
}

/// The authority of a URL, and what follows it.
fn parts(url: &str) -> Option<(&str, &str)> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    Some(rest.split_at(end))
}

/// The host of an authority whose port, if it has one, is a port.
fn authority_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (
                host,
                port.strip_prefix(':')
                    .or(port.is_empty().then_some("443"))?,
            )
        }
        None => authority.split_once(':').unwrap_or((authority, "443")),
    };
    let known = host.parse::<std::net::IpAddr>().is_ok() || is_host(host);
    let port: u16 = port.parse().ok()?;
    (known && port > 0).then_some(host)
}

/// Addresses of the machine itself are for `wrangler dev`.
fn is_plain_address(host: &str) -> bool {
    host.parse::<std::net::IpAddr>()
        .is_ok_and(|ip| !ip.is_loopback())
}

fn is_host(name: &str) -> bool {
    let label = |it: &str| {
        (1..=63).contains(&it.len())
            && it
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !it.starts_with('-')
            && !it.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::{authority_of, is_date};

    #[test]
    fn dates_are_days_of_the_calendar() {
        for good in ["2026-11-01", "2024-02-29"] {
            assert!(is_date(good), "{good}");
        }
        for bad in [
            "",
            "today",
            "2026-11",
            "2026-13-01",
            "2026-02-29",
            "2026-1-1",
            "20261101",
            "+026-11-01",
        ] {
            assert!(!is_date(bad), "{bad}");
        }
    }

    #[test]
    fn an_authority_is_a_host_and_perhaps_a_port() {
        for good in [
            "a.example",
            "a.example:8443",
            "[::1]:80",
            "127.0.0.1",
            "[::1]",
        ] {
            assert!(authority_of(good).is_some(), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a.example:",
            "a.example:0",
            "a.example:65536",
            "a b",
            "[::1",
            "[x]",
            "-a.example",
        ] {
            assert!(authority_of(bad).is_none(), "{bad}");
        }
    }
}
