//! unused-name: something with a name that nothing asks for.

use rustc_hash::FxHashSet as HashSet;

use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::diag::Place;
use crate::ir::{AuthId, AuthKind, CertificateId, ListenerId, UpstreamId};
use crate::spec::tree::Tree;

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "unused-name",
    include_str!("unused_name.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let gateway = subject.gateway;
    let resting = names_of_resting_routes(subject.tree);
    let mut upstreams: HashSet<UpstreamId> = HashSet::default();
    let mut auth: HashSet<AuthId> = HashSet::default();
    for route in &gateway.routes {
        upstreams.extend(route.shares().iter().map(|share| share.upstream.value));
        auth.extend(route.auth.as_ref().map(|auth| auth.value));
    }
    for id in &auth {
        if let AuthKind::Forward(forward) = &gateway.auth(*id).kind {
            upstreams.insert(forward.upstream.value);
        }
    }
    let certificates: HashSet<CertificateId> = gateway
        .listeners
        .iter()
        .filter_map(|listener| listener.tls.as_ref())
        .flat_map(|tls| tls.certificates.value.iter().copied())
        .collect();
    let targets: HashSet<ListenerId> = gateway
        .listeners
        .iter()
        .filter_map(|listener| listener.redirect.as_ref().map(|to| to.value))
        .collect();
    let mut tell = |kind: &str, name: &str, at: crate::ir::Loc, who: &str| {
        if !resting.contains(name) {
            findings
                .at(Place::Key(at), format!("{kind} {name} is used by no {who}"))
                .help("take it out, or name it where it is meant");
        }
    };
    for it in gateway.upstreams.iter().filter(|it| !upstreams.contains(&it.id)) {
        tell("upstream", &it.name, it.at, "route");
    }
    for it in gateway.certificates.iter().filter(|it| !certificates.contains(&it.id)) {
        tell("certificate", &it.name, it.at, "listener");
    }
    for it in gateway.auth.iter().filter(|it| !auth.contains(&it.id)) {
        tell("auth", &it.name, it.at, "route");
    }
    for it in &gateway.listeners {
        let serves = it.redirect.is_some()
            || targets.contains(&it.id)
            || gateway.routes.iter().any(|route| gateway.serves(it, route));
        if !serves {
            tell("listener", &it.name, it.at, "route");
        }
    }
}

/// Every name that a route names which is off: it is wanted again when the route comes back.
fn names_of_resting_routes(tree: &Tree) -> HashSet<&str> {
    let mut names = HashSet::default();
    let routes = tree.get(tree.root(), "routes");
    for route in routes.iter().flat_map(|routes| tree.items(*routes)) {
        let off = tree
            .get(*route, "enabled")
            .and_then(|enabled| tree.scalar(enabled))
            .is_some_and(|word| word == "off" || word == "false");
        if !off {
            continue;
        }
        for key in ["upstream", "auth"] {
            names.extend(tree.get(*route, key).and_then(|name| tree.scalar(name)));
        }
        let split = tree.get(*route, "split");
        for (name, _) in split.iter().flat_map(|split| tree.pairs(*split)) {
            names.extend(tree.scalar(*name));
        }
    }
    names
}
