//! Verdicts and the loss report: what a gateway loses on a target, and how loud that is.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap as HashMap;

use super::{Env, Support, Target, Verdict};
use crate::diag::{Level, Report};
use crate::ir::{Feature, Gateway, Loc, OnLoss, Origin, Subject, Use};

/// A use that is not exact on the target.
#[derive(Clone, Debug)]
pub struct Finding<'a> {
    /// The use.
    pub used: Use<'a>,
    /// What becomes of it.
    pub verdict: Verdict,
    /// The index of the entry of `accept` that silences it.
    pub accepted: Option<usize>,
}

/// The verdicts on every use of a gateway on one target.
#[derive(Debug)]
pub struct Verdicts<'a> {
    findings: Vec<Finding<'a>>,
    unsupported: HashMap<(Feature, &'static str, u32, Loc), usize>,
    any_unsupported: Vec<bool>,
}

impl<'a> Verdicts<'a> {
    /// Every use that is not exact.
    pub fn findings(&self) -> &[Finding<'a>] {
        &self.findings
    }

    /// The losses that are accepted, each once: what a file's head says of it, and where it is accepted.
    pub fn accepted(&self, gateway: &Gateway) -> Vec<(String, Loc)> {
        let mut told: Vec<(String, Loc)> = Vec::new();
        let mut seen = BTreeSet::new();
        for finding in &self.findings {
            let Some(accept) = finding.accepted.and_then(|it| gateway.accept.get(it)) else {
                continue;
            };
            let text = format!(
                "accepted loss {}: {} (because {})",
                finding.used.feature.id(),
                finding.verdict.note().instead,
                accept.because
            );
            if seen.insert(text.clone()) {
                told.push((text, accept.at));
            }
        }
        told
    }

    /// Whether a use is rendered: exact or approximated. `from` is the setting's own origin.
    pub fn renders(&self, feature: Feature, on: Subject<'_>, from: Origin) -> bool {
        if !self.any_unsupported[feature as usize] {
            return true;
        }
        let (kind, id) = key(on);
        !self
            .unsupported
            .contains_key(&(feature, kind, id, from.loc))
    }

    /// Whether every use of a feature on a subject is rendered.
    pub fn renders_all(&self, feature: Feature, on: Subject<'_>) -> bool {
        if !self.any_unsupported[feature as usize] {
            return true;
        }
        let (kind, id) = key(on);
        !self
            .unsupported
            .keys()
            .any(|(lost, on_kind, on_id, _)| (*lost, *on_kind, *on_id) == (feature, kind, id))
    }

    /// Whether every guard on a subject is rendered. Where one is not, nobody may pass.
    pub fn renders_guards(&self, on: Subject<'_>) -> bool {
        Feature::ALL
            .iter()
            .filter(|feature| feature.is_guard())
            .all(|feature| self.renders_all(*feature, on))
    }
}

const fn key(on: Subject<'_>) -> (&'static str, u32) {
    match on {
        Subject::Gateway => ("gateway", 0),
        Subject::Listener(it) => ("listener", it.id.0),
        Subject::Certificate(it) => ("certificate", it.id.0),
        Subject::Upstream(it) => ("upstream", it.id.0),
        Subject::Auth(it) => ("auth", it.id.0),
        Subject::Route(it) => ("route", it.id.0),
    }
}

/// Asks the target about every use.
pub fn judge<'a>(
    target: &dyn Target,
    gateway: &'a Gateway,
    uses: &[Use<'a>],
    env: &Env<'_>,
) -> Verdicts<'a> {
    let supports: Vec<Support> = Feature::ALL
        .iter()
        .map(|feature| target.support(*feature))
        .collect();
    let mut verdicts = Verdicts {
        findings: Vec::new(),
        unsupported: HashMap::default(),
        any_unsupported: vec![false; Feature::ALL.len()],
    };
    for used in uses {
        let Some(verdict) = supports[used.feature as usize].verdict(used, env) else {
            continue;
        };
        if verdict.is_unsupported() {
            let (kind, id) = key(used.on);
            verdicts.any_unsupported[used.feature as usize] = true;
            verdicts.unsupported.insert(
                (used.feature, kind, id, used.at.loc),
                verdicts.findings.len(),
            );
        }
        let accepted = gateway.accept.iter().position(|accept| {
            accept.target == target.id()
                && accept.feature == used.feature
                && accept
                    .subject
                    .as_ref()
                    .is_none_or(|subject| subject == used.on.name().1)
        });
        verdicts.findings.push(Finding {
            used: *used,
            verdict,
            accepted,
        });
    }
    verdicts
}

