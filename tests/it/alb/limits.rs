//! What AWS would refuse at deployment is refused here, at the line of the spec, with the limit.

use std::fmt::Write as _;

use super::{errors, shown, text};
use crate::bless::{fresh, root};

const HEAD: &str = "wsgen: 1\nupstreams: { app: { servers: [10.0.0.1:80] } }\n";

fn many(routes: usize) -> String {
    let mut spec = format!("{HEAD}routes:\n");
    for n in 0..routes {
        let _ = writeln!(
            spec,
            "  - {{ name: r{n}, host: a.example, path: /p{n}, upstream: app }}"
        );
    }
    spec
}

#[test]
fn the_rule_budget_is_a_count_and_the_routes_that_break_it() {
    let spec = many(120);
    let said = shown(&spec);
    assert!(
        said.contains("the load balancer would have 121 rules, and 100 are allowed"),
        "{said}"
    );
    assert!(
        said.contains("route `r99` needs 1 rule: from here on they do not fit"),
        "{said}"
    );
    assert!(
        said.contains("route `r100`: 1 rule")
            && said.contains("21 of 120 routes do not fit: r99, r100, r101")
            && said.contains("r118, r119"),
        "{said}"
    );
    assert_eq!(errors(&spec), ["alb::rules"]);
    let snapshot = root().join("tests/it/alb/rules.txt");
    fresh(&snapshot, &said).unwrap_or_else(|why| panic!("{why}"));
    // Where rules can be saved.
    let sockets = spec.replace(
        "/p7, upstream: app",
        "/p7, upstream: app, websocket: { only: true, origins: ['https://a.example'] }",
    );
    assert!(
        shown(&sockets).contains("routes with the most rules: r7 (4)"),
        "{}",
        shown(&sockets)
    );
    // 99 routes and the rule of the listener itself.
    assert_eq!(errors(&many(99)), [""; 0]);
    assert_eq!(errors(&many(100)), ["alb::rules"]);
    // A quota that AWS raised.
    assert_eq!(
        errors(&format!("{spec}targets: {{ alb: {{ rules: 121 }} }}\n")),
        [""; 0]
    );
    let warned = format!("{spec}targets: {{ alb: {{ on_loss: warn }} }}\n");
    assert_eq!(
        errors(&warned),
        ["alb::rules"],
        "a refusal of AWS is an error all the same"
    );
}

#[test]
fn no_rule_has_more_values_than_aws_takes() {
    let spec = format!(
        "{HEAD}routes:\n  - {{ name: a, host: [a.example, b.example, c.example, d.example], path: [/a, /b, /c], methods: [GET, PUT, POST, DELETE], upstream: app, \
         clients: {{ allow: [10.0.0.0/8, 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24] }}, websocket: {{ only: true }} }}\ntargets: {{ alb: {{ rules: 1000 }} }}\n"
    );
    let template = super::template(&text(&spec));
    let mut most = 0;
    for resource in template["Resources"]
        .as_object()
        .expect("resources")
        .values()
    {
        let Some(conditions) = resource["Properties"]["Conditions"].as_array() else {
            continue;
        };
        let mut values = 0;
        for condition in conditions {
            let config = condition
                .as_object()
                .expect("a map")
                .values()
                .find_map(|it| it.as_object());
            let config = config.expect("a config");
            let list = config
                .get("Values")
                .or(config.get("RegexValues"))
                .and_then(|it| it.as_array());
            let count = list.expect("values").len();
            assert!((1..=3).contains(&count), "{condition}");
            values += count;
        }
        most = most.max(values);
        assert!(values <= 5, "{resource}");
    }
    assert_eq!(most, 5);
    let greedy = format!(
        "{HEAD}routes:\n  - {{ name: a, host: a.example, path: /a, upstream: app, when: {{ methods: [GET], upgrade: true, headers: {{ X-A: '1', X-B: '2' }} }} }}\n"
    );
    assert_eq!(errors(&greedy), ["alb::conditions"]);
    assert!(
        shown(&greedy).contains("asks for 6 things at once, and a rule compares 5"),
        "{}",
        shown(&greedy)
    );
}

