//! A comparison as a comment on a pull request: stable, folded per target, never longer than a comment may be.

use std::fmt::Write as _;

use super::human::lines;
use super::{Comparison, TargetDiff};
use crate::cmd::unified;

/// How many bytes are shared out: GitHub takes 65,536 characters, somebody may write a line above, and what says that something was cut
/// is not counted.
const MOST: usize = 55_000;

/// The comparison as Markdown.
pub(super) fn write(compared: &Comparison) -> String {
    if compared.is_empty() {
        return "What is rendered stays the same.\n".to_owned();
    }
    let mut head = String::new();
    let headline = compared.headline();
    if !headline.is_empty() {
        let _ = writeln!(head, "**{}**\n", headline);
    }
    let mut lines: Vec<String> = compared
        .changes
        .iter()
        .map(|change| {
            format!(
                "- {}: {}",
                plain(&change.subject.to_string()),
                plain(&change.what.to_string())
            )
        })
        .collect();
    for (word, ports) in [
        ("nobody listens any more on", &compared.ports_closed),
        ("new ports:", &compared.ports_opened),
    ] {
        if !ports.is_empty() {
            lines.push(format!("- {word} {}", ports.join(", ")));
        }
    }
    // A third of the room is the meaning's, whatever the files need.
    let mut out = head;
    fill(&mut out, &lines, MOST / 3, "changes");
    out.push('\n');
    let changed: Vec<&TargetDiff> = compared
        .targets
        .iter()
        .filter(|it| !it.is_empty())
        .collect();
    for (at, target) in changed.iter().enumerate() {
        let room = (MOST - out.len().min(MOST)) / (changed.len() - at);
        out.push_str(&section(target, room));
    }
    out
}

/// Lines as far as there is room, and how many more there are.
fn fill(out: &mut String, lines: &[String], room: usize, what: &str) {
    const NOTE: usize = 80;
    for (at, line) in lines.iter().enumerate() {
        if out.len() + line.len() + NOTE > room {
            let _ = writeln!(out, "- … and {} more {what}, cut here", lines.len() - at);
            return;
        }
        let _ = writeln!(out, "{line}");
    }
}

/// One target, folded, in at most `room` bytes.
fn section(target: &TargetDiff, room: usize) -> String {
    let words = match &target.rollout {
        Some(rollout) => format!(": connections are {}", rollout.open.word()),
        None => String::new(),
    };
    let mut out = format!("<details><summary>{}{words}</summary>\n\n", target.title);
    if let Some(rollout) = &target.rollout {
        let _ = writeln!(out, "{}\n", plain(&rollout.says));
    }
    let lines: Vec<String> = lines(target)
        .iter()
        .map(|line| format!("- {}", plain(line)))
        .collect();
    if !lines.is_empty() {
        fill(&mut out, &lines, room / 2, "losses");
        out.push('\n');
    }
    const END: &str = "</details>\n\n";
    for file in &target.files {
        let diff = unified::diff(&file.name, file.old.as_deref(), file.new.as_deref(), false);
        // A fence is longer than any run of backquotes inside it.
        let longest = diff.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        let around = 2 * fence.len() + 160 + END.len();
        let left = room.saturating_sub(out.len() + around);
        let kept = cut(&diff, left);
        let _ = write!(out, "{fence}diff\n{kept}{fence}\n\n");
        let gone = diff.lines().count() - kept.lines().count();
        if gone > 0 {
            let _ = writeln!(
                out,
                "… {gone} more lines of `{}` are cut: `wsgen diff` shows them all.\n",
                file.name
            );
        }
    }
    out.push_str(END);
    out
}

/// Whole lines of a text, at most so many bytes.
fn cut(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let bytes = &text.as_bytes()[..most];
    let end = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    &text[..end]
}

/// Text with values of a user in Markdown: whatever would be a mark or a tag is escaped, backquotes too, for a value may hold some.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '`' | '<' | '>' | '*' | '_' | '[' | ']' | '\\' | '|' | '#' | '@' | '&' | '!' | '~' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}
