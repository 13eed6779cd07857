//! What stands under the cursor: the path to it, whether a key or a value belongs there, and the word that is being written.
//!
//! The reader of the compiler tells: a mark is put in place of the word, and is looked for in the tree. Where the text is broken, which it is
//! while somebody types, only the lines that lead to the cursor are read.

use std::ops::Range;

use crate::diag::Report;
use crate::source::{Loc, Sources};
use crate::spec::tree::Tree;
use crate::spec::yaml;

use super::language::Step;
use super::text::Text;

/// What no spec says.
const MARK: &str = "wsgenCursorMark";

/// The place of the cursor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spot {
    /// The way to the map that a key belongs to, or to the value.
    pub(super) path: Vec<Step>,
    /// What belongs here.
    pub(super) slot: Slot,
    /// The bytes of the whole value or key as far as it is on this line.
    pub(super) whole: Range<usize>,
    /// The bytes of the word in it that the cursor touches.
    pub(super) word: Range<usize>,
    /// Whether the value stands on a line of its own, so that it may still become a map.
    pub(super) own_line: bool,
    /// The other keys of the map: for a key its neighbours.
    pub(super) present: Vec<String>,
}

/// What belongs to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// A key of a map.
    Key,
    /// A value.
    Value,
}

/// The spot of a byte; `None` in a comment, in a text of several lines, and where nothing can be told.
pub(super) fn spot(text: &Text, byte: usize) -> Option<Spot> {
    let line = text.line(text.line_of(byte));
    if text.text[line.clone()].trim_start().starts_with('#') {
        return None;
    }
    let word = word(&text.text, line.clone(), byte);
    let (head, tail) = (&text.text[..word.start], &text.text[word.end..]);
    let rest = &text.text[word.end..line.end];
    let is_key = rest
        .trim_start_matches(['"', '\''])
        .trim_start()
        .starts_with(':');
    let closers = closers(&text.text[line.start..word.start]);
    let below = &text.text[line.end..];
    let start = &text.text[line.start..word.start];
    // A value right behind its colon is not one yet: it belongs there all the same.
    let key = start.trim_start_matches([' ', '-']).strip_suffix(':');
    let glued = key.is_some_and(|key| key.chars().all(|c| c.is_alphanumeric() || c == '_'));
    let gap = if glued { " " } else { "" };
    // The text with the mark: as it is, and with the brackets of the line closed behind it. What takes a key takes no second colon.
    let mut tried: Vec<[&str; 6]> = Vec::new();
    for colon in if is_key { &[""][..] } else { &["", ":"] } {
        tried.push([head, gap, MARK, colon, tail, ""]);
    }
    let closed = ["", ":"].map(|colon| [head, gap, MARK, colon, &closers, below]);
    let is_open = rest.matches(['}', ']']).count() < closers.trim_matches(['"', '\'']).len();
    let place = if is_open && !is_key { 0 } else { tried.len() };
    tried.splice(place..place, closed);
    let look = |parts: &[&str; 6]| {
        // In the reduced text places are others: what stands before the mark on its line is the same.
        let at = parts[0].len() + parts[1].len();
        let (found, before) = read(&parts.concat(), at)?;
        Some(Spot {
            whole: word.start.saturating_sub(before)..word.end,
            word: word.clone(),
            own_line: found.own_line && start.trim_matches([' ', '-', '\t']).is_empty(),
            ..found
        })
    };
    tried.iter().find_map(look).or_else(|| {
        let Around { above, below } = Around::new(text, text.line_of(byte));
        [("", rest), (":", ""), ("", &closers), (":", &closers)]
            .map(|(colon, end)| [&above, start, MARK, colon, end, &below])
            .iter()
            .find_map(look)
    })
}

/// The word that touches a byte.
fn word(text: &str, line: Range<usize>, byte: usize) -> Range<usize> {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '*' | '/' | '$');
    let before = &text[line.start..byte];
    let mut start = byte
        - before
            .chars()
            .rev()
            .take_while(|c| is_word(*c))
            .map(char::len_utf8)
            .sum::<usize>();
    // The `-` of a list is none of the word's.
    if text[start..].starts_with("- ") && before[..start - line.start].trim().is_empty() {
        start = (start + 2).min(byte);
    }
    let after = &text[byte..line.end];
    let end = byte
        + after
            .chars()
            .take_while(|c| is_word(*c))
            .map(char::len_utf8)
            .sum::<usize>();
    start..end.max(start)
}

