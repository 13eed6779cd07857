//! `bind` lines and what a frontend's settings mean for its listeners; certificates.

use serde_json::{Value as Json, json};

use super::bind::{Bind, options_of, place};
use super::lines::Line;
use super::proxies::Proxy;
use super::units;
use crate::import::{DirectiveId, Reading};

/// A listener of the spec.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    /// Its name in the spec.
    pub name: String,
    /// Whether it is TLS.
    pub tls: bool,
    /// Its port.
    pub port: String,
    /// The certificate files.
    pub certificates: Vec<String>,
    /// The `bind` lines that it comes from.
    pub from: Vec<DirectiveId>,
}

/// The listeners of a frontend, written into the draft.
pub(super) fn read(
    proxy: &Proxy,
    global: &super::global::Global,
    reading: &mut Reading<'_>,
) -> Vec<Listener> {
    let mut listeners: Vec<(Bind, Listener)> = Vec::new();
    let mut binds: Vec<(&Line, Bind)> = Vec::new();
    let mut every: Vec<&Line> = proxy.every(&["bind"]);
    // `listen app :8080`, an old way.
    if proxy.head.word(2).contains(':') {
        every.push(&proxy.head);
    }
    for line in every {
        let at = usize::from(line.id == proxy.head.id) + 1;
        let (addresses, options) = line.words.get(at).map_or((Vec::new(), &[][..]), |word| {
            (
                word.text.split(',').collect(),
                line.words.get(at + 1..).unwrap_or_default(),
            )
        });
        let options = if at == 2 { &[][..] } else { options };
        let mut bind = options_of(line, options, global, reading);
        for address in addresses {
            match place(address) {
                Ok((host, port, quic)) => {
                    bind.quic |= quic;
                    bind.address = host;
                    bind.port = port;
                    binds.push((line, bind.clone()));
                }
                Err(why) => reading.account.lost(line.id, why),
            }
        }
    }
    for (line, bind) in binds {
        // The same port on IPv4 and IPv6, and QUIC beside TCP, are one listener.
        let same = listeners.iter_mut().find(|(one, _)| {
            one.port == bind.port
                && (one.address == bind.address || one.address.is_none() || bind.address.is_none())
        });
        if let Some((one, listener)) = same {
            one.tls |= bind.tls;
            listener.tls |= bind.tls;
            listener.from.push(line.id);
            if bind.quic {
                one.quic = true;
                one.settings.push(("http3", json!(true)));
            }
            continue;
        }
        let listener = Listener {
            name: String::new(),
            tls: bind.tls,
            port: bind.port.clone(),
            certificates: bind.certificates.clone(),
            from: vec![line.id],
        };
        listeners.push((bind, listener));
    }
    let alone = listeners.len() == 1;
    let base = proxy.name.strip_prefix("listener:").unwrap_or(&proxy.name);
    let mut all = Vec::new();
    for (bind, mut listener) in listeners {
        let wanted = match (alone, listener.tls) {
            (true, _) => base.to_owned(),
            (false, true) => format!("{base}-tls"),
            (false, false) => format!("{base}-plain"),
        };
        listener.name = reading.draft.name("listeners", &wanted, "listener");
        write(proxy, &bind, &listener, reading);
        all.push(listener);
    }
    all
}

/// Writes a listener.
fn write(proxy: &Proxy, bind: &Bind, listener: &Listener, reading: &mut Reading<'_>) {
    let name = listener.name.as_str();
    let port = bind
        .port
        .parse::<u64>()
        .map_or_else(|_| json!(bind.port), |port| json!(port));
    reading.draft.set(&["listeners", name, "port"], port);
    if let Some(address) = &bind.address {
        reading
            .draft
            .set(&["listeners", name, "address"], address.as_str());
    }
    for (path, value) in &bind.settings {
        set(reading, name, path, value.clone());
    }
    for id in &listener.from {
        reading.account.kept(*id, format!("listeners.{name}"));
    }
    let head = proxy.timeout("http-request");
    let client = proxy.timeout("client");
    match head.or(client) {
        Some((millis, line)) => {
            let path = set(
                reading,
                name,
                "timeouts.head",
                json!(units::duration(millis)),
            );
            reading.account.kept(line.id, path.clone());
            if head.is_none() {
                reading.account.unsaid(
                    "without `timeout http-request` a head may take as long as `timeout client`",
                    Some(path),
                );
                super::remarks::slow_heads(reading, &proxy.head);
            }
        }
        None => {
            super::remarks::no_client_timeout(reading, &proxy.head);
        }
    }
    if let Some((millis, line)) = proxy.timeout("http-keep-alive").or(head).or(client) {
        let path = set(
            reading,
            name,
            "timeouts.keepalive",
            json!(units::duration(millis)),
        );
        reading.account.kept(line.id, path.clone());
        if proxy.timeout("http-keep-alive").is_none() {
            let says = "without `timeout http-keep-alive` an idle connection is kept as long as a head may take";
            reading.account.unsaid(says, Some(path));
        }
    }
    match proxy.option("http-restrict-req-hdr-names") {
        Some(line) => {
            let path = format!("listeners.{name}");
            if line.word(2) == "delete" {
                reading.account.kept(line.id, path);
            } else {
                reading.account.changed(
                    line.id,
                    path,
                    "headers of odd names are dropped, and the request passes",
                );
            }
        }
        None => {
            let path = set(reading, name, "header_names", json!("lenient"));
            reading
                .account
                .unsaid("headers with `_` and other odd names pass", Some(path));
        }
    }
    let alive = proxy.option("clitcpka").or_else(|| proxy.option("tcpka"));
    match (alive, proxy.last(&["clitcpka-idle"])) {
        (Some(line), idle) => {
            reading
                .account
                .kept(line.id, format!("listeners.{name}.tcp_keepalive"));
            if let Some((idle, time)) =
                idle.and_then(|idle| Some((idle, units::time(idle.word(1))?)))
            {
                let path = set(reading, name, "tcp_keepalive", json!(time));
                reading.account.kept(idle.id, path);
            }
        }
        (None, _) => {
            let path = set(reading, name, "tcp_keepalive", json!(false));
            reading.account.unsaid(
                "no TCP keep-alive towards clients: a dead one stays under an idle tunnel",
                Some(path),
            );
        }
    }
    if let Some(line) = proxy.last(&["maxconn"])
        && let Ok(most) = line.word(1).parse::<u64>()
        && most > 0
    {
        let path = set(reading, name, "limits.connections", json!(most));
        reading.account.changed(
            line.id,
            path,
            "a connection above it is refused; HAProxy lets it wait",
        );
    }
}

/// Writes a setting of a listener; a setting of TLS only where it has TLS.
pub(super) fn set(reading: &mut Reading<'_>, name: &str, path: &str, value: Json) -> String {
    let steps: Vec<&str> = ["listeners", name]
        .into_iter()
        .chain(path.split('.'))
        .collect();
    reading.draft.set(&steps, value)
}
