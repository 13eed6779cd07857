//! What is wrong with what people run behind ingress-nginx, and what the spec does about it.

use crate::diag::{Diag, Level, Place};
use crate::import::Reading;
use crate::source::Span;

/// A remark; what was said of a place before is said anew, not twice.
fn say<'r>(reading: &'r mut Reading<'_>, level: Level, code: &str, at: Span) -> &'r mut Diag {
    let remarks = &mut reading.account.remarks;
    let place = Place::Span(at);
    remarks
        .diags
        .retain(|it| it.code != code || it.labels.first().is_none_or(|label| label.place != place));
    remarks.add(level, code, at)
}

/// An annotation that nobody reads.
pub(super) fn ignored(reading: &mut Reading<'_>, at: Span) {
    say(reading, Level::Warning, "import::annotation", at)
        .says("no controller reads this annotation, and none says so")
        .note("what it was meant for does not happen today, and not in the spec either");
}

/// An annotation of another controller.
pub(super) fn other_controller(reading: &mut Reading<'_>, at: Span, prefix: &str) {
    say(reading, Level::Warning, "import::annotation", at)
        .says(format!(
            "`{prefix}` belongs to another controller: the file mixes two products"
        ))
        .note("ingress-nginx passes over it without a word");
}

/// `websocket-services` does nothing.
pub(super) fn websocket_services(reading: &mut Reading<'_>, at: Span) {
    say(reading, Level::Warning, "import::annotation", at)
        .says("`websocket-services` has no effect: it is F5's annotation with the wrong beginning")
        .note("ingress-nginx passes WebSockets on every path; the spec says so with `websocket`");
}

/// A minute of silence ends sockets.
pub(super) fn short_idle(reading: &mut Reading<'_>, at: Span, idle: &str) {
    say(reading, Level::Warning, "import::short-idle", at)
        .says(format!(
            "a WebSocket whose server is silent for {idle} is closed"
        ))
        .note(format!(
            "the spec keeps it: `websocket: {{ idle: {idle} }}`"
        ))
        .help("have the application ping more often than that, or write a longer `idle`");
}

/// NGINX's own words in an annotation.
pub(super) fn snippet(reading: &mut Reading<'_>, at: Span) {
    say(reading, Level::Warning, "import::snippet", at)
        .says("a snippet is NGINX's own configuration: whoever may write an Ingress may read every Secret with it")
        .note("it is not in the spec")
        .help("see what it is for, and write that: `request_headers`, `response_headers`, `limits`, `websocket.origins`");
}

/// A path that is a regex without saying where it ends.
pub(super) fn open_regex(reading: &mut Reading<'_>, at: Span, path: &str) {
    say(reading, Level::Note, "import::no-boundary", at)
        .says(format!(
            "`{path}` is a regex that takes everything it begins, in any case"
        ))
        .note("the spec says so with `(?i)` and `.*`")
        .help("write a prefix or `exact` where that is what is meant");
}

/// A path without a boundary.
pub(super) fn no_boundary(reading: &mut Reading<'_>, at: Span, path: &str) {
    say(reading, Level::Warning, "import::no-boundary", at)
        .says(format!(
            "`ImplementationSpecific` is no boundary: `{path}x` is taken too"
        ))
        .note(format!(
            "the spec takes `{path}` and what is below `{path}/`, nothing else"
        ));
}

/// Certificates of servers that nobody verifies.
pub(super) fn unverified(reading: &mut Reading<'_>, at: Span) {
    say(reading, Level::Warning, "import::unverified-tls", at)
        .says("TLS to these servers protects from nobody: their certificates are not verified")
        .note("the spec keeps it: `tls: { verify: off }`")
        .help("write `tls: { ca: …, server_name: … }`");
}

/// Any origin with cookies.
pub(super) fn any_origin(reading: &mut Reading<'_>, at: Span) {
    say(reading, Level::Warning, "import::any-origin", at)
        .says("every origin may read answers here, which browsers refuse together with cookies")
        .note("the spec allows any origin, without credentials; a WebSocket is not stopped by CORS at all")
        .help("write the origins: `cors: { origins: [https://app.example.com] }`, and `websocket: { origins: … }`");
}

/// A constant `Connection`.
pub(super) fn constant_connection(reading: &mut Reading<'_>, at: Span) {
    say(reading, Level::Warning, "import::constant-connection", at)
        .says("a constant `Connection` takes `upgrade` away: no WebSocket passes here")
        .note("the spec passes WebSockets on");
}

/// A guard that is gone.
pub(super) fn open(reading: &mut Reading<'_>, at: Span) {
    say(reading, Level::Warning, "import::lost-guard", at)
        .says("this refuses requests, and the spec does not: it is open there")
        .help("guard the route before it is served: `auth`, `clients`, `limits`");
}