/// What closes the quotes and brackets that are open at the end of a line's start.
fn closers(before: &str) -> String {
    let mut open = Vec::new();
    let mut quote = None;
    for c in before.chars() {
        match (quote, c) {
            (Some(mark), c) if c == mark => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '{') => open.push('}'),
            (None, '[') => open.push(']'),
            (None, '}' | ']') => {
                open.pop();
            }
            (None, _) => {}
        }
    }
    quote.into_iter().chain(open.into_iter().rev()).collect()
}

/// Reads a text with a mark at a byte: its spot, and how many bytes of the same value stand before the mark.
fn read(text: &str, at: usize) -> Option<(Spot, usize)> {
    let mut sources = Sources::new();
    let file = sources.add("", text);
    let tree = yaml::parse(&sources, file, &mut Report::new());
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let node = (0..tree.len() as u32).map(Loc).find(|node| {
        let span = tree.span(*node);
        let holds = (span.start as usize..=span.end as usize).contains(&at);
        // A word on a line of its own may read as the end of the text above it, which it is not.
        holds
            && span.start as usize >= line
            && tree.scalar(*node).is_some_and(|text| text.contains(MARK))
    })?;
    let mut top = node;
    while let Some(parent) = tree.parent(top) {
        top = parent;
    }
    if top != tree.root() {
        return None;
    }
    let span = tree.span(node);
    // A text of several lines is no word.
    if text
        .get(span.start as usize..span.end as usize)?
        .contains('\n')
    {
        return None;
    }
    let quoted = text[span.start as usize..].starts_with(['"', '\'']);
    let before = at.saturating_sub(span.start as usize + usize::from(quoted));
    let parent = tree.parent(node)?;
    let pairs = tree.pairs(parent);
    let spot = |node, slot, own_line, present| Spot {
        path: steps(&tree, node),
        slot,
        whole: 0..0,
        word: 0..0,
        own_line,
        present,
    };
    let is_key = pairs.iter().any(|(key, _)| *key == node);
    Some(if is_key {
        let keys = pairs.iter().filter(|(key, _)| *key != node);
        let present = keys
            .filter_map(|(key, _)| tree.scalar(*key))
            .map(str::to_owned);
        (spot(parent, Slot::Key, false, present.collect()), before)
    } else {
        (spot(node, Slot::Value, true, Vec::new()), before)
    })
}

/// The way from the root to a node.
pub(super) fn steps(tree: &Tree, at: Loc) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut here = at;
    while let Some(parent) = tree.parent(here) {
        steps.push(
            tree.key(here)
                .map(|key| tree.scalar(key).unwrap_or_default().to_owned()),
        );
        here = parent;
    }
    steps.reverse();
    steps
}

/// The lines that lead to a line, and those beside it, without their values: what can be read whatever else is broken.
struct Around {
    above: String,
    below: String,
}

impl Around {
    fn new(text: &Text, line: usize) -> Self {
        let of = |line: usize| &text.text[text.line(line)];
        let own = of(line);
        let depth = own.len() - own.trim_start().len();
        let last = text.line_of(text.text.len());
        let mut above = Vec::new();
        let mut least = depth;
        for line in (0..line).rev() {
            let Some((indent, content, key)) = outline(of(line)) else {
                continue;
            };
            if indent < least || content == least {
                above.push(key);
                least = least.min(indent);
            }
        }
        above.reverse();
        let mut below = String::new();
        for line in line + 1..=last {
            let Some((indent, content, key)) = outline(of(line)) else {
                continue;
            };
            if indent < depth {
                break;
            }
            if content == depth && indent == depth {
                below.push_str(&key);
            }
        }
        Self {
            above: above.concat(),
            below: format!("\n{below}"),
        }
    }
}

/// A line with a key: the column where it begins, that of its key, and the line without the value.
fn outline(line: &str) -> Option<(usize, usize, String)> {
    let indent = line.len() - line.trim_start().len();
    let content = line.len() - line.trim_start_matches([' ', '-']).len();
    let rest = &line[content..];
    if rest.starts_with('#') || rest.is_empty() && content == indent {
        return None;
    }
    let end = rest.find(':').unwrap_or(rest.len());
    let key = rest[..end].trim_end();
    let is_key = end < rest.len()
        && key
            .chars()
            .all(|c| c.is_alphanumeric() || "_-.*\"'".contains(c));
    let shown = if is_key {
        format!("{key}:")
    } else {
        String::new()
    };
    if !is_key && content == indent {
        return None;
    }
    Some((indent, content, format!("{}{shown}\n", &line[..content])))
}
