//! `wsgen routes`: the computed order of all routes, and which of them takes a request.

use std::fmt::Write as _;

use wsgen::compile::Compiled;
use wsgen::ir::{Action, Entry, Gateway, RedirectTo, Route, ValueMatch, When};
use wsgen::request::{Outcome, Request, Router};

use super::args::{Format, RoutesArgs};
use super::fault::Fault;
use super::findings::Findings;
use super::input::Spec;
use super::screen::Screen;
use super::{Status, output};

pub(super) fn run(args: &RoutesArgs, screen: &Screen) -> Result<Status, Fault> {
    let mut spec = Spec::read(Some(&args.spec), &args.over)?.asks_for(&args.over)?;
    let compiled = spec.compile();
    let mut findings = Findings::default();
    findings.add(compiled.report.clone(), compiled);
    findings.tell(Format::Human, screen);
    let Some(gateway) = &compiled.gateway else {
        return Ok(Status::Wrong);
    };
    let Some(text) = &args.request else {
        output::print(&table(gateway, None))?;
        return Ok(Status::Clean);
    };
    let mut request = Request::parse(text).map_err(Fault::new)?;
    request.client = args.client;
    for header in &args.header {
        let Some((name, value)) = header.split_once(':') else {
            return Err(Fault::new(format!("`--header {header}` has no `:`"))
                .help("write `--header \"Origin: https://example.com\"`"));
        };
        request.add_header(name.trim(), value.trim());
    }
    let outcome = Router::new(gateway).outcome(&request).map_err(Fault::new)?;
    output::print(&explained(compiled, gateway, text, &outcome))?;
    Ok(Status::Clean)
}

/// Every entry in its order, or the first so many: the first that matches takes the request.
pub(super) fn table(gateway: &Gateway, most: Option<usize>) -> String {
    let mut rows = vec![["", "host", "path", "conditions", "route", "action"].map(str::to_owned)];
    let most = most.unwrap_or(usize::MAX);
    rows.extend(
        gateway
            .table
            .iter()
            .zip(1..)
            .take(most)
            .map(|(entry, number)| {
                let route = gateway.route(entry.route);
                [
                    number.to_string(),
                    entry.host(gateway).to_string(),
                    entry.path(gateway).to_string(),
                    conditions(gateway, &route.when),
                    route.name.clone(),
                    action(gateway, route),
                ]
            }),
    );
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..6).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match column {
                // Nobody asks for conditions: no column for them.
                3 if *width <= "conditions".len()
                    && rows.iter().skip(1).all(|row| row[3].is_empty()) =>
                {
                    Ok(())
                }
                0 => write!(line, "{cell:>width$}  "),
                _ => write!(line, "{cell:width$}  "),
            };
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn explained(compiled: &Compiled, gateway: &Gateway, asked: &str, outcome: &Outcome) -> String {
    const MOST_STEPS: usize = 20;
    let mut out = format!("{asked}\n");
    let mut say = |word: &str, text: String| {
        let _ = writeln!(out, "  {word:9} {text}");
    };
    if let Some(id) = outcome.listener {
        let listener = gateway.listener(id);
        say(
            "listener",
            format!(
                "{} ({} on {})",
                listener.name,
                listener.scheme(),
                listener.public_port.value
            ),
        );
    }
    match outcome.entry {
        Some(entry) => {
            let route = gateway.route(entry.route);
            say(
                "route",
                format!("{} ({})", route.name, compiled.place(route.at)),
            );
            say("entry", described(gateway, entry));
        }
        None => say("route", "none".to_owned()),
    }
    if let Some(status) = outcome.status {
        say("answer", status.to_string());
    }
    if outcome.closed {
        say("answer", "none: the connection is closed".to_owned());
    }
    if let Some(location) = &outcome.location {
        say("location", location.clone());
    }
    if !outcome.upstreams.is_empty() {
        let all = outcome.upstreams.len() > 1;
        let names: Vec<String> = outcome
            .upstreams
            .iter()
            .map(|(id, weight)| {
                let name = &gateway.upstream(*id).name;
                if all {
                    format!("{name} ({weight})")
                } else {
                    name.clone()
                }
            })
            .collect();
        say("upstream", names.join(", "));
    }
    if let Some(path) = &outcome.path {
        say("it sees", path.clone());
    }
    if outcome.tunnel {
        say("tunnel", "once the server answers 101".to_owned());
    }
    for because in &outcome.because {
        say("because", because.clone());
    }
    for step in outcome.why.iter().take(MOST_STEPS) {
        let route = &gateway.route(step.entry.route).name;
        say("not", format!("{route}: {}", step.says(gateway)));
    }
    if let Some(more @ 1..) = outcome.why.len().checked_sub(MOST_STEPS) {
        say("not", format!("and {more} more"));
    }
    out
}

