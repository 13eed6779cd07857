//! What AWS refuses and its linter lets pass, each as a check of the template: written from the API's model, and run over every template.

use serde_json::{Value, json};
use std::collections::BTreeSet;

use super::accepted::specs;
use super::attributes::attributes;
use super::{evidence, routing, template, text};

const POLICIES: [&str; 2] = [
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
];

/// Everything that AWS would refuse.
fn faults(template: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut priorities = BTreeSet::new();
    for (id, resource) in template["Resources"].as_object().into_iter().flatten() {
        let kind = resource["Type"].as_str().unwrap_or_default();
        let all = &resource["Properties"];
        let mut refused = |fine: bool, what: &str| {
            if !fine {
                found.push(format!("{id}: {what}"));
            }
        };
        refused(all["Name"].is_null(), "a fixed name cannot be replaced");
        match kind.rsplit("::").next() {
            Some("LoadBalancer") => attributes(&all["LoadBalancerAttributes"], &mut refused),
            Some("Listener") => {
                attributes(&all["ListenerAttributes"], &mut refused);
                let tls = all["Protocol"] == "HTTPS";
                let policy = all["SslPolicy"].as_str();
                refused(policy.is_some() == tls, "a policy goes with TLS");
                refused(
                    policy.is_none_or(|it| POLICIES.contains(&it)),
                    "no such policy",
                );
                let certificates = all["Certificates"].as_array().map_or(0, Vec::len);
                refused(
                    certificates == usize::from(tls),
                    "one certificate is the default",
                );
                actions(&all["DefaultActions"], tls, &mut refused);
            }
            Some("ListenerRule") => {
                let number = all["Priority"].as_u64().unwrap_or_default();
                refused((1..=50_000).contains(&number), "no such priority");
                let place = (all["ListenerArn"].to_string(), number);
                refused(priorities.insert(place), "the priority is taken");
                conditions(&all["Conditions"], &mut refused);
                let listener = all["ListenerArn"]["Ref"].as_str().unwrap_or_default();
                let tls = template["Resources"][listener]["Properties"]["Protocol"] == "HTTPS";
                actions(&all["Actions"], tls, &mut refused);
            }
            Some("TargetGroup") => {
                attributes(&all["TargetGroupAttributes"], &mut refused);
                group(all, &mut refused);
            }
            _ => {}
        }
    }
    found
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn conditions(all: &Value, refused: &mut impl FnMut(bool, &str)) {
    const ONCE: [&str; 4] = [
        "host-header",
        "http-request-method",
        "path-pattern",
        "source-ip",
    ];
    let (mut values, mut wildcards) = (0, 0);
    let mut seen = BTreeSet::new();
    for one in list(all) {
        let field = one["Field"].as_str().unwrap_or_default();
        refused(
            ONCE.contains(&field) || ["http-header", "query-string"].contains(&field),
            &format!("no such field: {field}"),
        );
        refused(
            !ONCE.contains(&field) || seen.insert(field),
            "a field stands once in a rule",
        );
        let config = one
            .as_object()
            .into_iter()
            .flatten()
            .find(|(key, _)| *key != "Field");
        let Some((_, config)) = config else {
            refused(false, "a condition without values");
            continue;
        };
        let name = config["HttpHeaderName"].as_str().unwrap_or_default();
        refused(
            name.len() <= 40 && !name.eq_ignore_ascii_case("host"),
            "no such header",
        );
        let regexes = list(&config["RegexValues"]);
        for regex in regexes.filter_map(Value::as_str) {
            values += 1;
            refused(regex.len() <= 128, "a regex is too long");
            let known = regex::Regex::new(regex).is_ok() && !regex.contains("\\p");
            refused(known, "the load balancer knows no such regex");
        }
        let mut own = 0;
        for value in list(&config["Values"]) {
            own += 1;
            let texts = match value.as_str() {
                Some(text) => vec![text],
                None => ["Key", "Value"]
                    .iter()
                    .filter_map(|it| value[it].as_str())
                    .collect(),
            };
            for text in texts {
                refused(
                    !text.is_empty() && text.len() <= 128,
                    "a value is too long, or empty",
                );
                let bare = text.replace("\\*", "").replace("\\?", "");
                wildcards += bare.matches(['*', '?']).count();
                if field == "host-header" {
                    let last = text.rsplit_once('.').map_or("", |it| it.1);
                    let letters = last.bytes().all(|b| b.is_ascii_alphabetic());
                    refused(
                        !last.is_empty() && letters,
                        "a host has a dot, and ends in letters",
                    );
                }
                if field == "path-pattern" {
                    let fine = |b: u8| b.is_ascii_alphanumeric() || b"_-.$/~\"'@:+&*?".contains(&b);
                    refused(text.bytes().all(fine), "no character of a path");
                }
                if field == "http-request-method" {
                    let fine = |b: u8| b.is_ascii_uppercase() || b"_-".contains(&b);
                    refused(text.len() <= 40 && text.bytes().all(fine), "no method");
                }
            }
        }
        values += own;
        refused(
            (1..=3).contains(&(own + list(&config["RegexValues"]).count())),
            "values of a condition",
        );
    }
    refused((1..=5).contains(&values), "values of a rule");
    refused(wildcards <= 5, "wildcards of a rule");
}

fn actions(all: &Value, tls: bool, refused: &mut impl FnMut(bool, &str)) {
    let count = list(all).count();
    for (n, one) in list(all).enumerate() {
        let last = n + 1 == count;
        refused(
            count == 1 || one["Order"] == json!(n + 1),
            "two actions have an order",
        );
        match one["Type"].as_str().unwrap_or_default() {
            "forward" => {
                let groups = list(&one["ForwardConfig"]["TargetGroups"]).count();
                refused(groups <= 5 && last, "target groups of an action");
                for group in list(&one["ForwardConfig"]["TargetGroups"]) {
                    refused(
                        group["Weight"].as_u64().is_some_and(|it| it <= 999),
                        "no weight",
                    );
                }
                let sticky =
                    &one["ForwardConfig"]["TargetGroupStickinessConfig"]["DurationSeconds"];
                let fine = sticky.as_u64().is_none_or(|it| (1..=604_800).contains(&it));
                refused(fine, "no such time");
            }
            "redirect" => {
                let config = &one["RedirectConfig"];
                let status = config["StatusCode"].as_str().unwrap_or_default();
                refused(
                    last && ["HTTP_301", "HTTP_302"].contains(&status),
                    "no such redirect",
                );
                refused(
                    !tls || config["Protocol"] != "HTTP",
                    "from TLS to plain text",
                );
                for part in ["Host", "Path", "Query"] {
                    refused(
                        config[part].as_str().is_none_or(|it| it.len() <= 128),
                        "a part is too long",
                    );
                }
                let path = config["Path"].as_str().unwrap_or("/");
                refused(path.starts_with('/'), "a path starts with a slash");
            }
            "fixed-response" => {
                let config = &one["FixedResponseConfig"];
                let status = config["StatusCode"].as_str().unwrap_or_default();
                refused(
                    last && status.len() == 3 && status.starts_with(['2', '4', '5']),
                    "no such status",
                );
                let body = config["MessageBody"].as_str().unwrap_or_default();
                refused(body.chars().count() <= 1024, "the body is too long");
                let known = [
                    "text/plain",
                    "text/css",
                    "text/html",
                    "application/javascript",
                    "application/json",
                ];
                let kind = config["ContentType"].as_str();
                refused(
                    kind.is_none_or(|it| known.contains(&it)),
                    "no such content type",
                );
            }
            "jwt-validation" => refused(
                tls && !last,
                "a token is verified on TLS, before another action",
            ),
            other => refused(false, &format!("no such action: {other}")),
        }
    }
    refused(count > 0, "no action");
}

fn group(all: &Value, refused: &mut impl FnMut(bool, &str)) {
    let number = |key: &str| all[key].as_u64().unwrap_or_default();
    let (interval, timeout) = (
        number("HealthCheckIntervalSeconds"),
        number("HealthCheckTimeoutSeconds"),
    );
    refused((5..=300).contains(&interval), "no such interval");
    refused(
        (2..=120).contains(&timeout) && timeout < interval,
        "the timeout is within the interval",
    );
    for key in ["HealthyThresholdCount", "UnhealthyThresholdCount"] {
        refused((2..=10).contains(&number(key)), "no such threshold");
    }
    let path = all["HealthCheckPath"].as_str().unwrap_or_default();
    refused(
        path.starts_with('/') && path.len() <= 1024,
        "no such health path",
    );
    refused(
        ["HTTP", "HTTPS"].contains(&all["HealthCheckProtocol"].as_str().unwrap_or_default()),
        "no such check",
    );
    refused(
        ["HTTP1", "HTTP2"].contains(&all["ProtocolVersion"].as_str().unwrap_or_default()),
        "no such version",
    );
    let codes = all["Matcher"]["HttpCode"].as_str().unwrap_or_default();
    let code = |text: &str| {
        text.parse::<u64>()
            .is_ok_and(|it| (200..=499).contains(&it))
    };
    refused(
        codes.split([',', '-']).all(code),
        "such a status cannot be expected",
    );
    for target in list(&all["Targets"]) {
        let id = &target["Id"];
        let inside = |text: &str| {
            text.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| {
                ip.is_private() || (ip.octets()[0] == 100 && ip.octets()[1] & 0xC0 == 64)
            })
        };
        refused(
            id["Ref"].is_string() || id.as_str().is_some_and(inside),
            "no address of a VPC",
        );
    }
}

