//! The run: every probe in the lab that it needs, labs side by side, within a bounded time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::judge::{Judgement, Losses, Result};
use super::lab::{Job, Lab, NoLab};
use super::probe::{Deviation, Miss, Probe, Seen, Setup};

/// How a run is bounded and watched.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// When the run has to be over: programs end then, and what was not seen by then is told so.
    pub until: Instant,
    /// Called after each probe with how many are done.
    pub progress: &'a (dyn Fn(usize) + Sync),
}

/// What a run came to.
pub struct Outcome {
    /// What became of each probe, in their order.
    pub results: Vec<Result>,
    /// What was other than written.
    pub moved: Moved,
}

/// What was other than written, in all labs of a run.
#[derive(Default)]
pub struct Moved {
    /// How the probed gateway differs from the written one beyond ports, addresses and durations; a clause each.
    pub changes: BTreeSet<String>,
    /// Lines of the probed files that the written ones have in no form, a `#` for each number, address and path.
    pub strange_lines: BTreeSet<String>,
    /// The folders that the program ran in, where they are kept.
    pub folders: BTreeSet<PathBuf>,
}

/// Why a probe saw nothing, where the run was over.
pub const TIME_UP: &str = "the time was up";

/// Labs that are open at once: each mostly waits.
const LABS: usize = 8;
/// Probes that run at once in a lab that they share.
const TOGETHER: usize = 8;

/// Runs the probes on a program. `Err` is a lab that could not be opened: nothing else would open then.
///
/// # Errors
/// See [`NoLab`].
pub fn run(
    job: &Job<'_>,
    probes: &[Probe],
    limits: Limits<'_>,
) -> std::result::Result<Outcome, NoLab> {
    let losses = Losses::of(job.target, job.gateway);
    let program = job.found.program;
    let groups = groups(probes, |probe| program.unseen(probe.feature).is_none());
    let results: Mutex<Vec<(usize, Result)>> = Mutex::default();
    let failed: Mutex<Option<NoLab>> = Mutex::default();
    let moved: Mutex<Moved> = Mutex::default();
    let open = Open::default();
    let done = AtomicUsize::new(0);
    let keep = |index: usize, mut result: Result| {
        if result.judgement == Judgement::Broken
            && let Some(why) = program.differs(job.gateway, result.feature)
        {
            result.judgement = Judgement::Unseen;
            result.unseen = Some(why.to_owned());
        }
        lock(&results).push((index, result));
        (limits.progress)(done.fetch_add(1, Ordering::Relaxed) + 1);
    };
    for (index, probe) in probes.iter().enumerate() {
        if let Some(why) = program.unseen(probe.feature) {
            let seen = Err(Miss::Unseen(why.to_owned()));
            keep(index, losses.judge(probe, seen, None, Duration::ZERO));
        }
    }
    let one = |at: usize| {
        let (setup, members) = &groups[at];
        if lock(&failed).is_some() {
            return;
        }
        let late = || Instant::now() >= limits.until;
        if late() {
            for index in members {
                let result = losses.judge(&probes[*index], time_up(), None, Duration::ZERO);
                keep(*index, result);
            }
            return;
        }
        if setup.names && !job.found.program.has_resolvers() {
            for index in members {
                let why = "it asks the system's name servers, which know no name of a lab";
                let seen = Err(Miss::Unseen(why.to_owned()));
                keep(
                    *index,
                    losses.judge(&probes[*index], seen, None, Duration::ZERO),
                );
            }
            return;
        }
        let lab = match Lab::open(job, *setup) {
            Ok(lab) => Arc::new(lab),
            Err(NoLab::Program(why, _)) if setup.names || setup.acme => {
                // That names have no address, or hosts no certificate, yet is no reason not to start.
                for index in members {
                    let probe = &probes[*index];
                    let seen = Err(Deviation::new(
                        match setup.acme {
                            true => "a start without the certificates that are still to be issued",
                            false => "names that only a name server knows",
                        },
                        why.what.clone(),
                        probe.promise.clone(),
                    )
                    .into());
                    keep(*index, losses.judge(probe, seen, None, Duration::ZERO));
                }
                return;
            }
            Err(why) => {
                lock(&failed).get_or_insert(why);
                return;
            }
        };
        open.enter(at, &lab);
        {
            let mut moved = lock(&moved);
            moved.changes.extend(lab.changes().cloned());
            moved.strange_lines.extend(lab.strange_lines(job));
            if job.keep {
                moved
                    .folders
                    .insert(lab.running().folder().path().to_owned());
            }
        }
        let scaled = Losses::of(job.target, &lab.gateway);
        side_by_side(TOGETHER, members.len(), |member| {
            let index = members[member];
            let probe = &probes[index];
            let start = Instant::now();
            let mut seen: Seen = if late() { time_up() } else { probe.run(&lab) };
            if seen.is_err() && late() {
                // The program was ended under the probe.
                seen = time_up();
            }
            keep(
                index,
                losses.judge(probe, seen, Some(&scaled), start.elapsed()),
            );
        });
        open.leave(at);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| open.end_at(limits.until));
        side_by_side(LABS, groups.len(), one);
        open.close();
    });
    if let Some(why) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(why);
    }
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    let mut results: Vec<Result> = results.into_iter().map(|(_, result)| result).collect();
    losses.find_modest(&mut results, |feature| program.hides(job.gateway, feature));
    Ok(Outcome {
        results,
        moved: moved.into_inner().unwrap_or_else(PoisonError::into_inner),
    })
}

fn time_up() -> Seen {
    Err(Miss::Unseen(TIME_UP.to_owned()))
}

/// The labs that are open, so that a program that hangs can be ended under its probes.
#[derive(Default)]
struct Open {
    labs: Mutex<(BTreeMap<usize, Arc<Lab>>, bool)>,
    changed: Condvar,
}

impl Open {
    fn enter(&self, at: usize, lab: &Arc<Lab>) {
        lock(&self.labs).0.insert(at, Arc::clone(lab));
    }

    fn leave(&self, at: usize) {
        lock(&self.labs).0.remove(&at);
    }

    /// The run is over.
    fn close(&self) {
        lock(&self.labs).1 = true;
        self.changed.notify_all();
    }

    /// Ends every program that still runs at that time; returns when the run is over.
    fn end_at(&self, until: Instant) {
        let mut labs = lock(&self.labs);
        while !labs.1 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                for lab in labs.0.values() {
                    lab.running().kill();
                }
            }
            // After the end a lab that was just opening may come in.
            let pause = left.max(Duration::from_millis(100));
            labs = match self.changed.wait_timeout(labs, pause) {
                Ok((labs, _)) => labs,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }
}

/// Which probes share a lab: the ones that wait come first, so that the others fill the time.
fn groups(probes: &[Probe], asked: impl Fn(&Probe) -> bool) -> Vec<(Setup, Vec<usize>)> {
    let mut shared: BTreeMap<Setup, Vec<usize>> = BTreeMap::new();
    let mut alone = Vec::new();
    let those = probes.iter().enumerate().filter(|(_, probe)| asked(probe));
    for (index, probe) in those {
        if probe.setup.alone {
            alone.push((probe.setup, vec![index]));
        } else {
            shared.entry(probe.setup).or_default().push(index);
        }
    }
    let mut groups: Vec<(Setup, Vec<usize>)> = shared.into_iter().chain(alone).collect();
    groups.sort_by_key(|(setup, _)| setup.scale.says().is_none());
    groups
}

/// Does the numbers below `count`, at most `most` at once.
fn side_by_side(most: usize, count: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..most.min(count) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        return;
                    }
                    work(at);
                }
            });
        }
    });
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
