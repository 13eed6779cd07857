//! The evidence for people: a table of features against programs, and a paragraph for each broken promise.

use std::fmt::Write as _;

use super::{cell, counted, rows};
use crate::compile::Compiled;
use crate::verify::judge::{Judgement, Result};
use crate::verify::probe::Probe;
use crate::verify::run::{Column, Failure};

/// The table, what was broken, and what else has to be known. `color` allows escape sequences.
pub fn write(compiled: &Compiled, columns: &[Column], color: bool) -> String {
    let mut out = table(columns, color);
    for column in columns {
        if let Err(failure) = &column.outcome {
            failed(&mut out, compiled, column, failure);
        }
        for result in column.outcome.iter().flatten() {
            if result.judgement == Judgement::Broken {
                broken(&mut out, compiled, column, result, color);
            }
        }
    }
    for (judgement, title) in [
        (Judgement::Reported, "Not kept, as the loss report says"),
        (
            Judgement::Modest,
            "Kept, where the loss report says that it is not",
        ),
        (Judgement::Unseen, "Not seen"),
    ] {
        told(&mut out, compiled, columns, judgement, title);
    }
    moved(&mut out, columns);
    out.push('\n');
    for column in columns {
        let name = column.found.name();
        let _ = match &column.outcome {
            Ok(_) => writeln!(
                out,
                "{name}: {} in {:.1} s",
                counted(column),
                column.took.as_secs_f64()
            ),
            Err(_) => writeln!(out, "{name}: not verified"),
        };
    }
    out
}

