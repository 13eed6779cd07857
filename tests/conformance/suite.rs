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
use crate::programs::{CONTROLLERS, Program};

/// Cases of a feature that run at once: most of each is waiting.
const FEATURES_AT_ONCE: usize = 6;

/// Whole specs that run at once: each has as many labs open as it has promises to see.
const WHOLE_AT_ONCE: usize = 2;

/// What came of the suite.
pub(crate) struct Outcome {
    /// What went wrong, a paragraph each.
    pub(crate) faults: Vec<String>,
    /// What went wrong beside others and right alone: a machine that is too busy, or a promise that is not always kept.
    pub(crate) unsteady: Vec<String>,
    /// What was seen.
    pub(crate) evidence: Evidence,
}

/// Runs each case on each program, an example on the newest of each. What fails is run once more, alone.
/// A room is what stands besides in the target's own part of each spec.
pub(crate) fn run(cases: &[Case], programs: &[Program], room: &str) -> Outcome {
    let newest = |program: &Program| {
        let (target, version) = (program.found().program.target(), program.found().version);
        let same = |it: &&Program| it.found().program.target() == target;
        programs
            .iter()
            .filter(same)
            .all(|it| it.found().version <= version)
    };
    let jobs = |whole: bool| -> Vec<(&Case, &Program)> {
        let cases = cases.iter().filter(|it| it.only().is_empty() == whole);
        let each = cases.flat_map(|case| programs.iter().map(move |program| (case, program)));
        each.filter(|(case, program)| !case.is_example() || newest(program))
            .collect()
    };
    let mut seen = Vec::new();
    for (jobs, at_once) in [(jobs(false), FEATURES_AT_ONCE), (jobs(true), WHOLE_AT_ONCE)] {
        let columns = side_by_side(&jobs, at_once, room);
        seen.extend(jobs.into_iter().zip(columns));
    }
    let mut outcome = Outcome {
        faults: Vec::new(),
        unsteady: Vec::new(),
        evidence: Evidence::default(),
    };
    for ((case, program), mut one) in seen {
        if let Some(fault) = one.fault.take() {
            let again = Seen::of(case, program, room);
            match again.fault {
                Some(_) => outcome.faults.push(fault),
                None => outcome.unsteady.push(fault),
            }
            one = Seen {
                fault: None,
                ..again
            };
        }
        for (feature, kept, deviates) in one.sights {
            if !kept && deviates.is_empty() {
                continue;
            }
            let found = program.found();
            let version = match CONTROLLERS.contains(&program.name.as_str()) {
                true => format!("through Traefik {}", found.version),
                false => found.version.to_string(),
            };
            outcome
                .evidence
                .add(found.program.target(), feature, &version, kept, deviates);
        }
    }
    outcome
}

/// Each job's outcome, in their order.
fn side_by_side(jobs: &[(&Case, &Program)], at_once: usize, room: &str) -> Vec<Seen> {
    let next = AtomicUsize::new(0);
    let seen: Mutex<Vec<(usize, Seen)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((case, program)) = jobs.get(index) else {
                        return;
                    };
                    let one = Seen::of(case, program, room);
                    seen.lock()
                        .expect("nobody panics with it")
                        .push((index, one));
                }
            });
        }
    });
    let mut seen = seen.into_inner().expect("nobody panics with it");
    seen.sort_by_key(|(index, _)| *index);
    seen.into_iter().map(|(_, one)| one).collect()
}

/// What was seen of a case on a program.
struct Seen {
    fault: Option<String>,
    sights: Vec<(Feature, bool, Vec<String>)>,
}

impl Seen {
    fn of(case: &Case, program: &Program, room: &str) -> Seen {
        let found = program.found();
        let target = found.program.target();
        let compiled = case.compiled(target, room);
        let only = case.only();
        let wish = Wish {
            only: &only,
            limit: Duration::from_secs(120),
            keep: false,
            patch: None,
            original: None,
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
            let kept = ours().any(|it| it.judgement == Judgement::Held);
            let deviates = ours()
                .filter(|it| it.judgement == Judgement::Reported)
                .filter_map(|it| it.loss.clone());
            (feature, kept, deviates.collect())
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
    // What the program does not stand for is no matter of the case.
    let program = column.found.program;
    let unseen = results
        .iter()
        .filter(|it| it.judgement == Judgement::Unseen && program.unseen(it.feature).is_none());
    // What a stand-in does in its own way neither.
    let unseen = unseen.filter(|it| it.deviation.is_none());
    match (unseen.count(), case.unseen(target)) {
        (0, None) => None,
        (0, Some(why)) => Some(format!("`x-unseen` says {why}, and everything was seen")),
        (_, None) if !case.only().is_empty() => Some("a promise was not seen".to_owned()),
        (..) => None,
    }
}
