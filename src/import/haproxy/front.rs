//! The rows of a frontend: its rules and those of its backends, in the order in which HAProxy asks them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::Walks;
use super::condition::Acls;
use super::lines::Line;
use super::proxies::Proxy;
use super::region::Region;
use super::rules::Walk;
use super::table::{End, Row, Table};
use crate::import::Reading;

impl Walks<'_> {
    /// The rows of a frontend.
    pub(super) fn front(
        &mut self,
        at: usize,
        proxy: &Proxy,
        listeners: Vec<String>,
        every: &[(String, bool, String)],
        reading: &mut Reading<'_>,
    ) -> Vec<Row> {
        let row = Row {
            region: Region {
                listeners,
                ..Region::default()
            },
            ..Row::default()
        };
        let mut walk = Walk {
            reading: &mut *reading,
            table: Table {
                rows: vec![row],
                listeners: every.to_vec(),
            },
            acls: Acls::default(),
            acl_lines: BTreeMap::new(),
            differs: &mut self.differs,
            proxies: self.proxies,
            own: &proxy.name,
            upgrades: BTreeSet::new(),
            tracked: BTreeMap::new(),
            listener: Vec::new(),
        };
        let lines: Vec<&Line> = proxy.inherited.iter().chain(&proxy.lines).collect();
        for line in &lines {
            match line.word(0) {
                "acl" => walk.acl(line),
                "http-request" => walk.request(line, &|row| row.end.is_none()),
                _ => {}
            }
        }
        for line in lines.iter().filter(|it| it.word(0) == "redirect") {
            walk.request(line, &|row| row.end.is_none());
        }
        for line in lines.iter().filter(|it| it.word(0) == "use_backend") {
            walk.use_backend(line);
        }
        let default = proxy.last(&["default_backend"]);
        let own = proxy.back && proxy.lines.iter().any(|it| it.word(0) == "server");
        let to = default
            .map(|it| (it.word(1).to_owned(), it.id))
            .or_else(|| own.then(|| (proxy.name.clone(), proxy.head.id)));
        if let Some((name, id)) = to {
            for row in walk.table.rows.iter_mut().filter(|it| it.end.is_none()) {
                row.ends(End::Backend(name.clone()), id);
            }
        }
        for line in &lines {
            if matches!(line.word(0), "http-response" | "http-after-response") {
                walk.response(line, &|_| true);
            }
        }
        let mut names: Vec<String> = Vec::new();
        for row in &walk.table.rows {
            if let Some(End::Backend(name)) = &row.end
                && !names.contains(name)
                && *name != proxy.name
            {
                names.push(name.clone());
            }
        }
        for name in names {
            let Some(backend) = self.proxies.iter().find(|it| it.back && it.name == name) else {
                continue;
            };
            walk.own = &backend.name;
            walk.reading.account.kept(backend.head.id, "routes");
            let (acls, acl_lines) = (walk.acls.clone(), std::mem::take(&mut walk.acl_lines));
            walk.acls = Acls {
                aliases: acls.aliases.clone(),
                ..Acls::default()
            };
            backend_rules(&mut walk, backend, &name);
            let aliases = std::mem::take(&mut walk.acls.aliases);
            walk.acls = Acls { aliases, ..acls };
            walk.acl_lines = acl_lines;
        }
        let (rows, settings) = (walk.table.rows, walk.listener);
        self.settings.extend(
            settings
                .into_iter()
                .map(|(path, value, id)| (at, path, value, id)),
        );
        if !reading.account.is_settled(proxy.head.id) {
            reading.account.kept(proxy.head.id, "listeners");
        }
        let (decided, left): (Vec<Row>, Vec<Row>) =
            rows.into_iter().partition(|row| row.end.is_some());
        if !left.is_empty() {
            reading.account.changed(
                proxy.head.id,
                "routes",
                "a request that no rule takes gets 404, not 503",
            );
        }
        self.settings_of(proxy, decided, reading)
    }

    /// What `option forwardfor` and compression mean for rows.
    fn settings_of(&self, proxy: &Proxy, rows: Vec<Row>, reading: &mut Reading<'_>) -> Vec<Row> {
        let mut all = Vec::new();
        for mut row in rows {
            if row.end == Some(End::Answer("none", json!(null))) {
                continue;
            }
            if let Some(End::Backend(name)) = row.end.clone() {
                let backend = self.proxies.iter().find(|it| it.back && it.name == name);
                let find = |option: &str| {
                    proxy
                        .option(option)
                        .or_else(|| backend.and_then(|it| it.option(option)))
                };
                match find("forwardfor") {
                    Some(line) => {
                        let how = "it replaces what the client sent, and `X-Forwarded-Proto`, `-Host`, `-Port` and `X-Real-IP` are set too";
                        reading.account.changed(line.id, "routes", how);
                    }
                    None if row.settings.contains_key("forwarded") => {}
                    None => {
                        row.settings.insert("forwarded".to_owned(), json!(false));
                        reading.account.unsaid(
                            "without `option forwardfor` servers are told nothing of the client",
                            None,
                        );
                    }
                }
                let compress = |it: &Proxy| it.last(&["compression", "algo"]).map(|it| it.id);
                if let Some(id) = compress(proxy).or_else(|| backend.and_then(compress)) {
                    row.set("compression", true, id);
                }
            }
            all.push(row);
        }
        all
    }
}

/// The rules of a backend, on the rows that lead there.
fn backend_rules(walk: &mut Walk<'_, '_>, backend: &Proxy, name: &str) {
    let here = |row: &Row| row.end == Some(End::Backend(name.to_owned()));
    let lines: Vec<&Line> = backend.lines.iter().collect();
    for line in &lines {
        match line.word(0) {
            "acl" => walk.acl(line),
            "http-request" => walk.request(line, &here),
            _ => {}
        }
    }
    for line in &lines {
        match line.word(0) {
            "redirect" => walk.request(line, &here),
            "http-response" | "http-after-response" => walk.response(line, &here),
            _ => {}
        }
    }
}