#[test]
fn no_template_has_what_aws_refuses() {
    let mut count = 0;
    let mut lawful = |name: &str, text: &str| {
        count += 1;
        let found = faults(&template(text));
        assert!(found.is_empty(), "{name}: {found:#?}\n{text}");
    };
    for (name, spec) in specs() {
        lawful(&name, &text(&spec));
    }
    for (name, text) in evidence::pairs() {
        lawful(&name, &text);
    }
    for text in routing::templates(300) {
        lawful("generated", &text);
    }
    assert!(count > 200, "only {count} templates");
}

/// Whether the law is one: each trap of the linter is seen.
#[test]
fn what_the_linter_lets_pass_is_seen() {
    const SPEC: &str = "wsgen: 1\nlisteners: { web: { port: 80 }, secure: { port: 443, tls: { certificates: [c] } } }\n\
        certificates: { c: { hosts: [a.example], cert: /a, key: /b } }\n\
        upstreams: { app: { servers: [10.0.0.1:80], stickiness: { cookie: { name: n, ttl: 1h } }, slow_start: 60s }, other: { servers: [10.0.0.2:80] } }\n\
        routes:\n  - { name: a, host: a.example, path: /a, split: { app: 1, other: 6 } }\n  - { name: b, path: /b, respond: { body: x } }\n\
        targets: { alb: { on_loss: warn } }\n";
    let good = text(SPEC);
    assert_eq!(faults(&template(&good)), [""; 0]);
    let long = format!("[/{}]", "x".repeat(128));
    for (from, to) in [
        ("idle_timeout.timeout_seconds", "idle_timeout.seconds"),
        (
            "timeout_seconds, Value: \"60\"",
            "timeout_seconds, Value: \"4001\"",
        ),
        (
            "duration_seconds, Value: \"3600\"",
            "duration_seconds, Value: \"604801\"",
        ),
        ("Value: round_robin", "Value: least_conn"),
        ("Value: round_robin", "Value: weighted_random"),
        ("Weight: 6", "Weight: 1000"),
        ("Weight: 6", "Weight: \"6\""),
        ("HttpCode: \"200-499\"", "HttpCode: \"101\""),
        ("HttpCode: \"200-499\"", "HttpCode: \"200-599\""),
        (
            "HealthCheckTimeoutSeconds: 6",
            "HealthCheckTimeoutSeconds: 30",
        ),
        (
            "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
            "ELBSecurityPolicy-2016",
        ),
        ("Field: host-header", "Field: host"),
        ("[\"/a\", \"/a/*\"]", long.as_str()),
        ("[\"/a\", \"/a/*\"]", "[\"/a*?*?*?\"]"),
        ("[\"/a\", \"/a/*\"]", "[\"/a\", \"/b\", \"/c\", \"/d\"]"),
        ("Id: \"10.0.0.1\"", "Id: \"app.internal\""),
        ("Id: \"10.0.0.1\"", "Id: \"8.8.8.8\""),
        ("[a.example]}", "[localhost]}"),
        ("text/plain", "application/xml"),
        ("HealthCheckPath: \"/\"", "HealthCheckPath: health"),
        ("ProtocolVersion: HTTP1", "ProtocolVersion: HTTP3"),
        ("Priority: ", "Priority: 1 # "),
        ("TargetType: ip", "Name: fixed"),
        ("Type: forward", "Type: authenticate-oidc"),
    ] {
        let wrong = good.replace(from, to);
        assert_ne!(wrong, good, "`{from}` is not there:\n{good}");
        assert!(!faults(&template(&wrong)).is_empty(), "`{to}` is not seen");
    }
}
