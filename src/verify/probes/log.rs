//! The access log (contract §3, §4.6): a line for each request, the chosen fields, and no secret anywhere.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::beside::{behind_auth, good};
use super::log_line::{Facts, is_common, name};
use crate::ir::{Feature, Gateway, Log, LogField, LogFormat, Route, RouteId, Subject};
use crate::verify::ask::Ask;
use crate::verify::behave::deviation;
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut all = Vec::new();
    // A tunnel has its line when it ends.
    let only = |route: &&Route| route.websocket.as_ref().is_some_and(|it| it.only.value);
    let logged = || gateway.routes.iter().filter(|route| route.log.value);
    let plain = logged().find(|route| !only(route));
    let logged = plain.or_else(|| logged().next());
    if let (Some(log), Some(route)) = (&gateway.log, logged) {
        let with = |probes: Vec<Probe>| {
            let guarded = probes.into_iter();
            guarded
                .map(|probe| behind_auth(probe, gateway, route))
                .collect::<Vec<_>>()
        };
        all.extend(with(of(log, route)));
        for route in gateway.routes.iter().filter(|it| !it.log.value) {
            let (id, seen) = (route.id, logged.map(|it| it.id));
            all.push(Probe::new(
                Feature::LogRoute,
                route,
                route.log.loc(),
                "requests of this route stay out of the log",
                move |lab| unlogged(lab, id, seen),
            ));
        }
    }
    all
}

fn of(log: &Log, route: &Route) -> Vec<Probe> {
    let id = route.id;
    let written = log.format.is_written();
    let at = if written { log.format.loc() } else { log.at };
    let mut all = vec![Probe::new(
        Feature::LogAccess,
        Subject::Gateway,
        at,
        "each request is one line in the access log",
        move |lab| one_line(lab, id),
    )];
    if log.format.value == LogFormat::Json {
        all.push(Probe::new(
            Feature::LogFields,
            Subject::Gateway,
            log.fields.loc(),
            "a line is a JSON object with the chosen fields, as the request was",
            move |lab| fields(lab, id),
        ));
    }
    if !log.redact_query.value.is_empty() {
        let names = log.redact_query.value.clone();
        all.push(Probe::new(
            Feature::LogRedact,
            Subject::Gateway,
            log.redact_query.loc(),
            "the values of these query parameters are in no log, and nothing else is missing",
            move |lab| hidden_query(lab, id, &names),
        ));
    }
    if !log.redact_headers.value.is_empty() {
        let names = log.redact_headers.value.clone();
        all.push(Probe::new(
            Feature::LogRedact,
            Subject::Gateway,
            log.redact_headers.loc(),
            "the values of these headers are in no log",
            move |lab| hidden_headers(lab, id, &names),
        ));
    }
    all
}

/// A request that a log can tell from every other one, whatever it shows of it.
fn marked(lab: &Lab, route: RouteId) -> Result<(Ask, String), Miss> {
    let ask = good(lab, route)?;
    let mark = format!("wsgen-{}", ask.mark);
    let ask = ask
        .query("probe", &mark)
        .header("User-Agent", &format!("{mark}/1.0 \"a\\b\""))
        .header("Referer", &format!("https://else.example/{mark}"));
    Ok((ask, mark))
}

/// The lines that show the request.
fn shown(lab: &Lab, ask: &Ask, mark: &str) -> Vec<String> {
    let client = ask.client().map(|it| format!("\"{it}\""));
    // Behind the mark something ends it, or a longer number would be taken for it.
    let ends = ["/", "\\/", "\"", " ", "&"];
    let shows = |line: &&str| {
        ends.iter()
            .any(|end| line.contains(&format!("{mark}{end}")))
            || line.starts_with('{') && client.as_ref().is_some_and(|it| line.contains(it))
    };
    let log = lab.logs();
    log.lines().filter(shows).map(str::to_owned).collect()
}

