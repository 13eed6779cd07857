//! The metrics (contract §3): numbers in Prometheus' format, and what they are about.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::ir::{Feature, Gateway, Subject, UpstreamId};
use crate::verify::lab::Lab;
use crate::verify::probe::{Deviation, Miss, Probe, Seen};
use crate::verify::wire::{Client, Response};

/// How many requests a number has to show.
const REQUESTS: u32 = 3;

/// How long a number may take to show them.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut all = Vec::new();
    if let Some(metrics) = &gateway.metrics {
        let at = metrics.port.loc();
        all.push(Probe::new(
            Feature::Metrics,
            Subject::Gateway,
            at,
            "numbers in Prometheus' format, under this path alone",
            metrics_format,
        ));
        let first = gateway.routes.iter().find_map(|it| it.shares().first());
        if let Some(share) = first {
            let id = share.upstream.value;
            all.push(Probe::new(
                Feature::Metrics,
                Subject::Gateway,
                at,
                "a number grows with the requests to an upstream, and names it",
                move |lab| metrics_of(lab, id),
            ));
        }
    }
    all
}

/// The page of the metrics.
fn page(lab: &Lab, path: &str) -> Result<Response, Miss> {
    let at = lab
        .places
        .metrics
        .ok_or_else(|| Miss::Unseen("the metrics have no place".to_owned()))?;
    Ok(Client::new(at).try_get(path, &[])?)
}

fn wrong_page(came: String, promised: &str) -> Seen {
    Err(Deviation::new("GET of the metrics", came, promised).into())
}

fn metrics_format(lab: &Lab) -> Seen {
    let Some(metrics) = &lab.gateway.metrics else {
        return Err(Miss::gone());
    };
    let response = page(lab, &metrics.path.value)?;
    let text = response.text();
    let plain = response
        .header("content-type")
        .is_some_and(|it| it.starts_with("text/plain"));
    let mut samples = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    if response.status != 200 || !plain {
        return wrong_page(format!("status {}", response.status), "200 and text/plain");
    }
    // `name{labels} value`, perhaps with a time behind it.
    let is_sample = |line: &str| {
        line.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_') && sample(line).is_some()
    };
    if let Some(odd) = samples.clone().find(|line| !is_sample(line)) {
        return wrong_page(format!("the line {odd}"), "name, labels and number");
    }
    if samples.next().is_none() {
        return wrong_page("no numbers".to_owned(), "numbers");
    }
    let elsewhere = page(lab, "/wsgen-probe")?;
    match elsewhere.status {
        404 => Ok(()),
        other => wrong_page(format!("status {other} under another path"), "404"),
    }
}

/// Numbers that name an upstream, before and after requests to it.
fn metrics_of(lab: &Lab, id: UpstreamId) -> Seen {
    let Some(metrics) = &lab.gateway.metrics else {
        return Err(Miss::gone());
    };
    let upstream = &lab.gateway.upstream(id).name;
    let read = || -> Result<BTreeMap<String, f64>, Miss> {
        let text = page(lab, &metrics.path.value)?.text();
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        Ok(samples.filter_map(sample).collect())
    };
    let before = read()?;
    let asker = lab.asker();
    let mut routes = lab.open_routes();
    let ask = routes
        .find_map(|it| {
            let leads = it.shares().iter().any(|share| share.upstream.value == id);
            asker.good(it.id).filter(|_| leads)
        })
        .ok_or_else(|| Miss::Unseen("no request was found that a route takes".to_owned()))?;
    for _ in 0..REQUESTS {
        lab.answer(&ask.again())?;
    }
    let start = Instant::now();
    loop {
        let after = read()?;
        let grown = after.iter().any(|(name, value)| {
            let old = before.get(name).copied().unwrap_or_default();
            names(name, upstream) && *value >= old + f64::from(REQUESTS)
        });
        if grown {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            let about = after.keys().filter(|it| names(it, upstream)).count();
            return wrong_page(
                format!(
                    "{} numbers, {about} of upstream {upstream}, none of which grew by {REQUESTS}",
                    after.len()
                ),
                "a number that grows with the requests to an upstream",
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A number with its name and labels.
fn sample(line: &str) -> Option<(String, f64)> {
    let end = match line.rfind('}') {
        Some(at) => at + 1,
        None => line.find(' ')?,
    };
    let (name, value) = line.split_at_checked(end)?;
    let value = value.split_whitespace().next()?.parse().ok()?;
    Some((name.to_owned(), value))
}

/// Whether a label's value is this word, or holds it among others or in the name of a Service.
fn names(sample: &str, word: &str) -> bool {
    let part = |it: char| it.is_alphanumeric() || it == '_' || it == '-';
    let values = sample.split('"').skip(1).step_by(2);
    values
        .into_iter()
        .any(|value| match value.split_once("@kubernetes") {
            // A Service's name is of its namespace, the gateway, the upstream and the port.
            Some((service, _)) => format!("-{service}-").contains(&format!("-{word}-")),
            None => value.split(|it| !part(it)).any(|it| it == word),
        })
}
