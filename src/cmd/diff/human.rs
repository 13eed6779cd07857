//! A comparison for a terminal: the meaning, the targets, then the text of the files.

use std::fmt::Write as _;

use wsgen::meaning::{Loss, LossChange};

use super::{Comparison, TargetDiff};
use crate::cmd::unified;

/// The comparison as text; empty where nothing differs.
pub(super) fn write(compared: &Comparison, color: bool) -> String {
    if compared.is_empty() {
        return String::new();
    }
    let mut out = String::new();
    let bold = |text: &str| {
        if color {
            format!("\x1b[1m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    };
    for change in &compared.changes {
        let _ = writeln!(
            out,
            "{}: {}",
            bold(&change.subject.to_string()),
            change.what
        );
    }
    for (word, ports) in [
        ("nobody listens any more on", &compared.ports_closed),
        ("new ports:", &compared.ports_opened),
    ] {
        if !ports.is_empty() {
            let _ = writeln!(out, "{word} {}", ports.join(", "));
        }
    }
    let compares_specs = compared
        .targets
        .iter()
        .any(|it| it.rollout.is_some() || !it.losses.is_empty() || !it.refused.is_empty())
        || !compared.changes.is_empty();
    if compares_specs {
        if !out.is_empty() {
            out.push('\n');
        }
        let _ = writeln!(out, "{}", bold(&compared.headline()));
        for target in &compared.targets {
            about(&mut out, target);
        }
    }
    for file in compared.targets.iter().flat_map(|it| &it.files) {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&unified::diff(
            &file.name,
            file.old.as_deref(),
            file.new.as_deref(),
            color,
        ));
    }
    out
}

fn about(out: &mut String, target: &TargetDiff) {
    if target.is_empty() {
        let _ = writeln!(out, "  {}: no change", target.title);
        return;
    }
    match &target.rollout {
        Some(rollout) => {
            let _ = writeln!(
                out,
                "  {}: connections are {}: {}",
                target.title,
                rollout.open.word(),
                rollout.says
            );
        }
        None => {
            let _ = writeln!(out, "  {}:", target.title);
        }
    }
    for line in lines(target) {
        let _ = writeln!(out, "    {line}");
    }
}

/// What is to be said of one target besides its files.
pub(super) fn lines(target: &TargetDiff) -> Vec<String> {
    let mut lines: Vec<String> = target.losses.iter().map(loss).collect();
    if !target.refused.is_empty() {
        lines.push("not rendered: what stands there stays as it is".to_owned());
        // An error that is a loss is told above.
        let told = |error: &&String| {
            let code = error.split(": ").next().unwrap_or_default();
            let feature = code.rsplit("::").next().unwrap_or_default();
            target
                .losses
                .iter()
                .any(|change| change.loss().feature == feature)
        };
        lines.extend(
            target
                .refused
                .iter()
                .filter(|error| !told(error))
                .map(|error| format!("error: {error}")),
        );
    } else if !target.refused_before.is_empty() {
        lines.push("rendered, which it was not before".to_owned());
    }
    lines
}

/// A new or a gone loss as a line.
fn loss(change: &LossChange) -> String {
    let word = match change {
        LossChange::New(_) => "new loss",
        LossChange::Other(_) => "lost otherwise",
        LossChange::Gone(_) => "no longer lost",
    };
    format!("{word}: {}", told(change.loss()))
}

fn told(loss: &Loss) -> String {
    let how = match (loss.unsupported, loss.written) {
        (true, true) => "",
        (false, true) => " (approximated)",
        (_, false) => " (a default)",
    };
    let accepted = match &loss.accepted {
        Some(because) => format!("; accepted: {because}"),
        None => String::new(),
    };
    format!(
        "{} of {}{how}: {}{accepted}",
        loss.feature, loss.of, loss.instead
    )
}
