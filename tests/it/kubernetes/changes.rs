//! Changes on the way: Traefik as a controller is told the same as Traefik alone, and HAProxy's controller all of a route's prefixes.

use super::rendered;

const TRAEFIK: [(&str, &str); 2] = [
    ("ingress", "controller: traefik"),
    ("gateway", "implementation: traefik"),
];

fn all(spec: &str, target: &str, room: &str) -> String {
    let files = rendered(spec, target, room);
    let texts: Vec<String> = files.into_iter().map(|(_, text)| text).collect();
    texts.join("\n")
}

fn spec(route: &str) -> String {
    format!(
        "wsgen: 1\nname: shop\nlisteners: {{ plain: {{ port: 80 }} }}\n\
         upstreams: {{ app: {{ servers: [10.0.0.1:80, 10.0.0.2:80] }} }}\n\
         routes: [{{ name: all, host: example.com, upstream: app, {route} }}]\n"
    )
}

#[test]
fn a_header_that_traefik_sets_is_there_already() {
    let spec = spec("request_headers: { set_if_absent: { X-Real-Ip: mine, X-Other: theirs } }");
    for (target, room) in TRAEFIK {
        let text = all(&spec, target, room);
        assert!(!text.contains("mine"), "{target}:\n{text}");
        assert!(text.contains("theirs"), "{target}:\n{text}");
    }
}

#[test]
fn any_origin_with_credentials_is_named_back() {
    for (target, room) in TRAEFIK {
        let text = all(
            &spec("cors: { origins: any, credentials: on }"),
            target,
            room,
        );
        assert!(
            text.contains("accessControlAllowOriginListRegex"),
            "{target}:\n{text}"
        );
        let text = all(&spec("cors: { origins: any }"), target, room);
        assert!(
            !text.contains("accessControlAllowOriginListRegex"),
            "{target}:\n{text}"
        );
    }
}

#[test]
fn traefik_is_told_the_same_numbers() {
    let plain = all(&spec("path: /"), "traefik", "version: \"3.7\"");
    for (target, room) in TRAEFIK {
        let text = all(&spec("path: /"), target, room);
        for (alone, here) in [
            ("attempts: 4", "attempts: 4"),
            ("maxHeaderBytes: 28672", "maxHeaderBytes=28672"),
        ] {
            assert!(plain.contains(alone), "{alone}:\n{plain}");
            assert!(text.contains(here), "{target}, {here}:\n{text}");
        }
    }
}

#[test]
fn haproxys_controller_takes_every_prefix_or_tells() {
    let haproxy = |route: &str| all(&spec(route), "ingress", "controller: haproxy");
    for (route, rule) in [
        (
            "path: [/a, /a/b.c], rewrite: { strip_prefix: on }",
            r"^(?:/a/b\.c|/a)(?:/+(.*))?$ /\1",
        ),
        (
            "path: [/a, /b], rewrite: { replace_prefix: /new }",
            r"^(?:/a|/b)(/.*)?$ /new\1",
        ),
        ("path: /a, rewrite: { path: /50%25 }", "^.*$ /50%%25"),
    ] {
        let text = haproxy(route);
        let found = text.lines().find(|line| line.contains("path-rewrite"));
        let found = found.map(|line| line.replace("\\\\", "\\"));
        assert!(
            found.as_ref().is_some_and(|line| line.contains(rule)),
            "{rule}: {found:?}\n{text}"
        );
    }
    let text = haproxy(r"path: /a, rewrite: { regex: { match: '/\\(.*)', to: '/$1' } }");
    assert!(!text.contains("path-rewrite"), "{text}");
}
