//! What a person would get wrong by hand, feature by feature: each trap with what stands in the template, and what is said.

use super::{errors, shown, text};

const HEAD: &str = "wsgen: 1\nupstreams: { app: { servers: [10.0.0.1:80] } }\n";

fn route(more: &str) -> String {
    format!(
        "{HEAD}routes: [{{ name: a, path: /a, {more} }}]\ntargets: {{ alb: {{ on_loss: warn }} }}\n"
    )
}

fn upstream(more: &str, route: &str) -> String {
    format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: 443, tls: {{ certificates: [c] }} }} }}\ncertificates: {{ c: {{ hosts: [a.example], cert: /a, key: /b }} }}\n\
         upstreams: {{ app: {{ servers: [10.0.0.1:80], {more} }} }}\nroutes: [{{ name: a, upstream: app{route} }}]\ntargets: {{ alb: {{ on_loss: warn }} }}\n"
    )
}

/// Each spec with texts of the template, and of the report.
#[test]
fn each_trap_is_stepped_around() {
    for (spec, written, said) in [
        // 308 is impossible.
        (
            route("redirect: { to: 'https://b.example/', status: 308 }"),
            "StatusCode: HTTP_301",
            "301 in place of 308",
        ),
        // A literal star in a query.
        (
            route("upstream: app, when: { query: { v: 'a*?b' } }"),
            r#"Value: "a\\*\\?b""#,
            "compared without case",
        ),
        // A literal star in a header, whose values cannot be escaped for sure.
        (
            route("upstream: app, when: { headers: { X-A: '1*' } }"),
            r#"RegexValues: ["^1\\*$"]"#,
            "",
        ),
        // A literal star in a path.
        (
            format!("{HEAD}routes: [{{ name: a, path: {{ exact: '/a*' }}, upstream: app }}]\n"),
            r#"RegexValues: ["^/a\\*$"]"#,
            "",
        ),
        // HTTP/2 to targets would break sockets.
        (
            upstream("protocol: http2", ", websocket: on"),
            "ProtocolVersion: HTTP1",
            "takes no socket",
        ),
        (
            upstream("protocol: http2", ""),
            "ProtocolVersion: HTTP2",
            "get 464",
        ),
        // The cookie's name is AWS's.
        (
            upstream("stickiness: { cookie: { name: node, ttl: 1h } }", ""),
            "Key: stickiness.type, Value: lb_cookie",
            "AWSALB and AWSALBCORS",
        ),
        // A rate has windows, and no seconds.
        (
            route("upstream: app, limits: { requests: { rate: 5/s } }"),
            "Limit: 300",
            "300 in 60 s",
        ),
        // A request without the header is counted by nobody, here as in the contract.
        (
            route("upstream: app, limits: { requests: { rate: 5/s, per: { header: X-Key } } }"),
            "AggregateKeyType: CUSTOM_KEYS",
            "",
        ),
        // A prefix that is stripped leaves a slash.
        (
            route("upstream: app, rewrite: { strip_prefix: on }"),
            "Type: url-rewrite",
            "",
        ),
        (
            format!(
                "{HEAD}routes: [{{ name: a, upstream: app }}]\nruntime: {{ drain: {{ timeout: 2h }} }}\n"
            ),
            "deregistration_delay.timeout_seconds, Value: \"3600\"",
            "at most 3600 s",
        ),
        // Without a policy a listener would speak TLS 1.0.
        (
            upstream("balance: random", ""),
            "SslPolicy: ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
            "",
        ),
        // What is counted, and where the address is read.
        (
            route("upstream: app"),
            "routing.http.xff_header_processing.mode, Value: append",
            "a client's own pass",
        ),
    ] {
        let (text, report) = (text(&spec), shown(&spec));
        assert!(text.contains(written), "{written}\n{spec}\n{text}");
        assert!(report.contains(said), "{said}\n{spec}\n{report}");
    }
}

/// A client keeps its group as well as its server, and weights are of whole groups.
#[test]
fn weights_are_of_groups_and_sticky_with_them() {
    let servers = "servers: [{ address: '10.0.0.1:80', weight: 3 }, { address: '10.0.0.2:80', weight: 3 }, { address: '10.0.0.3:80', weight: 2 }]";
    let spec = format!(
        "wsgen: 1\nupstreams: {{ app: {{ {servers}, stickiness: {{ cookie: {{ name: n, ttl: 1h }} }} }} }}\nroutes: [{{ name: a, upstream: app }}]\ntargets: {{ alb: {{ on_loss: warn }} }}\n"
    );
    let text = text(&spec);
    for part in [
        "{TargetGroupArn: {Ref: AppTargetGroupWeight3}, Weight: 3}",
        "{TargetGroupArn: {Ref: AppTargetGroupWeight2}, Weight: 1}",
        "TargetGroupStickinessConfig: {Enabled: true, DurationSeconds: 3600}",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// Certificates of a listener, and listeners that verify clients, are counted.
#[test]
fn certificates_and_verifying_listeners_are_counted() {
    let names = |count: usize| (1..=count).map(|n| format!("c{n}")).collect::<Vec<_>>();
    let spec = |listeners: &str, count: usize| {
        let certificates: String = names(count)
            .iter()
            .map(|it| format!("  {it}: {{ hosts: [{it}.example], cert: /a, key: /b }}\n"))
            .collect();
        format!(
            "{HEAD}listeners: {{ {listeners} }}\ncertificates:\n{certificates}routes: [{{ name: a, upstream: app }}]\n"
        )
    };
    let many = |count: usize| {
        let list = names(count).join(", ");
        spec(
            &format!("web: {{ port: 443, tls: {{ certificates: [{list}] }} }}"),
            count,
        )
    };
    assert_eq!(errors(&many(26)), [""; 0]);
    assert_eq!(errors(&many(27)), ["alb::tls.termination"]);
    let verifying = |count: usize| {
        let one = |n: usize| {
            format!(
                "l{n}: {{ port: 844{n}, tls: {{ certificates: [c1], client_auth: {{ ca: /ca.pem }} }} }}"
            )
        };
        let list: Vec<String> = (1..=count).map(one).collect();
        spec(&list.join(", "), 1)
    };
    assert_eq!(errors(&verifying(2)), [""; 0]);
    assert_eq!(errors(&verifying(3)), ["alb::tls.client_auth"]);
}
