//! descriptors-too-few: fewer file descriptors than the tunnels need.

use super::{Findings, Rule, Subject};
use crate::diag::Level;

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "descriptors-too-few",
    include_str!("descriptors_too_few.md"),
    run,
);

/// What a program needs beside its connections: listeners, logs, health checks.
const RESERVE: u64 = 64;

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let runtime = &subject.gateway.runtime;
    let most = u64::from(runtime.max_connections.value);
    if runtime.files.is_written() && runtime.files.value < 2 * most + RESERVE {
        findings
            .at(
                runtime.files.loc(),
                format!(
                    "{} descriptors are too few for {most} connections",
                    runtime.files.value
                ),
            )
            .note("a tunnel costs two: one to the client, one to the server; without a free one, new connections fail or wait")
            .help(format!(
                "leave `files` out, or write at least {}",
                2 * most + 1024
            ));
    }
}
