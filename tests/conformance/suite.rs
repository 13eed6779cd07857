//! The run of all cases on all programs, side by side, and what is made of it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use wsgen::ir::Feature;
use wsgen::targets::evidence::Evidence;
use wsgen::verify::evidence;
use wsgen::verify::judge::Judgement;
use wsgen::verify::run::{self, Column, Wish};

use crate::cases::Case;
use crate::programs::Program;

/// Cases that run at once: most of each is waiting.
const AT_ONCE: usize = 8;

/// What came of the suite.
pub(crate) struct Outcome {
    /// What went wrong, a paragraph each.
    pub(crate) faults: Vec<String>,
    /// What went wrong beside others and right alone: a machine that is too busy, or a promise that is not always kept.
    pub(crate) unsteady: Vec<String>,
    /// What was seen.
    pub(crate) evidence: Evidence,
}

/// Runs each case on each program. What fails is run once more, alone.
pub(crate) fn run(cases: &[Case], programs: &[Program]) -> Outcome {
    let jobs: Vec<(&Case, &Program)> = cases
        .iter()
        .flat_map(|case| programs.iter().map(move |program| (case, program)))
        .collect();
    let next = AtomicUsize::new(0);
    let seen: Mutex<Vec<(usize, Seen)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((case, program)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let index = jobs.iter().position(|job| {
                        std::ptr::eq(job.0, *case) && std::ptr::eq(job.1, *program)
                    });
                    let one = Seen::of(case, program);
                    seen.lock()
                        .expect("nobody panics with it")
                        .push((index.unwrap_or_default(), one));
                }
            });
        }
    });
    let mut seen = seen.into_inner().expect("nobody panics with it");
    seen.sort_by_key(|(index, _)| *index);
    let mut outcome = Outcome {
        faults: Vec::new(),
        unsteady: Vec::new(),
        evidence: Evidence::default(),
    };
    for (index, mut one) in seen {
        let (case, program) = jobs[index];
        if let Some(fault) = one.fault.take() {
            let again = Seen::of(case, program);
            match again.fault {
                Some(_) => outcome.faults.push(fault),
                None => outcome.unsteady.push(fault),
            }
            one = Seen {
                fault: None,
                ..again
            };
        }
        for (feature, held, deviates) in one.sights {
            let found = program.found();
            outcome.evidence.add(
                found.program.target(),
                feature,
                &found.version.to_string(),
                held,
                deviates,
            );
        }
    }
    outcome
}

/// What was seen of a case on a program.
struct Seen {
    fault: Option<String>,
    sights: Vec<(Feature, usize, Vec<String>)>,
}

impl Seen {
    fn of(case: &Case, program: &Program) -> Seen {
        let found = program.found();
        let target = found.program.target();
        let compiled = case.compiled(target);
        let only = case.only();
        let wish = Wish {
            only: &only,
            limit: Duration::from_secs(120),
            keep: false,
            patch: None,
            progress: &|_, _, _| {},
        };
        let column = run::verify(&compiled, found, wish).expect("the case is a gateway");
        let why = fault(case, target, &column);
        let title = format!("{} on {}", case.name, program.name);
        let shown = |why: String| {
            let columns = std::slice::from_ref(&column);
            format!(
                "--- {title}: {why}\n{}",
                evidence::human(&compiled, columns, false)
            )
        };
        let feature = Feature::by_id(&case.name);
        let sights = feature.map(|feature| {
            let results = column.outcome.as_ref().map_or(&[][..], Vec::as_slice);
            let ours = || results.iter().filter(|it| it.feature == feature);
            let held = ours().filter(|it| it.judgement == Judgement::Held).count();
            let deviates = ours()
                .filter(|it| it.judgement == Judgement::Reported)
                .filter_map(|it| it.loss.clone());
            (feature, held, deviates.collect())
        });
        Seen {
            fault: why.map(shown),
            sights: sights.into_iter().collect(),
        }
    }
}

/// What is wrong with a column, if something is.
fn fault(case: &Case, target: &str, column: &Column) -> Option<String> {
    let Ok(results) = &column.outcome else {
        return Some("it was not asked".to_owned());
    };
    if results.is_empty() {
        return Some("the case promises nothing that is probed".to_owned());
    }
    let count = |judgement| column.count(judgement);
    if count(Judgement::Broken) > 0 {
        return Some("a promise is broken".to_owned());
    }
    if count(Judgement::Modest) > 0 && !case.only().is_empty() {
        return Some("the loss report is too modest".to_owned());
    }
    match (count(Judgement::Unseen), case.unseen(target)) {
        (0, None) => None,
        (0, Some(why)) => Some(format!("`x-unseen` says {why}, and everything was seen")),
        (_, None) if !case.only().is_empty() => Some("a promise was not seen".to_owned()),
        (..) => None,
    }
}
