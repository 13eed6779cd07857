//! The rules of `wsgen lint`: one file and one page each, listed here; a comment `# wsgen: allow(rule) reason` silences one finding.

mod allow;
mod cover;
pub(crate) mod pattern;
pub(crate) mod pem;

use std::collections::HashSet;

use crate::compile::Compiled;
use crate::diag::{Diag, Level, Place, Report};
use crate::ir::Gateway;
use crate::source::Sources;
use crate::spec::tree::Tree;

macro_rules! rules {
    ($($name:ident)*) => {
        $(mod $name;)*

        /// Every rule, by id.
        pub static ALL: &[&Rule] = &[$(&$name::RULE),*];
    };
}

rules! {
    allow_unused
    ambiguous_routes
    certificate_expired
    certificate_missing
    compression_on_stream
    descriptors_too_few
    duplicate_server
    health_timeout_not_below_interval
    host_less_route
    host_not_covered
    host_without_certificate
    hsts_without_redirect
    http_check_expecting_101
    inline_secret
    key_mismatch
    limit_without_its_header
    polling_transport_without_stickiness
    raw_snippet
    reconnect_stampede
    regex_that_is_a_prefix
    retry_of_unsafe_method
    short_hmac_key
    short_websocket_idle
    stickiness_on_one_server
    token_in_query_without_redaction
    trust_everyone
    unreachable_route
    unused_name
    upstream_tls_unverified
    websocket_on_plain_text
    websocket_without_origin_check
    wildcard_cors_with_credentials
    wildcard_in_path
}

/// A rule. Its page is what `wsgen explain` prints and what the tests hold it to.
pub struct Rule {
    /// Its id; `lint::` and the id is the code of its findings.
    pub id: &'static str,
    /// What its findings usually weigh.
    pub level: Level,
    /// Its page in Markdown: what it finds, why it matters, what to do, a bad and a good spec.
    pub page: &'static str,
    /// Whether it reads files that the spec names, and the clock.
    pub reads_files: bool,
    run: fn(&Subject<'_>, &mut Findings<'_>),
}

impl Rule {
    const fn new(
        level: Level,
        id: &'static str,
        page: &'static str,
        run: fn(&Subject<'_>, &mut Findings<'_>),
    ) -> Self {
        Self {
            id,
            level,
            page,
            reads_files: false,
            run,
        }
    }

    const fn files(
        level: Level,
        id: &'static str,
        page: &'static str,
        run: fn(&Subject<'_>, &mut Findings<'_>),
    ) -> Self {
        Self {
            id,
            level,
            page,
            reads_files: true,
            run,
        }
    }

    /// The rule of this id.
    pub fn by_id(id: &str) -> Option<&'static Self> {
        ALL.iter().copied().find(|rule| rule.id == id)
    }

    /// What it finds, in one line: the page's first paragraph.
    pub fn summary(&self) -> &'static str {
        self.page
            .lines()
            .skip(1)
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default()
    }
}

/// Reads the files that a spec names, for the rules that ask for them.
pub trait FileAccess {
    /// A file's bytes, or why it cannot be read.
    ///
    /// # Errors
    /// A sentence that says why.
    fn bytes(&self, path: &str) -> Result<Vec<u8>, String>;
}

/// The machine's files and clock.
#[derive(Clone, Copy)]
pub struct Disk<'a> {
    /// The files.
    pub files: &'a dyn FileAccess,
    /// Seconds since 1970.
    pub now: i64,
}

/// What a rule looks at.
struct Subject<'a> {
    gateway: &'a Gateway,
    tree: &'a Tree,
    disk: Option<Disk<'a>>,
}

/// Takes a rule's findings.
struct Findings<'a> {
    rule: &'a Rule,
    report: &'a mut Report,
}

impl Findings<'_> {
    fn at(&mut self, at: impl Into<Place>, says: impl Into<String>) -> &mut Diag {
        self.with(self.rule.level, at, says)
    }

    fn with(&mut self, level: Level, at: impl Into<Place>, says: impl Into<String>) -> &mut Diag {
        self.report
            .add(level, format!("lint::{}", self.rule.id), at)
            .says(says)
    }
}

/// Runs every rule that needs nothing but the spec. Without a gateway there are no findings.
pub fn lint(compiled: &Compiled) -> Report {
    run(compiled, None)
}

/// Runs every rule, also those that read the files that the spec names.
pub fn lint_files(compiled: &Compiled, disk: Disk<'_>) -> Report {
    run(compiled, Some(disk))
}

/// Only the errors of the rules that need nothing but the spec: what no target may be rendered with.
pub fn lint_errors(compiled: &Compiled) -> Report {
    let mut report = judge(compiled, None, |rule| rule.level == Level::Error);
    report.diags.retain(|diag| diag.level == Level::Error);
    report
}

fn run(compiled: &Compiled, disk: Option<Disk<'_>>) -> Report {
    judge(compiled, disk, |rule| disk.is_some() || !rule.reads_files)
}

fn judge(compiled: &Compiled, disk: Option<Disk<'_>>, takes: impl Fn(&Rule) -> bool) -> Report {
    let mut report = Report::new();
    let Some(gateway) = &compiled.gateway else {
        return report;
    };
    let subject = Subject {
        gateway,
        tree: &compiled.tree,
        disk,
    };
    for rule in ALL
        .iter()
        .filter(|rule| takes(rule) && (disk.is_some() || !rule.reads_files))
    {
        let mut findings = Findings {
            rule,
            report: &mut report,
        };
        (rule.run)(&subject, &mut findings);
    }
    once_each(&mut report);
    let sources: &Sources = &compiled.sources;
    allow::apply(&compiled.tree, sources, disk.is_some(), &mut report);
    report
}

/// What `defaults` brought to many routes is told once, at its place.
fn once_each(report: &mut Report) {
    let mut seen = HashSet::new();
    report.diags.retain(|diag| {
        let place = diag.labels.first().map(|label| match label.place {
            Place::Value(at) | Place::Key(at) => (at.0, 0),
            Place::Span(span) => (span.start, span.file.0 + 1),
        });
        // Several findings of one rule at one place differ in their titles where they speak of different things.
        let title = matches!(
            diag.code.as_str(),
            "lint::host-without-certificate" | "lint::allow-unused"
        );
        seen.insert((diag.code.clone(), place, title.then(|| diag.title.clone())))
    });
}

/// Whether something stands in front of a listener or only this machine reaches it, so that plain text may be what is meant.
fn is_behind_something(listener: &crate::ir::Listener) -> bool {
    listener.proxy_protocol.value
        || !listener.trusted_proxies.value.is_empty()
        || listener.public_port.is_written()
        || listener.address.value.is_some_and(|ip| ip.is_loopback())
}
