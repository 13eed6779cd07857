//! Entries as text: two spaces a level, one space behind a colon, at most one blank line, one between top-level keys of several lines.

use super::ORDER;
use super::entries::{Comment, Document, Entry, Value};

/// Stands before a comment behind a value until its column is known; no spec holds this character.
const BEHIND: char = '\0';

/// The widest line whose comment decides where those of its neighbours stand.
const MOST: usize = 100;

/// The document as text.
pub(super) fn print(document: &Document) -> String {
    aligned(&laid(document))
}

/// Comments behind values of neighbouring lines below each other, two spaces behind the longest value.
fn aligned(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let lines: Vec<(&str, Option<&str>)> = text
        .lines()
        .map(|line| match line.split_once(BEHIND) {
            Some((code, comment)) => (code, Some(comment)),
            None => (line, None),
        })
        .collect();
    let length = |line: &(&str, Option<&str>)| line.0.chars().count();
    for run in lines.chunk_by(|a, b| a.1.is_some() && b.1.is_some()) {
        let widths = run.iter().map(length).filter(|width| *width <= MOST);
        let column = widths.max().unwrap_or(0) + 2;
        for line in run {
            out.push_str(line.0);
            if let Some(comment) = line.1 {
                pad(&mut out, column.saturating_sub(length(line)).max(2));
                out.push_str(comment);
            }
            out.push('\n');
        }
    }
    out
}

fn laid(document: &Document) -> String {
    let mut out = String::new();
    for line in &document.head {
        out.push_str(line);
        out.push('\n');
    }
    if document.marked {
        out.push_str("---\n");
    }
    let mut order: Vec<&Entry> = document.entries.iter().collect();
    if !document.aliases {
        order.sort_by_key(|entry| rank(entry));
    }
    let mut last: Option<&Entry> = None;
    for entry in order {
        // Short settings may stand together; whoever needs several lines stands apart.
        let apart =
            entry.blank || last.is_some_and(is_long) || is_long(entry) || !entry.above.is_empty();
        if last.is_some() && apart || last.is_none() && document.head_apart {
            blank(&mut out);
        }
        self::entry(&mut out, entry, 0, false);
        last = Some(entry);
    }
    for comment in &document.foot {
        if comment.blank {
            blank(&mut out);
        }
        out.push_str(&comment.text);
        out.push('\n');
    }
    out
}

/// Where a top-level key stands; one that nobody knows stands behind the name, as it does in the file.
fn rank(entry: &Entry) -> usize {
    let key = entry.key.as_deref().unwrap_or_default();
    let known = ORDER.iter().position(|name| *name == key);
    // Known keys count in twos, so that there is a place between them.
    known.map_or(3, |at| 2 * at)
}

fn is_long(entry: &Entry) -> bool {
    !entry.below.is_empty() || !matches!(entry.value, Value::Inline(_))
}

/// One blank line, unless the text that stands above ends with one of its own.
fn blank(out: &mut String) {
    if !out.ends_with("\n\n") {
        out.push('\n');
    }
}

fn pad(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push(' ');
    }
}

fn comments(out: &mut String, comments: &[Comment], depth: usize, blanks: bool) {
    for (at, comment) in comments.iter().enumerate() {
        // The blank line before the first is the entry's.
        if comment.blank && (at > 0 || blanks) {
            blank(out);
        }
        pad(out, depth);
        out.push_str(&comment.text);
        out.push('\n');
    }
}

/// An entry and all below it. `follows` is an entry that stands behind a dash on its line.
fn entry(out: &mut String, entry: &Entry, depth: usize, follows: bool) {
    if !follows {
        comments(out, &entry.above, depth, false);
        pad(out, depth);
    }
    match &entry.key {
        Some(key) => {
            out.push_str(key);
            out.push(':');
        }
        None => out.push('-'),
    }
    let behind = |out: &mut String| {
        if let Some(comment) = &entry.behind {
            out.push(BEHIND);
            out.push_str(comment);
        }
        out.push('\n');
    };
    match &entry.value {
        Value::Inline(text) => {
            if !text.is_empty() {
                out.push(' ');
                out.push_str(text);
            }
            behind(out);
        }
        Value::Kept(first, rest) => {
            if !first.is_empty() {
                out.push(' ');
                out.push_str(first);
            }
            for (shift, line) in rest {
                out.push('\n');
                if !line.is_empty() {
                    pad(out, depth.saturating_add_signed(*shift));
                    out.push_str(line);
                }
            }
            behind(out);
        }
        Value::Block(property, below) => {
            if !property.is_empty() {
                out.push(' ');
                out.push_str(property);
            }
            // An item whose first key has nothing above it shares its line.
            let shares = entry.key.is_none()
                && property.is_empty()
                && entry.behind.is_none()
                && below
                    .first()
                    .is_some_and(|first| first.above.is_empty() && first.key.is_some());
            if shares {
                out.push(' ');
            } else {
                behind(out);
            }
            for (at, child) in below.iter().enumerate() {
                if at > 0
                    && (child.blank && child.above.is_empty()
                        || child.above.first().is_some_and(|comment| comment.blank))
                {
                    blank(out);
                }
                self::entry(out, child, depth + 2, at == 0 && shares);
            }
        }
    }
    comments(out, &entry.below, depth + 2, true);
}
