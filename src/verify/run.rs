//! A verification: a compiled spec on each program, and everything that is told of it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::engine::{self, Limits};
use super::judge::{Judgement, Result};
use super::lab::{Job, NoLab};
use super::probe::Probe;
use super::probes;
use super::programs::Found;
use crate::compile::{self, Compiled, Options};
use crate::diag::Report;
use crate::emit::OutFile;
use crate::import::nginx::Original;
use crate::ir::{Gateway, Loc, Set};
use crate::targets::{self, Target};

/// What a verification is asked to do.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// Words, any of which a probe's feature, family or subject has to begin with or be; empty is every probe.
    pub only: &'a [String],
    /// How long everything may take.
    pub limit: Duration,
    /// Whether the folders of the programs stay.
    pub keep: bool,
    /// Changes each rendered file before the program loads it: how a test plants a bug.
    pub patch: Option<&'a (dyn Fn(&str) -> String + Sync)>,
    /// What the program loads in place of the rendered files: the configuration that the spec was imported from.
    pub original: Option<&'a Original>,
    /// Called with how many probes of a program are done, and how many there are.
    pub progress: &'a (dyn Fn(&Found, usize, usize) + Sync),
}

/// What came of one program.
pub struct Column {
    /// The target that was rendered.
    pub target: &'static dyn Target,
    /// The program that was asked.
    pub found: Found,
    /// Each promise, in the order of the families; or why the program could not be asked.
    pub outcome: std::result::Result<Vec<Result>, Failure>,
    /// The files as they are rendered for use, with the origin of each line.
    pub files: Vec<OutFile>,
    /// How the probed gateway differs from the written one beyond ports, addresses and durations; a clause each.
    pub changes: BTreeSet<String>,
    /// The folders that the program ran in, where they were kept.
    pub folders: BTreeSet<PathBuf>,
    /// Lines of the probed files that the written ones have in no form, a `#` for each number, address and path.
    pub strange_lines: BTreeSet<String>,
    /// How long it took.
    pub took: Duration,
}

impl Column {
    /// How many promises came to this.
    pub fn count(&self, judgement: Judgement) -> usize {
        let results = self.outcome.as_ref().map_or(&[][..], Vec::as_slice);
        results
            .iter()
            .filter(|it| it.judgement == judgement)
            .count()
    }

    /// How many promises were not seen because the time was up.
    pub fn late(&self) -> usize {
        let results = self.outcome.as_ref().map_or(&[][..], Vec::as_slice);
        results
            .iter()
            .filter(|it| it.unseen.as_deref() == Some(engine::TIME_UP))
            .count()
    }

    /// Whether a promise was broken, or the program could not be asked.
    pub fn is_broken(&self) -> bool {
        self.outcome.is_err() || self.count(Judgement::Broken) > 0
    }

    /// The line of the output that a place of the spec causes: file, line from 1, text.
    pub fn line(&self, compiled: &Compiled, at: Loc) -> Option<(String, usize, String)> {
        let found = |test: &dyn Fn(Loc) -> bool| {
            self.files.iter().find_map(|file| {
                let number = file
                    .lines
                    .iter()
                    .position(|origin| origin.is_some_and(test))?;
                let text = file.text.lines().nth(number)?.trim().to_owned();
                Some((file.path.to_string_lossy().into_owned(), number + 1, text))
            })
        };
        let wanted = compiled.tree.span(at);
        let inside = |origin: Loc| {
            let it = compiled.tree.span(origin);
            it.file == wanted.file && it.start >= wanted.start && it.end <= wanted.end
        };
        // A value that causes no line of its own belongs to the thing that it is written in.
        let above = std::iter::successors(Some(at), |at| compiled.tree.parent(*at)).take(3);
        above
            .clone()
            .take(1)
            .find_map(|at| found(&|origin| origin == at))
            .or_else(|| found(&inside))
            .or_else(|| above.skip(1).find_map(|at| found(&|origin| origin == at)))
    }
}

