//! Bugs that every tutorial has, planted into rendered files: a probe catches each, and says where.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wsgen::verify::judge::Judgement;
use wsgen::verify::run::{self, Wish};

use crate::cases::compiled;
use crate::programs::{CADDY, ENVOY, HAPROXY, NGINX, PROXY, Program, TRAEFIK, WORKER, present};

const SPEC: &str = r#"
wsgen: 1
name: planted
listeners: { web: { port: 80 } }
upstreams:
  chat: { servers: [chat1.internal:8080, chat2.internal:8080], stickiness: { cookie: { name: node } } }
  app: { servers: [app1.internal:8080, app2.internal:8080], retries: { attempts: 1, after: [connect, timeout, 503] } }
routes:
  - { name: socket, host: example.com, path: /ws, upstream: chat, websocket: { idle: 1h } }
  - { name: events, host: example.com, path: /events, upstream: app, stream: true }
  - { name: app, host: example.com, upstream: app }
targets:
  nginx: { on_loss: warn }
  haproxy: { on_loss: warn }
  traefik: { on_loss: warn }
  caddy: { on_loss: warn }
  envoy: { on_loss: warn }
"#;

/// What is broken of a feature, once the file was changed.
fn broken(
    program: &Program,
    feature: &str,
    patch: &(dyn Fn(&str) -> String + Sync),
) -> Vec<String> {
    let found = program.found();
    let compiled = compiled("planted", SPEC, found.program.target());
    let only = [feature.to_owned()];
    let wish = Wish {
        only: &only,
        limit: Duration::from_secs(60),
        keep: false,
        patch: Some(patch),
        original: None,
        progress: &|_, _, _| {},
    };
    let column = run::verify(&compiled, found, wish).expect("a gateway");
    let results = column
        .outcome
        .as_ref()
        .unwrap_or_else(|why| panic!("{}, {feature}: {why:?}", program.name));
    assert!(!results.is_empty(), "no probe of {feature}");
    results
        .iter()
        .filter(|it| it.judgement == Judgement::Broken)
        .map(|it| format!("{:?}", it.deviation))
        .collect()
}

/// A bug: the feature whose probe has to see it, and the change that plants it.
struct Bug {
    feature: &'static str,
    plant: fn(&str) -> String,
}

fn caught(names: &[&str], bugs: &[Bug]) {
    for program in present(names) {
        for Bug { feature, plant } in bugs {
            let whole = broken(&program, feature, &|text| text.to_owned());
            assert!(
                whole.is_empty(),
                "{}, {feature}, nothing planted: {whole:?}",
                program.name
            );
            let changed = AtomicBool::new(false);
            let patch = |text: &str| {
                let patched = plant(text);
                changed.fetch_or(patched != text, Ordering::Relaxed);
                patched
            };
            let seen = broken(&program, feature, &patch);
            assert!(
                changed.into_inner(),
                "{}: the patch for {feature} changes nothing",
                program.name
            );
            assert!(
                !seen.is_empty(),
                "{}: nobody saw the bug in {feature}",
                program.name
            );
        }
    }
}

