//! TLS: certificates and where they come from, versions and ciphers, client certificates.

use super::{Ctx, Map, at, fixed, handler, parts, text, word};
use crate::emit::Node;
use crate::emit::Part;
use crate::ir::{
    AcmeChallenge, Certificate, CertificateSource, ClientAuthMode, HostMatch, Listener,
    ListenerTls, TlsProfile, UnknownHost,
};

/// What Go calls the ciphers of Mozilla's *intermediate*; those with classic Diffie-Hellman it does not have.
const INTERMEDIATE: [&str; 6] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// The certificates that listeners use.
fn used<'a>(ctx: &Ctx<'a>) -> Vec<&'a Certificate> {
    let wanted: Vec<_> = ctx
        .g
        .listeners
        .iter()
        .filter_map(|it| it.tls.as_ref())
        .flat_map(|tls| &tls.certificates.value)
        .collect();
    ctx.g
        .certificates
        .iter()
        .filter(|it| wanted.contains(&&it.id))
        .collect()
}

/// The app that keeps certificates.
pub(super) fn app(ctx: &Ctx<'_>) -> Option<Map> {
    let mut files: Vec<Node> = Vec::new();
    let mut names: Vec<Node> = Vec::new();
    let mut policies: Vec<Node> = Vec::new();
    for it in used(ctx) {
        match &it.source {
            CertificateSource::Files { cert, key } => files.push(at(
                Map::new()
                    .put("certificate", text(&cert.value).at(cert.loc()))
                    .put("key", text(&key.value).at(key.loc()))
                    .put("tags", Node::list([word(&it.name)])),
                it.at,
            )),
            CertificateSource::Acme {
                email,
                challenge,
                directory,
            } => {
                let hosts = || it.hosts.value.iter().map(|host| text(host));
                names.extend(hosts());
                let mut issuer = Map::new()
                    .put("module", fixed("acme"))
                    .put("ca", text(&directory.value).at(directory.loc()));
                if let Some(email) = email {
                    issuer = issuer.put("email", text(&email.value).at(email.loc()));
                }
                let off = || Map::new().put("disabled", Node::flag(true));
                let other = match challenge.value {
                    AcmeChallenge::Http => Map::new().put("tls-alpn", off()),
                    AcmeChallenge::TlsAlpn => Map::new().put("http", off()),
                };
                issuer = issuer.put("challenges", Node::from(other).at(challenge.loc()));
                let policy = Map::new()
                    .put("subjects", Node::list(hosts()).at(it.hosts.loc()))
                    .put("issuers", Node::list([issuer]));
                policies.push(at(policy, it.at));
            }
        }
    }
    let mut certificates = Map::new();
    if !files.is_empty() {
        certificates = certificates.put("load_files", Node::list(files));
    }
    if !names.is_empty() {
        certificates = certificates.put("automate", Node::list(names));
    }
    if certificates.is_empty() {
        return None;
    }
    let mut map = Map::new().put("certificates", certificates);
    if !policies.is_empty() {
        map = map.put(
            "automation",
            Map::new().put("policies", Node::list(policies)),
        );
    }
    Some(map)
}

