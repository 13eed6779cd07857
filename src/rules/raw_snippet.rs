//! raw-snippet: text in a program's own words, which no rule and no report looks into.

use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::ir::Room;

pub(super) const RULE: Rule = Rule::new(
    Level::Note,
    "raw-snippet",
    include_str!("raw_snippet.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let rooms = &subject.gateway.rooms;
    let all: [(&str, &Room); 10] = [
        ("nginx", &rooms.nginx.room),
        ("haproxy", &rooms.haproxy.room),
        ("traefik", &rooms.traefik.room),
        ("envoy", &rooms.envoy.room),
        ("caddy", &rooms.caddy.room),
        ("alb", &rooms.alb.room),
        ("ingress", &rooms.ingress.room),
        ("gateway", &rooms.gateway.room),
        ("worker", &rooms.worker.room),
        ("proxy", &rooms.proxy.room),
    ];
    for (target, room) in all {
        for (_, at) in room.raw.places() {
            findings
                .at(at, format!("a snippet for {target}, outside the contract"))
                .note("it is rendered as it stands: neither checked nor carried over to another target")
                .help("where the language has a word for it, use that");
        }
    }
}
