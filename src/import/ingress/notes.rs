//! The annotations of an Ingress: which are known, which belong to others, which are spelt wrong.

use std::collections::BTreeMap;

use super::documents::{Documents, Object};
use super::remarks;
use crate::import::{DirectiveId, Reading};
use crate::source::Span;

/// What the annotations of ingress-nginx begin with.
pub(super) const PREFIX: &str = "nginx.ingress.kubernetes.io/";

/// Every annotation of ingress-nginx, without what they begin with.
const KNOWN: &str = "affinity affinity-canary-behavior affinity-mode allowlist-source-range app-root auth-always-set-cookie \
    auth-cache-duration auth-cache-key auth-keepalive auth-keepalive-requests auth-keepalive-share-vars auth-keepalive-timeout \
    auth-method auth-proxy-set-headers auth-realm auth-request-redirect auth-response-headers auth-secret auth-secret-type \
    auth-signin auth-signin-redirect-param auth-snippet auth-tls-error-page auth-tls-match-cn auth-tls-pass-certificate-to-upstream \
    auth-tls-secret auth-tls-verify-client auth-tls-verify-depth auth-type auth-url backend-protocol canary canary-by-cookie \
    canary-by-header canary-by-header-pattern canary-by-header-value canary-weight canary-weight-total client-body-buffer-size \
    configuration-snippet connection-proxy-header cors-allow-credentials cors-allow-headers cors-allow-methods cors-allow-origin \
    cors-expose-headers cors-max-age custom-headers custom-http-errors default-backend denylist-source-range disable-proxy-intercept-errors \
    enable-access-log enable-cors enable-global-auth enable-modsecurity enable-opentelemetry enable-opentracing enable-owasp-core-rules \
    enable-rewrite-log fastcgi-index fastcgi-params-configmap force-ssl-redirect from-to-www-redirect global-rate-limit \
    global-rate-limit-ignored-cidrs global-rate-limit-key global-rate-limit-window http2-push-preload influxdb-enabled limit-allowlist \
    limit-burst-multiplier limit-connections limit-rate limit-rate-after limit-rpm limit-rps limit-whitelist load-balance mirror-host \
    mirror-request-body mirror-target modsecurity-snippet modsecurity-transaction-id opentelemetry-operation-name \
    opentelemetry-trust-incoming-span permanent-redirect permanent-redirect-code preserve-host preserve-trailing-slash proxy-body-size \
    proxy-buffer-size proxy-buffering proxy-buffers-number proxy-busy-buffers-size proxy-connect-timeout proxy-cookie-domain \
    proxy-cookie-path proxy-http-version proxy-max-temp-file-size proxy-next-upstream proxy-next-upstream-timeout \
    proxy-next-upstream-tries proxy-read-timeout proxy-redirect-from proxy-redirect-to proxy-request-buffering proxy-send-timeout \
    proxy-ssl-ciphers proxy-ssl-name proxy-ssl-protocols proxy-ssl-secret proxy-ssl-server-name proxy-ssl-verify proxy-ssl-verify-depth \
    relative-redirects rewrite-target satisfy secure-backends server-alias server-snippet service-upstream session-cookie-change-on-failure \
    session-cookie-conditional-samesite-none session-cookie-domain session-cookie-expires session-cookie-hash session-cookie-max-age \
    session-cookie-name session-cookie-path session-cookie-samesite session-cookie-secure ssl-ciphers ssl-passthrough \
    ssl-prefer-server-ciphers ssl-redirect stream-snippet temporal-redirect temporal-redirect-code upstream-hash-by \
    upstream-hash-by-subset upstream-hash-by-subset-size upstream-vhost use-regex websocket-services whitelist-source-range \
    x-forwarded-prefix";

/// An annotation.
#[derive(Clone, Debug)]
pub(super) struct Note {
    /// Its text.
    pub value: String,
    /// Its entry in the account.
    pub id: DirectiveId,
    /// Where it stands.
    pub at: Span,
}