fn table(columns: &[Column], color: bool) -> String {
    let rows = rows(columns);
    if rows.is_empty() {
        return String::new();
    }
    let first = rows.keys().map(|it| it.id().len()).max().unwrap_or(0) + 2;
    let widths: Vec<usize> = columns
        .iter()
        .map(|column| column.found.name().len().max(16) + 2)
        .collect();
    let mut out = format!("{:first$}", "");
    for (column, width) in columns.iter().zip(&widths) {
        let _ = write!(out, "{:width$}", column.found.name());
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    for (feature, cells) in rows {
        let mut line = format!("{:first$}", feature.id());
        for (results, width) in cells.iter().zip(&widths) {
            let word = cell(results);
            let padded = format!("{word:width$}");
            line.push_str(&painted(
                &padded,
                results.iter().map(|it| it.judgement).max(),
                color,
            ));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn painted(text: &str, judgement: Option<Judgement>, color: bool) -> String {
    let code = match judgement {
        Some(Judgement::Held) => "32",
        Some(Judgement::Broken) => "1;31",
        Some(Judgement::Reported | Judgement::Modest | Judgement::Unseen) => "33",
        None => return text.to_owned(),
    };
    if color {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

fn broken(out: &mut String, compiled: &Compiled, column: &Column, result: &Result, color: bool) {
    let (paint, end) = if color {
        ("\x1b[1;31m", "\x1b[0m")
    } else {
        ("", "")
    };
    let _ = writeln!(
        out,
        "\n{paint}broken{end}: {} on {}: {}",
        subject(result),
        column.found.name(),
        result.feature
    );
    let _ = writeln!(out, "  contract  {}", result.promise);
    if let Some(deviation) = &result.deviation {
        let _ = writeln!(out, "  sent      {}", deviation.sent);
        let _ = writeln!(out, "  promised  {}", deviation.promised);
        let _ = writeln!(out, "  came      {}", deviation.came);
    }
    if let Some(scaled) = &result.scaled {
        let _ = writeln!(out, "  scaled    {scaled}");
    }
    let _ = writeln!(out, "  spec      {}", compiled.place(result.at));
    if let Some((file, line, text)) = column.line(compiled, result.at) {
        let _ = writeln!(out, "  output    {file}:{line}: {text}");
    }
}

fn failed(out: &mut String, compiled: &Compiled, column: &Column, failure: &Failure) {
    let name = column.found.name();
    match failure {
        Failure::Losses(_) => {
            let _ = writeln!(
                out,
                "\n{name}: not rendered, the loss report has errors; \
                `targets.{}.on_loss: warn` renders it all the same",
                column.target.id()
            );
        }
        Failure::Lab(why) => {
            let _ = writeln!(out, "\n{name}: not started: {why}");
        }
        Failure::Program {
            what,
            log,
            complaints,
        } => {
            let _ = writeln!(out, "\n{name}: {what}");
            for (message, line, at) in complaints {
                let _ = writeln!(out, "  it says   {message}");
                if let Some(line) = line {
                    let _ = writeln!(out, "  output    {line}");
                }
                if let Some(at) = at {
                    let _ = writeln!(out, "  spec      {}", compiled.place(*at));
                }
            }
            let lines: Vec<&str> = log.lines().collect();
            if complaints.is_empty() {
                for line in lines.iter().skip(lines.len().saturating_sub(10)) {
                    let _ = writeln!(out, "  it says   {line}");
                }
            }
        }
    }
}

/// The same sentence on several programs or subjects is told once.
fn told(
    out: &mut String,
    compiled: &Compiled,
    columns: &[Column],
    judgement: Judgement,
    title: &str,
) {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for column in columns {
        for result in column
            .outcome
            .iter()
            .flatten()
            .filter(|it| it.judgement == judgement)
        {
            let came = result.deviation.as_ref().map(|it| it.came.as_str());
            let text = match (judgement, &result.loss, &result.unseen, came) {
                (Judgement::Unseen, _, Some(why), _) => why.clone(),
                (Judgement::Reported, Some(loss), _, Some(came)) => {
                    format!("{loss} (seen: {came})")
                }
                (_, Some(loss), ..) => loss.clone(),
                _ => result.promise.clone(),
            };
            let line = format!("{}: {text}", result.feature);
            let place = format!("{} {}", column.found.name(), compiled.place(result.at));
            match lines.iter_mut().find(|(known, _)| *known == line) {
                Some((_, places)) => places.push(place),
                None => lines.push((line, vec![place])),
            }
        }
    }
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}");
    for (line, mut places) in lines {
        places.dedup();
        let more = places.len().saturating_sub(3);
        places.truncate(3);
        let rest = if more > 0 {
            format!(", {more} more")
        } else {
            String::new()
        };
        let _ = writeln!(out, "  {line}\n    {}{rest}", places.join(", "));
    }
}

/// What else was changed to probe it.
fn moved(out: &mut String, columns: &[Column]) {
    let mut lines: Vec<(&str, Vec<String>)> = Vec::new();
    for column in columns {
        for change in &column.changes {
            match lines.iter_mut().find(|(known, _)| known == change) {
                Some((_, names)) => names.push(column.found.name()),
                None => lines.push((change, vec![column.found.name()])),
            }
        }
    }
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\nOther than written, besides ports, addresses and durations"
    );
    for (line, names) in lines {
        let _ = writeln!(out, "  {line}\n    {}", names.join(", "));
    }
}

fn subject(result: &Result) -> String {
    if result.about.name.is_empty() {
        result.about.kind.to_owned()
    } else {
        format!("{} {}", result.about.kind, result.about.name)
    }
}

/// The probes of a spec, a line each: feature, subject, promise, place.
pub fn list(compiled: &Compiled, probes: &[Probe]) -> String {
    let mut out = String::new();
    for probe in probes {
        let scaled = probe
            .setup
            .scale
            .says()
            .map_or_else(String::new, |it| format!(" ({it})"));
        let _ = writeln!(
            out,
            "{:26}  {}{}{}: {}{scaled}  {}",
            probe.feature.id(),
            probe.about.kind,
            if probe.about.name.is_empty() { "" } else { " " },
            probe.about.name,
            probe.promise,
            compiled.place(probe.at)
        );
    }
    out
}
