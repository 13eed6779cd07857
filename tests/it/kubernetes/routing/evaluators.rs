//! What a set of resources does with a request, in the order of each implementation.

use std::cmp::Reverse;

use regex::Regex;
use serde_json::Value;
use wsgen::request::Request;

use super::super::of;

/// Whether a hostname of a rule takes a host: one label below a wildcard, or several.
pub(super) fn takes_host(pattern: &str, host: &str, one_label: bool) -> bool {
    match pattern.strip_prefix("*.") {
        Some(zone) => host
            .strip_suffix(zone)
            .and_then(|rest| rest.strip_suffix('.'))
            .is_some_and(|label| !(label.is_empty() || one_label && label.contains('.'))),
        None => pattern.is_empty() || pattern == host,
    }
}

pub(super) fn takes_path(kind: &str, pattern: &str, path: &str) -> bool {
    let bare = pattern.trim_end_matches('/');
    match kind {
        "Exact" => pattern == path,
        "RegularExpression" => Regex::new(pattern).expect("a regex").is_match(path),
        _ => {
            bare.is_empty()
                || path
                    .strip_prefix(bare)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
    }
}

/// A rule of an Ingress: host, path type, path, Service, the resource.
pub(super) struct Path<'a> {
    host: &'a str,
    kind: &'a str,
    path: &'a str,
    service: Option<String>,
    ingress: &'a Value,
}

pub(super) fn paths(all: &[Value]) -> Vec<Path<'_>> {
    let mut found = Vec::new();
    for ingress in of(all, "Ingress") {
        for rule in ingress["spec"]["rules"].as_array().expect("rules") {
            for path in rule["http"]["paths"].as_array().expect("paths") {
                found.push(Path {
                    host: rule["host"].as_str().unwrap_or_default(),
                    kind: path["pathType"].as_str().expect("a type"),
                    path: path["path"].as_str().unwrap_or_default(),
                    service: path["backend"]["service"]["name"]
                        .as_str()
                        .map(str::to_owned),
                    ingress,
                });
            }
        }
    }
    found
}

/// Those that rank highest.
pub(super) fn highest<T, K: Ord>(
    found: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> Vec<T> {
    let mut best: Vec<T> = Vec::new();
    for one in found {
        match best.first().map(|it| key(&one).cmp(&key(it))) {
            None | Some(std::cmp::Ordering::Equal) => best.push(one),
            Some(std::cmp::Ordering::Greater) => best = vec![one],
            Some(std::cmp::Ordering::Less) => {}
        }
    }
    best
}

pub(super) fn services(found: Vec<Path<'_>>) -> Vec<Option<String>> {
    match found.is_empty() {
        true => vec![None],
        false => found.into_iter().map(|it| it.service).collect(),
    }
}

/// Traefik: the highest number, on the entry points that the resource names.
pub(super) fn by_number(all: &[Value], values: &Value, request: &Request) -> Vec<Option<String>> {
    let note = |it: &Value, key: &str| {
        let key = format!("traefik.ingress.kubernetes.io/router.{key}");
        it["metadata"]["annotations"][key]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let port = u64::from(request.port_or_default());
    let points = values["ports"].as_object().expect("ports");
    let (point, _) = points
        .iter()
        .find(|(_, it)| it["exposedPort"] == port)
        .expect("an entry point");
    let own = |it: &Path<'_>| note(it.ingress, "pathmatcher") == "PathRegexp";
    let taken = paths(all).into_iter().filter(|it| {
        let matched = match own(it) {
            true => takes_path(
                "RegularExpression",
                it.path.trim_start_matches("/{0}"),
                &request.path,
            ),
            false => takes_path(it.kind, it.path, &request.path),
        };
        matched
            && takes_host(it.host, &request.host, true)
            && note(it.ingress, "entrypoints")
                .split(',')
                .any(|it| it == point)
    });
    services(highest(taken, |it| {
        note(it.ingress, "priority")
            .parse::<u32>()
            .expect("a number")
    }))
}

/// ingress-nginx and HAProxy's controller: the nearest host, there the exact path, else the longest.
pub(super) fn by_host_and_length(
    all: &[Value],
    _: &Value,
    request: &Request,
) -> Vec<Option<String>> {
    let hosts = paths(all)
        .into_iter()
        .filter(|it| takes_host(it.host, &request.host, true));
    let near = highest(hosts, |it| (!it.host.starts_with('*'), it.host.len()));
    let taken = near
        .into_iter()
        .filter(|it| takes_path(it.kind, it.path, &request.path));
    services(highest(taken, |it| {
        (it.kind == "Exact", it.path.trim_end_matches('/').len())
    }))
}

/// Traefik where it reads the annotations of ingress-nginx: the longest rule.
pub(super) fn by_length_of_rule(
    all: &[Value],
    _: &Value,
    request: &Request,
) -> Vec<Option<String>> {
    let taken = paths(all).into_iter().filter(|it| {
        takes_host(it.host, &request.host, true) && takes_path(it.kind, it.path, &request.path)
    });
    services(highest(taken, |it| {
        let mut rule = Vec::new();
        if !it.host.is_empty() {
            rule.push(format!("Host({:?})", it.host));
        }
        match (it.kind, it.path) {
            (_, "") => {}
            ("Exact", path) => rule.push(format!("Path({path:?})")),
            (_, "/") => rule.push("PathPrefix(\"/\")".to_owned()),
            (_, path) => rule.push(format!("(Path({path:?}) || PathPrefix(\"{path}/\"))")),
        }
        rule.join(" && ").len()
    }))
}

/// A match of an HTTPRoute that takes the request.
pub(super) struct Match<'a> {
    route: &'a Value,
    /// The rule's index, and how many there are.
    at: (usize, usize),
    one: &'a Value,
    /// The hostname that takes it.
    host: String,
    service: Option<String>,
}

pub(super) fn matches<'a>(all: &'a [Value], request: &Request) -> Vec<Match<'a>> {
    let port = u64::from(request.port_or_default());
    let gateway = of(all, "Gateway")[0];
    let listeners = gateway["spec"]["listeners"].as_array().expect("listeners");
    let known = listeners
        .iter()
        .find(|it| it["port"] == port || port == 80 && it["port"] == 8000);
    let section = known.expect("a listener")["name"].as_str();
    let mut found = Vec::new();
    for route in of(all, "HTTPRoute") {
        let parents = route["spec"]["parentRefs"].as_array().expect("parents");
        if !parents
            .iter()
            .any(|it| it["sectionName"].as_str() == section)
        {
            continue;
        }
        let hosts: Vec<&str> = route["spec"]["hostnames"].as_array().map_or_else(
            || vec![""],
            |it| it.iter().filter_map(Value::as_str).collect(),
        );
        let taking = hosts
            .iter()
            .filter(|it| takes_host(it, &request.host, false));
        let Some(host) = taking.max_by_key(|it| (!it.starts_with('*'), it.len())) else {
            continue;
        };
        let rules = route["spec"]["rules"].as_array().expect("rules");
        for (n, rule) in rules.iter().enumerate() {
            for one in rule["matches"].as_array().expect("matches") {
                if meets(one, request) {
                    found.push(Match {
                        route,
                        at: (n, rules.len()),
                        one,
                        host: (*host).to_owned(),
                        service: led(rule),
                    });
                }
            }
        }
    }
    found
}

