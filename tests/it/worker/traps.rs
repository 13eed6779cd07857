//! The traps of Workers, one test each: what works on a desk and not at Cloudflare, or what wrangler lets pass.

use serde_json::Value;
use wsgen::compile::{self, Input, Options, World};
use wsgen::targets;

use super::{files, module, specs, tool};
use crate::scratch::Scratch;

/// Wrangler's file as data.
fn deployment(text: &str) -> Value {
    let config = files(text).remove(1).1;
    let plain: String = config
        .lines()
        .filter(|line| !line.starts_with("//"))
        .collect();
    serde_json::from_str(&plain).unwrap_or_else(|why| panic!("{why}: {config}"))
}

/// The report for a spec with these servers and routes.
fn report(servers: &str, more: &str) -> String {
    let text = format!(
        "wsgen: 1\nupstreams: {{ app: {{ servers: [{servers}]{more} }} }}\nroutes: [{{ name: all, host: example.com, upstream: app }}]\n"
    );
    let compiled = compile::compile(vec![Input::new("spec.yaml", text)], World::EMPTY);
    let target = targets::by_id("worker").expect("it is a target");
    let rendered = compile::render(&compiled, target, Options::default());
    format!("{:#?}", rendered.report)
}

/// The relay of tutorials closes at 32 MiB, and turns binary messages into Blobs; the old form has globals for bindings.
#[test]
fn sockets_are_handed_on_by_a_module() {
    for (name, text) in specs() {
        let module = module(&text);
        for word in [
            "WebSocketPair",
            "accept(",
            "addEventListener",
            "\"ws://",
            "\"wss://",
        ] {
            assert!(!module.contains(word), "{name}: {word}");
        }
        assert!(module.contains("\nexport default {\n"), "{name}");
    }
}

