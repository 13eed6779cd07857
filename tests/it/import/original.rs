//! Each configuration itself on the real program, asked for everything that its import promises: what it does not keep is what the
//! import changed, as the account says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use wsgen::compile::{self, Input, World};
use wsgen::import::nginx::Original;
use wsgen::verify::judge::Judgement;
use wsgen::verify::run::{self, Wish};

use super::{Beside, configurations, done, original};
use crate::programs::{self, Program};

/// Promises of an import that an original does not keep, by feature, and what the account says of it.
const CHANGED: &[(&str, &str)] = &[
    ("balance.hash", "ip_hash: the whole address counts"),
    (
        "drain.timeout",
        "unsaid: tunnels end after `runtime.drain.timeout`",
    ),
    (
        "headers.forwarded",
        "the spec sets every `X-Forwarded-*`, and drops a client's own",
    ),
    (
        "headers.forwarded_off",
        "unsaid: NGINX passes what a client says",
    ),
    ("headers.host", "$host: as the client wrote it"),
    (
        "health.passive",
        "ip_hash: all requests of a probe go to one server",
    ),
    (
        "listener.redirect",
        "with 301; to the host that was asked for",
    ),
    (
        "listener.tcp_keepalive",
        "unsaid: the spec sends TCP keep-alive probes",
    ),
    (
        "listener.paths",
        "what NGINX leads to FastCGI is 404 in the spec, in whatever form its path comes",
    ),
    (
        "path.exact",
        "a path in `proxy_pass` makes NGINX decode `%2F`: the spec keeps it",
    ),
    (
        "path.regex",
        "what NGINX leads to FastCGI is 404 in the spec",
    ),
    (
        "respond",
        "what NGINX serves by itself is 404 in the spec, without a page",
    ),
    (
        "path.prefix",
        "a path in `proxy_pass` makes NGINX decode `%2F`: the spec keeps it",
    ),
    ("timeout.idle", "one idle time holds either way"),
    (
        "timeout.upstream_keepalive",
        "the lab scales no time that the original cannot say",
    ),
    ("tls.hsts", "it is sent with every status"),
    ("tls.profile", "the profile decides"),
    (
        "upstream.keepalive",
        "connections to servers are kept after plain requests too",
    ),
    (
        "upstream.response_head",
        "unsaid: the spec leaves heads 64 KiB",
    ),
    (
        "upstream.servers",
        "unsaid: 503 where no server can be reached",
    ),
    ("websocket.methods", "only by GET"),
    ("websocket.tokens", "only `websocket` passes"),
];

/// What came of one configuration: how many promises were held, and those that were not.
fn asked(folder: &Path, program: &Program) -> (usize, BTreeMap<String, String>) {
    let spec = done(folder).spec.expect("a spec");
    let compiled = compile::compile(vec![Input::new("spec.yaml", spec)], World::EMPTY);
    let path = original(folder).expect("a configuration");
    let input = Input {
        name: path.to_string_lossy().into_owned(),
        bytes: fs::read(&path).expect("it can be read"),
    };
    let read = Original::read(input, &Beside(folder.to_owned())).expect("it is read");
    let wish = Wish {
        only: &[],
        limit: Duration::from_secs(100),
        keep: false,
        patch: None,
        original: Some(&read),
        progress: &|_, _, _| {},
    };
    let column = run::verify(&compiled, program.found(), wish).expect("a gateway");
    let results = column
        .outcome
        .as_ref()
        .unwrap_or_else(|why| panic!("{}: {why:?}", folder.display()));
    let held = column.count(Judgement::Held);
    let broken = results
        .iter()
        .filter(|it| it.judgement == Judgement::Broken)
        .map(|it| {
            let said = format!("{}: {}: {:?}", it.about.name, it.promise, it.deviation);
            (it.feature.id().to_owned(), said)
        });
    (held, broken.collect())
}

#[test]
fn the_originals_keep_what_their_imports_promise_but_for_what_was_changed() {
    let Some(program) = programs::require("nginx-1.31") else {
        return;
    };
    let folders: Vec<_> = configurations()
        .into_iter()
        .filter(|it| original(it).is_some_and(|it| it.extension().is_some_and(|end| end == "conf")))
        .collect();
    let mut faults = Vec::new();
    let mut met = vec![false; CHANGED.len()];
    for some in folders.chunks(2) {
        let came: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = some
                .iter()
                .map(|folder| scope.spawn(|| asked(folder, &program)))
                .collect();
            running
                .into_iter()
                .map(|it| it.join().expect("a verification ends"))
                .collect()
        });
        for (folder, (held, broken)) in some.iter().zip(came) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            if held < 20 {
                faults.push(format!("{name}: only {held} promises were held"));
            }
            for (feature, said) in broken {
                match CHANGED.iter().position(|(known, _)| *known == feature) {
                    Some(at) => met[at] = true,
                    None => faults.push(format!("{name}: {feature}: {said}")),
                }
            }
        }
    }
    for ((feature, _), met) in CHANGED.iter().zip(met) {
        if !met {
            faults.push(format!("{feature} is kept by every original now"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
