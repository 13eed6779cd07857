//! Services as upstreams: where they are, and what annotations say of balance, stickiness, TLS and further tries.

use serde_json::{Map, Value as Json, json};

use super::documents::Documents;
use super::notes::Notes;
use super::remarks;
use super::site::{Backend, Site};
use super::values;
use crate::import::Reading;

/// The upstream of a backend of an Ingress: one that is there with the same settings, or a new one. Its name.
///
/// # Errors
/// Why it cannot be one.
pub(super) fn name(
    site: &Site,
    backend: &Backend,
    documents: &Documents,
    reading: &mut Reading<'_>,
) -> Result<String, String> {
    let namespace = &site.object.namespace;
    let (servers, port, existing) = servers(namespace, backend, documents, reading)?;
    let mut settings = Map::new();
    settings.insert("servers".to_owned(), json!(servers));
    let mut paths = Vec::new();
    balance(&site.notes, &mut settings, &mut paths);
    sticky(&site.notes, &mut settings, &mut paths);
    tls(&site.notes, &mut settings, &mut paths, reading);
    settings.insert("keepalive".to_owned(), json!(320));
    let wanted = super::own(reading, &backend.service).unwrap_or_else(|| "upstream".to_owned());
    // One that is there with the same settings.
    let there = reading.draft.names("upstreams").into_iter().find(|name| {
        reading.draft.get(&["upstreams", name]) == Some(&Json::Object(settings.clone()))
            && room(reading, name).is_none_or(|it| {
                it["port"] == json!(port) && it["service"] == json!(backend.service)
            })
    });
    let name = there.unwrap_or_else(|| reading.draft.name("upstreams", &wanted, "upstream"));
    for (key, value) in settings {
        reading.draft.set(&["upstreams", &name, &key], value);
    }
    reading.account.unsaid(
        "320 idle connections to servers are kept (`upstream-keepalive-connections`)",
        Some(format!("upstreams.{name}.keepalive")),
    );
    if existing {
        for target in ["ingress", "gateway"] {
            reading.draft.set(
                &["targets", target, "upstreams", &name, "service"],
                backend.service.as_str(),
            );
            reading
                .draft
                .set(&["targets", target, "upstreams", &name, "port"], port);
            let room = reading.draft.get(&["targets", target, "namespace"]);
            if room.and_then(Json::as_str).unwrap_or("default") != namespace.as_str() {
                reading.draft.set(
                    &["targets", target, "upstreams", &name, "namespace"],
                    namespace.as_str(),
                );
            }
        }
        reading.account.unsaid(
            "the controller asks the pods of a Service: outside the cluster's own targets its name stands for them",
            Some(format!("upstreams.{name}.servers")),
        );
    }
    for (note, setting, how) in paths {
        let Some(note) = site.notes.get(note) else {
            continue;
        };
        let path = format!("upstreams.{name}.{setting}");
        match how {
            Some(how) => reading.account.changed(note.id, path, how),
            None => reading.account.kept(note.id, path),
        }
    }
    Ok(name)
}

fn room<'r>(reading: &'r Reading<'_>, name: &str) -> Option<&'r Json> {
    reading
        .draft
        .get(&["targets", "ingress", "upstreams", name])
}

/// Annotation, setting, how it differs.
type Paths = Vec<(&'static str, &'static str, Option<String>)>;

