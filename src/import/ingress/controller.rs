//! The controller's ConfigMap, and what ingress-nginx does where it says nothing.

use serde_json::{Value as Json, json};

use super::documents::{Documents, Object};
use super::values;
use crate::import::Reading;

/// What holds for every Ingress.
#[derive(Clone, Debug)]
pub(super) struct Controller {
    /// `proxy-connect-timeout`
    pub connect: String,
    /// `proxy-read-timeout`
    pub read: String,
    /// `proxy-body-size`, in bytes; 0 for none.
    pub body: u64,
    /// Whether hosts with a certificate redirect.
    pub redirects: bool,
    /// `Strict-Transport-Security`, if it is sent.
    pub hsts: Option<Json>,
    /// Settings of every listener.
    pub listener: Vec<(&'static str, Json)>,
    /// Only TLS 1.3.
    pub modern: bool,
    /// `use-gzip`
    pub gzip: bool,
}

/// Reads the ConfigMap, if one of the objects is it.
pub(super) fn read(documents: &Documents, reading: &mut Reading<'_>) -> Controller {
    let mut controller = Controller {
        connect: "5s".to_owned(),
        read: "1m".to_owned(),
        body: 1 << 20,
        redirects: true,
        hsts: Some(json!({ "max_age": "365d", "subdomains": true })),
        listener: Vec::new(),
        modern: false,
        gzip: false,
    };
    let (mut age, mut subdomains, mut preload) = ("365d".to_owned(), true, false);
    let mut drains = false;
    for object in documents.objects.iter().filter(|it| is_one(it)) {
        let head = documents.get(object, &["kind"]).unwrap_or(object.at);
        let id = reading.account.add(
            documents.span(object, head, reading),
            format!("ConfigMap {}/{}", object.namespace, object.name),
        );
        reading.account.kept(id, "listeners");
        for (key, at, value) in documents.pairs(object, documents.get(object, &["data"])) {
            let text = documents
                .text(object, value)
                .unwrap_or("")
                .trim()
                .to_owned();
            let id = reading.account.add(
                documents.span(object, at, reading),
                format!("{key}: {}", text.lines().next().unwrap_or("")),
            );
            let on = matches!(text.as_str(), "true" | "on");
            let seconds = values::seconds(&text);
            let mut listener = |path: &'static str, value: Json, reading: &mut Reading<'_>| {
                controller.listener.push((path, value));
                reading.account.kept(id, "listeners");
            };
            match (key.as_str(), seconds) {
                ("proxy-connect-timeout", Some(time)) => {
                    controller.connect = time;
                    reading.account.kept(id, "routes");
                }
                ("proxy-read-timeout", Some(time)) => {
                    controller.read = time;
                    reading.account.kept(id, "routes");
                }
                ("proxy-send-timeout", _) => reading
                    .account
                    .moot(id, "one time for both ways: that of `proxy-read-timeout`"),
                ("proxy-body-size", _) if values::bytes(&text).is_some() => {
                    controller.body = values::bytes(&text).unwrap_or(0);
                    reading.account.kept(id, "routes");
                }
                ("ssl-redirect", _) => {
                    controller.redirects = on;
                    reading.account.kept(id, "listeners");
                }
                ("hsts", _) => {
                    if !on {
                        controller.hsts = None;
                    }
                    reading.account.kept(id, "listeners");
                }
                ("hsts-max-age", Some(time)) => {
                    age = time;
                    reading.account.kept(id, "listeners");
                }
                ("hsts-include-subdomains", _) => {
                    subdomains = on;
                    reading.account.kept(id, "listeners");
                }
                ("hsts-preload", _) => {
                    preload = on;
                    reading.account.kept(id, "listeners");
                }
                ("use-http2", _) => listener("http2", json!(on), reading),
                ("use-proxy-protocol", _) => listener("proxy_protocol", json!(on), reading),
                ("keep-alive", Some(time)) => listener("timeouts.keepalive", json!(time), reading),
                ("client-header-timeout", Some(time)) => {
                    listener("timeouts.head", json!(time), reading)
                }
                ("enable-underscores-in-headers", _) => {
                    listener(
                        "header_names",
                        json!(if on { "lenient" } else { "strict" }),
                        reading,
                    );
                }
                ("proxy-real-ip-cidr", _) if values::ranges(&text).is_some() => {
                    listener("trusted_proxies", json!(values::ranges(&text)), reading);
                }
                (
                    "use-forwarded-headers"
                    | "compute-full-forwarded-for"
                    | "forwarded-for-header"
                    | "enable-real-ip",
                    _,
                ) => {
                    if on {
                        reading.account.changed(
                            id,
                            "listeners",
                            "`trusted_proxies` of the listener says whose headers are believed",
                        );
                        reading.account.help(id, "write the ranges of the load balancer: `trusted_proxies: [10.0.0.0/8]`");
                    } else {
                        reading.account.moot(id, "the default");
                    }
                }
                ("ssl-protocols", _) => {
                    controller.modern = text == "TLSv1.3";
                    let old = text
                        .split_whitespace()
                        .any(|it| matches!(it, "TLSv1" | "TLSv1.1"));
                    if old {
                        reading
                            .account
                            .lost(id, "TLS 1.0 and 1.1 are offered by no profile");
                    } else {
                        reading.account.kept(id, "listeners");
                    }
                }
                ("ssl-ciphers" | "ssl-ecdh-curve" | "ssl-dh-param", _) => {
                    reading
                        .account
                        .changed(id, "listeners", "the profile chooses the ciphers")
                }
                ("use-gzip", _) => {
                    controller.gzip = on;
                    reading.account.kept(id, "routes");
                }
                ("worker-shutdown-timeout", Some(time)) => {
                    drains = true;
                    let path = reading.draft.set(&["runtime", "drain", "timeout"], time);
                    reading.account.kept(id, path);
                }
                ("max-worker-connections", _) if text.parse::<u64>().is_ok_and(|it| it > 0) => {
                    let path = reading.draft.set(
                        &["runtime", "max_connections"],
                        text.parse::<u64>().unwrap_or(16_384).min(10_000_000),
                    );
                    reading
                        .account
                        .changed(id, path, "for all workers together, not for each");
                }
                ("disable-access-log" | "disable-http-access-log", _) if on => {
                    let path = reading.draft.set(&["log"], false);
                    reading.account.kept(id, path);
                }
                (
                    "allow-snippet-annotations"
                    | "annotations-risk-level"
                    | "strict-validate-path-type"
                    | "worker-processes"
                    | "error-log-level"
                    | "enable-brotli"
                    | "gzip-types"
                    | "gzip-level"
                    | "server-name-hash-bucket-size"
                    | "variables-hash-bucket-size"
                    | "proxy-buffer-size"
                    | "proxy-buffers-number"
                    | "proxy-headers-hash-bucket-size"
                    | "proxy-headers-hash-max-size"
                    | "log-format-upstream"
                    | "log-format-escape-json"
                    | "server-tokens"
                    | "upstream-keepalive-connections"
                    | "upstream-keepalive-timeout"
                    | "upstream-keepalive-requests"
                    | "keep-alive-requests"
                    | "large-client-header-buffers"
                    | "client-header-buffer-size"
                    | "client-body-timeout"
                    | "ssl-session-cache"
                    | "ssl-session-timeout"
                    | "ssl-session-tickets"
                    | "map-hash-bucket-size"
                    | "load-balance",
                    _,
                ) => {
                    reading
                        .account
                        .moot(id, "a matter of the controller's own NGINX");
                }
                _ => reading.account.lost(
                    id,
                    "wsgen has no word for it, or not for all routes together",
                ),
            }
        }
    }
    if controller.hsts.is_some() {
        controller.hsts = Some(json!({ "max_age": age, "subdomains": subdomains }));
        if preload {
            controller.hsts =
                Some(json!({ "max_age": age, "subdomains": subdomains, "preload": true }));
        }
    }
    if !drains {
        let path = reading.draft.set(&["runtime", "drain", "timeout"], "4m");
        reading.account.unsaid(
            "old workers end after 240 s (`worker-shutdown-timeout`)",
            Some(path),
        );
    }
    if reading.draft.get(&["runtime", "max_connections"]).is_none() {
        let path = reading.draft.set(&["runtime", "max_connections"], 16_384);
        reading.account.unsaid(
            "a worker takes 16384 connections (`max-worker-connections`)",
            Some(path),
        );
    }
    if reading.draft.get(&["log"]).is_none() {
        let path = reading.draft.set(&["log", "format"], "common");
        reading.account.unsaid("log lines are text", Some(path));
    }
    controller
}

/// Whether an object is the controller's ConfigMap.
pub(super) fn is_one(object: &Object) -> bool {
    let names = [
        "ingress-nginx-controller",
        "nginx-configuration",
        "ingress-controller",
        "nginx-config",
        "nginx-load-balancer-conf",
    ];
    object.kind == "ConfigMap"
        && (names.contains(&object.name.as_str())
            || object.name.ends_with("ingress-nginx-controller"))
}
