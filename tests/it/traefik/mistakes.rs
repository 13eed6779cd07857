//! The mistakes that hand-written files make, each of them made right: by a line of the file, or by what the program does.

use super::{dynamic, files, live};
use crate::live::Stub;
use crate::live::must::*;

const CHAT: &str = r#"
wsgen: 1
listeners:
  plain: { port: 80, redirect: secure }
  secure: { port: 443, trusted_proxies: [10.0.0.0/8], tls: { certificates: [site], client_auth: { ca: /etc/ssl/ca.pem } } }
certificates: { site: { hosts: [example.com], cert: /etc/ssl/site.pem, key: /etc/ssl/site.pem } }
upstreams:
  chat:
    servers: [127.0.0.1:9000, { address: 127.0.0.2:9000, weight: 3 }, { address: 127.0.0.3:9000, backup: true }]
    health: { http: { path: /health } }
  blind: { servers: [127.0.0.1:9001, { address: 127.0.0.2:9001, backup: true }] }
routes:
  - { name: exact, host: example.com, path: { exact: /exact }, upstream: chat }
  - { name: socket, host: example.com, path: /ws, upstream: chat, when: { query: { token: { present: true } } }, websocket: true, limits: { connections: { per: client, max: 20 } } }
  - { name: any, path: /exact/and/much/longer, upstream: blind }
  - { name: text, path: /text, respond: { status: 200, body: "{{ env `HOME` }}" }, response_headers: { set: { X-Text: "{{ nosuch }}" } } }
"#;

/// The lines of the file from the one that is this to the next at its depth.
fn block(text: &str, name: &str) -> String {
    let mut lines = text.lines().skip_while(|line| line.trim() != name);
    let first = lines.next().unwrap_or_else(|| panic!("{name} in\n{text}"));
    let depth = first.len() - first.trim_start().len();
    let inner = lines.take_while(|line| line.len() - line.trim_start().len() > depth);
    inner.collect::<Vec<_>>().join("\n")
}

fn priority(text: &str, router: &str) -> u32 {
    let block = block(text, router);
    let line = block
        .lines()
        .find_map(|line| line.trim().strip_prefix("priority: "));
    line.expect("a priority").parse().expect("a number")
}

#[test]
fn prefixes_end_at_segments_and_order_is_the_computed_one() {
    let text = dynamic(CHAT);
    // 1: a prefix of the text would take `/wsx`.
    assert!(
        text.contains("(Path(`/ws`) || PathPrefix(`/ws/`))"),
        "{text}"
    );
    assert!(!text.contains("PathPrefix(`/ws`)"), "{text}");
    // 2: without a priority the longest rule would win.
    let (exact, any) = (priority(&text, "exact:"), priority(&text, "any:"));
    assert!(exact > any, "{exact} {any}");
    // 11: `Query` with a name alone asks for an empty value.
    assert!(text.contains("QueryRegexp(`token`, `.*`)"), "{text}");
}

#[test]
fn client_certificates_are_asked_for_whatever_the_name() {
    // 3: options of a router hold for the names in its rule only.
    let text = dynamic(CHAT);
    let default = block(&text, "default:");
    assert!(default.contains("RequireAndVerifyClientCert"), "{text}");
}

#[test]
fn tunnels_have_their_own_timers() {
    // 4: the entry point's timers say nothing of tunnels.
    let text = dynamic(CHAT);
    assert!(
        block(&text, "\"chat:idle-1h\":").contains("readTimeout: 1h"),
        "{text}"
    );
}

#[test]
fn no_template_starts_in_the_file() {
    // 5: the file is a template before it is YAML, comments included.
    let accepted = "accept: [{ loss: \"traefik::respond\", because: \"{{ nosuch }}\" }]\n";
    let [fixed, dynamic] = files(&format!("{CHAT}{accepted}"));
    for text in [fixed, dynamic] {
        assert!(!text.contains("{{"), "{text}");
        assert!(text.contains("accepted loss respond"), "{text}");
    }
}

#[test]
fn backups_stand_behind_checks() {
    // 6: `failover` without checks of its main service is not served at all.
    let text = dynamic(CHAT);
    assert!(
        text.contains("failover: {service: \"chat:main\", fallback: \"chat:backup\"}"),
        "{text}"
    );
    assert!(
        block(&text, "\"chat:main\":").contains("healthCheck:"),
        "{text}"
    );
    assert!(!text.contains("\"blind:main\""), "{text}");
}

#[test]
fn idle_connections_are_kept_by_every_transport() {
    // 8: a transport of its own keeps 2 idle connections unless it says how many.
    let text = dynamic(CHAT);
    let transports = text.matches("forwardingTimeouts:").count();
    assert_eq!(
        text.matches("maxIdleConnsPerHost: 32").count(),
        transports,
        "{text}"
    );
}

#[test]
fn clients_are_told_apart_behind_a_proxy_and_without() {
    // 9: with one strategy for all, either every proxied or every direct client would be one.
    let text = dynamic(CHAT);
    assert!(text.contains("excludedIPs: [\"10.0.0.0/8\"]"), "{text}");
    assert!(text.contains("ipStrategy: {depth: 0}"), "{text}");
    assert!(text.contains("ClientIP(`10.0.0.0/8`)"), "{text}");
    // 14: open sockets are bounded by what is in flight, not by a rate.
    assert!(
        text.contains("inFlightReq:") && !text.contains("rateLimit:"),
        "{text}"
    );
}

#[test]
fn servers_of_sockets_see_https() {
    // 13: Traefik itself writes `wss`.
    let text = dynamic(CHAT);
    assert!(text.contains("X-Forwarded-Proto: https"), "{text}");
}

#[test]
fn plain_routes_pass_no_upgrade() {
    let server = Stub::start("a");
    let spec = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: $PORT, address: 127.0.0.1 }} }}\nupstreams: {{ app: {{ servers: [\"{}\"] }} }}\nroutes:\n  - {{ name: ws, path: /ws, upstream: app, websocket: true }}\n  - {{ name: app, path: /, upstream: app }}\n",
        server.address()
    );
    live(&spec, |run| {
        assert!(run.websocket("/ws", &[]).is_ok());
        let Err(refused) = run.websocket("/", &[]) else {
            panic!("a tunnel on a plain route");
        };
        assert_eq!(refused.status, 200);
        assert_eq!(refused.seen().header("upgrade"), None);
        assert_eq!(run.get("/wsx", &[]).status, 200);
    });
}
