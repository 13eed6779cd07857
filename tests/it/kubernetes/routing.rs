//! The resources route as the contract's own router does, but for what the report says: evaluators of the resources, each with an
//! implementation's order, against it, over generated routes and requests.
//!
//! `WSGEN_SEED=n` starts elsewhere, `WSGEN_FUZZ=n` takes more specs.

use std::cmp::Reverse;
use std::fmt::Write as _;

use regex::Regex;
use serde_json::Value;
use wsgen::ir::{Feature, Gateway, Subject, uses};
use wsgen::request::{Request, Router};
use wsgen::targets::{self, Env, Layout};

use super::{compiled, objects, of, rendered};

/// Specs of a run, and requests for each of them.
const SPECS: u64 = 60;
const REQUESTS: usize = 80;

/// What a set of resources does with a request: the name of the Service, if one is asked; the second one where the order is open.
type Evaluator = fn(&[Value], &Value, &Request) -> Vec<Option<String>>;

#[derive(Default)]
struct Seen {
    specs: usize,
    passed: usize,
    told: usize,
}

/// Target, room, evaluator, and a name.
const WAYS: [(&str, &str, Evaluator); 7] = [
    ("ingress", "controller: traefik", by_number),
    ("ingress", "controller: nginx", by_host_and_length),
    ("ingress", "controller: nginx", by_length_of_rule),
    ("ingress", "controller: haproxy", by_host_and_length),
    ("gateway", "implementation: traefik", by_sum),
    ("gateway", "implementation: envoy-gateway", by_the_api),
    ("gateway", "implementation: cilium", by_the_api),
];

#[test]
fn resources_route_as_the_contract_does() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first: u64 = number("WSGEN_SEED").unwrap_or(1);
    let specs: u64 = number("WSGEN_FUZZ").unwrap_or(SPECS);
    for (at, way) in WAYS.iter().enumerate() {
        let mut seen = Seen::default();
        for seed in first..first + specs {
            if let Some(fault) = difference(seed, way, &mut seen, &|_| {}) {
                panic!("{}, {} ({at}): {fault}", way.0, way.1);
            }
        }
        let Seen {
            specs: some,
            passed,
            told,
        } = seen;
        assert!(
            some as u64 * 2 > specs && passed > told && passed as u64 > specs * 10,
            "{}, {} ({at}): too little is asked: {some} specs, {passed} requests as promised, {told} told to be otherwise",
            way.0,
            way.1
        );
    }
}

/// A change to an object.
type Change<'a> = &'a dyn Fn(&mut Value);