/// Addresses, the port, and whether it is a Service that a target can name.
fn servers(
    namespace: &str,
    backend: &Backend,
    documents: &Documents,
    reading: &mut Reading<'_>,
) -> Result<(Vec<String>, u64, bool), String> {
    let same = |kind: &str| {
        documents.objects.iter().find(move |it| {
            it.kind == kind && it.namespace == namespace && it.name == backend.service
        })
    };
    let service = same("Service");
    let text = |object, at| documents.text(object, at).unwrap_or("").to_owned();
    let port = backend.port.parse::<u64>().ok().or_else(|| {
        let service = service?;
        let ports = documents.items(service, documents.get(service, &["spec", "ports"]));
        ports.iter().find_map(|item| {
            let name = documents.below(service, *item, "name")?;
            (text(service, name) == backend.port)
                .then(|| documents.below(service, *item, "port"))
                .flatten()
                .and_then(|it| text(service, it).parse().ok())
        })
    });
    let Some(port) = port.filter(|it| (1..=65_535).contains(it)) else {
        return Err(format!(
            "the port `{}` has a name, and the Service that says its number is not in the file",
            backend.port
        ));
    };
    if let Some(service) = service {
        if let Some(host) = documents.text_at(service, &["spec", "externalName"]) {
            return Ok((vec![format!("{host}:{port}")], port, true));
        }
        let headless = documents.text_at(service, &["spec", "clusterIP"]) == Some("None");
        let selects = documents.get(service, &["spec", "selector"]).is_some();
        if headless && !selects {
            let mut addresses: Vec<String> = Vec::new();
            for slice in documents
                .objects
                .iter()
                .filter(|it| it.kind == "EndpointSlice" && it.namespace == namespace)
            {
                let owner =
                    documents.text_at(slice, &["metadata", "labels", "kubernetes.io/service-name"]);
                if owner != Some(&backend.service) {
                    continue;
                }
                let ports = documents.items(slice, documents.get(slice, &["ports"]));
                let own = ports
                    .first()
                    .and_then(|it| documents.below(slice, *it, "port"))
                    .map_or(port, |it| text(slice, it).parse().unwrap_or(port));
                for endpoint in documents.items(slice, documents.get(slice, &["endpoints"])) {
                    for address in
                        documents.items(slice, documents.below(slice, endpoint, "addresses"))
                    {
                        let host = text(slice, address);
                        addresses.push(if host.contains(':') {
                            format!("[{host}]:{own}")
                        } else {
                            format!("{host}:{own}")
                        });
                    }
                }
            }
            if !addresses.is_empty() {
                reading
                    .account
                    .unsaid("a Service without a selector is its EndpointSlices", None);
                return Ok((addresses, port, false));
            }
        }
    }
    Ok((
        vec![format!(
            "{}.{namespace}.svc.cluster.local:{port}",
            backend.service
        )],
        port,
        true,
    ))
}

fn balance(notes: &Notes, settings: &mut Map<String, Json>, paths: &mut Paths) {
    if let Some(key) = notes.text("upstream-hash-by") {
        match values::hash(key) {
            Some(hash) => {
                settings.insert("balance".to_owned(), json!({ "hash": hash }));
                paths.push(("upstream-hash-by", "balance", None));
            }
            None => return,
        }
    }
    match notes.text("load-balance") {
        Some("ewma") => {
            settings.insert("balance".to_owned(), json!("least_connections"));
            paths.push((
                "load-balance",
                "balance",
                Some("the fewest connections, not the quickest answers".to_owned()),
            ));
        }
        Some("least_conn") => {
            settings.insert("balance".to_owned(), json!("least_connections"));
            paths.push(("load-balance", "balance", None));
        }
        Some("ip_hash") => {
            settings.insert("balance".to_owned(), json!({ "hash": { "source": true } }));
            paths.push(("load-balance", "balance", None));
        }
        Some("round_robin") => paths.push(("load-balance", "balance", None)),
        _ => {}
    }
}