/// The loss report of one target.
///
/// Written and unsupported is an error (or what `on_loss` says), written and approximated a warning, defaults one folded note,
/// unless they lead a route's requests elsewhere.
/// An accepted loss is silent, but a guard that is not rendered stays a warning, and so does
/// a header that a client can then forge. `deny` makes every loss that is not accepted an error.
pub fn report(
    target: &dyn Target,
    gateway: &Gateway,
    verdicts: &Verdicts<'_>,
    deny: bool,
) -> Report {
    let mut report = Report::new();
    let unsupported_level = match target
        .room(gateway)
        .on_loss
        .as_ref()
        .map(|level| level.value)
    {
        Some(OnLoss::Warn) => Level::Warning,
        Some(OnLoss::Error) | None => Level::Error,
    };
    // Findings with the same sentence are one diagnostic with several labels, in the order of the first.
    let mut groups: Vec<(Level, Vec<&Finding<'_>>)> = Vec::new();
    let mut index: HashMap<(Level, Feature, &str), usize> = HashMap::default();
    for finding in verdicts.findings() {
        let Some(level) = level(finding, unsupported_level, deny) else {
            continue;
        };
        let group = (
            level,
            finding.used.feature,
            finding.verdict.note().instead.as_ref(),
        );
        let at = *index.entry(group).or_insert_with(|| {
            groups.push((level, Vec::new()));
            groups.len() - 1
        });
        groups[at].1.push(finding);
    }
    let mut folded: Vec<&Finding<'_>> = Vec::new();
    for (level, findings) in &groups {
        if *level == Level::Note {
            folded.push(findings[0]);
        } else {
            tell(&mut report, target, *level, findings);
        }
    }
    if !folded.is_empty() {
        let diag = report.note(format!("{}::defaults", target.id()), Loc::default());
        diag.says(match folded.as_slice() {
            [_] => format!("{} cannot keep one default", target.id()),
            more => format!("{} cannot keep {} defaults", target.id(), more.len()),
        });
        for finding in folded {
            diag.note(format!(
                "{}: {}",
                finding.used.feature.id(),
                finding.verdict.note().instead
            ));
        }
    }
    report.extend(target.limits(gateway, verdicts));
    for (number, accept) in gateway.accept.iter().enumerate() {
        if accept.target == target.id()
            && !verdicts
                .findings()
                .iter()
                .any(|finding| finding.accepted == Some(number))
        {
            report
                .warning("spec::accept-unused", accept.at)
                .says(format!(
                    "`{}::{}` is accepted but not lost",
                    accept.target, accept.feature
                ))
                .label("no use of the feature is lost here")
                .help("take the entry out");
        }
    }
    report
}

fn level(finding: &Finding<'_>, unsupported: Level, deny: bool) -> Option<Level> {
    let guard = finding.used.feature.is_guard() && finding.verdict.is_unsupported()
        || finding.verdict.note().forged;
    if finding.accepted.is_some() {
        return guard.then_some(Level::Warning);
    }
    let level = match (
        finding.used.at.is_written(),
        finding.verdict.is_unsupported(),
    ) {
        (true, true) => unsupported,
        (true, false) => Level::Warning,
        // Who wrote neither host nor path asked for the route's requests all the same.
        (false, _) if guard || finding.verdict.note().elsewhere => Level::Warning,
        (false, _) => Level::Note,
    };
    Some(if deny && level == Level::Warning {
        Level::Error
    } else {
        level
    })
}

fn tell(report: &mut Report, target: &dyn Target, level: Level, findings: &[&Finding<'_>]) {
    const MOST_LABELS: usize = 8;
    let first = findings[0];
    let feature = first.used.feature;
    let note = first.verdict.note();
    let code = format!("{}::{}", target.id(), feature.id());
    let diag = report.add(level, code.clone(), first.used.at.loc);
    diag.says(match &first.verdict {
        Verdict::Approximated(_) => format!(
            "{} does this differently: {}",
            target.id(),
            feature.meaning()
        ),
        Verdict::Unsupported(_) => format!("{} cannot do this: {}", target.id(), feature.meaning()),
    });
    for (number, finding) in findings.iter().enumerate().take(MOST_LABELS) {
        let (kind, name) = finding.used.on.name();
        let label = if name.is_empty() {
            "asked for here".to_owned()
        } else {
            format!("asked for by {kind} `{name}`")
        };
        if number == 0 {
            diag.label(label);
        } else if finding.used.at.loc != first.used.at.loc {
            diag.also(finding.used.at.loc, label);
        }
    }
    if findings.len() > MOST_LABELS {
        diag.note(format!("and {} more places", findings.len() - MOST_LABELS));
    }
    diag.note(note.instead.to_string());
    if let Some(help) = &note.help {
        diag.help(help.to_string());
    }
    if first.accepted.is_none() {
        diag.help(format!(
            "or accept it: `accept: [{{loss: {code}, because: …}}]`"
        ));
    }
}
