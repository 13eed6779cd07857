//! The template routes as the contract's own router does: an evaluator of the template against it, over generated routes and requests.
//!
//! `WSGEN_SEED=n` starts elsewhere, `WSGEN_FUZZ=n` takes more specs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use serde_json::Value;
use wsgen::compile::Options;
use wsgen::ir::{self, Feature, Gateway, normalize};
use wsgen::request::{Request, Router};
use wsgen::targets::{self, Env, Layout};

use super::evaluator::{Asked, Done, counted, done};
use super::{compiled, rendered, template};

/// Specs of a run, and requests for each of them.
const SPECS: u64 = 150;
const REQUESTS: usize = 120;

#[test]
fn the_template_routes_as_the_contract_does() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first: u64 = number("WSGEN_SEED").unwrap_or(1);
    let specs: u64 = number("WSGEN_FUZZ").unwrap_or(SPECS);
    let mut seen = Seen::default();
    for seed in first..first + specs {
        if let Some(fault) = differences(seed, &mut seen, |_| {}) {
            panic!("{fault}");
        }
    }
    let Seen {
        specs: some,
        passed,
        sent,
        fixed,
        ..
    } = seen;
    assert!(
        some * 2 > specs && passed > 1000.min(specs * 20) && sent > specs && fixed > specs,
        "too little is asked: {some} of {specs} specs, {passed} requests passed on, {sent} sent elsewhere, {fixed} answered"
    );
}

/// A change to each rule of a template.
type Change<'a> = &'a dyn Fn(&mut Value);

/// Whether a test sees anything: templates that are wrong in one place are found out.
#[test]
fn a_template_that_is_wrong_is_found_out() {
    let rules = |template: &mut Value, change: &dyn Fn(&mut Value)| {
        let resources = template["Resources"].as_object_mut().expect("resources");
        for (_, resource) in resources {
            if resource["Type"] == "AWS::ElasticLoadBalancingV2::ListenerRule" {
                change(&mut resource["Properties"]);
            }
        }
    };
    let conditions = |field: &'static str| {
        move |rule: &mut Value| {
            let list = rule["Conditions"].as_array_mut().expect("conditions");
            if list.len() > 1 {
                list.retain(|one| one["Field"] != field);
            }
        }
    };
    let reversed = |rule: &mut Value| {
        let priority = rule["Priority"].as_u64().expect("a priority");
        rule["Priority"] = Value::from(50_000 - priority);
    };
    let open = |rule: &mut Value| {
        let text = serde_json::to_string(&rule["Conditions"]).expect("JSON");
        rule["Conditions"] = serde_json::from_str(&text.replace("/*\"", "*\"")).expect("JSON");
    };
    let unchanged = |rule: &mut Value| {
        rule["Transforms"] = Value::Null;
    };
    let mutations: [(&str, Change<'_>); 8] = [
        ("priorities", &reversed),
        ("hosts", &conditions("host-header")),
        ("headers", &conditions("http-header")),
        ("methods", &conditions("http-request-method")),
        ("clients", &conditions("source-ip")),
        ("queries", &conditions("query-string")),
        ("prefixes", &open),
        ("transforms", &unchanged),
    ];
    for (name, change) in mutations {
        let found = (1..60).any(|seed| {
            differences(seed, &mut Seen::default(), |template| {
                rules(template, change)
            })
            .is_some()
        });
        assert!(found, "a template with wrong {name} passes");
    }
}

#[derive(Default)]
struct Seen {
    specs: u64,
    passed: u64,
    sent: u64,
    fixed: u64,
    /// What the specs ask for, and get.
    features: BTreeSet<Feature>,
}

/// The templates of some generated specs.
pub(super) fn templates(specs: u64) -> Vec<String> {
    let of = |seed: u64| {
        let text = spec(&mut Dice(seed));
        let inputs = vec![wsgen::compile::Input::new("spec.yaml", text.as_str())];
        rendered_of(&wsgen::compile::compile(
            inputs,
            wsgen::compile::World::EMPTY,
        ))
        .0
    };
    (1..=specs).filter_map(of).collect()
}

/// What was asked for in specs whose templates route as the contract does.
pub(super) fn routed() -> BTreeSet<Feature> {
    let mut seen = Seen::default();
    for seed in 1..=SPECS {
        if let Some(fault) = differences(seed, &mut seen, |_| {}) {
            panic!("{fault}");
        }
    }
    seen.features
}