fn sticky(notes: &Notes, settings: &mut Map<String, Json>, paths: &mut Paths) {
    if notes.text("affinity") != Some("cookie") {
        return;
    }
    let mut cookie = Map::new();
    cookie.insert(
        "name".to_owned(),
        json!(notes.text("session-cookie-name").unwrap_or("INGRESSCOOKIE")),
    );
    let age = notes
        .text("session-cookie-max-age")
        .or_else(|| notes.text("session-cookie-expires"));
    if let Some(ttl) = age.and_then(values::seconds) {
        cookie.insert("ttl".to_owned(), json!(ttl));
    }
    if let Some(path) = notes
        .text("session-cookie-path")
        .filter(|it| *it != "/" && it.starts_with('/'))
    {
        cookie.insert("path".to_owned(), json!(path));
    }
    if let Some(secure) = notes.text("session-cookie-secure") {
        cookie.insert("secure".to_owned(), json!(secure == "true"));
    }
    let same = notes.text("session-cookie-samesite").map(str::to_lowercase);
    if let Some(same) = same.filter(|it| matches!(it.as_str(), "strict" | "none")) {
        cookie.insert("same_site".to_owned(), json!(same));
    }
    settings.insert("stickiness".to_owned(), json!({ "cookie": cookie }));
    for (note, setting) in [
        ("affinity", "stickiness"),
        ("session-cookie-name", "stickiness.cookie.name"),
        ("session-cookie-max-age", "stickiness.cookie.ttl"),
        ("session-cookie-expires", "stickiness.cookie.ttl"),
        ("session-cookie-path", "stickiness.cookie.path"),
        ("session-cookie-secure", "stickiness.cookie.secure"),
        ("session-cookie-samesite", "stickiness.cookie.same_site"),
        ("session-cookie-hash", "stickiness"),
    ] {
        paths.push((note, setting, None));
    }
    let balanced = notes.text("affinity-mode") != Some("persistent");
    let how =
        balanced.then(|| "a client stays on its server also when servers are added".to_owned());
    paths.push(("affinity-mode", "stickiness", how));
    paths.push((
        "session-cookie-change-on-failure",
        "stickiness",
        Some("another server is always chosen when the first is gone".to_owned()),
    ));
    paths.push((
        "session-cookie-conditional-samesite-none",
        "stickiness",
        Some("`SameSite` is the same for every browser".to_owned()),
    ));
    paths.push((
        "session-cookie-domain",
        "stickiness",
        Some("the cookie is the host's own".to_owned()),
    ));
}

fn tls(
    notes: &Notes,
    settings: &mut Map<String, Json>,
    paths: &mut Paths,
    reading: &mut Reading<'_>,
) {
    let protocol = notes
        .text("backend-protocol")
        .unwrap_or("HTTP")
        .to_uppercase();
    let secure = matches!(protocol.as_str(), "HTTPS" | "GRPCS") || notes.is_on("secure-backends");
    if matches!(protocol.as_str(), "GRPC" | "GRPCS") {
        settings.insert("protocol".to_owned(), json!("http2"));
        paths.push(("backend-protocol", "protocol", None));
    }
    if protocol == "HTTP" {
        paths.push(("backend-protocol", "protocol", None));
    }
    if !secure {
        return;
    }
    let mut tls = Map::new();
    if let Some(name) = notes.text("proxy-ssl-name") {
        tls.insert("server_name".to_owned(), json!(name));
        paths.push(("proxy-ssl-name", "tls.server_name", None));
    }
    if let Some(secret) = notes.text("proxy-ssl-secret") {
        let folder = format!("/etc/tls/{}", secret.rsplit('/').next().unwrap_or("server"));
        for (key, file) in [("ca", "ca.crt"), ("cert", "tls.crt"), ("key", "tls.key")] {
            tls.insert(key.to_owned(), json!(format!("{folder}/{file}")));
        }
        paths.push((
            "proxy-ssl-secret",
            "tls",
            Some(format!("the Secret's files are looked for in {folder}")),
        ));
    }
    if notes.is_on("proxy-ssl-verify") {
        paths.push(("proxy-ssl-verify", "tls.verify", None));
    } else {
        tls.insert("verify".to_owned(), json!(false));
        paths.push(("proxy-ssl-verify", "tls.verify", None));
        if let Some(note) = notes
            .get("backend-protocol")
            .or_else(|| notes.get("secure-backends"))
        {
            remarks::unverified(reading, note.at);
        }
    }
    settings.insert("tls".to_owned(), Json::Object(tls));
    for name in [
        "backend-protocol",
        "secure-backends",
        "proxy-ssl-server-name",
    ] {
        paths.push((name, "tls", None));
    }
    for name in [
        "proxy-ssl-protocols",
        "proxy-ssl-ciphers",
        "proxy-ssl-verify-depth",
    ] {
        paths.push((
            name,
            "tls",
            Some("what a target's program offers servers is its own".to_owned()),
        ));
    }
}
