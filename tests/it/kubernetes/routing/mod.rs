//! The resources route as the contract's own router does, but for what the report says: evaluators of the resources, each with an
//! implementation's order, against it, over generated routes and requests.
//!
//! `WSGEN_SEED=n` starts elsewhere, `WSGEN_FUZZ=n` takes more specs.

mod evaluators;

use std::fmt::Write as _;

use serde_json::Value;
use wsgen::ir::{Feature, Gateway, Subject, uses};
use wsgen::request::{Request, Router};
use wsgen::targets::{self, Env, Layout};

use super::{compiled, objects, rendered};

use evaluators::{by_host_and_length, by_length_of_rule, by_number, by_sum, by_the_api};

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
