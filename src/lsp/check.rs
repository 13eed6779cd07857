//! A document's findings, the same as `wsgen lint` tells: faults, rules, and what targets lose.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::compile::{self, Compiled, Input, Options, World};
use crate::diag::Report;
use crate::rules::{self, Disk};
use crate::targets::{self, Target};

use super::world::{Folder, Settings};

/// What a check came to: reports, each with the compilation that it speaks about.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Compilations and what was found in each.
    pub(super) parts: Vec<(Compiled, Report)>,
}

/// Checks one text. `goes_on` is asked between the steps; after a no there are no findings.
pub(super) fn check(
    name: &str,
    text: &str,
    folder: &Folder,
    settings: &Settings,
    goes_on: &dyn Fn() -> bool,
) -> Option<Findings> {
    let world = World {
        params: &*settings.params,
        files: folder,
    };
    let mut inputs = vec![Input::new(name, text)];
    inputs.extend(settings.over.iter().cloned());
    let mut compiled = compile::compile(inputs, world);
    let mut report = std::mem::take(&mut compiled.report);
    let mut parts = Vec::new();
    if compiled.gateway.is_some() {
        if !goes_on() {
            return None;
        }
        report.extend(lint(&compiled, folder, settings.files));
        for target in chosen(&compiled, settings) {
            if !goes_on() {
                return None;
            }
            match compile::for_target(&compiled, target.id(), world) {
                None => report.extend(losses(&compiled, target)),
                Some(mut own) => {
                    let found = match own.gateway {
                        Some(_) => losses(&own, target),
                        None => std::mem::take(&mut own.report),
                    };
                    parts.push((own, found));
                }
            }
        }
    }
    parts.insert(0, (compiled, report));
    Some(Findings { parts })
}

fn lint(compiled: &Compiled, folder: &Folder, files: bool) -> Report {
    if !files {
        return rules::lint(compiled);
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let disk = Disk {
        files: folder,
        now: i64::try_from(now).unwrap_or(i64::MAX),
    };
    rules::lint_files(compiled, disk)
}

fn losses(compiled: &Compiled, target: &dyn Target) -> Report {
    compile::render(compiled, target, Options::default()).report
}

/// The targets that the settings name, else those that the spec has a room for.
fn chosen(compiled: &Compiled, settings: &Settings) -> Vec<&'static dyn Target> {
    let tree = &compiled.tree;
    let rooms = tree.get(tree.root(), "targets");
    let has_room = |id: &str| rooms.is_some_and(|rooms| tree.get(rooms, id).is_some());
    let wanted = |id: &str| match settings.targets.as_slice() {
        [] => has_room(id),
        names => names.iter().any(|name| name == id),
    };
    targets::ALL
        .iter()
        .copied()
        .filter(|target| wanted(target.id()))
        .collect()
}
