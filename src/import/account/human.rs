//! An account for people: a line for each directive, what it says below it, the remarks, and a line that counts.

use std::fmt::Write as _;

use crate::diag;
use crate::source::Sources;

use super::{Account, Entry, Fate};

/// How long a directive is shown.
const LONGEST: usize = 60;

/// The account as text; `width` is in columns.
pub fn human(account: &Account, sources: &Sources, color: bool, width: usize) -> String {
    let mut out = String::new();
    for fate in [Fate::Kept, Fate::Changed, Fate::Lost, Fate::Unknown] {
        let entries: Vec<_> = account
            .entries()
            .iter()
            .filter(|entry| entry.fate == fate)
            .collect();
        if entries.is_empty() {
            continue;
        }
        let _ = writeln!(out, "{}", painted(fate, fate.word(), color));
        let places: Vec<_> = entries.iter().map(|entry| place(entry, sources)).collect();
        let longest = places.iter().map(|place| place.chars().count()).max();
        for (entry, place) in entries.iter().zip(&places) {
            let pad = longest.unwrap_or(0);
            let _ = writeln!(out, "  {place:pad$}  {}", line(entry));
            for says in &entry.says {
                let _ = writeln!(out, "  {:pad$}    {says}", "");
            }
            for help in &entry.helps {
                let _ = writeln!(out, "  {:pad$}    help: {help}", "");
            }
        }
        out.push('\n');
    }
    let unsaid: Vec<_> = account.unsaids().collect();
    if !unsaid.is_empty() {
        out.push_str("unsaid\n");
        for one in unsaid {
            let _ = write!(out, "  {}", one.says);
            if !one.into.is_empty() {
                let _ = write!(out, " → {}", paths(&one.into));
            }
            out.push('\n');
        }
        out.push('\n');
    }
    if !account.remarks.is_empty() {
        out.push_str(&diag::human::write(
            &account.remarks,
            None,
            sources,
            color,
            width,
        ));
        out.push('\n');
    }
    out.push_str(&summary(account));
    out.push('\n');
    out
}

/// `12 directives: 9 kept, 2 changed, 1 lost`.
pub fn summary(account: &Account) -> String {
    let count = account.entries().len();
    let parts: Vec<_> = [Fate::Kept, Fate::Changed, Fate::Lost, Fate::Unknown]
        .into_iter()
        .filter(|fate| account.count(*fate) > 0)
        .map(|fate| format!("{} {}", account.count(fate), fate.word()))
        .collect();
    let word = if count == 1 {
        "directive"
    } else {
        "directives"
    };
    format!("{count} {word}: {}", parts.join(", "))
}

/// File, line and column, from 1.
fn place(entry: &Entry, sources: &Sources) -> String {
    let name = sources
        .find(entry.at.file)
        .map_or("", |source| source.name.as_str());
    let (line, column) = sources.line_col(entry.at.file, entry.at.start);
    format!("{name}:{line}:{column}")
}

fn line(entry: &Entry) -> String {
    let mut text: String = entry.text.chars().take(LONGEST).collect();
    if text.len() < entry.text.len() {
        text.push('…');
    }
    if !entry.into.is_empty() {
        text.push_str(" → ");
        text.push_str(&paths(&entry.into));
    }
    text
}

/// The paths, a few of them written out.
fn paths(into: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut text = into
        .iter()
        .take(SHOWN)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if into.len() > SHOWN {
        let _ = write!(text, " and {} more", into.len() - SHOWN);
    }
    text
}

fn painted(fate: Fate, word: &str, color: bool) -> String {
    if !color {
        return word.to_owned();
    }
    let code = match fate {
        Fate::Kept => "32",
        Fate::Changed => "36",
        Fate::Lost => "33",
        Fate::Unknown => "31",
    };
    format!("\x1b[1;{code}m{word}\x1b[0m")
}
