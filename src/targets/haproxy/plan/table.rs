//! Stick tables: what limits count in. Each is a backend of its own that no request goes to.

use super::{Ctx, Section, line};
use crate::emit::{Line, Part};
use crate::ir::{Gateway, Loc, Per, PerKey, Rate, RequestLimit, Route};

/// A sliding window that bounds a rate as its token bucket does: this many requests in this many milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::targets::haproxy) struct Window {
    /// The most requests in a window.
    pub(in crate::targets::haproxy) most: u64,
    /// The window in milliseconds.
    pub(in crate::targets::haproxy) millis: u64,
}

impl Window {
    /// As long as the burst takes to grow back, at least what a second brings; so both burst and lasting rate hold.
    pub(in crate::targets::haproxy) fn of(rate: Rate, burst: u32) -> Self {
        let period = period(rate);
        let count = u64::from(rate.count);
        let most = (u64::from(burst) + 1).max((count * 1000).div_ceil(period));
        Self {
            most,
            // The longest that a table keeps is 24 days; no rate of the language asks for more.
            millis: (most * period).div_ceil(count).max(1),
        }
    }
}

const fn period(rate: Rate) -> u64 {
    match rate.per {
        Per::Second => 1000,
        Per::Minute => 60_000,
        Per::Hour => 3_600_000,
    }
}

/// The seconds after which one more request has room.
pub(super) fn retry_after(rate: Rate) -> u64 {
    period(rate)
        .div_ceil(u64::from(rate.count))
        .div_ceil(1000)
        .max(1)
}

/// The table of a route's rate of requests.
pub(super) fn requests(route: &Route, limit: &RequestLimit) -> String {
    let kind = kind(&limit.per.value);
    match &limit.bucket {
        Some(bucket) => format!("bucket:{}.{kind}", bucket.value),
        None => format!("requests:{}", route.name),
    }
}

/// The window of a table: that of the first route that counts in it.
pub(super) fn window(g: &Gateway, route: &Route, limit: &RequestLimit) -> Window {
    let own = Window::of(limit.rate.value, limit.burst.value);
    if limit.bucket.is_none() {
        return own;
    }
    let name = requests(route, limit);
    let first = g.routes.iter().find_map(|other| {
        let theirs = other.requests.as_ref()?;
        (requests(other, theirs) == name).then(|| Window::of(theirs.rate.value, theirs.burst.value))
    });
    first.unwrap_or(own)
}

/// The table of a route's open requests and tunnels.
pub(super) fn open(route: &Route) -> String {
    format!("open:{}", route.name)
}

/// The expression that a table is keyed by.
pub(super) fn key(per: &PerKey) -> String {
    match per {
        PerKey::Client => "src".to_owned(),
        PerKey::Route => "int(1)".to_owned(),
        PerKey::Header(name) => format!("req.fhdr({})", super::expr::arg(name)),
    }
}

const fn kind(per: &PerKey) -> &'static str {
    match per {
        PerKey::Client => "client",
        PerKey::Route => "route",
        PerKey::Header(_) => "header",
    }
}

/// Every table.
pub(super) fn sections(ctx: &Ctx<'_>) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut made = std::collections::HashSet::new();
    for route in &ctx.g.routes {
        if let Some(limit) = &route.requests {
            let name = requests(route, limit);
            if made.insert(name.clone()) {
                let window = window(ctx.g, route, limit);
                let store = table(&limit.per.value)
                    .with("expire")
                    .parts(&[
                        Part::Number((window.millis * 2).max(10_000)),
                        Part::Static("ms"),
                    ])
                    .with("store")
                    .parts(&[
                        Part::Static("gpc0,gpc0_rate("),
                        Part::Number(window.millis),
                        Part::Static("ms)"),
                    ]);
                sections.push(section(ctx, &name, store, limit.rate.loc()));
            }
        }
        if let Some(limit) = &route.connections {
            let store = table(&limit.per.value).with("expire 1h store conn_cur");
            sections.push(section(ctx, &open(route), store, limit.max.loc()));
        }
    }
    sections
}

fn section(ctx: &Ctx<'_>, name: &str, store: Line, at: Loc) -> Section {
    let store = if ctx.g.rooms.haproxy.peers.is_empty() {
        store
    } else {
        store.with("peers wsgen")
    };
    Section {
        head: ctx.head("backend", name, at),
        lines: vec![store.at(at).end()],
    }
}

fn table(per: &PerKey) -> Line {
    match per {
        // IPv4 addresses are kept as mapped ones.
        PerKey::Client => line("stick-table type ipv6 size 1m"),
        PerKey::Route => line("stick-table type integer size 1"),
        PerKey::Header(_) => line("stick-table type string len 256 size 1m"),
    }
}
