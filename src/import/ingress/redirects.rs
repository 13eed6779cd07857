//! Ingresses that redirect: `permanent-redirect`, `temporal-redirect`, `app-root`, `from-to-www-redirect`.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::routes::{Item, Routes, place, wanted, word};
use super::site::Site;
use crate::import::Reading;

impl Routes<'_> {
    /// `permanent-redirect` and `temporal-redirect`: the route that they make of an Ingress.
    pub(super) fn redirect(&self, site: &Site, reading: &mut Reading<'_>) -> Option<Json> {
        for (name, code, usual) in [
            ("permanent-redirect", "permanent-redirect-code", 301),
            ("temporal-redirect", "temporal-redirect-code", 302),
        ] {
            let Some(note) = site.notes.get(name) else {
                continue;
            };
            let written = site.notes.text(code).and_then(|it| it.parse::<u16>().ok());
            let status = written.unwrap_or(usual);
            let known = matches!(status, 301 | 302 | 307 | 308);
            let url = note.value.trim();
            let stem = url
                .strip_suffix("$request_uri")
                .or_else(|| url.strip_suffix("$uri"));
            let value = match stem {
                Some(stem) => stem.split_once("://").filter(|it| !it.1.contains(['/', '$'])).map(|(scheme, host)| json!({ "scheme": scheme, "host": host, "status": status })),
                None if url.contains('$') => None,
                None => Some(json!({ "to": url, "status": status })),
            };
            let Some(mut value) = value else {
                reading.account.lost(
                    note.id,
                    "its target is made of what no redirect of the language names",
                );
                continue;
            };
            if !known {
                value["status"] = json!(usual);
                reading
                    .account
                    .changed(note.id, "routes", format!("{usual} in place of {status}"));
            } else {
                reading.account.kept(note.id, "routes");
            }
            if let Some(code) = site.notes.get(code) {
                reading.account.kept(code.id, "routes");
            }
            return Some(value);
        }
        None
    }

    /// Routes that redirect, for every path of an Ingress.
    pub(super) fn answers(&self, site: &Site, redirect: &Json, reading: &mut Reading<'_>) {
        let items = self.items(site, reading);
        for item in &items {
            let mut route = Map::new();
            place(item, &mut route);
            self.listeners(site, item, &mut route, reading);
            route.insert("redirect".to_owned(), redirect.clone());
            let wanted = wanted(site, item, items.len(), reading);
            let name = reading.draft.name("routes", &wanted, "route");
            for (key, value) in route {
                reading.draft.set(&["routes", &name, &key], value);
            }
            for id in item.from.iter().chain(&item.hosts_from) {
                reading.account.kept(*id, format!("routes.{name}"));
            }
        }
        for (_, note) in site.notes.all() {
            if !reading.account.is_settled(note.id) {
                reading
                    .account
                    .moot(note.id, "nothing but a redirect is asked for here");
            }
        }
    }

    /// Routes that an Ingress has beside its paths: `app-root`, `from-to-www-redirect`.
    pub(super) fn beside(&self, site: &Site, items: &[Item], reading: &mut Reading<'_>) {
        let hosts: BTreeSet<&String> = items.iter().flat_map(|it| &it.hosts).collect();
        if let Some(root) = site.notes.get("app-root") {
            let name =
                reading
                    .draft
                    .name("routes", &format!("{}-root", word(site, reading)), "root");
            if !hosts.is_empty() {
                reading.draft.set(&["routes", &name, "host"], json!(hosts));
            }
            reading
                .draft
                .set(&["routes", &name, "path"], json!({ "exact": "/" }));
            let path = reading.draft.set(
                &["routes", &name, "redirect"],
                json!({ "to": root.value.trim(), "status": 302 }),
            );
            reading.account.kept(root.id, path);
        }
        if let Some(note) = site
            .notes
            .get("from-to-www-redirect")
            .filter(|it| it.value.trim() == "true")
        {
            for host in hosts.iter().filter(|it| !it.starts_with('*')) {
                let other = host
                    .strip_prefix("www.")
                    .map_or_else(|| format!("www.{host}"), str::to_owned);
                if hosts.contains(&other) {
                    continue;
                }
                let name =
                    reading
                        .draft
                        .name("routes", &format!("{}-www", word(site, reading)), "www");
                reading.draft.set(&["routes", &name, "host"], other);
                let path = reading.draft.set(
                    &["routes", &name, "redirect"],
                    json!({ "host": host, "status": 308 }),
                );
                reading.account.kept(note.id, path);
            }
        }
    }
}
