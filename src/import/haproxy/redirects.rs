//! What rules mean for listeners: one that sends all that is left to another, and settings that they imply.

use std::collections::BTreeMap;

use serde_json::json;

use super::listeners::{self, Listener};
use super::region::Region;
use super::table::{End, Row, Table};
use super::{Walks, units};
use crate::import::Reading;

impl Walks<'_> {
    /// Listeners that send all that is left to TLS; their rows go.
    pub(super) fn redirects(
        &mut self,
        table: &mut Table,
        all: &[Listener],
        reading: &mut Reading<'_>,
    ) -> Vec<String> {
        let mut names = Vec::new();
        let secure = all
            .iter()
            .filter(|it| it.tls)
            .min_by_key(|it| it.port != "443");
        let Some(secure) = secure else { return names };
        let to_tls = |row: &Row| {
            let whole = Region {
                listeners: row.region.listeners.clone(),
                ..Region::default()
            };
            let to = match &row.end {
                Some(End::Answer("redirect", to)) => to,
                _ => return None,
            };
            let plain = row.region == whole
                && to["scheme"] == json!("https")
                && to.get("host").is_none()
                && to.get("path").is_none();
            plain.then(|| to["status"].as_u64().unwrap_or(302))
        };
        for row in std::mem::take(&mut table.rows) {
            let plain = row
                .region
                .listeners
                .iter()
                .all(|name| all.iter().any(|it| it.name == *name && !it.tls));
            match to_tls(&row).filter(|_| plain) {
                None => table.rows.push(row),
                Some(status) => {
                    for name in &row.region.listeners {
                        let path = listeners::set(reading, name, "redirect", json!(secure.name));
                        for (id, _) in &row.from {
                            if status == 301 {
                                reading.account.kept(*id, path.clone());
                            } else {
                                reading.account.changed(
                                    *id,
                                    path.clone(),
                                    format!("301 in place of {status}"),
                                );
                            }
                        }
                        names.push(name.clone());
                    }
                }
            }
        }
        names
    }

    /// Settings of listeners that rules imply, and what the program does by itself.
    pub(super) fn settle_listeners(
        &mut self,
        all: &[Listener],
        fronts: &BTreeMap<String, usize>,
        reading: &mut Reading<'_>,
    ) {
        for listener in all {
            let at = fronts.get(&listener.name);
            let mut head = false;
            for (_, path, value, id) in self.settings.iter().filter(|it| Some(&it.0) == at) {
                if path.starts_with("tls.") && !listener.tls {
                    reading.account.kept(*id, "listeners");
                    continue;
                }
                head |= *path == "limits.head";
                let path = listeners::set(reading, &listener.name, path, value.clone());
                reading.account.kept(*id, path);
            }
            if !head {
                let bytes = self.global.head.unwrap_or(15 << 10);
                let path = listeners::set(
                    reading,
                    &listener.name,
                    "limits.head",
                    json!(units::size(bytes)),
                );
                reading.account.unsaid(
                    "a request's head may fill a buffer (`tune.bufsize`), less 1 KiB",
                    Some(path),
                );
            }
        }
        let normalizes = self
            .proxies
            .iter()
            .flat_map(|it| &it.lines)
            .any(|it| it.word(1) == "normalize-uri");
        if !normalizes {
            reading.account.unsaid("HAProxy matches and sends paths as they come: here dot segments and `//` are resolved first, so that no rule is walked around", None);
        }
    }
}
