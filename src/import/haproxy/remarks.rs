//! What is wrong with what people run behind HAProxy, and what the spec does about it.

use super::lines::Line;
use crate::diag::{Diag, Level, Place};
use crate::import::Reading;

/// A remark at a line; what was said of it before is said anew, not twice.
fn say<'r>(reading: &'r mut Reading<'_>, level: Level, code: &str, line: &Line) -> &'r mut Diag {
    let remarks = &mut reading.account.remarks;
    let place = Place::Span(line.span);
    remarks
        .diags
        .retain(|it| it.code != code || it.labels.first().is_none_or(|label| label.place != place));
    remarks.add(level, code, line.span)
}

/// `path_beg /ws` takes `/wsx`.
pub(super) fn loose(reading: &mut Reading<'_>, line: &Line, prefix: &str) {
    say(reading, Level::Warning, "import::no-boundary", line)
        .says(format!(
            "`{prefix}` is no boundary: `{prefix}x` and `{prefix}-admin` are taken too"
        ))
        .note(format!(
            "the spec takes `{prefix}` and what is below `{prefix}/`, nothing else"
        ));
}

/// No tunnel time: the shorter of two others ends sockets.
pub(super) fn no_tunnel(reading: &mut Reading<'_>, line: &Line, idle: Option<&str>) {
    let diag = say(reading, Level::Warning, "import::short-idle", line);
    match idle {
        Some(idle) => diag
            .says(format!("without `timeout tunnel` a WebSocket that is silent for {idle} is closed"))
            .note(format!("the spec keeps it: `websocket: {{ idle: {idle} }}`"))
            .help("have the application ping more often than that, or write a longer `idle`"),
        None => diag
            .says("nothing ends a silent WebSocket: neither `timeout tunnel` nor client and server timeouts are there")
            .note("the spec's default holds: 1 h"),
    };
}

/// A tunnel time of a minute or less.
pub(super) fn short_tunnel(reading: &mut Reading<'_>, line: &Line, idle: &str) {
    say(reading, Level::Warning, "import::short-idle", line)
        .says(format!("a WebSocket that is silent for {idle} is closed"))
        .note(format!(
            "the spec keeps it: `websocket: {{ idle: {idle} }}`"
        ))
        .help("have the application ping more often than that, or write a longer `idle`");
}

/// A bare number of many thousands, which may have been meant as seconds.
pub(super) fn bare_number(reading: &mut Reading<'_>, line: &Line, text: &str, is: &str) {
    say(reading, Level::Warning, "import::bare-number", line)
        .says(format!("`{text}` without a unit is milliseconds: {is}"))
        .note("the spec says what HAProxy does")
        .help(format!(
            "if seconds were meant, HAProxy's word is `{text}s`"
        ));
}

/// `option http-server-close` and the like.
pub(super) fn closes(reading: &mut Reading<'_>, line: &Line) {
    say(reading, Level::Note, "import::server-close", line)
        .says("this does nothing for WebSockets, and costs a connection for each request")
        .note("the spec keeps it: `keepalive: off`")
        .help("leave it out, unless a server needs it");
}

/// `balance source` in front of which another proxy stands, or a cookie does better.
pub(super) fn by_source(reading: &mut Reading<'_>, line: &Line) {
    say(reading, Level::Note, "import::by-source", line).says("clients behind one address share a server, and one proxy in front of this one makes all clients one")
        .note("the spec keeps it: `hash: { source: on }`, as a consistent hash")
        .help("write `stickiness: { cookie: … }`, or `trusted_proxies` on the listener where a proxy stands in front");
}

/// A table that nothing looks at.
pub(super) fn unused_table(reading: &mut Reading<'_>, line: &Line) {
    say(reading, Level::Warning, "import::unused-table", line)
        .says("nothing sticks by this table: without `stick on` it holds nothing")
        .help("write `stickiness` in the spec, or leave the table out");
}

/// No time for a head.
pub(super) fn slow_heads(reading: &mut Reading<'_>, line: &Line) {
    say(reading, Level::Note, "import::slow-head", line).says("without `timeout http-request` a client may send its request's head as slowly as it likes")
        .help("write `timeouts: { head: 10s }` on the listener");
}

/// No time for clients at all.
pub(super) fn no_client_timeout(reading: &mut Reading<'_>, line: &Line) {
    say(reading, Level::Warning, "import::slow-head", line)
        .says(
            "`timeout client` is missing: a client that says nothing holds its connection for ever",
        )
        .note("the spec's defaults hold: 10 s for a head, 75 s between requests");
}

/// `set-src` for every client.
pub(super) fn trusts_everyone(reading: &mut Reading<'_>, line: &Line) {
    say(reading, Level::Warning, "import::trust-everyone", line).says("every client chooses its own address here")
        .help("write `trusted_proxies: [10.0.0.0/8]` on the listener: the ranges of the proxies in front");
}

/// A server that is never checked.
pub(super) fn unchecked(reading: &mut Reading<'_>, line: &Line) {
    say(reading, Level::Note, "import::health-check", line)
        .says("`option httpchk` does nothing here: no server has `check`")
        .help("write `health` in the spec");
}

/// A check that no WebSocket server passes.
pub(super) fn check_101(reading: &mut Reading<'_>, line: &Line) {
    say(reading, Level::Warning, "import::health-check", line)
        .says("a plain request never gets 101: every server is down")
        .note("the spec asks as a WebSocket does: `health: { websocket: … }`");
}

/// Certificates of servers that nobody verifies.
pub(super) fn unverified(reading: &mut Reading<'_>, line: &Line) {
    say(reading, Level::Warning, "import::unverified-tls", line)
        .says("TLS to this server protects from nobody: its certificate is not verified")
        .note("the spec keeps it: `tls: { verify: off }`")
        .help("write `tls: { ca: …, server_name: … }`");
}

/// A guard that is gone.
pub(super) fn open(reading: &mut Reading<'_>, line: &Line) {
    say(reading, Level::Warning, "import::lost-guard", line)
        .says("this refuses requests, and the spec does not: it is open there")
        .help(
            "guard the route before it is served: `auth`, `clients`, `limits`, `websocket.origins`",
        );
}
