//! Turns a plan and its template into the text of a file, with the origin of every line.
//!
//! ```text
//! plan (Serialize) ─▶ tera values ─▶ template ─▶ text with marks ─▶ text + line map
//! ```
//!
//! A plan's strings are [`Tok`]s: a complete token of the target's language that the language's writer produced when
//! the plan was made. A template therefore never escapes and never quotes: it lays tokens out. Any other string that
//! reaches a `{{ }}` goes through [`Lang::word`], whatever the template's name, so a forgotten `Tok` is at worst ugly.
//!
//! Why tokens are written while planning, not while rendering: a token such as `weight=3` or `"~^\Qhost\E$"` is put
//! together from trusted syntax and user text and must be escaped whole, and only the plan knows which part is which.
//! It is also the quick way: a template that writes 60,000 lines takes about 12 ms when every value is ready, and as
//! much again when each goes through a filter. So one page is rendered on one thread.
//!
//! Two things travel inside the text as private-use characters, which a spec cannot contain and no writer lets
//! through: the origin of a line (`{{ route.at | at }}`, see [`marks`]), and a token that its language cannot write.
//! A refused token becomes an error at its own origin if it has one ([`Tok::at`]), else at its line's.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::diag::Report;
use crate::source::Loc;

mod document;
mod engine;
pub mod lang;
mod line;
pub mod marks;
mod templates;
mod tok;

pub use document::{Map, Node, Style};
pub use lang::{Form, Lang, Unfit};
pub use line::Line;
pub use tok::{Part, Tok};

/// A file to be written: where, in which language, laid out by which template, from which plan.
pub struct Page {
    /// Where the file goes, relative to the output folder.
    pub path: PathBuf,
    /// The template's name: its path under `templates/` without `.tera`, such as `nginx/nginx.conf`.
    pub template: &'static str,
    /// The language of the file.
    pub lang: &'static Lang,
    plan: tera::Context,
}

impl Page {
    /// A page from a plan: a struct whose fields are flags, lists, structs, [`Tok`]s and [`Loc`]s.
    ///
    /// # Panics
    /// If the plan is not a struct, or holds a map with keys that are not strings: a mistake in a target, seen by the
    /// first test that renders it.
    pub fn new(
        path: impl Into<PathBuf>,
        template: &'static str,
        lang: &'static Lang,
        plan: &impl Serialize,
    ) -> Self {
        Self {
            path: path.into(),
            template,
            lang,
            plan: tera::Context::from_serialize(plan).expect("a plan is a struct of plain fields"),
        }
    }
}

/// Every template that the program carries: its name, which is its path under `templates/` without `.tera`, and its text.
pub fn templates() -> impl Iterator<Item = (&'static str, &'static str)> {
    templates::TEMPLATES.iter().copied()
}

/// A finished file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutFile {
    /// Where the file goes, relative to the output folder.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// The source map: for each line the node of the spec that it comes from, or `None` for fixed text.
    pub lines: Vec<Option<Loc>>,
}

/// Renders the pages in their order.
///
/// With `annotate`, a line whose origin differs from the one before ends in a comment with the text that `annotate`
/// gives for it (`chat.yaml:21`). A file whose language has no comments gets a source map beside it instead, in a file of
/// its name and `.map`: a line such as `12  chat.yaml:21` for each line that has an origin.
///
/// # Errors
/// A token that the language cannot write is reported as `<language>::unwritable`, once per place; the file then lacks
/// it and must not be used.
pub fn emit(
    pages: Vec<Page>,
    annotate: Option<&dyn Fn(Loc) -> String>,
    report: &mut Report,
) -> Vec<OutFile> {
    let mut files = Vec::with_capacity(pages.len());
    let mut seen = BTreeSet::new();
    for page in pages {
        let marked = match engine::render(page.lang, page.template, &page.plan) {
            Ok(marked) => marked,
            Err(fault) => {
                report
                    .error("emit::template", Loc::default())
                    .says(format!(
                        "the template `{}` does not fit its plan",
                        page.template
                    ))
                    .note(fault)
                    .help("this is a fault of wsgen, not of the spec: please report it");
                continue;
            }
        };
        discard(page.plan, marked.len());
        let read = marks::read(&marked, page.lang.comment, annotate);
        for refused in read.refused {
            // The same setting often reaches several lines: one error per place is enough.
            if !seen.insert((page.lang.id, refused.clone())) {
                continue;
            }
            report
                .error(format!("{}::unwritable", page.lang.id), refused.at)
                .says(refused.why)
                .note("the file is not written")
                .help("take it out of this value");
        }
        let mut text = read.text;
        if !text.is_empty() && !text.ends_with('\n') {
            // HAProxy refuses a file whose last line does not end.
            text.push('\n');
        }
        let map = annotate
            .filter(|_| page.lang.comment.is_empty())
            .map(|annotate| source_map(&page.path, &read.lines, annotate));
        files.push(OutFile {
            path: page.path,
            text,
            lines: read.lines,
        });
        files.extend(map);
    }
    files
}

/// The origins of a file's lines, as a file of its own.
fn source_map(path: &Path, lines: &[Option<Loc>], annotate: &dyn Fn(Loc) -> String) -> OutFile {
    let mut map = path.as_os_str().to_owned();
    map.push(".map");
    let origins = lines
        .iter()
        .zip(1..)
        .filter_map(|(at, line)| at.map(|at| (line, at)));
    let text: String = origins
        .map(|(line, at): (usize, Loc)| format!("{line}  {}\n", annotate(at)))
        .collect();
    OutFile {
        path: map.into(),
        lines: vec![None; text.lines().count()],
        text,
    }
}

/// Frees a plan; a large one (10 ms for 60,000 lines) off the way of the caller, who waits for the text only.
fn discard(plan: tera::Context, bytes: usize) {
    if bytes > 1 << 20 {
        // A detached thread is right: nothing is lost if the process ends before it.
        std::thread::spawn(move || drop(plan));
    }
}

#[cfg(test)]
mod tests;
