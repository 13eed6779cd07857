//! Logical ids and priorities stay: what comes or goes beside a thing does not rename or move it, so that a change set holds what
//! changed and nothing else, and no rule needs a number that another one still has.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{template, text};

fn spec(routes: &[&str], upstreams: &[&str]) -> String {
    format!(
        "wsgen: 1\nlisteners: {{ plain: {{ port: 80, redirect: secure }}, secure: {{ port: 443, tls: {{ certificates: [site] }} }} }}\n\
         certificates: {{ site: {{ hosts: [a.example], cert: /a, key: /b }} }}\nupstreams:\n{}routes:\n{}",
        upstreams
            .iter()
            .map(|it| format!("  {it}\n"))
            .collect::<String>(),
        routes
            .iter()
            .map(|it| format!("  - {{ {it} }}\n"))
            .collect::<String>()
    )
}

/// Every resource by id.
fn resources(spec: &str) -> BTreeMap<String, Value> {
    let template = template(&text(spec));
    let resources = template["Resources"].as_object().expect("resources");
    resources
        .iter()
        .map(|(id, it)| (id.clone(), it.clone()))
        .collect()
}

const ROUTES: [&str; 5] = [
    "name: socket, host: a.example, path: /ws, upstream: app, websocket: { origins: [https://a.example], only: true }",
    "name: old-docs, host: [a.example, b.example, c.example, d.example], path: [/docs, /more, { exact: /x }], upstream: app",
    "name: old_docs, host: a.example, path: /under, upstream: app, methods: [GET, PUT]",
    "name: inner, host: [a.example, b.example], path: /inner, upstream: other, websocket: { origins: same_host }",
    "name: site, upstream: app, clients: { deny: [10.0.0.0/8, 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24] }",
];
const UPSTREAMS: [&str; 2] = [
    "app: { servers: [10.0.0.1:80, app.internal:80] }",
    "other: { servers: [10.0.0.2:80] }",
];

#[test]
fn a_route_that_comes_renames_and_changes_no_other() {
    let before = resources(&spec(&ROUTES, &UPSTREAMS));
    for at in 0..=ROUTES.len() {
        for more in [
            "name: added, host: a.example, path: /docs/new, upstream: other",
            "name: added, host: z.example, path: /z, upstream: other, websocket: { only: true }",
            "name: added, path: { exact: /ws }, upstream: other, when: { methods: [POST] }",
        ] {
            let mut routes = ROUTES.to_vec();
            routes.insert(at, more);
            let after = resources(&spec(&routes, &UPSTREAMS));
            for (id, resource) in &before {
                assert_eq!(after.get(id), Some(resource), "{id}, with `{more}` at {at}");
            }
            let new: Vec<&String> = after
                .keys()
                .filter(|id| !before.contains_key(*id))
                .collect();
            assert!(
                !new.is_empty() && new.iter().all(|id| id.starts_with("Added")),
                "{new:?}"
            );
        }
    }
}

#[test]
fn an_upstream_that_comes_renames_no_other() {
    let before = resources(&spec(&ROUTES, &UPSTREAMS));
    let more = [
        "first: { servers: [10.0.0.9:80] }",
        UPSTREAMS[0],
        UPSTREAMS[1],
    ];
    let after = resources(&spec(&ROUTES, &more));
    for (id, resource) in &before {
        assert_eq!(after.get(id), Some(resource), "{id}");
    }
}

#[test]
fn names_that_look_alike_have_ids_of_their_own() {
    let routes = [
        "name: a-b, path: /1, upstream: a-b",
        "name: a_b, path: /2, upstream: a_b",
        "name: aB, path: /3, upstream: aB",
    ];
    let upstreams = [
        "a-b: { servers: [\"x-y.z:80\"] }",
        "a_b: { servers: [\"x.y-z:80\"] }",
        "aB: { servers: [\"x.y.z:80\"] }",
    ];
    let template = template(&text(&spec(&routes, &upstreams)));
    let of = |kind: &str| {
        let resources = template["Resources"].as_object().expect("resources");
        resources
            .values()
            .filter(|it| it["Type"].as_str().is_some_and(|it| it.ends_with(kind)))
            .count()
    };
    assert_eq!((of("TargetGroup"), of("ListenerRule")), (3, 4));
    let parameters = template["Parameters"].as_object().expect("parameters");
    assert_eq!(
        parameters
            .keys()
            .filter(|name| name.contains("Address"))
            .count(),
        3
    );
}

/// Routes as a service has them: many hosts, pages and prefixes, some with guards.
fn crowd() -> Vec<String> {
    const HOSTS: [&str; 5] = [
        "host: a.example, ",
        "host: b.example, ",
        "host: '*.c.example', ",
        "host: [d.example, e.example], ",
        "",
    ];
    const PATHS: [&str; 7] = [
        "/api",
        "/ws",
        "/docs/api",
        "/",
        "{ exact: /login }",
        "/static/",
        "[/old, /older]",
    ];
    const MORE: [&str; 3] = ["", ", websocket: { only: true }", ", methods: [GET]"];
    let mut list = Vec::new();
    for (h, host) in HOSTS.iter().enumerate() {
        for (p, path) in PATHS.iter().enumerate() {
            let more = MORE[(h + p) % 3];
            list.push(format!(
                "name: r{h}x{p}, {host}path: {path}, upstream: app{more}"
            ));
        }
    }
    list
}

#[test]
fn a_route_that_comes_or_goes_moves_hardly_any_other() {
    let all = crowd();
    let routes: Vec<&str> = all.iter().map(String::as_str).collect();
    let more = "\ntargets: { alb: { rules: 1000 } }\n";
    let whole = resources(&(spec(&routes, &UPSTREAMS) + more));
    let mut moved = 0;
    for at in 0..routes.len() {
        let mut fewer = routes.clone();
        fewer.remove(at);
        let before = resources(&(spec(&fewer, &UPSTREAMS) + more));
        moved += before
            .iter()
            .filter(|(id, it)| whole.get(*id) != Some(it))
            .count();
    }
    // Numbers that two hosts and paths share by chance: one in a thousand.
    let possible = routes.len() * whole.len();
    assert!(moved * 1000 <= possible, "{moved} of {possible} move");
}

#[test]
fn a_guard_is_there_before_what_it_guards() {
    let resources = resources(&spec(&ROUTES, &UPSTREAMS));
    let mut depends = 0;
    for (id, rule) in &resources {
        let Some(before) = rule["DependsOn"].as_str() else {
            continue;
        };
        depends += 1;
        let number = |rule: &Value| rule["Properties"]["Priority"].as_u64();
        assert!(number(&resources[before]) < number(rule), "{id}");
    }
    let guard = resources["SocketSecureRuleOrigins"]["DependsOn"].clone();
    assert!(depends > 4 && guard.is_null(), "{depends} {guard}");
    let foreign = &resources["SocketSecureRuleForeign"];
    assert_eq!(foreign["DependsOn"], "SocketSecureRuleOrigins");
}
