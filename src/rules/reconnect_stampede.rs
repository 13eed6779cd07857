//! reconnect-stampede: every client comes back in the same second.

use super::{Findings, Rule, Subject};
use crate::diag::Level;

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "reconnect-stampede",
    include_str!("reconnect_stampede.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let runtime = &subject.gateway.runtime;
    let timeout = &runtime.drain_timeout;
    // `spread: off`, written, is a decision.
    if !timeout.is_written() || runtime.drain_spread.value.is_some() || runtime.drain_spread.is_written() {
        return;
    }
    if let Some(websocket) = subject.gateway.routes.iter().find_map(|it| it.websocket.as_ref()) {
        findings
            .at(
                timeout.loc(),
                format!("after {} every tunnel that is left ends at once", timeout.value),
            )
            .also(websocket.at, "tunnels, such as these")
            .note("all their clients reconnect in the same moment: handshakes, logins and first loads hit the servers together")
            .help(format!(
                "write `drain: {{timeout: {}, spread: …}}`, with a spread below the timeout",
                timeout.value
            ));
    }
}