/// The same, once there is one; waits for at most 3 s.
fn lines(lab: &Lab, ask: &Ask, mark: &str) -> Vec<String> {
    let start = Instant::now();
    loop {
        let found = shown(lab, ask, mark);
        if !found.is_empty() || start.elapsed() > Duration::from_secs(3) {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn one_line(lab: &Lab, route: RouteId) -> Seen {
    let (ask, mark) = marked(lab, route)?;
    let response = lab.send(&ask)?;
    lines(lab, &ask, &mark);
    // A second one would come as late as the first.
    std::thread::sleep(Duration::from_millis(100));
    let found = lines(lab, &ask, &mark);
    let [line] = found.as_slice() else {
        let came = format!("{} lines in the log", found.len());
        return Err(deviation(&ask, came, "one line"));
    };
    let Some(log) = &lab.gateway.log else {
        return Err(Miss::gone());
    };
    let fits = match log.format.value {
        LogFormat::Json => serde_json::from_str::<Value>(line).is_ok_and(|it| it.is_object()),
        LogFormat::Common => is_common(line, &ask, response.status),
    };
    match fits {
        true => Ok(()),
        false => Err(deviation(
            &ask,
            format!("the line {line}"),
            match log.format.value {
                LogFormat::Json => "a JSON object",
                LogFormat::Common => "a line in the Common Log Format with referrer and agent",
            },
        )),
    }
}

fn fields(lab: &Lab, route: RouteId) -> Seen {
    let Some(log) = &lab.gateway.log else {
        return Err(Miss::gone());
    };
    let (ask, mark) = marked(lab, route)?;
    let response = lab.send(&ask)?;
    let found = lines(lab, &ask, &mark);
    let line = found
        .first()
        .ok_or_else(|| Miss::Unseen("no chosen field tells one request from another".to_owned()))?;
    let wrong = |came: String, promised: String| Err(deviation(&ask, came, promised));
    let Ok(Value::Object(object)) = serde_json::from_str(line) else {
        return wrong(format!("the line {line}"), "a JSON object".to_owned());
    };
    let mut chosen: Vec<String> = log.fields.value.iter().map(name).collect();
    let mut shown: Vec<String> = object.keys().cloned().collect();
    chosen.sort();
    shown.sort();
    if chosen != shown {
        return wrong(shown.join(", "), chosen.join(", "));
    }
    let facts = Facts::of(lab, &ask, response.status);
    for field in &log.fields.value {
        let value = &object[&name(field)];
        if !facts.fits(*field, value) {
            let promised = facts.says(*field);
            return wrong(format!("{}: {value}", name(field)), promised);
        }
    }
    Ok(())
}

fn unlogged(lab: &Lab, route: RouteId, logged: Option<RouteId>) -> Seen {
    let (ask, mark) = marked(lab, route)?;
    lab.send(&ask)?;
    // A line that comes after it shows that the log has gone on.
    match logged {
        Some(other) => {
            let (other, seen) = marked(lab, other)?;
            lab.send(&other)?;
            lines(lab, &other, &seen);
        }
        None => std::thread::sleep(Duration::from_millis(300)),
    }
    match shown(lab, &ask, &mark).first() {
        None => Ok(()),
        Some(line) => Err(deviation(&ask, format!("the line {line}"), "no line")),
    }
}

/// Sends requests whose secret no log may show: one that goes well, one whose server breaks off, one that nobody takes.
fn secrets(lab: &Lab, ask: &Ask, secret: &str) -> Seen {
    let broken = ask.again().header("X-Drop", "1");
    let lost = ask.again().path("/wsgen-probe/%zz");
    for ask in [ask, &broken, &lost] {
        let _ = lab.send(ask);
    }
    std::thread::sleep(Duration::from_millis(200));
    let log = lab.logs();
    match log.lines().find(|line| line.contains(secret)) {
        None => Ok(()),
        Some(line) => Err(deviation(
            ask,
            format!("the secret in the line {line}"),
            "no secret in any log",
        )),
    }
}

fn hidden_query(lab: &Lab, route: RouteId, names: &[String]) -> Seen {
    let (ask, mark) = marked(lab, route)?;
    let secret = format!("hush-{mark}");
    let mut with = ask.again();
    for name in names {
        let disguised: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
        with = with
            .query(name, &secret)
            .query("between", "1")
            .query(&disguised, &secret);
    }
    let url = format!("https://else.example/{mark}?{}={secret}", names[0]);
    let with = with.query("last", "2").header("Referer", &url);
    secrets(lab, &with, &secret)?;
    let shows = |field| {
        lab.gateway.log.as_ref().is_some_and(|it| {
            it.format.value == LogFormat::Common || it.fields.value.contains(&field)
        })
    };
    if !shows(LogField::Query) {
        return Ok(());
    }
    // The log of the first of them, with what is no secret.
    let found = lines(lab, &with, &mark);
    let first = found
        .iter()
        .find(|line| line.contains("between=1") && line.contains("last=2"));
    match first {
        Some(line) if line.contains("REDACTED") => Ok(()),
        _ => Err(deviation(
            &with,
            found
                .first()
                .map_or("no line".to_owned(), |line| format!("the line {line}")),
            "the query with `REDACTED` in place of each secret",
        )),
    }
}

fn hidden_headers(lab: &Lab, route: RouteId, names: &[String]) -> Seen {
    let ask = good(lab, route)?;
    let secret = format!("hush-{}", ask.mark);
    let own = |name: &str| {
        let value = ask.request.header(name);
        // What lets a client in, and what it is asked for, stays.
        value.is_none() && !["host", "upgrade", "connection"].contains(&name)
    };
    let sent: Vec<&String> = names.iter().filter(|name| own(name)).collect();
    let with = sent
        .iter()
        .fold(ask.again(), |ask, name| ask.header(name, &secret));
    match sent.is_empty() {
        true => Err(Miss::Unseen(
            "the route needs these headers as they are".to_owned(),
        )),
        false => secrets(lab, &with, &secret),
    }
}