/// The first request that the template of a seed's spec treats otherwise than the contract says.
fn differences(seed: u64, seen: &mut Seen, change: impl Fn(&mut Value)) -> Option<String> {
    let mut dice = Dice(seed);
    let text = spec(&mut dice);
    let compiled = match wsgen::compile::compile(
        vec![wsgen::compile::Input::new("spec.yaml", text.as_str())],
        wsgen::compile::World::EMPTY,
    ) {
        fine if fine.gateway.is_some() => fine,
        _ => return None,
    };
    let (Some(file), _) = rendered(&compiled, Options::default()) else {
        // Something of it is refused: that is told, and told of elsewhere.
        return None;
    };
    seen.specs += 1;
    let gateway = compiled.gateway.as_ref().expect("a gateway");
    let mut template = template(&file);
    change(&mut template);
    let router = Router::new(gateway);
    for _ in 0..REQUESTS {
        let request = request(&mut dice);
        let wanted = wanted(gateway, &router, &request);
        let got = done(&template, &asked(&request));
        match &got {
            Done::Fixed(_) => seen.fixed += 1,
            Done::Sent(..) => seen.sent += 1,
            Done::Passed(..) => seen.passed += 1,
        }
        if got != wanted {
            return Some(format!(
                "WSGEN_SEED={seed}: {request:?}\n{got:?}, not {wanted:?}\n{text}\n{file}"
            ));
        }
    }
    let target = targets::by_id("alb").expect("it is a target");
    let uses = ir::uses(gateway);
    let env = Env::new(target, gateway, Layout::Full);
    let verdicts = targets::judge(target, gateway, &uses, &env);
    let rendered = uses
        .iter()
        .filter(|used| used.at.is_written() && verdicts.renders(used.feature, used.on, used.at));
    seen.features.extend(rendered.map(|used| used.feature));
    None
}

/// What the contract says, in the evaluator's words.
fn wanted(gateway: &Gateway, router: &Router<'_>, request: &Request) -> Done {
    let outcome = router.outcome(request).expect("a listener takes it");
    let listener = outcome
        .listener
        .map(|id| gateway.listener(id))
        .expect("a listener");
    let serves = gateway
        .routes
        .iter()
        .any(|route| gateway.serves(listener, route));
    // The one thing that the report says of all routes: such a path gets 400 in place of being resolved.
    if serves && normalize(&request.path).as_deref() != Some(request.path.as_str()) {
        return Done::Fixed(400);
    }
    if let Some(location) = outcome.location {
        let location = match location.strip_prefix('/') {
            // A `Location` is absolute here.
            Some(path) => {
                let port = request
                    .port
                    .map_or_else(String::new, |port| format!(":{port}"));
                let scheme = if request.tls { "https" } else { "http" };
                format!("{scheme}://{}{port}/{path}", request.host)
            }
            None => location,
        };
        return Done::Sent(outcome.status.expect("a status"), location);
    }
    if let Some(status) = outcome.status {
        return Done::Fixed(status);
    }
    let groups = outcome.upstreams.iter().map(|(id, weight)| {
        let name = &gateway.upstream(*id).name;
        let name = format!("{}{}TargetGroup", name[..1].to_uppercase(), &name[1..]);
        let weight = if outcome.upstreams.len() == 1 {
            1
        } else {
            *weight
        };
        (name, u64::from(weight))
    });
    Done::Passed(groups.collect(), outcome.path.expect("a path"))
}

