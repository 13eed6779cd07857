//! What Cloudflare or wrangler would refuse is refused at its line; names of bindings that meet are told apart.

use wsgen::compile::{self, Input, Options, World};
use wsgen::targets;

use super::files;

/// The codes of what is wrong with a spec for Cloudflare, each with the words of its title.
fn faults(room: &str, routes: &str) -> Vec<(String, String)> {
    let text = format!(
        "wsgen: 1\nname: shop\nupstreams: {{ app: {{ servers: ['app.example.com:8080'] }} }}\nroutes: [{routes}]\ntargets: {{ worker: {{ on_loss: warn, {room} }} }}\n"
    );
    let compiled = compile::compile(vec![Input::new("spec.yaml", text)], World::EMPTY);
    assert!(compiled.gateway.is_some(), "{:#?}", compiled.report.diags);
    let target = targets::by_id("worker").expect("it is a target");
    let rendered = compile::render(&compiled, target, Options::default());
    let errors = rendered.report.diags.iter();
    errors
        .filter(|it| it.level == wsgen::diag::Level::Error)
        .map(|it| (it.code.to_string(), it.title.clone()))
        .collect()
}

const ROUTE: &str = "{ name: all, host: shop.example.com, upstream: app }";

#[track_caller]
fn refused(room: &str, code: &str) {
    let found = faults(room, ROUTE);
    assert!(
        matches!(found.as_slice(), [(one, _)] if one == code),
        "{room}: {found:?}"
    );
}

#[track_caller]
fn taken(room: &str) {
    let found = faults(room, ROUTE);
    assert!(found.is_empty(), "{room}: {found:?}");
}

#[test]
fn a_name_that_no_worker_has_is_refused() {
    for name in ["Shop", "-shop", "shop-", "my shop", "a_b", ""] {
        refused(&format!("name: '{name}'"), "worker::name");
    }
    refused(&format!("name: {}", "a".repeat(64)), "worker::name");
    taken(&format!("name: {}", "a".repeat(63)));
    taken("name: shop-2");
}

#[test]
fn a_date_that_the_runtime_does_not_know_is_refused() {
    for date in ["today", "2026-11-31", "2024-09-01", "2027-01-01"] {
        refused(&format!("compatibility_date: '{date}'"), "worker::date");
    }
    taken("compatibility_date: '2024-09-02'");
    taken("compatibility_date: '2026-11-24'");
    // The version is that of the runtime.
    taken("version: '2026.11'");
    refused("version: '2025.1'", "worker::version");
}

#[test]
fn a_host_outside_the_zone_is_refused() {
    for zone in [
        "example.org",
        "ample.com",
        "com",
        "https://example.com",
        "*.example.com",
    ] {
        refused(&format!("zone: '{zone}'"), "worker::zone");
    }
    taken("zone: example.com");
    taken("zone: shop.example.com");
}

#[test]
fn a_url_that_cannot_stand_for_servers_is_refused() {
    for url in [
        "origin.example.com",
        "wss://origin.example.com",
        "ftp://origin.example.com",
        "https://",
        "https://origin.example.com:99999",
        "https://user:word@origin.example.com",
        "https://origin.example.com/?a=1",
        "https://origin.example.com/#a",
        "https://ori gin.example.com",
        "https://192.0.2.7",
        "http://[2001:db8::1]:8080",
    ] {
        refused(&format!("upstreams: {{ app: '{url}' }}"), "worker::url");
    }
    for url in [
        "https://origin.example.com",
        "https://origin.example.com/",
        "http://origin.example.com:8080/base",
        "http://127.0.0.1:8080",
        "http://localhost:8080",
    ] {
        taken(&format!("upstreams: {{ app: '{url}' }}"));
    }
}

#[test]
fn more_routes_than_a_zone_has_are_refused() {
    let hosts = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("h{n}.example.com")).collect();
        format!(
            "{{ name: all, host: [{}], upstream: app }}",
            names.join(", ")
        )
    };
    assert_eq!(faults("", &hosts(1000)), []);
    let found = faults("", &hosts(1001));
    assert!(
        matches!(found.as_slice(), [(code, title)] if code == "worker::routes" && title.contains("1001")),
        "{found:?}"
    );
}

#[test]
fn an_upstream_that_is_not_there_has_no_url() {
    let text = "wsgen: 1\nupstreams: { app: { servers: ['app.example.com:8080'] } }\nroutes: [{ name: all, upstream: app }]\ntargets: { worker: { upstreams: { ap: 'https://origin.example.com' } } }\n";
    let compiled = compile::compile(vec![Input::new("spec.yaml", text)], World::EMPTY);
    assert!(compiled.gateway.is_none(), "{:#?}", compiled.report.diags);
}

/// The binding counts in 10 or 60 s: a route whose rate cannot be kept answers 503 to everybody.
#[test]
fn a_rate_below_one_a_minute_closes_its_route() {
    let module = |rate: &str| {
        let text = format!(
            "wsgen: 1\nupstreams: {{ app: {{ servers: ['app.example.com:8080'] }} }}\nroutes: [{{ name: all, host: example.com, upstream: app, limits: {{ requests: {{ rate: {rate} }} }} }}]\n"
        );
        super::module(&text)
    };
    assert!(module("59/h").contains("closed: true"));
    assert!(!module("60/h").contains("closed: true"));
}

/// Two limits of one binding would count together, and of two secrets one would never be there.
#[test]
fn names_of_bindings_that_meet_are_told_apart() {
    let text = "wsgen: 1
upstreams: { app: { servers: ['app.example.com:8080'] } }
routes:
  - { name: a-b, host: example.com, path: /1, upstream: app, auth: c-d, limits: { requests: { rate: 1/s } } }
  - { name: a_b, host: example.com, path: /2, upstream: app, auth: c_d, limits: { requests: { rate: 2/s } } }
  - { name: alone, host: example.com, path: /3, upstream: app, auth: own, limits: { requests: { rate: 3/s } } }
auth:
  c-d: { api_key: { keys: { file: one.txt }, from: [{ header: key }] } }
  c_d: { api_key: { keys: { file: two.txt }, from: [{ header: key }] } }
  own: { api_key: { keys: { env: LIMIT_ALONE }, from: [{ header: key }] } }
";
    let files = files(text);
    let config: String = files[1]
        .1
        .lines()
        .filter(|line| !line.starts_with("//"))
        .collect();
    let config: serde_json::Value = serde_json::from_str(&config).expect("JSON");
    let limits = config["ratelimits"].as_array().expect("a list");
    let mut names: Vec<&str> = limits
        .iter()
        .map(|it| it["name"].as_str().expect("a name"))
        .collect();
    let puts = files[1].1.lines().filter_map(|line| {
        let (_, rest) = line.split_once("wrangler secret put ")?;
        rest.split(' ').next()
    });
    names.extend(puts);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 6, "{names:?}");
    for name in names {
        assert!(files[0].1.contains(&format!("env.{name}")), "{name}");
    }
}
