//! The rules of Ingresses as routes: hosts and paths that lead to the same Service with the same settings are one.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::controller::Controller;
use super::documents::Documents;
use super::paths::{self, Written};
use super::settings::{self, Settings};
use super::site::{Backend, Path, Site};
use super::{canary, listeners, upstream};
use crate::import::{DirectiveId, Reading, draft};

/// A route before it is written.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its hosts; empty: any.
    pub hosts: Vec<String>,
    /// Path, rewrite.
    pub written: Written,
    /// Where it leads.
    pub backend: Backend,
    /// The entries of its paths in the account.
    pub from: Vec<DirectiveId>,
    /// Those of its hosts.
    pub hosts_from: Vec<DirectiveId>,
}

/// What writing the routes needs to know.
pub(super) struct Routes<'a> {
    /// Every object.
    pub documents: &'a Documents,
    /// The controller's own settings.
    pub controller: &'a Controller,
    /// Hosts whose paths are regexes, since one Ingress of theirs says so.
    pub regexes: &'a BTreeSet<String>,
    /// Whether the plain listener redirects.
    pub redirects: bool,
}

impl Routes<'_> {
    /// Writes the routes of an Ingress, with the settings of `main`: its own, or for a canary those of the Ingress that it is a share of.
    pub(super) fn site(&self, site: &Site, main: &Site, reading: &mut Reading<'_>) {
        reading.account.kept(site.id, "routes");
        if let Some(redirect) = self.redirect(site, reading) {
            self.answers(site, &redirect, reading);
            return;
        }
        let settings = settings::read(main, self.controller, self.documents, reading);
        let items = self.items(site, reading);
        for item in &items {
            self.item((site, main), item, items.len(), &settings, reading);
        }
        self.beside(site, &items, reading);
    }

    /// Hosts and paths, those that lead to the same place together.
    pub(super) fn items(&self, site: &Site, reading: &mut Reading<'_>) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        let target = site.notes.text("rewrite-target");
        for path in &site.paths {
            let lost = |why: String, reading: &mut Reading<'_>| {
                reading.account.lost(path.id, why);
            };
            let Some(backend) = &path.backend else {
                lost("it leads to no Service".to_owned(), reading);
                continue;
            };
            let regex = self.is_regex(path) || target.is_some() || site.notes.is_on("use-regex");
            match paths::written(path, regex, target, reading) {
                Ok(written) => {
                    let mut hosts: Vec<String> = path.host.iter().cloned().collect();
                    if let Some(alias) = site
                        .notes
                        .text("server-alias")
                        .filter(|_| path.host.is_some())
                    {
                        hosts.extend(
                            super::values::list(alias)
                                .into_iter()
                                .filter(|it| !it.starts_with('~')),
                        );
                    }
                    items.push(Item {
                        hosts,
                        written,
                        backend: backend.clone(),
                        from: vec![path.id],
                        hosts_from: path.host_id.into_iter().collect(),
                    });
                }
                Err(why) => lost(why, reading),
            }
        }
        join(items)
    }

    fn is_regex(&self, path: &Path) -> bool {
        path.host
            .as_ref()
            .is_some_and(|host| self.regexes.contains(host))
    }

    fn item(
        &self,
        (site, main): (&Site, &Site),
        item: &Item,
        of: usize,
        settings: &Settings,
        reading: &mut Reading<'_>,
    ) {
        let upstream = match upstream::name(site, &item.backend, self.documents, reading) {
            Ok(name) => name,
            Err(why) => {
                for id in &item.from {
                    reading.account.lost(*id, why.clone());
                }
                return;
            }
        };
        let mut route = Map::new();
        place(item, &mut route);
        if site.notes.is_on("canary") {
            canary::write(site, item, &upstream, &mut route, reading);
            if route.is_empty() {
                return;
            }
        }
        self.listeners(main, item, &mut route, reading);
        if !route.contains_key("split") {
            route.insert("upstream".to_owned(), json!(upstream));
        }
        for (path, value) in &settings.values {
            put(
                &mut route,
                &path.split('.').collect::<Vec<_>>(),
                value.clone(),
            );
        }
        if self.controller.gzip {
            route.insert("compression".to_owned(), json!(true));
        }
        if let Some(rewrite) = &item.written.rewrite {
            route.insert("rewrite".to_owned(), rewrite.clone());
        }
        let wanted = wanted(site, item, of, reading);
        let name = reading.draft.name("routes", &wanted, "route");
        for (key, value) in route {
            reading.draft.set(&["routes", &name, &key], value);
        }
        let path = format!("routes.{name}");
        for id in &item.hosts_from {
            reading.account.kept(*id, path.clone());
        }
        for id in &item.from {
            reading.account.kept(*id, path.clone());
            for how in &item.written.differs {
                reading.account.changed(*id, path.clone(), how.clone());
            }
        }
        for (note, setting, how) in &settings.from {
            let Some(note) = main.notes.get(note) else {
                continue;
            };
            match how {
                Some(how) => {
                    reading
                        .account
                        .changed(note.id, format!("{path}.{setting}"), how.clone())
                }
                None => reading.account.kept(note.id, format!("{path}.{setting}")),
            }
        }
        if let Some(note) = site.notes.get("server-alias") {
            let aliases = super::values::list(&note.value);
            for alias in aliases.iter().filter(|it| it.starts_with('~')) {
                let how =
                    format!("`{alias}` is left out: an alias is a name, with `*.` or without");
                reading
                    .account
                    .changed(note.id, format!("{path}.host"), how);
            }
        }
        for note in ["rewrite-target", "use-regex", "server-alias"] {
            if let Some(note) = site.notes.get(note) {
                reading.account.kept(note.id, path.clone());
            }
        }
    }

    /// Which listeners a route is on, where the plain one redirects.
    pub(super) fn listeners(
        &self,
        site: &Site,
        item: &Item,
        route: &mut Map<String, Json>,
        reading: &mut Reading<'_>,
    ) {
        if !self.redirects {
            return;
        }
        let redirected = listeners::redirects(site, &item.hosts, self.controller);
        if !redirected {
            put(route, &["when", "listeners"], json!(["plain", "secure"]));
            reading.account.unsaid(
                "a host without a certificate of its own is served by both listeners",
                None,
            );
        }
    }
}

