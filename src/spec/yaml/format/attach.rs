//! Which entry a comment speaks about.

use super::entries::{Comment, Entry, Found, Lines, Value};

/// Whether a comment stands within text that is kept as it is.
pub(super) fn inside_kept(entries: &[Entry], at: usize, lines: &Lines<'_>) -> bool {
    entries.iter().any(|entry| match &entry.value {
        Value::Inline(_) => false,
        Value::Block(_, below) => inside_kept(below, at, lines),
        Value::Kept(_, rest) => {
            let last = entry.line + rest.len();
            let end = lines.starts[last] + lines.line(last).len();
            // What is behind the last line of it is a comment behind the entry.
            let (line, column) = lines.place(at);
            let on_last = line == last
                && rest
                    .last()
                    .is_none_or(|(_, text)| lines.line(last)[..column].trim() == text.as_str());
            entry.start < at && at < end && !on_last
        }
    })
}

/// Gives each comment to its entry; returns those above and below everything.
pub(super) fn attach(
    entries: &mut [Entry],
    found: Vec<Found>,
    lines: &Lines<'_>,
) -> (Vec<String>, Vec<Comment>) {
    let mut marks = Vec::new();
    flatten(entries, &mut Vec::new(), &mut marks);
    let (mut head, mut foot) = (Vec::new(), Vec::new());
    let first_line = marks.first().map_or(0, |mark| mark.line);
    // The head ends with the last blank line above the first entry; without one it is all that stands above it.
    let head_end = (0..first_line)
        .rev()
        .find(|line| lines.line(*line).is_empty())
        .unwrap_or(first_line);
    for mark in &marks {
        reach(entries, &mark.path).blank = lines.blank_before(mark.line);
    }
    for comment in found {
        if !comment.alone {
            // The last entry that begins on the line, or the one whose value ends on it.
            let at = marks.partition_point(|mark| mark.start < comment.start);
            if let Some(mark) = at.checked_sub(1).and_then(|at| marks.get(at)) {
                let entry = reach(entries, &mark.path);
                match &entry.behind {
                    None => entry.behind = Some(comment.text),
                    Some(_) => entry.below.push(Comment {
                        text: comment.text,
                        blank: false,
                    }),
                }
                continue;
            }
        }
        if comment.line < head_end || comment.line < first_line && head_end == first_line {
            head.push(comment.text);
            continue;
        }
        let own = Comment {
            blank: lines.blank_before(comment.line),
            text: comment.text,
        };
        let next = marks.partition_point(|mark| mark.start < comment.start);
        let before = next.checked_sub(1).and_then(|at| marks.get(at));
        match (marks.get(next), before) {
            // Deeper than what follows: it ends what is before, at the level where it stands.
            (Some(mark), Some(before))
                if comment.column > mark.column && mark.path.len() < before.path.len() =>
            {
                let depth = depth_of(entries, &before.path, comment.column);
                reach(entries, &before.path[..depth]).below.push(own);
            }
            (None, Some(before)) if comment.column > 0 => {
                let depth = depth_of(entries, &before.path, comment.column);
                reach(entries, &before.path[..depth]).below.push(own);
            }
            (Some(mark), _) => reach(entries, &mark.path).above.push(own),
            (None, _) => foot.push(own),
        }
    }
    (head, foot)
}

/// How many steps of the path lead to the deepest entry that the column is below.
fn depth_of(entries: &mut [Entry], path: &[usize], column: usize) -> usize {
    (1..=path.len())
        .rev()
        .find(|depth| reach(entries, &path[..*depth]).column < column)
        .unwrap_or(1)
}

struct Mark {
    start: usize,
    line: usize,
    column: usize,
    path: Vec<usize>,
}

fn flatten(entries: &[Entry], path: &mut Vec<usize>, marks: &mut Vec<Mark>) {
    for (at, entry) in entries.iter().enumerate() {
        path.push(at);
        marks.push(Mark {
            start: entry.start,
            line: entry.line,
            column: entry.column,
            path: path.clone(),
        });
        if let Value::Block(_, below) = &entry.value {
            flatten(below, path, marks);
        }
        path.pop();
    }
}

/// The entry at a path, which leads to one.
fn reach<'e>(entries: &'e mut [Entry], path: &[usize]) -> &'e mut Entry {
    let (first, rest) = path.split_first().expect("a path has a step");
    let entry = &mut entries[*first];
    if rest.is_empty() {
        return entry;
    }
    match &mut entry.value {
        Value::Block(_, below) => reach(below, rest),
        Value::Inline(_) | Value::Kept(..) => unreachable!("a path leads through blocks"),
    }
}