/// The Service that a rule leads to, if it leads to one.
pub(super) fn led(rule: &Value) -> Option<String> {
    let refused = rule["filters"].to_string().contains("-status-");
    let service = rule["backendRefs"][0]["name"].as_str();
    service.filter(|_| !refused).map(str::to_owned)
}

pub(super) fn meets(one: &Value, request: &Request) -> bool {
    let value_meets = |it: &Value, value: Option<String>| {
        let wanted = it["value"].as_str().expect("a value");
        value.is_some_and(|value| match it["type"].as_str() {
            Some("RegularExpression") => Regex::new(wanted).expect("a regex").is_match(&value),
            _ => value == wanted,
        })
    };
    let header = |name: &str| match name.eq_ignore_ascii_case("upgrade") {
        true => request.upgrade.clone(),
        false => request
            .header(&name.to_ascii_lowercase())
            .map(|it| it.to_string()),
    };
    let path = &one["path"];
    let each = |key: &str, test: &dyn Fn(&Value) -> bool| {
        one[key].as_array().into_iter().flatten().all(test)
    };
    takes_path(
        path["type"].as_str().expect("a type"),
        path["value"].as_str().expect("a path"),
        &request.path,
    ) && one["method"].as_str().is_none_or(|it| it == request.method)
        && each("headers", &|it| {
            value_meets(it, header(it["name"].as_str().expect("a name")))
        })
        && each("queryParams", &|it| {
            let value = request.query_value(it["name"].as_str().expect("a name"));
            value_meets(it, value.map(|it| it.to_string()))
        })
}

pub(super) fn count(one: &Value, key: &str) -> usize {
    one[key].as_array().map_or(0, Vec::len)
}

pub(super) fn chosen(found: Vec<Match<'_>>) -> Vec<Option<String>> {
    match found.is_empty() {
        true => vec![None],
        false => found.into_iter().map(|it| it.service).collect(),
    }
}

/// Traefik 3.7.15: a sum, as it was seen in what it serves.
pub(super) fn by_sum(all: &[Value], _: &Value, request: &Request) -> Vec<Option<String>> {
    chosen(highest(matches(all, request), |it| {
        let (kind, path) = (
            it.one["path"]["type"].as_str(),
            it.one["path"]["value"].as_str().expect("a path"),
        );
        let path = match kind {
            Some("Exact") => 100_000,
            _ if path == "/" => 1,
            _ => 10_000 + 100 * path.len(),
        };
        let hosts = it.route["spec"]["hostnames"]
            .as_array()
            .into_iter()
            .flatten();
        let host = hosts
            .filter_map(Value::as_str)
            .map(str::len)
            .max()
            .unwrap_or_default();
        let method = if it.one["method"].is_string() {
            1000
        } else {
            0
        };
        path + host
            + method
            + 100 * count(it.one, "headers")
            + 10 * count(it.one, "queryParams")
            + it.at.1
            - it.at.0
    }))
}

/// The API's own order, where a host that is named has only the routes that name it.
pub(super) fn by_the_api(all: &[Value], _: &Value, request: &Request) -> Vec<Option<String>> {
    let known = of(all, "HTTPRoute");
    let hosts = known
        .iter()
        .flat_map(|it| it["spec"]["hostnames"].as_array().into_iter().flatten());
    let hosts = hosts
        .filter_map(Value::as_str)
        .filter(|it| takes_host(it, &request.host, false));
    let nearest = hosts
        .max_by_key(|it| (!it.starts_with('*'), it.len()))
        .unwrap_or_default();
    let found = matches(all, request)
        .into_iter()
        .filter(|it| it.host == nearest);
    chosen(highest(found, |it| {
        let (kind, path) = (
            it.one["path"]["type"].as_str(),
            it.one["path"]["value"].as_str().expect("a path"),
        );
        (
            kind == Some("Exact"),
            path.len(),
            it.one["method"].is_string(),
            count(it.one, "headers"),
            count(it.one, "queryParams"),
            Reverse(it.route["metadata"]["name"].to_string()),
            Reverse(it.at.0),
        )
    }))
}
