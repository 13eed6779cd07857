//! The capability matrix: every feature against every target, for terminals, Markdown and programs.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{ALL, Note, Seen, Support, Target};
use crate::ir::{Family, Feature};

/// Columns for a terminal, one row a feature, and below them a note for each cell that is not exact.
pub fn table() -> String {
    let features = Feature::ALL.iter().map(|feature| feature.id().len());
    let first = features.max().unwrap_or(0) + 2;
    let columns: Vec<usize> = ALL
        .iter()
        .map(|target| target.id().len().max("approximated".len()) + 2)
        .collect();
    let mut out = format!("{:first$}", "");
    for (target, width) in ALL.iter().zip(&columns) {
        let _ = write!(out, "{:width$}", target.id());
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    for (family, features) in families() {
        let _ = writeln!(out, "\n{}", family.title());
        for feature in features {
            let mut line = format!("{:first$}", format!("  {}", feature.id()));
            for (target, width) in ALL.iter().zip(&columns) {
                let _ = write!(line, "{:width$}", word(&target.support(feature)));
            }
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
    let notes: Vec<(String, String)> = Feature::ALL
        .iter()
        .flat_map(|feature| ALL.iter().map(move |target| (*target, *feature)))
        .filter_map(|(target, feature)| {
            Some((
                format!("{}::{feature}", target.id()),
                sentence(&target.support(feature))?,
            ))
        })
        .collect();
    if !notes.is_empty() {
        out.push_str("\nNotes\n");
    }
    for (id, note) in notes {
        let _ = writeln!(out, "  {id}: {note}");
    }
    out
}

/// Markdown: how much of each family is exact, and folded below it every feature and what differs.
pub fn markdown() -> String {
    let mut out = String::from(
        "How many features of each family are exact; `depends` is exact for some values, versions or gateways, and the compiler says for which:\n\n",
    );
    head(&mut out, "family");
    for (family, features) in families() {
        let _ = write!(out, "| {} |", family.title());
        for target in ALL {
            let _ = write!(out, " {} |", counted(*target, &features));
        }
        out.push('\n');
    }
    out.push_str("\n<details><summary>Every feature</summary>\n\n");
    head(&mut out, "feature");
    for (family, features) in families() {
        let _ = writeln!(out, "| **{}** |{}", family.title(), " |".repeat(ALL.len()));
        for feature in features {
            let _ = write!(out, "| `{}` {} |", feature.id(), cell(feature.meaning()));
            for target in ALL {
                let _ = write!(out, " {} |", word(&target.support(feature)));
            }
            out.push('\n');
        }
    }
    out.push_str("\n</details>\n");
    for target in ALL {
        let notes: Vec<String> = Feature::ALL
            .iter()
            .filter_map(|feature| {
                Some(format!(
                    "- `{feature}` {}",
                    sentence(&target.support(*feature))?
                ))
            })
            .collect();
        if !notes.is_empty() {
            let (oldest, newest) = target.versions();
            let _ = write!(
                out,
                "\n<details><summary>{} {oldest} to {newest}: what differs</summary>\n\n{}\n\n</details>\n",
                target.title(),
                notes.join("\n")
            );
        }
    }
    out
}

/// `5 exact, 2 depends, 1 approximated`.
fn counted(target: &dyn Target, features: &[Feature]) -> String {
    let words: Vec<&str> = features
        .iter()
        .map(|feature| word(&target.support(*feature)))
        .collect();
    let parts: Vec<String> = ["exact", "depends", "approximated", "unsupported"]
        .iter()
        .filter_map(
            |kind| match words.iter().filter(|word| *word == kind).count() {
                0 => None,
                count if count == words.len() => Some(format!("all {count} {kind}")),
                count => Some(format!("{count} {kind}")),
            },
        )
        .collect();
    parts.join(", ")
}

fn head(out: &mut String, first: &str) {
    let _ = write!(out, "| {first} |");
    for target in ALL {
        let _ = write!(out, " {} |", target.id());
    }
    out.push_str("\n|---|");
    out.push_str(&"---|".repeat(ALL.len()));
    out.push('\n');
}

/// `{targets: [{id, title, oldest, newest}], features: [{id, family, guard, meaning, support: {nginx: {verdict, note, seen, on}}}]}`.
pub fn json() -> String {
    let targets: Vec<Value> = ALL
        .iter()
        .map(|target| {
            let (oldest, newest) = target.versions();
            json!({ "id": target.id(), "title": target.title(), "oldest": oldest, "newest": newest })
        })
        .collect();
    let features: Vec<Value> = Feature::ALL
        .iter()
        .map(|feature| {
            let support: Map<String, Value> = ALL
                .iter()
                .map(|target| (target.id().to_owned(), value(&target.support(*feature))))
                .collect();
            json!({
                "id": feature.id(),
                "family": feature.family().title(),
                "guard": feature.is_guard(),
                "meaning": feature.meaning(),
                "support": support,
            })
        })
        .collect();
    let all = json!({ "targets": targets, "features": features });
    serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"
}

/// What a target does with a feature, in one line: `exact`, or the word and the note.
pub fn line(target: &dyn Target, feature: Feature) -> String {
    let support = target.support(feature);
    match sentence(&support) {
        None => word(&support).to_owned(),
        Some(sentence) => sentence,
    }
}

/// The families in order, each with its features.
fn families() -> Vec<(Family, Vec<Feature>)> {
    let mut families: Vec<(Family, Vec<Feature>)> = Vec::new();
    for feature in Feature::ALL {
        match families
            .iter_mut()
            .find(|(family, _)| *family == feature.family())
        {
            Some((_, features)) => features.push(*feature),
            None => families.push((feature.family(), vec![*feature])),
        }
    }
    families.sort_by_key(|(family, _)| *family);
    families
}

const fn word(support: &Support) -> &'static str {
    match support {
        Support::Exact => "exact",
        Support::Approx(_) => "approximated",
        Support::Unsupported(_) => "unsupported",
        Support::Depends { .. } => "depends",
    }
}

fn sentence(support: &Support) -> Option<String> {
    match support {
        Support::Exact => None,
        Support::Approx(note) | Support::Unsupported(note) => Some(format!(
            "{}: {} ({})",
            word(support),
            note.instead,
            seen(note.seen)
        )),
        Support::Depends { on, .. } => Some(format!("depends on {on}")),
    }
}

fn seen(seen: Seen) -> String {
    match seen {
        Seen::On(program) => format!("seen on {program}"),
        Seen::Docs(place) => format!("documented: {place}"),
        Seen::Unverified => "not verified".to_owned(),
    }
}

fn value(support: &Support) -> Value {
    let noted = |note: &Note| {
        let (how, place) = match note.seen {
            Seen::On(program) => ("on", Some(program)),
            Seen::Docs(place) => ("docs", Some(place)),
            Seen::Unverified => ("unverified", None),
        };
        json!({ "verdict": word(support), "note": note.instead, "seen": how, "where": place })
    };
    match support {
        Support::Exact => json!({ "verdict": "exact" }),
        Support::Approx(note) | Support::Unsupported(note) => noted(note),
        Support::Depends { on, .. } => json!({ "verdict": "depends", "on": on }),
    }
}

/// A text that does not end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
