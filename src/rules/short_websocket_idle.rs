//! short-websocket-idle: tunnels that close between two pings.

use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::ir::Dur;

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "short-websocket-idle",
    include_str!("short_websocket_idle.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for route in &subject.gateway.routes {
        let Some(websocket) = &route.websocket else {
            continue;
        };
        let idle = &websocket.idle;
        let kept = websocket.ping.value.is_some_and(|ping| ping < idle.value);
        if idle.is_written() && idle.value < Dur::from_secs(60) && !kept {
            findings
                .at(
                    idle.loc(),
                    format!("a tunnel that is silent for {} is closed", idle.value),
                )
                .note("libraries ping every 25 to 60 s, browsers never: healthy clients lose their connection and come back again and again")
                .help("write an `idle` above 60s, or `ping: …` beside it, shorter than `idle`");
        }
    }
}