/// Specs, each with the one error that it meets.
#[test]
fn each_limit_is_told() {
    let route = |more: &str| format!("{HEAD}routes:\n  - {{ name: a, {more} }}\n");
    let listener = |more: &str| {
        format!(
            "{HEAD}listeners: {{ web: {{ port: 80, {more} }} }}\nroutes: [{{ name: a, upstream: app }}]\n"
        )
    };
    let upstream = |more: &str| {
        format!(
            "wsgen: 1\nupstreams: {{ app: {{ {more} }} }}\nroutes: [{{ name: a, upstream: app }}]\n"
        )
    };
    let room = |more: &str| {
        format!("{HEAD}routes: [{{ name: a, upstream: app }}]\ntargets: {{ alb: {{ {more} }} }}\n")
    };
    let long = "x".repeat(129);
    for (spec, code) in [
        (route("host: localhost, upstream: app"), "alb::host.exact"),
        (route("host: 10.0.0.1, upstream: app"), "alb::host.exact"),
        (
            route("host: '*.xn--p1ai', upstream: app"),
            "alb::host.wildcard",
        ),
        (
            route(&format!(
                "host: {{ regex: '{}.a' }}, upstream: app",
                "[a-z]".repeat(26)
            )),
            "alb::host.regex",
        ),
        (
            route(&format!("path: /{long}, upstream: app")),
            "alb::path.prefix",
        ),
        (
            route(&format!("path: {{ exact: /{long} }}, upstream: app")),
            "alb::path.exact",
        ),
        (
            route("upstream: app, when: { headers: { X-A: { present: false } } }"),
            "alb::when.headers",
        ),
        (
            route(&format!(
                "upstream: app, when: {{ headers: {{ X-A: {long} }} }}"
            )),
            "alb::when.headers",
        ),
        (
            route("upstream: app, when: { query: { a: { regex: 'x+' } } }"),
            "alb::when.query",
        ),
        (
            route("upstream: app, when: { upgrade: false }"),
            "alb::when.upgrade",
        ),
        (
            route("upstream: app, websocket: { max_message: 1MiB }"),
            "alb::websocket.max_message",
        ),
        (
            route("upstream: app, websocket: { origins: same_host }"),
            "alb::origins",
        ),
        (route("respond: { status: 304 }"), "alb::respond"),
        (
            route(&format!("respond: {{ body: {} }}", "y".repeat(1025))),
            "alb::respond",
        ),
        (
            route(&format!("redirect: {{ to: 'https://a.example/{long}' }}")),
            "alb::redirect",
        ),
        (
            route("redirect: { to: 'https://a.example/#top' }"),
            "alb::redirect",
        ),
        (route("redirect: { scheme: http }"), "alb::redirect"),
        (
            route("upstream: app, rewrite: { path: '/a$1' }"),
            "alb::rewrite.path",
        ),
        (
            route("upstream: app, limits: { body: 1MiB }"),
            "alb::limit.body",
        ),
        (
            route("upstream: app, limits: { requests: { rate: 1/h } }"),
            "alb::limit.requests",
        ),
        (
            route("upstream: app, limits: { connections: { max: 2 } }"),
            "alb::limit.connections",
        ),
        (
            listener("http3: true, tls: { certificates: [c] } }, x: { port: 82").replace(
                "routes:",
                "certificates: { c: { hosts: [a.example], cert: /a, key: /b } }\nroutes:",
            ),
            "alb::listener.http3",
        ),
        (
            listener("proxy_protocol: true"),
            "alb::listener.proxy_protocol",
        ),
        (
            listener("unknown_host: close"),
            "alb::listener.unknown_host",
        ),
        (upstream("servers: [127.0.0.1:80]"), "alb::upstream.servers"),
        (upstream("servers: [8.8.8.8:80]"), "alb::upstream.servers"),
        (
            upstream("servers: ['[fd00::1]:80']"),
            "alb::upstream.servers",
        ),
        (
            upstream("servers: ['unix:/run/a.sock']"),
            "alb::upstream.servers",
        ),
        (
            upstream("servers: [10.0.0.1:80], tls: { server_name: a }"),
            "alb::upstream.tls",
        ),
        (
            upstream("servers: [10.0.0.1:80, 10.0.0.2:80], balance: { hash: { source: true } }"),
            "alb::balance.hash",
        ),
        (
            upstream("servers: [10.0.0.1:80], balance: random, slow_start: 60s"),
            "alb::upstream.slow_start",
        ),
        (
            upstream(
                "servers: [10.0.0.1:80], stickiness: { app_cookie: { name: AWSALBX, ttl: 1h } }",
            ),
            "alb::stickiness.app_cookie",
        ),
        (
            upstream(&format!(
                "servers: [{}]",
                (1..=6)
                    .map(|n| format!("{{ address: '10.0.0.{n}:80', weight: {n} }}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
            "alb::upstream.weights",
        ),
        (room("subnets: [subnet-0a1b2c3d]"), "alb::subnets"),
        (room("vpc: prod"), "alb::id"),
        (room("subnets: [subnet-0a1b2c3d, a]"), "alb::id"),
        (
            room("subnets: [subnet-0a1b2c3d, subnet-0a1b2c3d]"),
            "alb::subnets",
        ),
        (room("version: '3.0'"), "alb::version"),
        (
            upstream(&format!(
                "servers: [{}]",
                (1..=199)
                    .map(|n| format!("'s{n}.internal:80'"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
            "alb::parameters",
        ),
        (room("log_bucket: Logs"), "alb::bucket"),
        (room("upstreams: { app: my-group }"), "alb::arn"),
        (room("trust_store: 'arn:aws:acm:x'"), "alb::arn"),
    ] {
        let mut found = errors(&spec);
        found.dedup();
        assert_eq!(found, [code], "{spec}\n{}", shown(&spec));
    }
}

#[test]
fn what_is_outside_a_range_gets_the_nearest_and_is_told() {
    for (spec, says, line) in [
        (
            "timeouts: { response: 2h }",
            "closed after 4000 s: the longest idle timeout",
            "Key: idle_timeout.timeout_seconds, Value: \"4000\"",
        ),
        (
            "timeouts: { response: 90s }, websocket: { idle: 2m }",
            "closed after 120 s without a byte",
            "Key: idle_timeout.timeout_seconds, Value: \"120\"",
        ),
    ] {
        let spec = format!("{HEAD}routes: [{{ name: a, upstream: app, {spec} }}]\n");
        let (said, text) = (shown(&spec), text(&spec));
        assert!(said.contains(says) && text.contains(line), "{said}\n{text}");
    }
    for (upstream, says, line) in [
        (
            "health: { http: { path: /h }, interval: 2s, timeout: 1s, rise: 1, fall: 1 }",
            "every 5 s, at most 2 s each, up after 2, down after 2",
            "HealthCheckIntervalSeconds: 5",
        ),
        (
            "health: { http: { path: /h, status: [101, 200-599] }, interval: 10s, timeout: 5s }",
            "200-499 counts",
            "Matcher: {HttpCode: \"200-499\"}",
        ),
        (
            "health: { websocket: { path: /ws }, interval: 10s, timeout: 5s }",
            "101 cannot be expected",
            "HealthCheckPath: \"/ws\"",
        ),
        (
            "stickiness: { cookie: { name: n, ttl: 365d } }",
            "browsers keep the cookie for 604800 s",
            "duration_seconds, Value: \"604800\"",
        ),
        (
            "slow_start: 5s",
            "grows for 30 s",
            "slow_start.duration_seconds, Value: \"30\"",
        ),
    ] {
        let spec = format!(
            "wsgen: 1\nupstreams: {{ app: {{ servers: [10.0.0.1:80], {upstream} }} }}\nroutes: [{{ name: a, upstream: app }}]\ntargets: {{ alb: {{ on_loss: warn }} }}\n"
        );
        let (said, text) = (shown(&spec), text(&spec));
        assert!(said.contains(says) && text.contains(line), "{said}\n{text}");
    }
}

/// What the language shows is taken: ids that stand for others are the defaults of parameters.
#[test]
fn placeholders_are_told_and_taken() {
    let room = |more: &str| {
        format!(
            "{HEAD}listeners: {{ web: {{ port: 443, tls: {{ certificates: [site] }} }} }}\ncertificates: {{ site: {{ hosts: [a.example], cert: /a, key: /b }} }}\n\
             routes: [{{ name: a, upstream: app }}]\ntargets: {{ alb: {{ {more} }} }}\n"
        )
    };
    let spec =
        room("vpc: vpc-1, subnets: [subnet-a, subnet-b], certificates: { site: arn:aws:acm:… }");
    let (said, text) = (shown(&spec), text(&spec));
    for (what, default) in [
        ("AWS knows no id such as `vpc-1`", "Default: vpc-1"),
        (
            "AWS knows no id such as `subnet-b`",
            "Default: \"subnet-a,subnet-b\"",
        ),
        (
            "`arn:aws:acm:…` is no whole ARN",
            "Default: \"arn:aws:acm:…\"",
        ),
    ] {
        assert!(said.contains(what), "{said}");
        assert!(text.contains(default), "{text}");
    }
    let spec = room(
        "vpc: vpc-0a1b2c3d, subnets: [subnet-0a1b2c3d, subnet-0a1b2c3d4e5f67890], certificates: { site: 'arn:aws-cn:acm:cn-north-1:123456789012:certificate/1-2' }",
    );
    assert!(!shown(&spec).contains("AWS knows no") && !shown(&spec).contains("whole ARN"));
}

/// Whatever the number of routes, a route is looked at a fixed number of times.
#[test]
fn ten_thousand_routes_take_little_time() {
    let spec = many(10_000) + "targets: { alb: { rules: 50000 } }\n";
    let begin = std::time::Instant::now();
    assert_eq!(errors(&spec), ["alb::resources"]);
    let took = begin.elapsed();
    assert!(took.as_secs() < 20, "{took:?}");
}

/// A limit of the last route leaves out what all the others take.
#[test]
fn a_web_acl_that_costs_too_much_is_told() {
    let limited = |count: usize| {
        many(count)
            + "  - { name: all, host: a.example, upstream: app, limits: { requests: { rate: 5/s } } }\ntargets: { alb: { rules: 1000 } }\n"
    };
    let said = shown(&limited(300));
    // Host and path of each of them cost seven.
    assert!(
        said.contains("the web ACL may need 2115 capacity units"),
        "{said}"
    );
    assert!(!shown(&limited(90)).contains("capacity"));
}
