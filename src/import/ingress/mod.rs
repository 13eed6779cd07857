//! Kubernetes Ingress with the annotations of ingress-nginx: what its objects and the controller's defaults mean, as a spec.
//!
//! The YAML is read by the reader of specs, document by document, so that every annotation has its place in the file.

mod auth;
mod canary;
mod controller;
mod documents;
mod listeners;
mod notes;
mod paths;
mod redirects;
mod remarks;
mod routes;
mod settings;
mod site;
mod sweep;
mod upstream;
mod values;

use std::collections::BTreeSet;

use crate::import::{Reading, draft};
use crate::source::FileId;

use documents::Documents;
use routes::Routes;
use site::Site;

/// Whether a text looks like objects of Kubernetes, an Ingress among them.
pub(super) fn looks_like(text: &str) -> bool {
    let lines = || text.lines().map(|it| it.trim().trim_end_matches(','));
    let json = text.trim_start().starts_with('{');
    lines().any(|it| {
        it.starts_with("apiVersion:")
            || it.starts_with("- apiVersion:")
            || json && it.starts_with("\"apiVersion\"")
    }) && lines()
        .any(|it| it.starts_with("kind:") || it.starts_with("- kind:") || it.contains("\"kind\""))
}

/// Reads a file of objects.
pub(super) fn read(file: FileId, reading: &mut Reading<'_>) {
    let documents = Documents::read(file, reading);
    if reading.report.has_errors() {
        return;
    }
    let ingresses: Vec<_> = documents
        .objects
        .iter()
        .filter(|it| it.kind == "Ingress")
        .cloned()
        .collect();
    if ingresses.is_empty() {
        reading
            .report
            .error("import::empty", super::start(file))
            .says("no object of kind `Ingress` is in the file")
            .help("`kubectl get ingress,service,endpointslice -A -o yaml` writes what there is");
        return;
    }
    name(file, reading);
    let controller = controller::read(&documents, reading);
    let sites: Vec<Site> = ingresses
        .iter()
        .map(|it| Site::read(&documents, it, reading))
        .collect();
    rooms(&sites, reading);
    let mut regexes = BTreeSet::new();
    for site in &sites {
        if site.notes.is_on("use-regex") || site.notes.get("rewrite-target").is_some() {
            regexes.extend(site.paths.iter().filter_map(|it| it.host.clone()));
        }
    }
    let tls = sites.iter().any(|site| !site.tls.is_empty());
    let redirects = tls
        && sites.iter().any(|site| {
            site.paths.iter().any(|path| {
                let hosts: Vec<String> = path.host.iter().cloned().collect();
                listeners::redirects(site, &hosts, &controller)
            })
        });
    listeners::write(&sites, &controller, redirects, reading);
    let routes = Routes {
        documents: &documents,
        controller: &controller,
        regexes: &regexes,
        redirects,
    };
    // A canary is a share of a route that has to be there before it.
    let (canaries, others): (Vec<&Site>, Vec<&Site>) =
        sites.iter().partition(|it| it.notes.is_on("canary"));
    for site in &others {
        routes.site(site, site, reading);
    }
    for site in canaries {
        let same = |main: &&&Site| {
            let paths = |it: &Site| {
                it.paths
                    .iter()
                    .map(|path| (path.host.clone(), path.path.clone()))
                    .collect::<Vec<_>>()
            };
            main.object.namespace == site.object.namespace
                && paths(site).iter().any(|path| paths(main).contains(path))
        };
        match others.iter().find(same) {
            // What it says beside its share is not asked: its main Ingress's guards and times hold.
            Some(main) => routes.site(site, main, reading),
            None => {
                for path in &site.paths {
                    reading.account.lost(
                        path.id,
                        "no other Ingress leads where this canary is a share of",
                    );
                }
            }
        }
    }
    for site in &sites {
        sweep::site(site, tls, reading);
    }
    sweep::objects(&documents, reading);
}

/// The name that a file of ours says at its head; its objects are called after it.
fn name(file: FileId, reading: &mut Reading<'_>) {
    let text = reading.text(file);
    let line = text.lines().next().filter(|it| it.ends_with("by wsgen."));
    let name = line.and_then(|it| it.split('`').nth(1)).map(str::to_owned);
    if let Some(name) = name.filter(|it| {
        it.bytes()
            .all(|it| it.is_ascii_alphanumeric() || it == b'-')
    }) {
        reading.draft.set(&["name"], name);
    }
}

/// What an object is called in the spec: without the name of the gateway, which ours begin with.
fn own(reading: &Reading<'_>, name: &str) -> Option<String> {
    let gateway = reading
        .draft
        .get(&["name"])
        .and_then(serde_json::Value::as_str);
    let short = gateway.and_then(|it| name.strip_prefix(it)?.strip_prefix('-'));
    draft::word(short.unwrap_or(name))
}

/// The rooms of the targets that know objects of Kubernetes.
fn rooms(sites: &[Site], reading: &mut Reading<'_>) {
    reading
        .draft
        .set(&["targets", "ingress", "controller"], "nginx");
    let first = sites.first();
    let class = first.and_then(|it| {
        it.class
            .clone()
            .or_else(|| it.notes.class.as_ref().map(|note| note.value.clone()))
    });
    if let Some(class) = class.filter(|it| it != "nginx") {
        reading.draft.set(&["targets", "ingress", "class"], class);
    }
    for site in sites {
        if let Some(note) = &site.notes.class {
            reading.account.kept(note.id, "targets.ingress.class");
        }
    }
    let namespace = first.map_or("default", |it| it.object.namespace.as_str());
    if namespace != "default" {
        for target in ["ingress", "gateway"] {
            reading
                .draft
                .set(&["targets", target, "namespace"], namespace);
        }
    }
    for site in sites.iter().filter(|it| it.object.namespace != namespace) {
        let how = format!("the objects of the spec are all in the namespace `{namespace}`");
        reading
            .account
            .changed(site.id, "targets.ingress.namespace", how);
    }
}