fn asked(request: &Request) -> Asked {
    let mut headers = request.headers.clone();
    if let Some(token) = &request.upgrade {
        headers.push(("Upgrade".to_owned(), token.clone()));
    }
    Asked {
        port: request.port_or_default(),
        method: request.method.clone(),
        host: request.host.clone(),
        path: request.path.clone(),
        query: request.query.clone(),
        headers,
        client: request.client,
    }
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

fn spec(dice: &mut Dice) -> String {
    const HOSTS: [&str; 10] = [
        "",
        "",
        "host: a.example, ",
        "host: a.example, ",
        "host: [a.example, b.example], ",
        "host: [a.example, b.example, c.example, d.example], ",
        "host: '*.example', ",
        "host: '*.b.example', ",
        "host: ['*.b.example', a.example], ",
        r"host: [a.example, { regex: 'x[0-9]+\.b\.example' }], ",
    ];
    const PATHS: [&str; 14] = [
        "path: /",
        "path: /",
        "path: /a",
        "path: /a/b",
        "path: /a/",
        "path: { exact: /a }",
        "path: { exact: /a/b/ }",
        "path: { regex: '/a/[0-9]+(/x)?' }",
        "path: { regex: '/a|/b/.*' }",
        "path: [/b, /a/c]",
        "path: [/b, /a/c, { exact: /a/b }, /d, /e]",
        "path: '/p!q'",
        "path: { exact: '/a*b' }",
        "path: '/a%20b'",
    ];
    const CONDITIONS: [&str; 14] = [
        "",
        "",
        "",
        "",
        "",
        ", when: { methods: [POST, DELETE] }",
        ", when: { methods: [GET, HEAD, POST, PUT] }",
        ", when: { upgrade: true }",
        ", when: { headers: { X-Kind: '1' } }",
        ", when: { headers: { X-Kind: { regex: 'o.e' } } }",
        ", when: { headers: { X-Kind: { present: true } } }",
        ", when: { query: { v: '1' } }",
        ", when: { clients: [10.0.0.0/8, '::1'] }",
        ", when: { listeners: [plain] }",
    ];
    const MORE: [&str; 18] = [
        "",
        "",
        "",
        "",
        ", websocket: true",
        ", websocket: { only: true }",
        ", websocket: { origins: [https://a.example, https://b.example] }",
        ", websocket: { origins: [https://a.example], require_origin: true }",
        ", websocket: { origins: [https://a.example], require_origin: true, only: true }",
        ", websocket: { origins: same_host }",
        ", websocket: { only: true, origins: [same_host, https://c.example] }",
        ", websocket: { require_origin: true }",
        ", methods: [GET, PUT]",
        ", methods: [GET, PUT], websocket: { only: true, origins: [https://a.example] }",
        ", clients: { allow: [10.0.0.0/8], deny: [10.2.0.0/16] }",
        ", clients: { deny: [10.2.0.0/16, '::1', 192.0.2.0/24, 198.51.100.0/24] }",
        ", rewrite: { strip_prefix: true }",
        ", rewrite: { replace_prefix: /new }",
    ];
    let mut text = String::from(
        "wsgen: 1\nname: crowd\ntargets: { alb: { rules: 50000 } }\nlisteners:\n  web: { port: 8080 }\n  plain: { port: 80, redirect: secure }\n  \
         secure: { port: 443, tls: { certificates: [site] } }\ncertificates: { site: { hosts: [a.example], cert: /a, key: /b } }\nupstreams:\n",
    );
    let routes = 4 + dice.below(8);
    for n in 0..routes {
        let _ = writeln!(text, "  u{n}: {{ servers: [\"10.0.0.{n}:8080\"] }}");
    }
    text.push_str("routes:\n");
    for n in 0..routes {
        let (host, path) = (dice.of(&HOSTS), dice.of(&PATHS));
        let (condition, more) = (dice.of(&CONDITIONS), dice.of(&MORE));
        let action = match dice.below(12) {
            0 => format!(", respond: {{ status: {} }}", 410 + n),
            1 => ", redirect: { to: 'https://elsewhere.example/x?y=z', status: 302 }".to_owned(),
            2 => ", redirect: { host: 'b.example', status: 301 }".to_owned(),
            3 => {
                format!(", split: {{ u{n}: 90, u0: 10 }}{more}").replace("u0: 90, u0: 10", "u0: 1")
            }
            4 => ", redirect: { to: /moved, status: 302 }".to_owned(),
            5 => format!(", upstream: u{n}, rewrite: {{ path: /one }}"),
            _ => format!(", upstream: u{n}{more}"),
        };
        let _ = writeln!(
            text,
            "  - {{ name: r{n}, {host}{path}{condition}{action} }}"
        );
    }
    text
}

/// A request somewhere near the routes.
fn request(dice: &mut Dice) -> Request {
    const HOSTS: [&str; 9] = [
        "a.example",
        "a.example",
        "b.example",
        "c.example",
        "q.b.example",
        "x1.b.example",
        "w.x1.b.example",
        "example.com",
        "other.test",
    ];
    const PATHS: [&str; 26] = [
        "/", "/a", "/a/", "/ab", "/a/b", "/a/b/", "/a/b/c", "/a/17", "/a/17/x", "/a/17/y", "/A",
        "/b", "/b/x", "/%61/b", "/b/../a", "/a//b", "/p!q", "/p!q/x", "/a*b", "/axb", "/a%20b/x",
        "/a/c/d", "/a/.", "/d", "/e/f", "/a?v=1",
    ];
    let listener = dice.of(&[
        "http://HOST:8080",
        "http://HOST",
        "https://HOST",
        "https://HOST",
    ]);
    let mut url = listener.replace("HOST", dice.of(&HOSTS)) + dice.of(&PATHS);
    if !url.contains('?') {
        url.push_str(dice.of(&["", "", "?v=1", "?v=2", "?w=1&v=1", "?a", "?v"]));
    }
    let method = dice.of(&["GET", "GET", "GET", "GET", "POST", "PUT", "DELETE"]);
    let mut request = Request::new(method, false, &url).expect("a URL");
    if let value @ ("1" | "one" | "two") = dice.of(&["", "", "1", "one", "two"]) {
        request.add_header("X-Kind", value);
    }
    if method == "GET" && dice.below(3) == 0 {
        request.upgrade = Some("websocket".to_owned());
    }
    const ORIGINS: [&str; 7] = [
        "",
        "",
        "https://a.example",
        "https://b.example",
        "http://a.example:8080",
        "https://c.example",
        "https://evil.test",
    ];
    if let origin @ ("https://a.example"
    | "https://b.example"
    | "http://a.example:8080"
    | "https://c.example"
    | "https://evil.test") = dice.of(&ORIGINS)
    {
        request.add_header("Origin", origin);
    }
    const CLIENTS: [&str; 6] = [
        "10.1.2.3",
        "10.2.0.1",
        "192.0.2.1",
        "::1",
        "203.0.113.9",
        "203.0.113.9",
    ];
    request.client = dice.of(&CLIENTS).parse::<IpAddr>().ok();
    request
}

#[test]
fn the_reader_of_templates_knows_globs_and_transforms() {
    let spec = "wsgen: 1\nlisteners: { web: { port: 80 } }\nupstreams: { app: { servers: [10.0.0.1:80] } }\n\
                routes: [{ name: a, path: /api, upstream: app, rewrite: { regex: { match: '/api/([a-z]+)', to: '/v2/$1' } } }]\n";
    let compiled = compiled(spec);
    let (text, _) = rendered(&compiled, Options::default());
    let template = template(&text.expect("a template"));
    let mut request = Request::new("GET", false, "http://a.example/api/users?x=1").expect("a URL");
    let to = |path: &str| Done::Passed(vec![("AppTargetGroup".to_owned(), 1)], path.to_owned());
    assert_eq!(done(&template, &asked(&request)), to("/v2/users?x=1"));
    request.path = "/api/".to_owned();
    assert_eq!(done(&template, &asked(&request)), to("/api/?x=1"));
    request.path = "/apis".to_owned();
    assert_eq!(done(&template, &asked(&request)), Done::Fixed(404));
}

/// A rate counts just the requests of its route: what other routes take of its hosts and paths is not counted.
#[test]
fn a_rate_counts_the_requests_of_its_route() {
    let (mut some, mut yes) = (0, 0);
    for seed in 1..120 {
        let mut dice = Dice(seed);
        let text = spec(&mut dice);
        // Conditions besides host and path are counted all the same: that is in the report, and not asked for here.
        let bare = |line: &str| match (line.find(", when: {"), line.find("}")) {
            (Some(at), _) => {
                let end = at + line[at..].find(" }").map_or(0, |end| end + 2);
                format!("{}{}", &line[..at], line[end..].trim_start_matches(" }"))
            }
            (None, _) => line.to_owned(),
        };
        let limited =
            |line: String| match line.contains("name: r1,") && line.contains("upstream: u1") {
                true => line.replacen(
                    "upstream: u1",
                    "upstream: u1, limits: { requests: { rate: 5/s } }",
                    1,
                ),
                false => line,
            };
        let text: String = text
            .lines()
            .map(|line| limited(bare(line)) + "\n")
            .collect();
        let inputs = vec![wsgen::compile::Input::new("spec.yaml", text.as_str())];
        let compiled = wsgen::compile::compile(inputs, wsgen::compile::World::EMPTY);
        let (Some(gateway), (Some(file), _)) = (&compiled.gateway, rendered_of(&compiled)) else {
            continue;
        };
        let template = template(&file);
        let rule = &template["Resources"]["WebAcl"]["Properties"]["Rules"][0];
        let scope = &rule["Statement"]["RateBasedStatement"]["ScopeDownStatement"];
        if scope.is_null() {
            continue;
        }
        some += 1;
        let router = Router::new(gateway);
        for _ in 0..REQUESTS {
            let mut request = request(&mut dice);
            request.path = normalize(&request.path).unwrap_or_default();
            let outcome = router.outcome(&request).expect("a listener takes it");
            // What the redirecting listener answers is counted too, for the web ACL knows no listeners.
            if !request.tls && request.port.is_none() {
                continue;
            }
            let own = outcome
                .entry
                .is_some_and(|entry| gateway.route(entry.route).name == "r1");
            yes += u32::from(own);
            assert_eq!(
                counted(scope, &asked(&request)),
                own,
                "{request:?}\n{text}\n{scope:#}"
            );
        }
    }
    assert!(
        some > 10 && yes > 50,
        "only {some} specs and {yes} requests count"
    );
}

fn rendered_of(compiled: &wsgen::compile::Compiled) -> (Option<String>, wsgen::diag::Report) {
    match compiled.gateway {
        Some(_) => rendered(compiled, Options::default()),
        None => (None, wsgen::diag::Report::new()),
    }
}
