//! The capability matrix: every feature against every target, for terminals, Markdown and programs.

mod table;

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::evidence::{Evidence, Sight};
use super::{ALL, Note, Seen, Support, Target};
use crate::ir::{Family, Feature};

pub use table::{details, table};

/// Markdown for a README: how much of each family is exact, and folded below it every feature with what was seen of it.
pub fn summary() -> String {
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
    out.push_str("\n<details><summary>Every feature, and the versions on which the conformance suite saw it</summary>\n\n");
    head(&mut out, "feature");
    for (family, features) in families() {
        let _ = writeln!(out, "| **{}** |{}", family.title(), " |".repeat(ALL.len()));
        for feature in features {
            let _ = write!(out, "| `{}` {} |", feature.id(), cell(feature.meaning()));
            for target in ALL {
                let seen = Evidence::recorded().versions(*target, feature);
                let _ = write!(out, " {} · {seen} |", word(&target.support(feature)));
            }
            out.push('\n');
        }
    }
    out.push_str("\n</details>\n");
    out
}

/// The target with the range of its versions; a platform has none.
pub fn titled(target: &dyn Target) -> String {
    let (oldest, newest) = target.versions();
    let title = target.title();
    match target.is_platform() {
        true => title.to_owned(),
        false if oldest == newest => format!("{title} {newest}"),
        false => format!("{title} {oldest} to {newest}"),
    }
}

/// Markdown, a page: for every feature and target the verdict, what differs, and what was seen of it on which version.
pub fn page() -> String {
    let mut out = String::from("# What each target does with each feature\n");
    for target in ALL {
        let _ = write!(out, "\n- [{}](#{})", titled(*target), target.id());
    }
    out.push_str(
        "\n\nA verdict is the compiler's; *seen* is what the conformance suite (`tests/conformance`) saw on the real program: promises \
         that were kept, and sentences of the loss report that were seen to be true. A platform that no machine runs has a model in its place: \
         `template evaluated` is our evaluator of the rendered file doing with requests what the contract does, another name is a stand-in \
         that took the file and described it back. What nobody saw says `unverified`.\n",
    );
    for target in ALL {
        let _ = write!(out, "\n## {}\n", target.id());
        for (family, features) in families() {
            let _ = write!(
                out,
                "\n### {}: {}\n\n| feature | verdict | seen |\n|---|---|---|\n",
                target.title(),
                family.title()
            );
            for feature in features {
                let _ = writeln!(
                    out,
                    "| `{}` {} | {} | {} |",
                    feature.id(),
                    cell(feature.meaning()),
                    cell(&line(*target, feature)),
                    cell(&sights(*target, feature))
                );
            }
        }
    }
    out
}

/// What was seen of a feature: the same on several versions is said once.
fn sights(target: &dyn Target, feature: Feature) -> String {
    let mut groups: Vec<(&Sight, Vec<&str>)> = Vec::new();
    for (version, sight) in Evidence::recorded().of(target.id(), feature) {
        match groups.iter_mut().find(|(known, _)| *known == sight) {
            Some((_, versions)) => versions.push(version),
            None => groups.push((sight, vec![version])),
        }
    }
    if groups.is_empty() {
        return "unverified".to_owned();
    }
    let told = groups.iter().map(|(sight, versions)| {
        let mut parts = Vec::new();
        if sight.kept {
            parts.push("kept".to_owned());
        }
        parts.extend(
            sight
                .deviates
                .iter()
                .map(|note| format!("not kept: {note}")),
        );
        let versions = versions.iter().map(|it| target.seen_on(it));
        let versions: Vec<String> = versions.collect();
        format!("{}: {}", versions.join(", "), parts.join("; "))
    });
    told.collect::<Vec<_>>().join("<br>")
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

/// `{targets: [{id, title, oldest, newest}], features: [{id, family, guard, meaning, support: {nginx: {verdict, note, seen, on, evidence}}}]}`.
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
                .map(|target| {
                    let mut support = value(&target.support(*feature));
                    let seen: Map<String, Value> = Evidence::recorded()
                        .of(target.id(), *feature)
                        .map(|(version, sight)| (version.to_owned(), json!(sight)))
                        .collect();
                    support["evidence"] = Value::Object(seen);
                    (target.id().to_owned(), support)
                })
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
    sentence(&support).unwrap_or_else(|| word(&support).to_owned())
}

/// What a target does with a feature, in one word.
pub fn verdict(target: &dyn Target, feature: Feature) -> &'static str {
    word(&target.support(feature))
}

/// The families in order, each with its features.
pub fn families() -> Vec<(Family, Vec<Feature>)> {
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
