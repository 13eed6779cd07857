//! websocket-on-plain-text: sockets that proxies and browsers cut off.

use super::{Findings, Rule, Subject};
use crate::diag::Level;

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "websocket-on-plain-text",
    include_str!("websocket_on_plain_text.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let gateway = subject.gateway;
    for listener in &gateway.listeners {
        // Nobody wrote the default listener: a first try on one's own machine.
        let written = listener.port.is_written();
        if listener.tls.is_some() || !written || super::is_behind_something(listener) {
            continue;
        }
        let socket = gateway
            .routes
            .iter()
            .filter(|route| gateway.serves(listener, route))
            .find_map(|route| route.websocket.as_ref().map(|socket| (route, socket)));
        if let Some((route, socket)) = socket {
            findings
                .at(
                    listener.at,
                    format!("listener {} carries WebSockets in plain text", listener.name),
                )
                .also(socket.at, format!("on route {}", route.name))
                .note("pages on `https` may not open `ws`, proxies of mobile networks and offices break it, and tokens can be read on the way")
                .help("write `tls` here, or `redirect: …` to a listener that has it; with something in front that ends TLS, name it in `trusted_proxies`");
        }
    }
}