/// The lines that hold a word go.
fn without(text: &str, word: &str) -> String {
    let kept = text
        .lines()
        .map(|line| if line.contains(word) { "" } else { line });
    kept.collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn bugs_in_nginx_are_caught() {
    caught(
        &NGINX,
        &[
            // The 60 s that NGINX has where nothing is written.
            Bug {
                feature: "timeout.websocket_idle",
                plant: |text| without(text, "proxy_read_timeout"),
            },
            Bug {
                feature: "path.prefix",
                plant: |text| text.replace("location /ws/ {", "location /ws {"),
            },
            Bug {
                feature: "headers.forwarded",
                plant: |text| {
                    text.replace(
                        "proxy_set_header X-Forwarded-For $remote_addr;",
                        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
                    )
                },
            },
            Bug {
                feature: "stream",
                plant: |text| without(text, "proxy_buffering off"),
            },
            Bug {
                feature: "upstream.servers",
                plant: |text| {
                    text.replace(
                        "proxy_next_upstream ",
                        "proxy_next_upstream non_idempotent ",
                    )
                },
            },
        ],
    );
    // Its core sets cookies since 1.29.6 only.
    caught(
        &NGINX[1..],
        &[Bug {
            feature: "stickiness.cookie.attributes",
            plant: |text| text.replace(" httponly", ""),
        }],
    );
}

#[test]
fn bugs_in_haproxy_are_caught() {
    caught(
        &HAPROXY,
        &[
            Bug {
                feature: "timeout.websocket_idle",
                plant: |text| text.replace("timeout tunnel ", "timeout tunnel 60s # "),
            },
            Bug {
                feature: "path.prefix",
                plant: |text| text.replace("-m beg -- /ws/", "-m beg -- /ws"),
            },
            Bug {
                feature: "headers.forwarded",
                plant: |text| {
                    text.replace("set-header X-Forwarded-For", "add-header X-Forwarded-For")
                },
            },
            Bug {
                feature: "stickiness.cookie.attributes",
                plant: |text| text.replace(" httponly", ""),
            },
            Bug {
                feature: "upstream.servers",
                plant: |text| without(text, "disable-l7-retry"),
            },
        ],
    );
}

#[test]
fn bugs_in_caddy_are_caught() {
    caught(
        &CADDY,
        &[
            // `/ws*`, as many write it.
            Bug {
                feature: "path.prefix",
                plant: |text| text.replace("\"^/ws(?:/|$)\"", "\"^/ws\""),
            },
            Bug {
                feature: "headers.forwarded",
                plant: |text| text.replace("\"X-Real-IP\": [", "\"X-Other\": ["),
            },
            Bug {
                feature: "stickiness.cookie.attributes",
                plant: |text| text.replace("; HttpOnly; SameSite", "; SameSite"),
            },
            // Caddy repeats every GET where nothing is said, and by this a POST whose body need not be sent anew.
            Bug {
                feature: "upstream.servers",
                plant: |text| text.replace("\"retry_match\": [", "\"retry_match\": [{}, "),
            },
            Bug {
                feature: "drain.timeout",
                plant: |text| text.replace("\"stream_close_delay\"", "\"flush_interval\""),
            },
        ],
    );
}

#[test]
fn bugs_in_traefik_are_caught() {
    caught(
        &TRAEFIK,
        &[
            // A route that has no router for sockets passes every upgrade.
            Bug {
                feature: "websocket.off",
                plant: |text| text.replace("{Upgrade: \"\"}", "{X-Upgrade: \"\"}"),
            },
            Bug {
                feature: "path.prefix",
                plant: |text| text.replace("PathPrefix(`/ws/`)", "PathPrefix(`/ws`)"),
            },
            Bug {
                feature: "headers.forwarded",
                plant: |text| {
                    text.replace(
                        "  web:\n",
                        "  web:\n    forwardedHeaders: {insecure: true}\n",
                    )
                },
            },
            Bug {
                feature: "stickiness.cookie.attributes",
                plant: |text| text.replace("httpOnly: true", "httpOnly: false"),
            },
            // The 2 idle connections of a transport that does not say how many.
            Bug {
                feature: "upstream.keepalive",
                plant: |text| without(text, "maxIdleConnsPerHost"),
            },
        ],
    );
}

#[test]
fn bugs_in_envoy_are_caught() {
    caught(
        &ENVOY,
        &[
            // One time for everything that is silent, as where a route says none.
            Bug {
                feature: "timeout.websocket_idle",
                plant: |text| text.replace(" idle_timeout: ", " idle_timeout: 60s # "),
            },
            Bug {
                feature: "path.prefix",
                plant: |text| text.replace("path_separated_prefix:", "prefix:"),
            },
            // Without it the client is whoever it says.
            Bug {
                feature: "headers.forwarded",
                plant: |text| {
                    text.replace("use_remote_address: true", "use_remote_address: false")
                        .replace("{remove: x-forwarded-for}", "{remove: x-other}")
                },
            },
            Bug {
                feature: "stickiness.cookie.attributes",
                plant: |text| text.replace("{name: SameSite, value: Lax}", ""),
            },
            Bug {
                feature: "upstream.servers",
                plant: |text| {
                    text.replace(
                        "retry_on: connect-failure\n",
                        "retry_on: \"connect-failure,reset\"\n",
                    )
                },
            },
        ],
    );
}

#[test]
fn bugs_in_the_reference_proxy_are_caught() {
    caught(
        &PROXY,
        &[
            Bug {
                feature: "timeout.websocket_idle",
                plant: |text| text.replace("\"idle\": \"2s\"", "\"idle\": \"1h\""),
            },
            Bug {
                feature: "path.prefix",
                plant: |text| text.replace("{\"prefix\": \"/ws\"}", "{\"exact\": \"/ws\"}"),
            },
            Bug {
                feature: "headers.forwarded",
                plant: |text| text.replace("\"forwarded\": true", "\"forwarded\": false"),
            },
            Bug {
                feature: "stickiness.cookie.attributes",
                plant: |text| text.replace("\"http_only\": true", "\"http_only\": false"),
            },
            Bug {
                feature: "websocket.upgrade",
                plant: |text| text.replace("[\"websocket\"]", "[\"socket\"]"),
            },
            Bug {
                feature: "upstream.retries",
                plant: |text| text.replace("\"attempts\": 1", "\"attempts\": 0"),
            },
            Bug {
                feature: "host.exact",
                plant: |text| text.replace("\"example.com\"", "\"example.net\""),
            },
        ],
    );
}

#[test]
fn bugs_in_a_worker_are_caught() {
    caught(
        &WORKER,
        &[
            // The request asks for an upgrade, and the answer is no socket: nothing hands it on.
            Bug {
                feature: "websocket.upgrade",
                plant: |text| text.replace("    webSocket: response.webSocket,\n", ""),
            },
            Bug {
                feature: "path.prefix",
                plant: |text| {
                    text.replace(
                        "return path.startsWith(prefix) && (prefix.endsWith(\"/\") || [\"\", \"/\"].includes(path.charAt(prefix.length)));",
                        "return path.startsWith(prefix);",
                    )
                },
            },
            Bug {
                feature: "headers.forwarded",
                plant: |text| {
                    text.replace(
                        "headers.set(\"x-forwarded-for\", peer)",
                        "headers.append(\"x-forwarded-for\", peer)",
                    )
                },
            },
            Bug {
                feature: "stickiness.cookie.attributes",
                plant: |text| text.replace("; HttpOnly", ""),
            },
            // The whole answer is read before any of it goes on.
            Bug {
                feature: "stream",
                plant: |text| {
                    text.replace(
                        "  response = new Response(response.body, {",
                        "  const whole = response.webSocket ? null : await response.arrayBuffer();\n  response = new Response(whole, {",
                    )
                },
            },
            Bug {
                feature: "host.exact",
                plant: |text| text.replace(": name === host;", ": name.endsWith(host);"),
            },
        ],
    );
}
