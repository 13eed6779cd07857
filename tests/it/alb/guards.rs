//! A guard that cannot be kept opens nothing, and does not go in silence.

use super::{shown, text};

const HEAD: &str = "wsgen: 1\nupstreams: { app: { servers: [10.0.0.1:80] } }\n";

/// A guard that is lost closes what it guarded, for everybody.
#[test]
fn a_lost_guard_opens_nothing() {
    for (more, top) in [
        ("auth: staff", "auth: { staff: { basic: { file: /h } } }"),
        (
            "auth: keys",
            "auth: { keys: { api_key: { keys: { file: /k }, from: [{ header: x }] } } }",
        ),
        (
            "auth: sso",
            "auth: { sso: { forward: { upstream: app, path: /v } } }",
        ),
        (
            "auth: token",
            "auth: { token: { jwt: { keys: { hs256: { env: S } } } } }",
        ),
        (
            "auth: token",
            "auth: { token: { jwt: { keys: { jwks: { url: 'https://id.example/k', algorithms: [rs256] } }, issuer: x, token: [{ query: t }] } } }",
        ),
        ("limits: { connections: { max: 2 } }", ""),
        ("limits: { body: 1MiB }", ""),
        (
            "limits: { requests: { rate: 10/s } }",
            "targets: { alb: { on_loss: warn, waf: false } }",
        ),
        ("websocket: { origins: same_host }", ""),
        (
            "clients: { allow: [10.0.0.0/8] }",
            "listeners: { web: { port: 80, trusted_proxies: [10.0.0.0/8] } }",
        ),
        (
            "when: { clients: [10.0.0.0/8] }",
            "listeners: { web: { port: 80, trusted_proxies: [10.0.0.0/8] } }",
        ),
    ] {
        let room = if top.contains("targets:") {
            ""
        } else {
            "targets: { alb: { on_loss: warn } }\n"
        };
        let spec = format!(
            "{HEAD}routes: [{{ name: a, path: /a, upstream: app, {more} }}]\n{top}\n{room}"
        );
        let text = text(&spec);
        assert!(
            !text.contains("Type: forward") && text.contains("StatusCode: \"503\""),
            "{spec}\n{text}"
        );
        // Nor is it silent.
        assert!(shown(&spec).contains("answers 503"), "{}", shown(&spec));
    }
    for top in [
        "listeners: { web: { port: 80, limits: { connections: 5 } } }",
        "upstreams: { app: { servers: [10.0.0.1:443], tls: { server_name: a } } }",
    ] {
        let spec = format!(
            "wsgen: 1\n{top}\n{}routes: [{{ name: a, path: /a, upstream: app }}]\ntargets: {{ alb: {{ on_loss: warn }} }}\n",
            if top.starts_with("upstreams") {
                ""
            } else {
                "upstreams: { app: { servers: [10.0.0.1:80] } }\n"
            }
        );
        let text = text(&spec);
        assert!(
            !text.contains("Type: forward") && text.contains("StatusCode: \"503\""),
            "{spec}\n{text}"
        );
    }
    // A token in a query would stand in the log: then there is none.
    let spec = format!(
        "{HEAD}routes: [{{ name: a, upstream: app }}]\nlog: {{ redact: {{ query: [token] }} }}\ntargets: {{ alb: {{ on_loss: warn, log_bucket: logs }} }}\n"
    );
    assert!(!text(&spec).contains("access_logs"), "{}", text(&spec));
}