fn described(gateway: &Gateway, entry: Entry) -> String {
    let number = gateway
        .table
        .iter()
        .position(|known| *known == entry)
        .map_or(0, |index| index + 1);
    let when = conditions(gateway, &gateway.route(entry.route).when);
    let place = format!(
        "{number} of {}: {} {}",
        gateway.table.len(),
        entry.host(gateway),
        entry.path(gateway)
    );
    if when.is_empty() {
        place
    } else {
        format!("{place} {when}")
    }
}

/// What a route asks for beyond host and path.
fn conditions(gateway: &Gateway, when: &When) -> String {
    let When {
        methods,
        headers,
        query,
        clients,
        upgrade,
        listeners,
    } = when;
    let mut words = Vec::new();
    if let Some(methods) = methods {
        words.push(methods.value.join("|"));
    }
    for (list, mark) in [(headers, "header "), (query, "?")] {
        for condition in list {
            let name = &condition.value.name;
            words.push(match &condition.value.value {
                ValueMatch::Exact(text) => format!("{mark}{name}={text}"),
                ValueMatch::Regex(regex) => format!("{mark}{name}~{regex}"),
                ValueMatch::Present(true) => format!("{mark}{name}"),
                ValueMatch::Present(false) => format!("no {mark}{name}"),
            });
        }
    }
    if let Some(clients) = clients {
        let ranges: Vec<String> = clients.value.iter().map(ToString::to_string).collect();
        words.push(format!("from {}", ranges.join("|")));
    }
    if let Some(upgrade) = upgrade {
        words.push(
            if upgrade.value {
                "upgrade"
            } else {
                "no upgrade"
            }
            .to_owned(),
        );
    }
    if let Some(listeners) = listeners {
        let names: Vec<&str> = listeners
            .value
            .iter()
            .map(|id| gateway.listener(*id).name.as_str())
            .collect();
        words.push(format!("on {}", names.join("|")));
    }
    words.join(", ")
}

/// What becomes of a route's requests.
fn action(gateway: &Gateway, route: &Route) -> String {
    let mut words = match &route.action {
        Action::Forward(shares) => shares
            .iter()
            .map(|share| {
                let name = &gateway.upstream(share.upstream.value).name;
                if shares.len() > 1 {
                    format!("{name} {}", share.weight.value)
                } else {
                    name.clone()
                }
            })
            .collect(),
        Action::Redirect(redirect) => {
            let to = match &redirect.value.to {
                RedirectTo::Url(url) => url.clone(),
                RedirectTo::Parts { scheme, host, path } => format!(
                    "{}{}{}",
                    scheme.map_or_else(String::new, |scheme| format!("{scheme:?}://")
                        .to_lowercase()),
                    host.as_deref()
                        .unwrap_or(if scheme.is_some() { "…" } else { "" }),
                    path.as_deref().unwrap_or("…"),
                ),
            };
            vec![format!("{} to {to}", redirect.value.status)]
        }
        Action::Respond(respond) => vec![format!("answers {}", respond.value.status)],
    };
    if route.websocket.is_some() {
        words.push("websocket".to_owned());
    }
    if route.stream.is_some() {
        words.push("stream".to_owned());
    }
    if let Some(auth) = gateway.auth_of(route) {
        words.push(format!("auth {}", auth.name));
    }
    words.join(", ")
}
