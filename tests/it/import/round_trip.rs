//! What is rendered for NGINX and imported again means what it meant.

use std::fs;

use wsgen::compile::{self, Compiled, Input, Options, World};
use wsgen::{meaning, targets};

use super::nginx;
use crate::bless::root;

/// What an example says that NGINX's file does not, by the beginning of the change, and why.
const GONE: &[(&str, &str, &str)] = &[
    (
        "chat",
        "upstream `chat` resolve: 30s",
        "names are looked up once where the spec names no resolver",
    ),
    (
        "chat",
        "upstream `web` resolve: 30s",
        "names are looked up once where the spec names no resolver",
    ),
    (
        "cluster",
        "gateway runtime.drain.spread",
        "NGINX ends tunnels together: a loss that the example accepts",
    ),
    (
        "cluster",
        "upstream `game` passive.within",
        "NGINX has one time for both: how long errors count, how long a server is out",
    ),
    (
        "cluster",
        "target `traefik` on_loss",
        "rooms of other targets are not in NGINX's file",
    ),
    (
        "cluster",
        "target `caddy` on_loss",
        "rooms of other targets are not in NGINX's file",
    ),
    (
        "health",
        "upstream `chat` health",
        "NGINX asks no server by itself: a loss that the example accepts",
    ),
    (
        "health",
        "upstream `web` health",
        "NGINX asks no server by itself: a loss that the example accepts",
    ),
    (
        "health",
        "upstream `chat` passive.within",
        "NGINX has one time for both: how long errors count, how long a server is out",
    ),
    (
        "health",
        "upstream `web` passive.within",
        "NGINX has one time for both: how long errors count, how long a server is out",
    ),
    (
        "health",
        "target `traefik` on_loss",
        "rooms of other targets are not in NGINX's file",
    ),
    (
        "jwt-rate-limit",
        "gateway log.redact.query",
        "redaction is spread over tables that nothing is read back from",
    ),
    (
        "jwt-rate-limit",
        "gateway log.redact.headers",
        "none of these headers is in a line of the log",
    ),
    (
        "jwt-rate-limit",
        "auth `members` gone",
        "the example takes it off for NGINX, which checks no tokens",
    ),
    (
        "jwt-rate-limit",
        "target `caddy` on_loss",
        "rooms of other targets are not in NGINX's file",
    ),
    (
        "api-site-ws",
        "route `api` timeouts.idle",
        "NGINX has one timer for the head and the body of an answer",
    ),
    (
        "tenants",
        "listener `secure` tls.certificates",
        "NGINX's file has no name for a certificate",
    ),
    (
        "tenants",
        "certificate `site` new",
        "NGINX's file has no name for a certificate",
    ),
    (
        "tenants",
        "certificate `tenants` gone",
        "NGINX's file has no name for a certificate",
    ),
    (
        "tenants",
        "route `app` host: +acme.example.com",
        "a wildcard's route stands in the server of the name too; the order is the same",
    ),
    (
        "tenants",
        "target `traefik` on_loss",
        "rooms of other targets are not in NGINX's file",
    ),
    (
        "tls",
        "certificate `site` hosts",
        "NGINX's file says for which hosts a certificate is shown, not which it covers",
    ),
];

fn compiled(name: &str, text: String) -> Compiled {
    let compiled = compile::compile(vec![Input::new(name, text)], World::EMPTY);
    let own = compile::for_target(&compiled, "nginx", World::EMPTY);
    let compiled = own.unwrap_or(compiled);
    assert!(
        compiled.gateway.is_some(),
        "{name}: {:#?}",
        compiled.report.diags
    );
    compiled
}

#[test]
fn an_import_of_what_was_rendered_means_the_same() {
    let target = targets::by_id("nginx").expect("the target is there");
    let mut faults = Vec::new();
    let mut met = vec![false; GONE.len()];
    let mut same = 0;
    for entry in fs::read_dir(root().join("examples")).expect("the examples are there") {
        let path = entry.expect("an entry").path();
        let example = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&path).expect("it can be read");
        let before = compiled(&example, text);
        let rendered = compile::render(&before, target, Options::default());
        let file = rendered.files.first().expect("a file");
        let done = nginx(&file.text);
        let Some(spec) = done.spec else {
            faults.push(format!("{example}: {:#?}", done.report.diags));
            continue;
        };
        let after = compiled(&example, spec);
        let (Some(old), Some(new)) = (&before.gateway, &after.gateway) else {
            continue;
        };
        let mut clean = true;
        for change in meaning::between(old, new) {
            clean = false;
            let said = format!("{} {}", change.subject, change.what);
            let known = GONE
                .iter()
                .position(|(name, start, _)| *name == example && said.starts_with(start));
            match known {
                Some(at) => met[at] = true,
                None => faults.push(format!("{example}: {said}")),
            }
        }
        same += usize::from(clean);
    }
    for ((example, start, _), met) in GONE.iter().zip(met) {
        if !met {
            faults.push(format!("{example}: `{start}` is not met any more"));
        }
    }
    assert!(
        faults.is_empty(),
        "{same} mean the same\n{}",
        faults.join("\n")
    );
}
