//! Ingress and Gateway API resources, through Traefik as their controller: the cases of the features, and what is seen of them.

use wsgen::ir::Feature;
use wsgen::targets::evidence::Evidence;

use crate::bless::{fresh, root};
use crate::cases::Case;
use crate::programs::{CONTROLLERS, require};
use crate::{suite, unsteady, with};

/// The cases of features whose name begins with one of these words.
fn cases(words: &[&str]) -> Vec<Case> {
    let wanted = std::env::var("WSGEN_CASE").ok();
    let mut cases = Case::all();
    cases.retain(|case| {
        Feature::by_id(&case.name).is_some()
            && words.iter().any(|word| case.name.starts_with(word))
            && wanted.as_ref().is_none_or(|word| case.name.contains(word))
    });
    cases
}

#[test]
fn controllers_keep_or_report_every_promise() {
    let cases = cases(&[""]);
    let mut seen = Evidence::default();
    let mut faults = Vec::new();
    for (name, room) in CONTROLLERS
        .iter()
        .zip(["controller: traefik", "implementation: traefik"])
    {
        let Some(program) = require(name) else {
            return;
        };
        let outcome = suite::run(&cases, &[program], room);
        unsteady(&outcome.unsteady);
        faults.extend(outcome.faults);
        seen.0.extend(outcome.evidence.0);
    }
    crate::steady(&mut seen);
    let stale = fresh(
        &root().join("src/targets/evidence.json"),
        &with(&seen).text(),
    )
    .err();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    if let Some(why) = stale {
        panic!(
            "{why}\nThe record is rewritten by cargo record, then `cargo bless` writes the matrix."
        );
    }
}

/// What matters most of those: who is let in, and where a request goes.
const OF_NGINX: [&str; 17] = [
    "auth.basic",
    "clients",
    "host",
    "limit.body",
    "limit.connections",
    "listener.redirect",
    "path",
    "redirect",
    "stickiness.cookie",
    "timeout.websocket_idle",
    "tls",
    "upstream.split",
    "websocket",
    "when.headers",
    "when.methods",
    "when.query",
    "when.upgrade",
];

/// Traefik reads the annotations of ingress-nginx, which cannot be run here; where the two differ it is told as not seen.
#[test]
fn annotations_of_ingress_nginx_are_kept_or_reported() {
    let Some(program) = require(CONTROLLERS[0]) else {
        return;
    };
    let outcome = suite::run(&cases(&OF_NGINX), &[program], "controller: nginx");
    unsteady(&outcome.unsteady);
    assert!(outcome.faults.is_empty(), "{}", outcome.faults.join("\n\n"));
}