/// Why a program could not be asked.
#[derive(Debug)]
pub enum Failure {
    /// The loss report has errors: the target is not rendered.
    Losses(Report),
    /// The gateway on loopback could not be rendered, or no port or file was free.
    Lab(String),
    /// The program did not start: what it said, and the place of the spec behind each of its complaints.
    Program {
        /// What did not happen.
        what: String,
        /// Its log.
        log: String,
        /// Its complaints: message, the output line, the place in the spec.
        complaints: Vec<(String, Option<String>, Option<Loc>)>,
    },
}

/// The gateway for a program: the target's own values, the program's version.
pub fn gateway_for(compiled: &Compiled, found: &Found) -> Option<Gateway> {
    let mut gateway = compiled.gateway.clone()?;
    let at = gateway.name.loc();
    if let Some(room) = gateway.rooms.of_mut(found.program.target()) {
        room.version = Some(Set::written(found.version, at));
    }
    Some(gateway)
}

/// The probes of a gateway that the wish asks for.
pub fn chosen(gateway: &Gateway, only: &[String]) -> Vec<Probe> {
    let mut all = Vec::new();
    for family in probes::FAMILIES {
        let probes = family.probes(gateway);
        let asked = |probe: &Probe| {
            only.is_empty()
                || only.iter().any(|word| {
                    let id = probe.feature.id();
                    word == family.id
                        || word == id
                        || id.starts_with(&format!("{word}."))
                        || *word == probe.about.name
                })
        };
        all.extend(probes.into_iter().filter(asked));
    }
    all
}

/// Verifies a spec on one program; `compiled` is the spec as the target gets it.
pub fn verify(compiled: &Compiled, found: &Found, wish: Wish<'_>) -> Option<Column> {
    let start = Instant::now();
    let target = targets::by_id(found.program.target())?;
    let gateway = gateway_for(compiled, found)?;
    let rendered = compile::render_gateway(&gateway, target, Options::default(), &|at| {
        compiled.place(at)
    });
    let outcome = if rendered.files.is_empty() {
        Err(Failure::Losses(rendered.report))
    } else {
        let job = Job {
            gateway: &gateway,
            target,
            found,
            written: &rendered.files,
            keep: wish.keep,
            patch: wish.patch,
            original: wish.original,
        };
        let probes = chosen(&gateway, wish.only);
        let count = probes.len();
        let progress = |done: usize| (wish.progress)(found, done, count);
        let limits = Limits {
            until: start + wish.limit,
            progress: &progress,
        };
        engine::run(&job, &probes, limits).map_err(failure)
    };
    let (outcome, moved) = match outcome {
        Ok(it) => (Ok(it.results), it.moved),
        Err(why) => (Err(why), engine::Moved::default()),
    };
    Some(Column {
        target,
        found: found.clone(),
        outcome,
        files: rendered.files,
        changes: moved.changes,
        folders: moved.folders,
        strange_lines: moved.strange_lines,
        took: start.elapsed(),
    })
}

fn failure(why: NoLab) -> Failure {
    match why {
        NoLab::Machine(why) => Failure::Lab(why.to_string()),
        NoLab::Refused(said) => Failure::Lab(said.join("; ")),
        NoLab::Program(why, files) => {
            let complaint = |line: Option<usize>, message: &str| {
                let main = files.first();
                let at = line.and_then(|line| {
                    let file = main?;
                    // The nearest line above that has an origin: a block's closing line has none.
                    file.lines
                        .get(..line)?
                        .iter()
                        .rev()
                        .find_map(|origin| *origin)
                });
                let text = line.and_then(|line| {
                    let text = main?.text.lines().nth(line.checked_sub(1)?)?;
                    Some(format!("{}:{line}: {}", main?.path.display(), text.trim()))
                });
                (message.to_owned(), text, at)
            };
            Failure::Program {
                complaints: why
                    .complaints
                    .iter()
                    .map(|it| complaint(it.line, &it.message))
                    .collect(),
                what: why.what,
                log: why.log,
            }
        }
    }
}
