//! The run: every probe in the lab that it needs, labs side by side, within a bounded time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::judge::{Losses, Result};
use super::lab::{Job, Lab, NoLab};
use super::probe::{Miss, Probe, Seen, Setup};

/// How a run is bounded and watched.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// When the run has to be over: probes that have not begun by then are told as not seen.
    pub until: Instant,
    /// Called after each probe with how many are done.
    pub progress: &'a (dyn Fn(usize) + Sync),
}

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
) -> std::result::Result<Vec<Result>, NoLab> {
    let losses = Losses::of(job.target, job.gateway);
    let groups = groups(probes);
    let results: Mutex<Vec<(usize, Result)>> = Mutex::default();
    let failed: Mutex<Option<NoLab>> = Mutex::default();
    let done = AtomicUsize::new(0);
    let keep = |index: usize, result: Result| {
        lock(&results).push((index, result));
        (limits.progress)(done.fetch_add(1, Ordering::Relaxed) + 1);
    };
    side_by_side(LABS, groups.len(), |at| {
        let (setup, members) = &groups[at];
        if lock(&failed).is_some() {
            return;
        }
        let late = || Err(Miss::Unseen("the time was up".to_owned()));
        if Instant::now() >= limits.until {
            for index in members {
                keep(
                    *index,
                    losses.judge(&probes[*index], late(), None, Duration::ZERO),
                );
            }
            return;
        }
        let lab = match Lab::open(job, *setup) {
            Ok(lab) => lab,
            Err(why) => {
                lock(&failed).get_or_insert(why);
                return;
            }
        };
        let scaled = Losses::of(job.target, &lab.gateway);
        side_by_side(TOGETHER, members.len(), |member| {
            let index = members[member];
            let probe = &probes[index];
            let start = Instant::now();
            let seen: Seen = if start >= limits.until {
                late()
            } else {
                probe.run(&lab)
            };
            keep(
                index,
                losses.judge(probe, seen, Some(&scaled), start.elapsed()),
            );
        });
    });
    if let Some(why) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(why);
    }
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    let mut results: Vec<Result> = results.into_iter().map(|(_, result)| result).collect();
    losses.find_modest(&mut results);
    Ok(results)
}

/// Which probes share a lab: the ones that wait come first, so that the others fill the time.
fn groups(probes: &[Probe]) -> Vec<(Setup, Vec<usize>)> {
    let mut shared: BTreeMap<Setup, Vec<usize>> = BTreeMap::new();
    let mut alone = Vec::new();
    for (index, probe) in probes.iter().enumerate() {
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
