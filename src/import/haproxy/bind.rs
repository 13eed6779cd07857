//! `bind` lines: address, port, TLS.

use serde_json::{Value as Json, json};

use super::lines::{Line, Word};
use crate::import::Reading;

/// What a `bind` line says.
#[derive(Clone, Default, Debug)]
pub(super) struct Bind {
    pub address: Option<String>,
    pub port: String,
    pub tls: bool,
    pub quic: bool,
    pub certificates: Vec<String>,
    pub settings: Vec<(&'static str, Json)>,
}

/// Address and port, and whether it is QUIC.
pub(super) fn place(text: &str) -> Result<(Option<String>, String, bool), String> {
    let quic = text.starts_with("quic");
    let text = match text.split_once('@') {
        Some(("ipv4" | "ipv6" | "quic4" | "quic6" | "tcp4" | "tcp6" | "tcp", rest)) => rest,
        Some((kind, _)) => return Err(format!("a listener of kind `{kind}` is no TCP port")),
        None => text,
    };
    if text.starts_with('/') {
        return Err("a Unix socket: a listener has a TCP port".to_owned());
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err("it names no port".to_owned());
    };
    let is_port = port.parse::<u16>().is_ok_and(|it| it > 0);
    if !is_port {
        return Err("a listener has one port, a number".to_owned());
    }
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = (!matches!(host, "" | "*" | "0.0.0.0" | "::" | "::0")).then(|| host.to_owned());
    Ok((host, port.to_owned(), quic))
}

/// The options of a `bind` line.
pub(super) fn options_of(
    line: &Line,
    words: &[Word],
    global: &super::global::Global,
    reading: &mut Reading<'_>,
) -> Bind {
    let mut bind = Bind::default();
    let mut profile = global.modern.then_some("modern");
    let (mut ca, mut verify) = (None, None);
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let mut next = || rest.next().map_or(String::new(), |it| it.text.clone());
        let lost = |value: &str, why: &str, reading: &mut Reading<'_>| {
            let text = format!("{} {value}", word.text);
            let id = reading.account.add(word.span, text.trim());
            reading.account.lost(id, why);
        };
        match word.text.as_str() {
            "ssl" => bind.tls = true,
            "crt" => bind.certificates.push(next()),
            "crt-list" => lost(
                &next(),
                "the list is not read: each certificate is an entry of `certificates`",
                reading,
            ),
            "alpn" | "npn" => {
                if !next().split(',').any(|it| it == "h2") {
                    bind.settings.push(("http2", json!(false)));
                }
            }
            "proto" => {
                if next() == "h2" {
                    bind.settings.push(("http2", json!(true)));
                }
            }
            "accept-proxy" => bind.settings.push(("proxy_protocol", json!(true))),
            "ca-file" => ca = Some(next()),
            "verify" => verify = Some(next()),
            "ssl-min-ver" => match next().as_str() {
                "TLSv1.3" => profile = Some("modern"),
                "TLSv1.2" => {}
                old => lost(old, "TLS 1.0 and 1.1 are offered by no profile", reading),
            },
            "force-tlsv13" => profile = Some("modern"),
            "maxconn" => {
                if let Ok(most) = next().parse::<u64>() {
                    bind.settings.push(("limits.connections", json!(most)));
                }
            }
            // What the language's profile, or every listener of it, says so too.
            "ciphers" | "ciphersuites" | "curves" | "ecdhe" | "sigalgs" => {
                next();
            }
            "v4v6"
            | "v6only"
            | "no-tls-tickets"
            | "prefer-client-ciphers"
            | "no-sslv3"
            | "no-tlsv10"
            | "no-tlsv11"
            | "transparent"
            | "defer-accept"
            | "tfo" => {}
            "strict-sni" => bind.settings.push(("unknown_host", json!("close"))),
            name @ ("name" | "id" | "process" | "thread" | "shards" | "nice" | "backlog"
            | "user" | "uid" | "group" | "gid" | "mode" | "interface" | "mss"
            | "namespace" | "level" | "tcp-ut" | "severity-output" | "crl-file"
            | "ca-verify-file" | "ca-sign-file" | "crt-ignore-err" | "ca-ignore-err"
            | "tls-ticket-keys" | "ssl-max-ver" | "guid-prefix" | "ktls") => {
                let value = next();
                if !matches!(
                    name,
                    "name"
                        | "id"
                        | "thread"
                        | "process"
                        | "shards"
                        | "nice"
                        | "backlog"
                        | "guid-prefix"
                ) {
                    lost(&value, "wsgen has no word for it", reading);
                }
            }
            "accept-netscaler-cip"
            | "allow-0rtt"
            | "generate-certificates"
            | "expose-fd"
            | "no-alpn"
            | "no-ca-names" => {
                lost("", "wsgen has no word for it", reading);
            }
            unknown => {
                let id = reading.account.add(word.span, unknown);
                let meant = super::known::closest(super::known::BIND, unknown);
                reading.account.unknown(id, meant);
            }
        }
    }
    if let Some(profile) = profile {
        bind.settings.push(("tls.profile", json!(profile)));
    }
    match (verify.as_deref(), ca) {
        (Some("required"), Some(ca)) => {
            bind.settings.push(("tls.client_auth", json!({ "ca": ca })))
        }
        (Some("optional"), Some(ca)) => bind
            .settings
            .push(("tls.client_auth", json!({ "ca": ca, "mode": "optional" }))),
        _ => {}
    }
    if bind.tls
        && bind.certificates.is_empty()
        && !line.words.iter().any(|it| it.text == "crt-list")
    {
        reading.account.changed(
            line.id,
            "certificates",
            "`ssl` without a certificate does not start",
        );
    }
    bind
}
