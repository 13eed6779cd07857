//! What is left to say when every Ingress has been read: annotations that became nothing, objects that are no Ingress.

use super::documents::Documents;
use super::site::Site;
use super::{controller, remarks};
use crate::import::Reading;

/// The annotations of an Ingress that nothing has spoken of.
pub(super) fn site(site: &Site, tls: bool, reading: &mut Reading<'_>) {
    for (name, note) in site.notes.all() {
        if reading.account.is_settled(note.id) {
            continue;
        }
        if site.notes.is_on("canary") && !name.starts_with("canary") && !name.ends_with("-snippet")
        {
            reading.account.moot(
                note.id,
                "a canary takes it from the Ingress that it is a share of",
            );
            continue;
        }
        match name {
            "ssl-redirect" | "force-ssl-redirect" => {
                if tls {
                    reading.account.kept(note.id, "listeners.plain.redirect");
                } else if note.value.trim() == "true" && name == "force-ssl-redirect" {
                    reading.account.lost(
                        note.id,
                        "no Ingress of the file has TLS: what ends it stands in front",
                    );
                } else {
                    reading.account.moot(note.id, "nothing has TLS");
                }
            }
            "websocket-services" => {
                reading
                    .account
                    .moot(note.id, "it has no effect: every path passes WebSockets");
                remarks::websocket_services(reading, note.at);
            }
            "configuration-snippet"
            | "server-snippet"
            | "auth-snippet"
            | "stream-snippet"
            | "modsecurity-snippet" => {
                reading
                    .account
                    .lost(note.id, "a snippet is NGINX's own configuration");
                reading
                    .account
                    .help(note.id, "see what it is for, and write that in the spec");
                remarks::snippet(reading, note.at);
            }
            "connection-proxy-header" => {
                reading
                    .account
                    .lost(note.id, "`Connection` is a matter of each connection");
                remarks::constant_connection(reading, note.at);
            }
            "ssl-passthrough" => {
                reading.account.lost(
                    note.id,
                    "TLS passed on unopened is no HTTP: out of scope, on purpose",
                );
            }
            "enable-modsecurity"
            | "enable-owasp-core-rules"
            | "modsecurity-transaction-id"
            | "satisfy"
            | "auth-tls-match-cn"
            | "enable-global-auth" => {
                reading.account.lost(note.id, "wsgen has no word for it");
                if note.value.trim() != "false" {
                    remarks::open(reading, note.at);
                }
            }
            "service-upstream" => reading
                .account
                .moot(note.id, "the Service's name is the server"),
            "proxy-request-buffering"
            | "proxy-buffering"
            | "proxy-buffer-size"
            | "proxy-buffers-number"
            | "proxy-busy-buffers-size"
            | "proxy-max-temp-file-size"
            | "client-body-buffer-size"
            | "http2-push-preload"
            | "enable-rewrite-log"
            | "preserve-trailing-slash"
            | "disable-proxy-intercept-errors"
            | "relative-redirects"
            | "auth-cache-key"
            | "auth-cache-duration"
            | "session-cookie-hash" => {
                reading
                    .account
                    .moot(note.id, "a matter of the controller's own NGINX");
            }
            "ssl-ciphers" | "ssl-prefer-server-ciphers" => {
                reading
                    .account
                    .changed(note.id, "listeners", "the profile chooses the ciphers");
            }
            "proxy-http-version" if note.value.trim() == "1.1" => {
                reading.account.moot(note.id, "HTTP/1.1 is spoken anyway")
            }
            "proxy-redirect-from"
            | "proxy-redirect-to"
            | "proxy-cookie-path"
            | "proxy-cookie-domain" => {
                reading.account.lost(note.id, "answers pass as they are");
                reading.account.help(
                    note.id,
                    "where a rewrite has to be mapped back: `rewrite: { map_location: on }`",
                );
            }
            "custom-http-errors" | "default-backend" => {
                reading.account.lost(
                    note.id,
                    "an error page is an answer of the proxy, not a Service's",
                );
                reading.account.help(
                    note.id,
                    "write `error_pages: { 502: { respond: { … } } }` on the route",
                );
            }
            "upstream-hash-by-subset" | "upstream-hash-by-subset-size" => {
                reading
                    .account
                    .moot(note.id, "a consistent hash over all servers");
            }
            "upstream-hash-by" => reading.account.lost(
                note.id,
                "the language hashes the client, a header, a cookie, a parameter or the path",
            ),
            name if name.starts_with("auth-") => reading
                .account
                .moot(note.id, "nothing asks who a client is here"),
            name if name.starts_with("cors-") => {
                reading.account.moot(note.id, "`enable-cors` is not on")
            }
            name if name.starts_with("session-cookie-") || name.starts_with("affinity") => reading
                .account
                .moot(note.id, "`affinity: cookie` is not on"),
            name if name.starts_with("canary") => {
                reading.account.moot(note.id, "`canary` is not on")
            }
            name if name.starts_with("proxy-ssl-") => reading
                .account
                .moot(note.id, "no TLS to the servers is asked for"),
            "permanent-redirect-code"
            | "temporal-redirect-code"
            | "limit-burst-multiplier"
            | "limit-whitelist"
            | "limit-allowlist" => {
                reading.account.moot(note.id, "nothing asks for it here");
            }
            _ => reading.account.lost(note.id, "wsgen has no word for it"),
        }
    }
}

/// Objects that are no Ingress.
pub(super) fn objects(documents: &Documents, reading: &mut Reading<'_>) {
    for object in documents
        .objects
        .iter()
        .filter(|it| it.kind != "Ingress" && !controller::is_one(it))
    {
        let at = documents.get(object, &["kind"]).unwrap_or(object.at);
        let span = documents.span(object, at, reading);
        let kind = if object.kind.is_empty() {
            "an object without a kind"
        } else {
            &object.kind
        };
        let id = reading
            .account
            .add(span, format!("{kind} {}/{}", object.namespace, object.name));
        match kind {
            "Service" | "EndpointSlice" => reading.account.kept(id, "upstreams"),
            "Secret"
            | "ConfigMap"
            | "IngressClass"
            | "Namespace"
            | "Deployment"
            | "StatefulSet"
            | "DaemonSet"
            | "ServiceAccount"
            | "Role"
            | "RoleBinding"
            | "ClusterRole"
            | "ClusterRoleBinding"
            | "Job"
            | "Pod"
            | "PersistentVolumeClaim"
            | "HorizontalPodAutoscaler"
            | "PodDisruptionBudget"
            | "Certificate"
            | "Issuer"
            | "ClusterIssuer" => reading
                .account
                .moot(id, "it stays as it is: nothing of it is a gateway's"),
            _ => reading
                .account
                .moot(id, "no object that a gateway is made of"),
        }
        let known = documents.is_block(object, object.at);
        if !known {
            reading.account.unknown(id, None);
        }
    }
}
