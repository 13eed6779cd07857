//! The metrics (contract §3): numbers in Prometheus' format, and what they are about.

use crate::ir::{Feature, Gateway, Subject};
use crate::verify::lab::Lab;
use crate::verify::probe::{Deviation, Miss, Probe, Seen};
use crate::verify::wire::{Client, Response};

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
        if let Some(upstream) = gateway.upstreams.first() {
            let name = upstream.name.clone();
            all.push(Probe::new(
                Feature::Metrics,
                Subject::Gateway,
                at,
                "the numbers tell the upstreams apart",
                move |lab| metrics_of(lab, &name),
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
        let end = line
            .rfind('}')
            .map_or_else(|| line.find(' ').unwrap_or(0), |at| at + 1);
        let mut words = line[end..].split_whitespace();
        line.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
            && words.next().is_some_and(|it| it.parse::<f64>().is_ok())
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

fn metrics_of(lab: &Lab, upstream: &str) -> Seen {
    let Some(metrics) = &lab.gateway.metrics else {
        return Err(Miss::gone());
    };
    let text = page(lab, &metrics.path.value)?.text();
    let about = |line: &str| line.contains('{') && line.contains(upstream);
    match text.lines().any(about) {
        true => Ok(()),
        false => {
            let count = text.lines().filter(|line| !line.starts_with('#')).count();
            wrong_page(
                format!("{count} numbers, none of upstream {upstream}"),
                "numbers of each upstream",
            )
        }
    }
}
