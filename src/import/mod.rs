//! What people run already, read into a spec, with an account of every directive: pure, no file is touched.
//!
//! A reader of a dialect registers every directive of the original with the [`Account`] while it parses, gives each a fate while it
//! reads the meaning, and writes the spec into a [`Draft`]. Whatever is forgotten comes out as lost, never as nothing. The draft is
//! printed, and compiled before anybody sees it.

pub mod account;
pub mod draft;
pub mod haproxy;
pub mod ingress;
pub mod nginx;
mod reading;
mod regex;

use crate::compile::{self, Compiled, Input, World};
use crate::diag::{Level, Place, Report};
use crate::rules;
use crate::source::{FileId, Sources, Span};

pub use account::{Account, DirectiveId, Entry, Fate};
pub use draft::Draft;
pub use reading::{Folder, MAX_BYTES, MAX_FILES, Nothing, Reading};

/// Whose configuration is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// `nginx.conf`, a file of `conf.d`, or a part of one.
    Nginx,
    /// `haproxy.cfg`.
    Haproxy,
    /// Kubernetes Ingress with the annotations of ingress-nginx.
    Ingress,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: &[Self] = &[Self::Nginx, Self::Haproxy, Self::Ingress];

    /// The word on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Ingress => "ingress",
        }
    }

    /// The name that people use.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Nginx => "NGINX",
            Self::Haproxy => "HAProxy",
            Self::Ingress => "ingress-nginx",
        }
    }

    /// What a text looks like, if it looks like one of them.
    pub fn guess(text: &str) -> Option<Self> {
        // Objects of Kubernetes may hold the words of the others.
        Self::ALL
            .iter()
            .rev()
            .copied()
            .find(|dialect| match dialect {
                Self::Nginx => nginx::looks_like(text),
                Self::Haproxy => haproxy::looks_like(text),
                Self::Ingress => ingress::looks_like(text),
            })
    }
}

/// What came of an import.
#[derive(Debug)]
pub struct Import {
    /// Whose configuration it was; `None` where that could not be told.
    pub dialect: Option<Dialect>,
    /// The original's texts, included files among them.
    pub sources: Sources,
    /// What became of every directive.
    pub account: Account,
    /// The spec's text; `None` if the report has errors.
    pub spec: Option<String>,
    /// Why there is no spec: faults of the original, or nothing in it that a spec could say.
    pub report: Report,
}

impl Import {
    /// Whether everything of the original is in the spec, as it was or changed.
    pub fn is_whole(&self) -> bool {
        let lost = |entry: &Entry| entry.fate >= Fate::Lost;
        self.spec.is_some() && !self.account.entries().iter().any(lost)
    }
}

/// Reads a configuration; without a dialect it is guessed from the text. `folder` is where included files come from.
pub fn import(input: Input, dialect: Option<Dialect>, folder: &dyn Folder) -> Import {
    let name = input.name.clone();
    let mut reading = Reading::new(folder);
    let file = reading.add(input);
    let dialect = dialect.or_else(|| file.and_then(|file| Dialect::guess(reading.text(file))));
    match (file, dialect) {
        (Some(file), Some(Dialect::Nginx)) => nginx::read(file, &mut reading),
        (Some(file), Some(Dialect::Haproxy)) => haproxy::read(file, &mut reading),
        (Some(file), Some(Dialect::Ingress)) => ingress::read(file, &mut reading),
        (Some(file), None) => {
            let words: Vec<_> = Dialect::ALL.iter().map(|one| one.word()).collect();
            reading
                .report
                .error("import::dialect", start(file))
                .says(format!("{name} looks like no configuration that is known"))
                .help(format!("say whose it is: `--from {}`", words.join("|")));
        }
        (None, _) => {}
    }
    finish(reading, dialect, file.unwrap_or_default(), &name)
}

/// The beginning of a file.
const fn start(file: FileId) -> Span {
    Span {
        file,
        start: 0,
        end: 0,
    }
}

fn finish(reading: Reading<'_>, dialect: Option<Dialect>, file: FileId, name: &str) -> Import {
    let Reading {
        sources,
        mut report,
        mut account,
        mut draft,
        ..
    } = reading;
    account.close();
    let mut spec = None;
    if let Some(dialect) = dialect.filter(|_| !report.has_errors()) {
        if draft.has_routes() {
            for (from, to) in draft.hoist() {
                account.moved(&from, &to);
            }
            let head = format!(
                "Imported from {name} ({}): `wsgen import` tells what became of each directive.",
                dialect.title()
            );
            let text = draft.write(&head);
            let compiled =
                compile::compile(vec![Input::new("<import>", text.clone())], World::EMPTY);
            refusals(&compiled, &account, file, &mut report);
            spec = (!report.has_errors()).then_some(text);
        } else {
            nothing(&account, file, name, &mut report);
        }
    }
    Import {
        dialect,
        sources,
        account,
        spec,
        report,
    }
}

/// No route came of it: says why, by what was lost.
fn nothing(account: &Account, file: FileId, name: &str, report: &mut Report) {
    let lost: Vec<&Entry> = account
        .entries()
        .iter()
        .filter(|entry| entry.fate >= Fate::Lost)
        .collect();
    let diag = report
        .error("import::empty", start(file))
        .says(format!("nothing in {name} becomes a route"));
    for entry in lost.iter().take(5) {
        diag.also(entry.at, entry.says.join("; "));
    }
    if lost.is_empty() {
        diag.note("no directive in it leads requests anywhere");
    }
    diag.help("import the file in which requests are led to servers");
}

/// What the compiler or an error of the rules says against the spec, at the directive that it comes from.
fn refusals(compiled: &Compiled, account: &Account, file: FileId, report: &mut Report) {
    let mut found = compiled.report.clone();
    found.extend(rules::lint_errors(compiled));
    for diag in found.diags.iter().filter(|diag| diag.level == Level::Error) {
        let path = match diag.labels.first().map(|label| label.place) {
            Some(Place::Value(at) | Place::Key(at)) => compiled.tree.path(at),
            _ => String::new(),
        };
        let at = account.source_of(&path).unwrap_or(start(file));
        let said = report.error("import::refused", at).says(format!(
            "the spec that comes of this is refused: {}",
            diag.title
        ));
        if !path.is_empty() {
            said.note(format!("at `{path}` of the spec ({})", diag.code));
        }
        for help in &diag.helps {
            said.help(help.clone());
        }
    }
}
