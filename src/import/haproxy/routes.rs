//! Rows of the table as routes of the spec.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::order::asked_first;
use super::proxies::Proxy;
use super::region::{Meet, Region};
use super::table::{End, Row, Table};
use super::test::{Host, Path, Value};
use super::{remarks, units};
use crate::import::{DirectiveId, Reading};

/// What writing the routes needs to know.
pub(super) struct Routes<'a> {
    /// The rows, in the order in which they are asked.
    pub table: &'a Table,
    /// Every proxy of the file.
    pub proxies: &'a [Proxy],
    /// The frontend of each listener.
    pub fronts: &'a BTreeMap<String, usize>,
    /// How directives differ.
    pub differs: &'a BTreeMap<DirectiveId, Vec<String>>,
    /// The upstream of each backend.
    pub upstreams: &'a BTreeMap<String, String>,
    /// Listeners that redirect all of what is left.
    pub redirecting: &'a [String],
}

impl Routes<'_> {
    /// Writes every row.
    pub(super) fn write(&self, reading: &mut Reading<'_>) {
        let every: Vec<&String> = self
            .table
            .listeners
            .iter()
            .map(|it| &it.0)
            .filter(|name| !self.redirecting.contains(name))
            .collect();
        for (at, row) in self.table.rows.iter().enumerate() {
            self.row(at, row, &every, reading);
        }
    }

    fn row(&self, at: usize, row: &Row, every: &[&String], reading: &mut Reading<'_>) {
        let Some(end) = &row.end else { return };
        let wanted = row.name.clone().unwrap_or_else(|| self.wanted(row, end));
        let name = reading.draft.name("routes", &wanted, "route");
        let mut route = Map::new();
        region(&row.region, every, &mut route);
        let fronts = row
            .region
            .listeners
            .iter()
            .filter_map(|it| self.fronts.get(it));
        let front = fronts.map(|at| &self.proxies[*at]).next();
        match end {
            End::Answer(key, value) => {
                route.insert((*key).to_owned(), value.clone());
            }
            End::Backend(backend) => {
                let Some(upstream) = self.upstreams.get(backend) else {
                    return;
                };
                route.insert("upstream".to_owned(), json!(upstream));
                let back = self
                    .proxies
                    .iter()
                    .find(|it| it.back && it.name == *backend);
                if let (Some(front), Some(back)) = (front, back) {
                    self.times(at, row, front, back, &name, &mut route, reading);
                }
            }
        }
        let sockets = route.contains_key("websocket");
        for (path, value) in &row.settings {
            // No handshake comes where an earlier route takes them all.
            if path.starts_with("websocket.") && !sockets {
                continue;
            }
            if matches!(end, End::Answer(..))
                && !path.starts_with("response_headers")
                && !path.starts_with("clients")
                && path != "auth"
                && path != "methods"
            {
                continue;
            }
            match path.as_str() {
                "server timer" | "tunnel timer" => {}
                "forwarded" if *value == json!(true) => {}
                path if path.starts_with("request_headers.")
                    || path.starts_with("response_headers.") =>
                {
                    // A header's name may have a dot in it.
                    put(
                        &mut route,
                        &path.splitn(3, '.').collect::<Vec<_>>(),
                        value.clone(),
                    );
                }
                path => put(
                    &mut route,
                    &path.split('.').collect::<Vec<_>>(),
                    value.clone(),
                ),
            }
        }
        for (key, value) in route {
            reading.draft.set(&["routes", &name, &key], value);
        }
        for (id, path) in &row.from {
            let path = match path.as_str() {
                "" => format!("routes.{name}"),
                "server timer" => format!("routes.{name}.timeouts.response"),
                path if (path.starts_with("websocket") || path == "tunnel timer") && !sockets => {
                    format!("routes.{name}")
                }
                "tunnel timer" => format!("routes.{name}.websocket.idle"),
                path => format!("routes.{name}.{path}"),
            };
            match self.differs.get(id).filter(|it| !it.is_empty()) {
                None => reading.account.kept(*id, path),
                Some(hows) => {
                    for how in hows {
                        reading.account.changed(*id, path.clone(), how.clone());
                    }
                }
            }
        }
    }

    /// What a person would call a row.
    fn wanted(&self, row: &Row, end: &End) -> String {
        let path = row.region.paths.first().map(|path| match path {
            Path::Exact(text) | Path::Prefix(text) => text.clone(),
            Path::Regex(_) => String::new(),
        });
        let host = row.region.hosts.first().map(|host| match host {
            Host::Exact(text) | Host::Suffix(text) => text.clone(),
            Host::Regex(_) => String::new(),
        });
        match end {
            End::Backend(name) => {
                let rows = self
                    .table
                    .rows
                    .iter()
                    .filter(|it| it.end.as_ref() == Some(end))
                    .count();
                let path = path.filter(|it| rows > 1 && it != "/").unwrap_or_default();
                format!("{name}{path}")
            }
            End::Answer(key, _) => {
                let what = path.filter(|it| it.len() > 1).or(host).unwrap_or_default();
                format!("{key}-{what}")
            }
        }
    }

    /// Times, and whether WebSockets pass.
    #[expect(clippy::too_many_arguments, reason = "each is a thing of its own")]
    fn times(
        &self,
        at: usize,
        row: &Row,
        front: &Proxy,
        back: &Proxy,
        name: &str,
        route: &mut Map<String, Json>,
        reading: &mut Reading<'_>,
    ) {
        let (server, client) = (back.timeout("server"), front.timeout("client"));
        let timer = row
            .settings
            .get("server timer")
            .and_then(Json::as_str)
            .and_then(units::millis_of);
        let response = timer.or(server.map(|it| it.0));
        if let Some(millis) = response {
            put(
                route,
                &["timeouts", "response"],
                json!(units::duration(millis)),
            );
            put(route, &["timeouts", "idle"], json!(units::duration(millis)));
            if let Some((_, line)) = server {
                reading
                    .account
                    .kept(line.id, format!("routes.{name}.timeouts.response"));
                reading
                    .account
                    .kept(line.id, format!("routes.{name}.timeouts.idle"));
            }
        } else {
            reading.account.unsaid(
                "without `timeout server` an answer may take for ever: the spec's default holds",
                None,
            );
        }
        if let Some((_, line)) = client {
            reading.account.kept(
                line.id,
                format!(
                    "listeners.{}",
                    row.region.listeners.first().map_or("", String::as_str)
                ),
            );
        }
        // Upgrades pass in HAProxy wherever nothing takes them out, and none is left where an earlier row takes them all: one that
        // the language asks first too.
        let earlier = self.table.rows[..at].iter().any(|before| {
            let all = Region {
                upgrade: false,
                ..before.region.clone()
            };
            before.region.upgrade
                && !asked_first(&row.region, &before.region)
                && row.region.both(&all, &self.table.listeners) == Meet::All
        });
        if row.plain || earlier && !row.region.upgrade {
            return;
        }
        let tunnel = back.timeout("tunnel");
        let own = row
            .settings
            .get("tunnel timer")
            .and_then(Json::as_str)
            .and_then(units::millis_of);
        let shorter = match (response, client.map(|it| it.0)) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let idle = own.or(tunnel.map(|it| it.0)).or(shorter);
        match idle {
            Some(millis) => put(
                route,
                &["websocket", "idle"],
                json!(units::duration(millis)),
            ),
            None => put(route, &["websocket", "idle"], json!("1h")),
        }
        let path = format!("routes.{name}.websocket.idle");
        match (own, tunnel) {
            (Some(_), _) => {}
            (None, Some((millis, line))) => {
                reading.account.kept(line.id, path);
                if millis <= 60_000 {
                    remarks::short_tunnel(reading, line, &units::duration(millis));
                }
            }
            (None, None) => {
                reading.account.unsaid("without `timeout tunnel` a WebSocket ends with the shorter of client's and server's time", Some(path));
                let at = server.map_or(&back.head, |it| it.1);
                remarks::no_tunnel(reading, at, idle.map(units::duration).as_deref());
            }
        }
    }
}

