//! compression-on-stream: a compressor that holds a stream back.

use super::{Findings, Rule, Subject};
use crate::diag::Level;

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "compression-on-stream",
    include_str!("compression_on_stream.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for route in &subject.gateway.routes {
        if let Some(stream) = &route.stream
            && route.compression.value
        {
            findings
                .at(
                    route.compression.loc(),
                    format!("route {} compresses what it streams", route.name),
                )
                .also(stream.at, "answers go out as they arrive")
                .note("a compressor gathers bytes before it sends any: tokens and events arrive late, in lumps")
                .help("write `compression: off` on this route, and a route of its own for what may be compressed");
        }
    }
}