/// The annotations of an Ingress, by name without what they begin with.
#[derive(Clone, Default, Debug)]
pub(super) struct Notes {
    by_name: BTreeMap<String, Note>,
    /// `kubernetes.io/ingress.class`
    pub class: Option<Note>,
}

impl Notes {
    /// Takes the annotations of an object in; those of others are spoken of here.
    pub(super) fn read(documents: &Documents, object: &Object, reading: &mut Reading<'_>) -> Self {
        let mut notes = Self::default();
        let all = documents.pairs(object, documents.get(object, &["metadata", "annotations"]));
        for (key, at, value) in all {
            let span = documents.span(object, at, reading);
            let value = documents.text(object, value).unwrap_or("").to_owned();
            let shown: String = value
                .lines()
                .next()
                .unwrap_or("")
                .chars()
                .take(60)
                .collect();
            let id = reading.account.add(span, format!("{key}: {shown}"));
            let note = Note {
                value,
                id,
                at: span,
            };
            match key.strip_prefix(PREFIX) {
                Some(name) if KNOWN.split_whitespace().any(|it| it == name) => {
                    notes.by_name.insert(name.to_owned(), note);
                }
                Some(name) => {
                    let meant = crate::names::closest(name, KNOWN.split_whitespace());
                    reading
                        .account
                        .unknown(id, meant.map(|it| format!("{PREFIX}{it}")).as_deref());
                    remarks::ignored(reading, span);
                }
                None if key == "kubernetes.io/ingress.class" => notes.class = Some(note),
                None => others(&key, &note, reading),
            }
        }
        notes
    }

    /// An annotation.
    pub(super) fn get(&self, name: &str) -> Option<&Note> {
        self.by_name.get(name)
    }

    /// An annotation's text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(|it| it.value.trim())
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        matches!(self.text(name), Some("true" | "on"))
    }

    /// Every annotation, by name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Note)> {
        self.by_name
            .iter()
            .map(|(name, note)| (name.as_str(), note))
    }
}

/// Annotations that ingress-nginx does not read.
fn others(key: &str, note: &Note, reading: &mut Reading<'_>) {
    let (prefix, name) = key.rsplit_once('/').unwrap_or(("", key));
    let moot = [
        "cert-manager.io",
        "acme.cert-manager.io",
        "kubectl.kubernetes.io",
        "meta.helm.sh",
        "helm.sh",
        "external-dns.alpha.kubernetes.io",
        "argocd.argoproj.io",
        "field.cattle.io",
        "kubernetes.io",
        "app.kubernetes.io",
        "reloader.stakater.com",
    ];
    let controllers = [
        "nginx.org",
        "nginx.com",
        "traefik.ingress.kubernetes.io",
        "haproxy.org",
        "haproxy-ingress.github.io",
        "alb.ingress.kubernetes.io",
        "konghq.com",
        "projectcontour.io",
    ];
    if moot.contains(&prefix) {
        let why = if prefix.ends_with("cert-manager.io") {
            "cert-manager goes on to make the Secret"
        } else {
            "another program reads it"
        };
        reading.account.moot(note.id, why);
        return;
    }
    if controllers.contains(&prefix) {
        reading.account.lost(
            note.id,
            format!("`{prefix}` is another controller's: ingress-nginx does not read it"),
        );
        remarks::other_controller(reading, note.at, prefix);
        return;
    }
    let known = KNOWN.split_whitespace().any(|it| it == name);
    let close =
        crate::names::closest(prefix, ["nginx.ingress.kubernetes.io"].into_iter()).is_some();
    if known || close {
        let name = if known {
            Some(name)
        } else {
            crate::names::closest(name, KNOWN.split_whitespace())
        };
        reading
            .account
            .unknown(note.id, name.map(|it| format!("{PREFIX}{it}")).as_deref());
        remarks::ignored(reading, note.at);
    } else {
        reading.account.moot(
            note.id,
            "no controller's that is known: another program reads it",
        );
    }
}