/// Writes a value below a map.
fn put(map: &mut Map<String, Json>, path: &[&str], value: Json) {
    match path {
        [] => {}
        [last] => {
            map.insert((*last).to_owned(), value);
        }
        [first, rest @ ..] => {
            let inner = map
                .entry(*first)
                .or_insert_with(|| Json::Object(Map::new()));
            if !inner.is_object() {
                *inner = Json::Object(Map::new());
            }
            if let Json::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// Host, path and conditions.
fn region(region: &Region, every: &[&String], route: &mut Map<String, Json>) {
    let one_or_many = |list: Vec<Json>| match <[Json; 1]>::try_from(list) {
        Ok([one]) => one,
        Err(list) => Json::Array(list),
    };
    if !region.hosts.is_empty() {
        let hosts = region.hosts.iter().map(|host| match host {
            Host::Exact(name) => json!(name),
            Host::Suffix(name) => json!(format!("*.{name}")),
            Host::Regex(text) => json!({ "regex": text }),
        });
        route.insert("host".to_owned(), one_or_many(hosts.collect()));
    }
    let root = [Path::Prefix("/".to_owned())];
    if !region.paths.is_empty() && region.paths != root {
        let paths = region.paths.iter().map(|path| match path {
            Path::Prefix(text) => json!(text),
            Path::Exact(text) => json!({ "exact": text }),
            Path::Regex(text) => json!({ "regex": text }),
        });
        route.insert("path".to_owned(), one_or_many(paths.collect()));
    }
    let value = |value: &Value| match value {
        Value::Present => json!({ "present": true }),
        Value::Is(list) if list.len() == 1 => json!(list[0]),
        Value::Is(list) => {
            let any: Vec<String> = list.iter().map(|it| regex_syntax::escape(it)).collect();
            json!({ "regex": any.join("|") })
        }
        Value::Regex(text) => json!({ "regex": text }),
    };
    let mut when = Map::new();
    if !region.methods.is_empty() {
        when.insert("methods".to_owned(), json!(region.methods));
    }
    for (key, list) in [("headers", &region.headers), ("query", &region.query)] {
        if !list.is_empty() {
            let map: Map<String, Json> = list
                .iter()
                .map(|(name, it)| (name.clone(), value(it)))
                .collect();
            when.insert(key.to_owned(), Json::Object(map));
        }
    }
    if !region.clients.is_empty() {
        when.insert("clients".to_owned(), json!(region.clients));
    }
    if region.upgrade {
        when.insert("upgrade".to_owned(), json!(true));
    }
    let all = every.len() == region.listeners.len()
        && every.iter().all(|it| region.listeners.contains(it));
    if !all {
        when.insert("listeners".to_owned(), json!(region.listeners));
    }
    if !when.is_empty() {
        route.insert("when".to_owned(), Json::Object(when));
    }
}