/// Whether the test sees anything.
#[test]
fn resources_that_are_wrong_are_found_out() {
    let reversed = |object: &mut Value| {
        let key = "traefik.ingress.kubernetes.io/router.priority";
        let number = object["metadata"]["annotations"][key].as_str();
        if let Some(number) = number.and_then(|it| it.parse::<u32>().ok()) {
            object["metadata"]["annotations"][key] = Value::from((u32::MAX - number).to_string());
        }
    };
    let elsewhere = |object: &mut Value| {
        let text = object.to_string().replace("\"Exact\"", "\"Prefix\"");
        *object = serde_json::from_str(&text).expect("JSON");
    };
    let unasked = |object: &mut Value| {
        let rules = object["spec"]["rules"].as_array_mut();
        for rule in rules.into_iter().flatten() {
            for one in rule["matches"].as_array_mut().into_iter().flatten() {
                one["headers"] = Value::Null;
            }
        }
    };
    let bugs: [(usize, Change<'_>); 5] = [
        (0, &reversed),
        (1, &elsewhere),
        (3, &elsewhere),
        (4, &unasked),
        (5, &unasked),
    ];
    for (n, bug) in bugs {
        let found =
            (1..60).any(|seed| difference(seed, &WAYS[n], &mut Seen::default(), bug).is_some());
        assert!(
            found,
            "{}, {}: resources that are wrong pass",
            WAYS[n].0, WAYS[n].1
        );
    }
}

/// The first request that the resources of a seed's spec treat otherwise than the contract and the report say.
fn difference(
    seed: u64,
    (target, room, evaluate): &(&str, &str, Evaluator),
    seen: &mut Seen,
    change: Change<'_>,
) -> Option<String> {
    let mut dice = Dice(seed);
    let text = spec(&mut dice, *target == "gateway");
    let plain = wsgen::compile::compile(
        vec![wsgen::compile::Input::new("spec.yaml", text.as_str())],
        wsgen::compile::World::EMPTY,
    );
    plain.gateway.as_ref()?;
    let compiled = compiled(&text, target, room);
    let gateway = compiled.gateway.as_ref().expect("a gateway");
    seen.specs += 1;
    let files = rendered(&text, target, room);
    let mut all = objects(&files[0].1);
    all.iter_mut().for_each(change);
    let values = files
        .get(1)
        .map_or(Value::Null, |it| serde_yaml::from_str(&it.1).expect("YAML"));
    let router = Router::new(gateway);
    for _ in 0..REQUESTS {
        let request = request(&mut dice, *target == "gateway");
        let outcome = router.outcome(&request).expect("a listener takes it");
        let wanted = match outcome.status {
            Some(_) => None,
            None => outcome
                .upstreams
                .first()
                .map(|it| format!("s-{}", gateway.upstream(it.0).name)),
        };
        let got = evaluate(&all, &values, &request);
        if got.iter().all(|it| *it == wanted) {
            seen.passed += 1;
            continue;
        }
        let route = outcome.entry.map(|it| it.route);
        if route.is_some_and(|id| is_told(gateway, target, gateway.route(id).name.as_str())) {
            seen.told += 1;
            continue;
        }
        return Some(format!(
            "WSGEN_SEED={seed}: {request:?}\n{got:?}, not {wanted:?} of {route:?}\n{text}"
        ));
    }
    None
}

/// Whether the report says that requests of a route get another answer.
fn is_told(gateway: &Gateway, target: &str, route: &str) -> bool {
    let target = targets::by_id(target).expect("the target");
    let env = Env::new(target, gateway, Layout::Full);
    let uses = uses(gateway);
    let verdicts = targets::judge(target, gateway, &uses, &env);
    verdicts.findings().iter().any(|it| {
        let on = matches!(it.used.on, Subject::Route(it) if it.name == route);
        // A multi-label name below a wildcard is told of every wildcard.
        on && (it.verdict.note().elsewhere
            || it.used.feature == Feature::HostWildcard && target.id() == "ingress")
    })
}

/// Whether a hostname of a rule takes a host: one label below a wildcard, or several.
fn takes_host(pattern: &str, host: &str, one_label: bool) -> bool {
    match pattern.strip_prefix("*.") {
        Some(zone) => host
            .strip_suffix(zone)
            .and_then(|rest| rest.strip_suffix('.'))
            .is_some_and(|label| !(label.is_empty() || one_label && label.contains('.'))),
        None => pattern.is_empty() || pattern == host,
    }
}

fn takes_path(kind: &str, pattern: &str, path: &str) -> bool {
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
struct Path<'a> {
    host: &'a str,
    kind: &'a str,
    path: &'a str,
    service: Option<String>,
    ingress: &'a Value,
}

fn paths(all: &[Value]) -> Vec<Path<'_>> {
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
fn highest<T, K: Ord>(found: impl IntoIterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<T> {
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

fn services(found: Vec<Path<'_>>) -> Vec<Option<String>> {
    match found.is_empty() {
        true => vec![None],
        false => found.into_iter().map(|it| it.service).collect(),
    }
}

/// Traefik: the highest number, on the entry points that the resource names.
fn by_number(all: &[Value], values: &Value, request: &Request) -> Vec<Option<String>> {
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
fn by_host_and_length(all: &[Value], _: &Value, request: &Request) -> Vec<Option<String>> {
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
fn by_length_of_rule(all: &[Value], _: &Value, request: &Request) -> Vec<Option<String>> {
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
struct Match<'a> {
    route: &'a Value,
    /// The rule's index, and how many there are.
    at: (usize, usize),
    one: &'a Value,
    /// The hostname that takes it.
    host: String,
    service: Option<String>,
}

fn matches<'a>(all: &'a [Value], request: &Request) -> Vec<Match<'a>> {
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
fn led(rule: &Value) -> Option<String> {
    let refused = rule["filters"].to_string().contains("-status-");
    let service = rule["backendRefs"][0]["name"].as_str();
    service.filter(|_| !refused).map(str::to_owned)
}

fn meets(one: &Value, request: &Request) -> bool {
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

fn count(one: &Value, key: &str) -> usize {
    one[key].as_array().map_or(0, Vec::len)
}

fn chosen(found: Vec<Match<'_>>) -> Vec<Option<String>> {
    match found.is_empty() {
        true => vec![None],
        false => found.into_iter().map(|it| it.service).collect(),
    }
}

/// Traefik 3.7.15: a sum, as it was seen in what it serves.
fn by_sum(all: &[Value], _: &Value, request: &Request) -> Vec<Option<String>> {
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
fn by_the_api(all: &[Value], _: &Value, request: &Request) -> Vec<Option<String>> {
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

/// The same on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

fn spec(dice: &mut Dice, conditions: bool) -> String {
    const HOSTS: [&str; 8] = [
        "",
        "host: a.example, ",
        "host: a.example, ",
        "host: [a.example, long.b.example], ",
        "host: b.example, ",
        "host: '*.example', ",
        "host: '*.b.example', ",
        "host: ['*.b.example', a.example], ",
    ];
    const PATHS: [&str; 10] = [
        "path: /",
        "path: /",
        "path: /a",
        "path: /a/b",
        "path: /a/b/long/one",
        "path: { exact: /a }",
        "path: { exact: /a/b }",
        "path: { exact: /a/quite/long/one }",
        "path: [/b, /a/c]",
        "path: [/b, { exact: /a/c }, /d]",
    ];
    const CONDITIONS: [&str; 12] = [
        "",
        "",
        "",
        "",
        ", when: { methods: [POST] }",
        ", when: { methods: [GET, POST] }",
        ", when: { upgrade: true }",
        ", when: { headers: { X-Kind: '1' } }",
        ", when: { headers: { X-Kind: { regex: 'o.e' }, X-More: '1' } }",
        ", when: { headers: { X-Kind: { present: true } } }",
        ", when: { query: { v: '1' } }",
        ", when: { listeners: [plain] }",
    ];
    const MORE: [&str; 9] = [
        ", methods: [PUT], websocket: { origins: [https://a.example] }",
        "",
        "",
        "",
        ", websocket: true",
        ", websocket: { only: true }",
        ", websocket: { origins: [https://a.example] }",
        ", websocket: { origins: [https://a.example], require_origin: true }",
        ", methods: [GET, PUT]",
    ];
    let mut text = String::from(
        "wsgen: 1\nname: s\nlisteners:\n  plain: { port: 80 }\n  other: { port: 8080 }\nupstreams:\n",
    );
    let routes = 3 + dice.below(6);
    for n in 0..routes {
        let _ = writeln!(text, "  u{n}: {{ servers: [\"10.0.0.{}:8080\"] }}", n + 1);
    }
    text.push_str("routes:\n");
    for n in 0..routes {
        let (host, path) = (dice.of(&HOSTS), dice.of(&PATHS));
        let (condition, more) = match conditions {
            true => (dice.of(&CONDITIONS), dice.of(&MORE)),
            false => (dice.of(&["", "", "", ", when: { listeners: [plain] }"]), ""),
        };
        // Names in another order than the file's.
        let name = char::from(b'z' - n as u8);
        let _ = writeln!(
            text,
            "  - {{ name: {name}, {host}{path}{condition}, upstream: u{n}{more} }}"
        );
    }
    text
}

/// A request somewhere near the routes.
fn request(dice: &mut Dice, conditions: bool) -> Request {
    const HOSTS: [&str; 6] = [
        "a.example",
        "a.example",
        "b.example",
        "long.b.example",
        "q.b.example",
        "other.test",
    ];
    const PATHS: [&str; 15] = [
        "/",
        "/a",
        "/a/",
        "/ab",
        "/a/b",
        "/a/b/",
        "/a/b/c",
        "/a/b/long/one",
        "/a/b/long/one/x",
        "/a/c",
        "/a/c/d",
        "/a/quite/long/one",
        "/b",
        "/b/x",
        "/d",
    ];
    let port = dice.of(&["", "", ":8080"]);
    let mut url = format!("http://{}{port}{}", dice.of(&HOSTS), dice.of(&PATHS));
    if !conditions {
        return Request::new("GET", false, &url).expect("a URL");
    }
    url.push_str(dice.of(&["", "", "?v=1", "?v=2"]));
    let method = dice.of(&["GET", "GET", "GET", "POST", "PUT"]);
    let mut request = Request::new(method, false, &url).expect("a URL");
    if let value @ ("1" | "one") = dice.of(&["", "", "1", "one"]) {
        request.add_header("X-Kind", value);
        request.add_header("X-More", "1");
    }
    if method == "GET" && dice.below(3) == 0 {
        request.upgrade = Some("websocket".to_owned());
    }
    if let origin @ ("https://a.example" | "https://evil.test") =
        dice.of(&["", "https://a.example", "https://evil.test"])
    {
        request.add_header("Origin", origin);
    }
    request
}
