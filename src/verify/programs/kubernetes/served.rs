//! Whether Traefik serves what it read.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::super::{Home, LOG};

/// It is asked what it serves when it has said nothing for so long.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// What it serves is not compared with what it read once it has said nothing for so long.
pub(super) const LONG_PAUSE: Duration = Duration::from_millis(1500);

/// Whether what each of its providers read last is served.
pub(super) fn is_served(home: &Home<'_>, log: &str, providers: &[&str]) -> bool {
    let written = std::fs::metadata(home.folder.join(LOG)).and_then(|log| log.modified());
    let silence = written.map_or(Duration::ZERO, |at| {
        SystemTime::now().duration_since(at).unwrap_or_default()
    });
    if silence < PAUSE {
        return false;
    }
    let last = |provider: &str| {
        let end = format!(" providerName={provider}");
        let mut lines = log.lines().rev();
        lines.find_map(|line| {
            let (_, read) = line.split_once("Configuration received config=")?;
            read.strip_suffix(end.as_str())
        })
    };
    let read: Option<Vec<&str>> = providers.iter().map(|it| last(it)).collect();
    let Some(read) = read else {
        return false;
    };
    let Some(Ok(all)) = home.ask("/api/rawdata").map(|it| serde_json::from_str(&it)) else {
        return false;
    };
    let served = |(read, provider): (&str, &&str)| {
        serde_json::from_str(read).is_ok_and(|read| serves(&all, &read, provider))
    };
    // Under load it may be silent for long before it serves what it read.
    let named = |(read, provider): (&str, &&str)| {
        serde_json::from_str(read).is_ok_and(|read| names(&all, &read, provider))
    };
    let mut each = read.into_iter().zip(providers);
    match silence >= LONG_PAUSE {
        true => each.all(named),
        false => each.all(served),
    }
}

/// Whether every router that a provider read is served, and no other of it.
pub(super) fn names(all: &Value, read: &Value, provider: &str) -> bool {
    let end = format!("@{provider}");
    let read = read["http"]["routers"].as_object();
    let mut served = all["routers"].as_object().into_iter().flatten();
    let count = read.map_or(0, |it| it.len());
    let known = |name: &String| all["routers"].get(format!("{name}{end}")).is_some();
    let mut each = read.into_iter().flat_map(|it| it.keys());
    each.all(known)
        && served
            .by_ref()
            .filter(|(name, _)| name.ends_with(&end))
            .count()
            == count
}

/// Whether every router, middleware and service that a provider read is served just so, and no other of it.
pub(super) fn serves(all: &Value, read: &Value, provider: &str) -> bool {
    let end = format!("@{provider}");
    ["routers", "middlewares", "services"].iter().all(|kind| {
        let read: Vec<_> = read["http"][kind]
            .as_object()
            .into_iter()
            .flatten()
            .collect();
        let served = all[kind].as_object().into_iter().flatten();
        let count = served.filter(|(name, _)| name.ends_with(&end)).count();
        let mut each = read.iter();
        count == read.len()
            && each.all(|(name, object)| holds(&all[kind][format!("{name}{end}")], object, &end))
    })
}

/// Whether what is served says all that was read; there, a name tells also the provider.
pub(super) fn holds(served: &Value, read: &Value, end: &str) -> bool {
    match (served, read) {
        (Value::Object(served), Value::Object(read)) => read.iter().all(|(key, read)| {
            let served = served.get(key);
            served.is_some_and(|served| holds(served, read, end))
        }),
        (Value::Array(served), Value::Array(read)) => {
            let mut pairs = served.iter().zip(read);
            served.len() == read.len() && pairs.all(|(one, other)| holds(one, other, end))
        }
        (Value::String(served), Value::String(read)) => {
            served.strip_suffix(end).unwrap_or(served) == read
        }
        (served, read) => served == read,
    }
}