/// `*` stands only at the start of a host and the end of a path, and a path of its own would miss the query: wrangler checks none.
#[test]
fn patterns_are_whole_hosts() {
    let mut count = 0;
    for (name, text) in specs() {
        let config = deployment(&text);
        for route in config["routes"].as_array().into_iter().flatten() {
            let pattern = route["pattern"].as_str().or(route.as_str());
            let host = pattern.and_then(|it| it.strip_suffix("/*"));
            let host = host.unwrap_or_else(|| panic!("{name}: {route}"));
            let bare = host.strip_prefix("*.").unwrap_or(host);
            assert!(!bare.contains(['*', '/', '?', ':']), "{name}: {route}");
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

/// A date of today would change what the Worker does.
#[test]
fn the_compatibility_date_is_the_tested_one() {
    for (name, text) in specs() {
        assert_eq!(
            deployment(&text)["compatibility_date"],
            "2026-11-01",
            "{name}"
        );
    }
}

/// Wrangler takes a limit of 0, and Cloudflare no other period.
#[test]
fn limits_are_ones_that_the_binding_counts() {
    let mut count = 0;
    for (name, text) in specs() {
        for limit in deployment(&text)["ratelimits"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let period = limit["simple"]["period"].as_u64();
            assert!(matches!(period, Some(10 | 60)), "{name}: {limit}");
            assert!(
                limit["simple"]["limit"].as_u64() >= Some(1),
                "{name}: {limit}"
            );
            let namespace = limit["namespace_id"].as_str().unwrap_or_default();
            assert!(
                namespace.parse::<u32>().is_ok_and(|it| it > 0),
                "{name}: {limit}"
            );
            count += 1;
        }
    }
    assert!(count > 5, "{count}");
}

/// A key in the module would be on every disk that the module is on.
#[test]
fn secrets_are_bindings() {
    let text = "wsgen: 1
upstreams: { app: { servers: ['app.example.com:8080'] } }
routes:
  - { name: a, host: example.com, path: /a, upstream: app, auth: token }
  - { name: b, host: example.com, path: /b, upstream: app, auth: people }
  - { name: c, host: example.com, path: /c, upstream: app, auth: keys }
auth:
  token: { jwt: { keys: { hs256: { env: JWT_SECRET } } } }
  people: { basic: { file: /etc/edge/people.htpasswd, realm: people } }
  keys: { api_key: { keys: { file: /etc/edge/keys.txt }, from: [{ header: X-Key }] } }
";
    let files = files(text);
    let [(_, module), (_, config)] = files.as_slice() else {
        panic!("two files");
    };
    for name in ["JWT_SECRET", "AUTH_PEOPLE_HTPASSWD", "AUTH_KEYS_KEYS"] {
        assert!(module.contains(&format!("env.{name}")), "{name}");
        assert!(
            config.contains(&format!("wrangler secret put {name}")),
            "{name}"
        );
    }
    assert!(!module.contains("/etc/edge"), "{module}");
    assert!(deployment(text).get("vars").is_none());
}

/// Error 1003, and names that only one network has.
#[test]
fn servers_that_cloudflare_cannot_reach_are_told() {
    for address in [
        "10.0.0.7:8080",
        "192.0.2.7:80",
        "[2001:db8::1]:80",
        "unix:/run/app.sock",
    ] {
        assert!(
            report(&format!("'{address}'"), "").contains("error 1003"),
            "{address}"
        );
    }
    for name in ["app:8080", "app.internal:8080", "app.svc.cluster.local:80"] {
        assert!(
            report(&format!("'{name}'"), "").contains("public DNS"),
            "{name}"
        );
    }
    let public = report("'app.example.com:8080'", "");
    assert!(
        !public.contains("1003") && !public.contains("public DNS"),
        "{public}"
    );
}

/// Isolates know nothing of each other, and nothing runs between requests.
#[test]
fn what_needs_a_memory_is_told() {
    let two = "'a.example.com:80', 'b.example.com:80'";
    assert!(
        report(two, ", balance: least_connections").contains("does not see what is open elsewhere")
    );
    assert!(report(two, ", health: { tcp: {} }").contains("nothing is checked"));
    assert!(
        report(two, ", max_connections: 10").contains("as many connections as there are requests")
    );
}

/// `Upgrade: WebSocket` is one, whatever its letters; on other routes it goes no further. No `Host` is set: it would be ignored.
#[test]
fn an_upgrade_counts_whatever_its_letters() {
    let Some(_) = tool("prettier") else { return };
    let folder = Scratch::new("worker-upgrade");
    let spec = "wsgen: 1
upstreams: { app: { servers: ['app.example.com:8080'] } }
routes:
  - { name: socket, host: example.com, path: /ws, upstream: app, websocket: { only: true } }
  - { name: site, host: example.com, upstream: app }
";
    folder.write("worker.mjs", module(spec));
    folder.write(
        "ask.mjs",
        r#"import worker from "./worker.mjs";
const seen = [];
globalThis.fetch = async (url, { headers }) => {
  seen.push([url, headers.get("upgrade"), headers.get("host")]);
  return new Response("no", { status: 403 });
};
for (const [path, upgrade] of [["/ws", "WebSocket"], ["/ws", "websocket"], ["/ws", "h2c"], ["/", "WebSocket"]]) {
  const headers = { upgrade, host: "example.com", "cf-connecting-ip": "192.0.2.7" };
  const request = new Request(`http://example.com${path}`, { headers });
  seen.push((await worker.fetch(request, {})).status);
}
console.log(JSON.stringify(seen));
"#,
    );
    let said = std::process::Command::new("node")
        .arg(folder.path().join("ask.mjs"))
        .output()
        .expect("node runs");
    // The lines before are the Worker's own log.
    let text = String::from_utf8_lossy(&said.stdout);
    let last = text.lines().last().unwrap_or_default();
    let seen: Value = serde_json::from_str(last)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&said.stderr)));
    let url = "http://app.example.com:8080";
    assert_eq!(
        seen,
        serde_json::json!([
            [format!("{url}/ws"), "WebSocket", "example.com"],
            403,
            [format!("{url}/ws"), "websocket", "example.com"],
            403,
            426,
            [format!("{url}/"), null, "example.com"],
            403
        ])
    );
}
