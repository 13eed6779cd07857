//! What an older version does not know is not written, and the loss is told.

use super::rendered;

const SPEC: &str = r#"
wsgen: 1
listeners: { web: { port: 8080, encoded_slash: reject, paths: reject } }
upstreams:
  app: { servers: [127.0.0.1:9000, 127.0.0.2:9000, 127.0.0.3:9000], balance: least_connections, health: { http: { path: /up } }, passive: { errors: 1, within: 5s, eject: 5s }, retries: { attempts: 2, after: [503] } }
  hashed: { servers: [127.0.0.1:9001, 127.0.0.2:9001], balance: { hash: { source: true } }, stickiness: { cookie: { name: n, path: /x } } }
log: { redact: { query: [token] } }
metrics: { port: 9100 }
routes:
  - { name: app, path: /app, upstream: app, log: off, websocket: { idle: 10m }, stream: { idle: 5m }, limits: { requests: { rate: 1/s } } }
  - { name: hashed, path: /, upstream: hashed, compression: on }
"#;

/// Words of the files, and the first version that knows each.
const WORDS: &[(&str, &str)] = &[
    ("encodings:", "3.1"),
    ("accessLogs:", "3.2"),
    ("observability: {accessLogs: false}\n\nproviders", "3.3"),
    ("path: \"/x\"", "3.2"),
    ("strategy: p2c", "3.4"),
    ("maxHeaderBytes:", "3.4"),
    ("sanitizePath:", "3.4"),
    ("strategy: hrw", "3.6"),
    ("passiveHealthCheck:", "3.6"),
    ("parentRefs:", "3.6"),
    ("encodedCharacters:", "3.7"),
    ("aliasHeadersStrategy:", "3.7"),
    ("readTimeout: 10m", "3.7"),
    ("status: [\"503\"]", "3.7"),
    ("queryParameters:", "3.7"),
];

fn number(version: &str) -> u32 {
    let minor = version.split('.').nth(1).expect("major and minor");
    minor.parse().expect("a number")
}

#[test]
fn each_version_gets_what_it_knows() {
    let all = ["3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7"];
    for version in all {
        let (files, report) = rendered(SPEC, version);
        let text = files.expect("it renders").concat();
        for (word, since) in WORDS {
            // Some came with a patch of the series before: a series stands for its last patch.
            let early = matches!(*word, "sanitizePath:" | "encodedCharacters:");
            let first = number(since) - u32::from(early);
            let knows = number(version) >= first;
            assert_eq!(text.contains(word), knows, "{word} in {version}:\n{text}");
        }
        let told = |code: &str| report.diags.iter().any(|diag| diag.code == code);
        let old = number(version) < 7;
        assert_eq!(
            told("traefik::timeout.stream_idle"),
            old,
            "{version}: {report:#?}"
        );
    }
}

#[test]
fn labels_hold_the_same_routers() {
    let spec = SPEC.replace(
        "routes:\n",
        "routes:\n  - { name: plain, path: /plain, upstream: hashed, when: { query: { a: \"$x\" } } }\n",
    );
    let texts = super::laid_out(&spec, wsgen::targets::Layout::Labels);
    let [compose, _, dynamic] = texts.as_slice() else {
        panic!("{texts:?}");
    };
    // A `$` starts a variable of Compose; a router behind another one has no label.
    assert!(compose.contains("Query(`a`, `$$x`)"), "{compose}");
    assert!(compose.contains("traefik.http.routers.plain.service: \"hashed"));
    assert!(!compose.contains("app:upgrade") && dynamic.contains("\"app:upgrade\""));
}
