//! Facts about HAProxy that both the verdicts and the plan need: limits of its grammar, and where one timer serves two words.

use crate::ir::{Dur, Gateway, HostMatch, Listener, Origin, Route, Server, Upstream};

/// The longest time that HAProxy keeps: 2^31 - 1 ms (about 24.8 days; a longer one is an error, seen on 2.6.12 and 2.8.25).
pub(super) const LONGEST: Dur = Dur::from_millis(2_147_483_647);

/// The one timer that HAProxy has for a server's silence, before and after the head of its answer, and whose origin it has.
///
/// A written word wins over a default; of two written ones, and on a stream, the longer, which ends no work that is allowed.
pub(super) fn server_timer(route: &Route) -> (Dur, Origin) {
    let (response, idle) = (&route.response, body_idle(route));
    let longer = if response.value >= idle.0 {
        (response.value, response.from)
    } else {
        idle
    };
    match (response.is_written(), idle.1.is_written()) {
        (true, false) if route.stream.is_none() => (response.value, response.from),
        (false, true) if route.stream.is_none() => idle,
        _ => longer,
    }
}

/// How long a body may stand still: the stream's word, else the route's.
pub(super) fn body_idle(route: &Route) -> (Dur, Origin) {
    match &route.stream {
        Some(stream) => (stream.idle.value, stream.idle.from),
        None => (route.idle.value, route.idle.from),
    }
}

/// The one timer that a listener has for the silence of its clients: how long a request body may stand still, whatever its route.
///
/// It governs the client's side of a body only: a client that waits for an answer is not cut (seen on 2.6.12 and 2.8.25).
/// Before 2.8 it also ends connections between requests, and the server's timer counts while a request body stands still.
pub(super) fn client_timer(gateway: &Gateway, listener: &Listener, newer: bool) -> Dur {
    let served = gateway
        .routes
        .iter()
        .filter(|route| gateway.serves(listener, route));
    let silence = served.map(|route| match &route.stream {
        Some(stream) if stream.request.value => stream.idle.value,
        _ => route.idle.value,
    });
    let silence = silence.max().unwrap_or(Dur::from_secs(60));
    if newer {
        silence
    } else {
        silence.max(listener.keepalive.value)
    }
}

/// A time in HAProxy's words, `1h`, `90s` or `1500ms`: it reads one unit only.
pub(super) fn time(dur: Dur) -> String {
    let millis = dur.min(LONGEST).as_millis();
    for (unit, size) in [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
    ] {
        if millis.is_multiple_of(size) {
            return format!("{}{unit}", millis / size);
        }
    }
    format!("{millis}ms")
}

/// How many further tries a request needs so that every server is tried once: no more servers are left for `retries`.
pub(super) fn tries(upstream: &Upstream) -> u16 {
    u16::try_from(upstream.servers.len() - 1).unwrap_or(u16::MAX)
}

/// A server's name in HAProxy: its address where that is a name, because `http-send-name-header` and health checks send it
/// as `Host`.
pub(super) fn server_name(server: &Server) -> Option<String> {
    let text = server.address.value.to_string();
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b))
        .then_some(text)
        .filter(|name| !name.starts_with("unix:"))
}

/// Whether HAProxy finds the key of a certificate: in the same file, or beside it.
pub(super) fn finds_key(cert: &str, key: &str) -> bool {
    cert == key || key.strip_suffix(".key") == Some(cert) || drops_extension(cert, key)
}

/// Whether it finds the key only with `ssl-load-extra-del-ext`: `site.crt` and `site.key`.
pub(super) fn drops_extension(cert: &str, key: &str) -> bool {
    cert.strip_suffix(".crt")
        .is_some_and(|stem| key.strip_suffix(".key") == Some(stem))
}

/// Whether some pair of files needs `ssl-load-extra-del-ext`, which then holds for all.
pub(super) fn any_drops_extension(gateway: &Gateway) -> bool {
    pairs(gateway).any(|(cert, key)| drops_extension(cert, key))
}

/// Every pair of certificate and key that the gateway names.
pub(super) fn pairs(gateway: &Gateway) -> impl Iterator<Item = (&str, &str)> {
    use crate::ir::CertificateSource;
    let served = gateway
        .certificates
        .iter()
        .filter_map(|it| match &it.source {
            CertificateSource::Files { cert, key } => {
                Some((cert.value.as_str(), key.value.as_str()))
            }
            CertificateSource::Acme { .. } => None,
        });
    let shown = gateway.upstreams.iter().filter_map(|it| {
        let (cert, key) = it.tls.as_ref()?.client.as_ref()?;
        Some((cert.value.as_str(), key.value.as_str()))
    });
    served.chain(shown)
}

/// Whether a pair of files can be named so that every version reads it.
pub(super) fn reads_pair(gateway: &Gateway, cert: &str, key: &str) -> bool {
    if cert == key || drops_extension(cert, key) {
        return true;
    }
    // With the option, `site.crt` is looked up as `site.key` only.
    finds_key(cert, key) && !(cert.ends_with(".crt") && any_drops_extension(gateway))
}

/// Whether a claim's name can stand in the path that HAProxy's JSON reader follows.
pub(super) fn reads_claim(claim: &str) -> bool {
    !claim.is_empty()
        && claim
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Whether a listener refuses the handshake for a name that no route has: HAProxy can do so only where a certificate covers
/// every host, for it refuses every name that no certificate covers.
pub(super) fn refuses_by_sni(gateway: &Gateway, listener: &Listener) -> bool {
    let Some(tls) = &listener.tls else {
        return true;
    };
    let covered = |host: &HostMatch| {
        let certificates = tls.certificates.value.iter();
        certificates
            .into_iter()
            .any(|id| gateway.certificate(*id).covers(host))
    };
    let served = gateway
        .routes
        .iter()
        .filter(|route| gateway.serves(listener, route));
    served
        .flat_map(|route| &route.hosts)
        .all(|host| covered(&host.value))
}

/// Whether no name is unknown to a listener.
pub(super) fn takes_any_host(gateway: &Gateway, listener: &Listener) -> bool {
    let served = gateway
        .routes
        .iter()
        .filter(|route| gateway.serves(listener, route));
    served
        .flat_map(|route| &route.hosts)
        .any(|host| host.value == HostMatch::Any)
}
