//! The conformance suite: each case is a spec, verified on every program; what is seen becomes the evidence of the matrix.
//!
//! A case named after a feature is asked for that feature alone; an example (`example-…`) for everything that it promises.
//! `WSGEN_CASE=timeout` runs only the cases whose name holds the word; `cargo record` then replaces what is recorded of those.
//! `WSGEN_PROGRAM=caddy` runs them only on the programs whose name holds the word; what is recorded of a target is replaced only if
//! every program of it ran.

#[path = "../support/bless.rs"]
mod bless;
mod cases;
mod clients;
mod controllers;
mod differential;
mod notes;
mod planted;
#[path = "../support/programs.rs"]
#[allow(dead_code, reason = "the other test binary uses the rest")]
mod programs;
mod reference;
mod suite;

use std::collections::{BTreeMap, BTreeSet};

use wsgen::ir::Feature;
use wsgen::targets;
use wsgen::targets::evidence::{Evidence, Sight};

use crate::bless::{blessing, fresh, root};
use crate::cases::Case;
use crate::programs::{Program, SERVERS, present, servers};

#[test]
fn every_promise_is_kept_or_reported() {
    let wanted = std::env::var("WSGEN_CASE").ok();
    let cases: Vec<Case> = Case::all()
        .into_iter()
        .filter(|case| wanted.as_ref().is_none_or(|word| case.name.contains(word)))
        .collect();
    assert!(!cases.is_empty(), "no case's name holds {wanted:?}");
    let mut programs = present(&servers());
    if let Ok(word) = std::env::var("WSGEN_PROGRAM") {
        programs.retain(|program| program.name.contains(&word));
        assert!(!programs.is_empty(), "no program's name holds {word:?}");
    }
    let mut outcome = suite::run(&cases, &programs, "");
    unsteady(&outcome.unsteady);
    steady(&mut outcome.evidence);
    // Written first where it is wanted: what was seen was seen, whatever else went wrong.
    let path = root().join("src/targets/evidence.json");
    let stale = match (programs.len() == servers().len(), &wanted) {
        (true, None) => fresh(&path, &whole(&outcome.evidence).text()).err(),
        _ if blessing() && are_whole_targets(&programs) => {
            fresh(&path, &with(&outcome.evidence).text()).err()
        }
        _ => None,
    };
    assert!(outcome.faults.is_empty(), "{}", outcome.faults.join("\n\n"));
    if let Some(why) = stale {
        panic!(
            "{why}\nThe record is rewritten by cargo record, then `cargo bless` writes the matrix."
        );
    }
}

/// Whether no program of a target is left out where another of it is there.
fn are_whole_targets(programs: &[Program]) -> bool {
    let is_here = |name: &str| programs.iter().any(|it| it.name == name);
    let mut some = SERVERS
        .iter()
        .filter(|(_, names)| names.iter().any(|name| is_here(name)));
    some.all(|(_, names)| names.iter().all(|name| is_here(name)))
}

/// What was seen, with the record of targets that the suite does not run: their own tests write it.
fn whole(seen: &Evidence) -> Evidence {
    let run = |target: &str| SERVERS.iter().any(|(id, _)| *id == target);
    let own = Evidence::recorded().0.iter();
    let own = own.filter(|(target, _)| !run(target));
    let mut all = seen.clone();
    all.0
        .extend(own.map(|(target, features)| (target.clone(), features.clone())));
    all
}

/// The record with what was seen of some features in place of what it held of them.
pub(crate) fn with(seen: &Evidence) -> Evidence {
    let mut record = Evidence::recorded().clone();
    for (target, features) in &seen.0 {
        let known = record.0.entry(target.clone()).or_default();
        known.extend(
            features
                .iter()
                .map(|(id, sights)| (id.clone(), sights.clone())),
        );
    }
    record
}

/// Beside a loss it may be chance whether some promise is kept as well, as with whom requests in turn come to, and which promise the
/// loss of another feature explains: what is recorded of that stays, as long as each of its sentences was seen of the target.
pub(crate) fn steady(seen: &mut Evidence) {
    if blessing() {
        return;
    }
    for (target, features) in &mut seen.0 {
        let Some(record) = Evidence::recorded().0.get(target) else {
            continue;
        };
        let sentences = |features: &BTreeMap<String, BTreeMap<String, Sight>>| -> BTreeSet<String> {
            let sights = features.values().flat_map(BTreeMap::values);
            sights.flat_map(|it| it.deviates.iter().cloned()).collect()
        };
        let (said, recorded) = (sentences(features), sentences(record));
        for (feature, sights) in features.iter_mut() {
            for (version, sight) in sights.iter_mut() {
                let Some(known) = record.get(feature).and_then(|it| it.get(version)) else {
                    continue;
                };
                if sight.deviates.is_empty() && known.deviates.is_empty() {
                    continue;
                }
                sight.kept = known.kept;
                if known.deviates.is_subset(&said) && sight.deviates.is_subset(&recorded) {
                    sight.deviates = known.deviates.clone();
                }
            }
        }
    }
}

/// Said where it does not make the suite fail: who looks at the log sees what is not always kept.
#[allow(clippy::print_stderr)]
pub(crate) fn unsteady(lines: &[String]) {
    for line in lines {
        eprintln!("unsteady: {line}");
    }
}

#[test]
fn every_feature_has_a_case() {
    let cases = Case::all();
    let missing: Vec<&str> = Feature::ALL
        .iter()
        .map(|feature| feature.id())
        .filter(|id| !cases.iter().any(|case| case.name == *id))
        .collect();
    assert!(
        missing.is_empty(),
        "features without a case in tests/conformance/cases: {missing:?}"
    );
}

#[test]
fn every_feature_was_seen_on_every_version() {
    let record = Evidence::recorded();
    let cases = Case::all();
    let mut missing = Vec::new();
    for target in targets::ALL {
        let programs = SERVERS.iter().find(|(id, _)| *id == target.id());
        // A platform that no machine runs is tried by its own tests.
        if programs.is_none() && target.is_platform() {
            continue;
        }
        let versions = programs.map_or(1, |(_, names)| names.len());
        let program = wsgen::verify::programs::by_id(target.id());
        let asked = |feature: &&Feature| program.is_none_or(|it| it.unseen(**feature).is_none());
        for feature in Feature::ALL.iter().filter(asked) {
            let seen = record.of(target.id(), *feature).count();
            let excused = cases
                .iter()
                .any(|case| case.name == feature.id() && case.unseen(target.id()).is_some());
            if seen < versions && !excused {
                missing.push(format!("{}::{feature} ({seen} of {versions})", target.id()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}
