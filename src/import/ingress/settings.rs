//! What annotations say of a route: times, sizes, who may come, limits, CORS, headers.

use serde_json::{Map, Value as Json, json};

use super::controller::Controller;
use super::documents::Documents;
use super::site::Site;
use super::{auth, remarks, values};
use crate::import::Reading;

/// Settings of a route, by path, and the annotations that they come from.
#[derive(Default)]
pub(super) struct Settings {
    /// By path.
    pub values: Vec<(&'static str, Json)>,
    /// Annotation, path, how it differs.
    pub from: Vec<(&'static str, &'static str, Option<String>)>,
}

impl Settings {
    /// A setting and its annotation.
    fn set(&mut self, path: &'static str, value: Json, note: &'static str, how: Option<String>) {
        self.values.push((path, value));
        self.from.push((note, path, how));
    }

    fn kept(&mut self, note: &'static str, path: &'static str) {
        self.from.push((note, path, None));
    }
}

/// The settings of the routes of an Ingress.
pub(super) fn read(
    site: &Site,
    controller: &Controller,
    documents: &Documents,
    reading: &mut Reading<'_>,
) -> Settings {
    let mut settings = Settings::default();
    times(site, controller, &mut settings, reading);
    sizes(site, controller, &mut settings, reading);
    who(site, &mut settings, reading);
    limits(site, &mut settings);
    cors(site, &mut settings, reading);
    headers(site, documents, &mut settings, reading);
    tries(site, &mut settings);
    if let Some((name, notes)) = auth::read(site, reading) {
        settings.values.push(("auth", json!(name)));
        for (note, how) in notes {
            settings.from.push((note, "auth", how));
        }
    }
    settings
}

fn times(site: &Site, controller: &Controller, settings: &mut Settings, reading: &mut Reading<'_>) {
    let notes = &site.notes;
    let connect = notes
        .text("proxy-connect-timeout")
        .and_then(values::seconds);
    match connect {
        Some(time) => settings.set(
            "timeouts.connect",
            json!(time),
            "proxy-connect-timeout",
            None,
        ),
        None => settings
            .values
            .push(("timeouts.connect", json!(controller.connect))),
    }
    let read = notes.text("proxy-read-timeout").and_then(values::seconds);
    let silence = read.clone().unwrap_or_else(|| controller.read.clone());
    for path in ["timeouts.response", "timeouts.idle", "websocket.idle"] {
        settings.values.push((path, json!(silence)));
        if read.is_some() {
            settings.kept("proxy-read-timeout", path);
        }
    }
    if read.is_none() {
        reading.account.unsaid(
            "one time of 60 s for answers, bodies and WebSockets (`proxy-read-timeout`)",
            None,
        );
    }
    let long = silence
        .parse::<crate::spec::units::Dur>()
        .map_or(0, crate::spec::units::Dur::as_millis);
    if long <= 60_000 {
        let at = notes
            .get("proxy-read-timeout")
            .map_or_else(|| site.paths.first().map(|it| it.at), |note| Some(note.at));
        if let Some(at) = at {
            remarks::short_idle(reading, at, &silence);
        }
    }
    if let Some(note) = notes.get("proxy-send-timeout") {
        if notes.text("proxy-send-timeout") == notes.text("proxy-read-timeout") {
            settings.kept("proxy-send-timeout", "timeouts.idle");
        } else {
            reading.account.changed(
                note.id,
                "routes",
                "one time for both ways: that of `proxy-read-timeout`",
            );
        }
    }
    if notes.text("proxy-buffering") == Some("off") {
        settings.set("stream.idle", json!(silence), "proxy-buffering", None);
        if notes.text("proxy-request-buffering") == Some("off") {
            settings.set(
                "stream.request",
                json!(true),
                "proxy-request-buffering",
                None,
            );
        }
    } else {
        reading.account.unsaid("answers pass as they come (`proxy-buffering` is off): a route that streams says `stream: on` in the spec", None);
    }
}

fn sizes(site: &Site, controller: &Controller, settings: &mut Settings, reading: &mut Reading<'_>) {
    let written = site.notes.text("proxy-body-size").and_then(values::bytes);
    match written.unwrap_or(controller.body) {
        0 => settings.kept("proxy-body-size", "limits.body"),
        bytes => {
            settings
                .values
                .push(("limits.body", json!(values::size(bytes))));
            settings.kept("proxy-body-size", "limits.body");
            if written.is_none() {
                reading
                    .account
                    .unsaid("a body may have 1 MiB (`proxy-body-size`)", None);
            }
        }
    }
}

fn who(site: &Site, settings: &mut Settings, reading: &mut Reading<'_>) {
    for (note, path) in [
        ("whitelist-source-range", "clients.allow"),
        ("allowlist-source-range", "clients.allow"),
        ("denylist-source-range", "clients.deny"),
    ] {
        let Some(text) = site.notes.text(note) else {
            continue;
        };
        match values::ranges(text) {
            Some(ranges) => settings.set(path, json!(ranges), note, None),
            None => {
                if let Some(note) = site.notes.get(note) {
                    reading.account.lost(note.id, "no list of client ranges");
                    remarks::open(reading, note.at);
                }
            }
        }
    }
}

fn limits(site: &Site, settings: &mut Settings) {
    let number = |name: &str| {
        site.notes
            .text(name)
            .and_then(|it| it.parse::<u64>().ok())
            .filter(|it| *it > 0)
    };
    let multiplier = number("limit-burst-multiplier").unwrap_or(5);
    for (note, unit) in [("limit-rps", "s"), ("limit-rpm", "min")] {
        // More than a rate can say is no limit either way.
        let Some(count) = number(note).map(|it| it.min(u64::from(u32::MAX))) else {
            continue;
        };
        let mut limit = json!({ "rate": format!("{count}/{unit}"), "burst": count.saturating_mul(multiplier).min(100_000), "per": "client" });
        for name in ["limit-whitelist", "limit-allowlist"] {
            if let Some(ranges) = site.notes.text(name).and_then(values::ranges) {
                limit["exempt"] = json!(ranges);
                settings.kept(name, "limits.requests.exempt");
            }
        }
        let how = "429 in place of 503".to_owned();
        settings.set("limits.requests", limit, note, Some(how));
        settings.kept("limit-burst-multiplier", "limits.requests.burst");
    }
    if let Some(most) = number("limit-connections") {
        let value = json!({ "per": "client", "max": most.min(1_000_000) });
        settings.set("limits.connections", value, "limit-connections", None);
    }
}

fn cors(site: &Site, settings: &mut Settings, reading: &mut Reading<'_>) {
    let notes = &site.notes;
    if !notes.is_on("enable-cors") {
        return;
    }
    let list = |name: &str, usual: &str| values::list(notes.text(name).unwrap_or(usual));
    let origins = list("cors-allow-origin", "*");
    let any = origins.iter().any(|it| it == "*");
    let mut cors = Map::new();
    let exact: Vec<&String> = origins.iter().filter(|it| !it.contains('*')).collect();
    if !any && exact.is_empty() {
        if let Some(note) = notes.get("cors-allow-origin") {
            reading
                .account
                .lost(note.id, "an origin is exact, or `any`");
            reading.account.help(note.id, "write each origin");
        }
        return;
    }
    cors.insert(
        "origins".to_owned(),
        if any { json!("any") } else { json!(exact) },
    );
    cors.insert(
        "methods".to_owned(),
        json!(list(
            "cors-allow-methods",
            "GET, PUT, POST, DELETE, PATCH, OPTIONS"
        )),
    );
    let usual = "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization";
    cors.insert(
        "headers".to_owned(),
        json!(list("cors-allow-headers", usual)),
    );
    let expose = list("cors-expose-headers", "");
    if !expose.is_empty() {
        cors.insert("expose".to_owned(), json!(expose));
    }
    let credentials = notes.text("cors-allow-credentials") != Some("false");
    if credentials && !any {
        cors.insert("credentials".to_owned(), json!(true));
    }
    let age = notes.text("cors-max-age").unwrap_or("1728000");
    if let Some(age) = values::seconds(age) {
        cors.insert("max_age".to_owned(), json!(age));
    }
    settings.set("cors", Json::Object(cors), "enable-cors", None);
    let wild = (!any && exact.len() < origins.len())
        .then(|| "origins with `*` are left out: an origin is exact".to_owned());
    settings
        .from
        .push(("cors-allow-origin", "cors.origins", wild));
    for (note, path) in [
        ("cors-allow-methods", "cors.methods"),
        ("cors-allow-headers", "cors.headers"),
        ("cors-expose-headers", "cors.expose"),
        ("cors-max-age", "cors.max_age"),
    ] {
        settings.kept(note, path);
    }
    let how = (any && credentials)
        .then(|| "browsers refuse credentials from any origin: they are off".to_owned());
    settings
        .from
        .push(("cors-allow-credentials", "cors.credentials", how));
    if any
        && credentials
        && let Some(note) = notes
            .get("cors-allow-origin")
            .or_else(|| notes.get("enable-cors"))
    {
        remarks::any_origin(reading, note.at);
    }
}

fn headers(site: &Site, documents: &Documents, settings: &mut Settings, reading: &mut Reading<'_>) {
    let notes = &site.notes;
    if let Some(host) = notes.text("upstream-vhost") {
        if host.contains('$') {
            if let Some(note) = notes.get("upstream-vhost") {
                reading.account.lost(note.id, "a host is a text");
            }
        } else {
            settings.set(
                "host_header",
                json!({ "set": host }),
                "upstream-vhost",
                None,
            );
        }
    }
    if let Some(prefix) = notes.text("x-forwarded-prefix") {
        let value = json!({ "X-Forwarded-Prefix": prefix });
        settings.set("request_headers.set", value, "x-forwarded-prefix", None);
    }
    if notes.text("enable-access-log") == Some("false") {
        settings.set("log", json!(false), "enable-access-log", None);
    } else {
        settings.kept("enable-access-log", "log");
    }
    if let Some(note) = notes.get("custom-headers") {
        let (namespace, name) = note
            .value
            .trim()
            .split_once('/')
            .unwrap_or((&site.object.namespace, note.value.trim()));
        let map = documents
            .objects
            .iter()
            .find(|it| it.kind == "ConfigMap" && it.namespace == namespace && it.name == name);
        match map {
            Some(map) => {
                let data = documents.pairs(map, documents.get(map, &["data"]));
                let set: Map<String, Json> = data
                    .into_iter()
                    .map(|(name, _, value)| (name, json!(documents.text(map, value).unwrap_or(""))))
                    .collect();
                settings.set(
                    "response_headers.set",
                    Json::Object(set),
                    "custom-headers",
                    None,
                );
            }
            None => {
                reading
                    .account
                    .lost(note.id, "its ConfigMap is not in the file");
                reading
                    .account
                    .help(note.id, "add it to the file, after `---`");
            }
        }
    }
}

/// What is tried again on another server.
fn tries(site: &Site, settings: &mut Settings) {
    let after = site
        .notes
        .text("proxy-next-upstream")
        .unwrap_or("error timeout");
    let tries = site
        .notes
        .text("proxy-next-upstream-tries")
        .and_then(|it| it.parse::<u64>().ok())
        .unwrap_or(3);
    let each = "each try has its own times".to_owned();
    settings
        .from
        .push(("proxy-next-upstream-timeout", "retries", Some(each)));
    settings.kept("proxy-next-upstream-tries", "retries");
    // A server that refuses is left for the next in any case.
    if after
        .split_whitespace()
        .all(|it| matches!(it, "error" | "off"))
        || tries == 1
    {
        settings.kept("proxy-next-upstream", "retries");
        return;
    }
    let mut list: Vec<Json> = Vec::new();
    for word in after.split_whitespace() {
        let what = match word {
            "error" | "invalid_header" => json!("connect"),
            "timeout" => json!("timeout"),
            status => match status
                .strip_prefix("http_")
                .and_then(|it| it.parse::<u16>().ok())
            {
                Some(status) if (500..600).contains(&status) => json!(status),
                _ => continue,
            },
        };
        if !list.contains(&what) {
            list.push(what);
        }
    }
    if list.is_empty() {
        return;
    }
    // 0 is without end there.
    let attempts = if tries == 0 {
        10
    } else {
        (tries - 1).clamp(1, 10)
    };
    let how = "only by a method that may be repeated, never on the same server".to_owned();
    settings.set(
        "retries",
        json!({ "attempts": attempts, "after": list }),
        "proxy-next-upstream",
        Some(how),
    );
}