/// What a server says of TLS.
pub(super) fn server(ctx: &Ctx<'_>, it: &Listener, mut map: Map) -> Map {
    // Every certificate is named above: no listener of Caddy's own, no redirect of its own.
    map = map.put(
        "automatic_https",
        Map::new().put("disable", Node::flag(true)),
    );
    let Some(tls) = &it.tls else {
        return map;
    };
    let mut policies: Vec<Node> = Vec::new();
    let first = ctx.g.certificate(tls.certificates.value[0]);
    let fallback = first.hosts.value.first();
    let close = it.unknown_host.value == UnknownHost::Close;
    let names = close.then(|| known(ctx)).flatten();
    let mut policy = Map::new();
    if let Some(names) = names {
        policy = policy.put("match", at(names, it.unknown_host.loc()));
    }
    policy = policy.and(settings(tls));
    if let Some(name) = fallback {
        // A name that no certificate covers gets the listener's first one.
        policy = policy
            .put("default_sni", text(name).at(tls.certificates.loc()))
            .put("fallback_sni", text(name).at(tls.certificates.loc()));
    }
    policies.push(at(policy, tls.at));
    if close && known(ctx).is_some() {
        policies.push(at(
            Map::new().put("drop", Node::flag(true)),
            it.unknown_host.loc(),
        ));
    }
    if let Some(auth) = &tls.client_auth {
        // Whatever name is asked for, the listener asks for the same certificate: `Host` need not be that name.
        map = map.put("strict_sni_host", Node::flag(false).at(auth.ca.loc()));
    }
    map.put("tls_connection_policies", Node::list(policies))
}

fn settings(tls: &ListenerTls) -> Map {
    let mut map = match tls.profile.value {
        TlsProfile::Modern => Map::new().put("protocol_min", fixed("tls1.3").at(tls.profile.loc())),
        TlsProfile::Intermediate => Map::new()
            .put("protocol_min", fixed("tls1.2").at(tls.profile.loc()))
            .put(
                "cipher_suites",
                Node::list(INTERMEDIATE.map(fixed)).at(tls.profile.loc()),
            ),
    };
    if let Some(client) = &tls.client_auth {
        let ca = Map::new()
            .put("provider", fixed("file"))
            .put("pem_files", Node::list([word(&client.ca.value)]));
        let mode = match client.mode.value {
            ClientAuthMode::Require => "require_and_verify",
            ClientAuthMode::Optional => "verify_if_given",
        };
        let auth = Map::new()
            .put("ca", Node::from(ca).at(client.ca.loc()))
            .put("mode", fixed(mode).at(client.mode.loc()));
        map = map.put("client_authentication", auth);
    }
    map
}

/// The matcher of names that routes know; `None` where they know every name.
fn known(ctx: &Ctx<'_>) -> Option<Map> {
    let mut ways: Vec<String> = Vec::new();
    for host in super::server::hosts(ctx) {
        ways.push(match host {
            HostMatch::Exact(name) => super::escaped(name),
            HostMatch::Wildcard(zone) => format!(r".+\.{}", super::escaped(zone)),
            HostMatch::Regex(regex) => format!("(?:{regex})"),
            HostMatch::Any => return None,
        });
    }
    let pattern = format!(r"(?i)^(?:{})\.?$", ways.join("|"));
    Some(Map::new().put("sni_regexp", Map::new().put("pattern", word(&pattern))))
}

/// `Alt-Svc` with the port that clients see: Caddy names the one that it binds.
pub(super) fn offer(it: &Listener) -> Option<Node> {
    let seen = it.public_port.value;
    (it.http3.value && seen != it.port.value).then(|| {
        let value = format!(r#"h3=":{seen}"; ma=2592000"#);
        let set = Map::new().put("Alt-Svc", Node::list([parts(&[Part::Text(&value)])]));
        let handler = handler("headers").put("response", Map::new().put("set", set));
        at(super::always(vec![handler.into()]), it.http3.loc())
    })
}

/// `Strict-Transport-Security` on every answer.
pub(super) fn hsts(it: &Listener) -> Option<Node> {
    let hsts = it.tls.as_ref()?.hsts.as_ref()?;
    let value = hsts.value.header();
    let set = || {
        Map::new().put(
            "set",
            Map::new().put(
                "Strict-Transport-Security",
                Node::list([parts(&[Part::Text(&value)])]),
            ),
        )
    };
    // At once for answers to what fails, and late for those of servers that have one of their own.
    let both = vec![
        handler("headers").put("response", set()).into(),
        handler("headers")
            .put("response", set().put("deferred", Node::flag(true)))
            .into(),
    ];
    Some(at(super::always(both), hsts.loc()))
}