/// Host and path of a route.
pub(super) fn place(item: &Item, route: &mut Map<String, Json>) {
    match item.hosts.as_slice() {
        [] => {}
        [host] => {
            route.insert("host".to_owned(), json!(host));
        }
        hosts => {
            route.insert("host".to_owned(), json!(hosts));
        }
    }
    if let Some(path) = &item.written.path {
        route.insert("path".to_owned(), path.clone());
    }
}

/// Items that differ in their hosts, or in their paths, are one.
fn join(items: Vec<Item>) -> Vec<Item> {
    let mut joined: Vec<Item> = Vec::new();
    for item in items {
        let same = joined.iter_mut().find(|one| {
            one.backend == item.backend
                && one.written == item.written
                && !one.hosts.is_empty()
                && !item.hosts.is_empty()
        });
        if let Some(one) = same {
            for host in item.hosts {
                if !one.hosts.contains(&host) {
                    one.hosts.push(host);
                }
            }
            one.from.extend(item.from);
            one.hosts_from.extend(item.hosts_from);
            continue;
        }
        joined.push(item);
    }
    let mut all: Vec<Item> = Vec::new();
    for item in joined {
        let same = all.iter_mut().find(|one| {
            one.backend == item.backend
                && one.hosts == item.hosts
                && one.written.rewrite == item.written.rewrite
                && one.written.rewrite.is_none()
                && one.written.path.is_some()
                && item.written.path.is_some()
        });
        match same {
            Some(one) => {
                let mut paths = match one.written.path.take() {
                    Some(Json::Array(list)) => list,
                    path => path.into_iter().collect(),
                };
                paths.extend(item.written.path);
                paths.dedup();
                one.written.path = Some(Json::Array(paths));
                one.written.differs.extend(item.written.differs);
                one.from.extend(item.from);
                one.hosts_from.extend(item.hosts_from);
            }
            None => all.push(item),
        }
    }
    all
}

/// Writes a value below a map.
pub(super) fn put(map: &mut Map<String, Json>, path: &[&str], value: Json) {
    match path {
        [] => {}
        [last] => match (map.get_mut(*last), value) {
            (Some(Json::Object(there)), Json::Object(more)) => there.extend(more),
            (_, value) => {
                map.insert((*last).to_owned(), value);
            }
        },
        [first, rest @ ..] => {
            let inner = map
                .entry(*first)
                .or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// What an Ingress is called.
pub(super) fn word(site: &Site, reading: &Reading<'_>) -> String {
    super::own(reading, &site.object.name).unwrap_or_else(|| "route".to_owned())
}

/// What a person would call a route.
pub(super) fn wanted(site: &Site, item: &Item, of: usize, reading: &Reading<'_>) -> String {
    let site = word(site, reading);
    let path = item
        .written
        .path
        .as_ref()
        .and_then(|it| it.as_str().or_else(|| it["exact"].as_str()));
    let label = path
        .and_then(draft::word)
        .or_else(|| super::own(reading, &item.backend.service));
    match label {
        Some(label) if of > 1 && label != site => format!("{site}-{label}"),
        _ => site,
    }
}
