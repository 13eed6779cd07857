//! The private-use characters that carry origins and refusals through a rendered text, and their way out of it.

use std::fmt::Write as _;

use crate::source::Loc;

/// `ORIGIN 21 END`: this line comes from node 21.
const ORIGIN: char = '\u{F8F0}';
/// `REFUSED 21 BECAUSE why END`: a token of this line could not be written; the number may be missing.
const REFUSED: char = '\u{F8F1}';
const BECAUSE: char = '\u{F8F2}';
const END: char = '\u{F8F3}';
/// All of them; a text that holds one is not written by any language.
const ALL: [char; 4] = [ORIGIN, REFUSED, BECAUSE, END];

/// A token that could not be written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refused {
    /// The token's own origin, else its line's, else that of the nearest line above; the document if there is none.
    pub at: Loc,
    /// Why, in words.
    pub why: String,
}

/// A text without marks, and what the marks said.
#[derive(Debug, Default)]
pub struct Unmarked {
    /// The text without marks.
    pub text: String,
    /// The origin of each line.
    pub lines: Vec<Option<Loc>>,
    /// What could not be written, from top to bottom.
    pub refused: Vec<Refused>,
}

/// Writes the mark that gives its line an origin.
pub(super) fn write_origin(at: u32, out: &mut String) {
    out.push(ORIGIN);
    // Writing to a String cannot fail.
    let _ = write!(out, "{at}");
    out.push(END);
}

/// Writes the mark of a token that could not be written.
pub(super) fn write_refused(why: &str, out: &mut String) {
    out.push(REFUSED);
    out.push(BECAUSE);
    out.extend(why.chars().filter(|c| !ALL.contains(c)));
    out.push(END);
}

/// Gives a refused token its own origin; `None` if the token was written after all.
pub(super) fn locate_refused(token: &str, at: Loc) -> Option<String> {
    let why = token.strip_prefix(REFUSED)?;
    Some(format!("{REFUSED}{}{why}", at.0))
}

/// Why a token could not be written, if it is the mark of a refusal.
pub(super) fn refusal(token: &str) -> Option<&str> {
    let (_, why) = token.strip_prefix(REFUSED)?.split_once(BECAUSE)?;
    Some(why.trim_end_matches(END))
}

/// Whether a text holds a character that is kept for marks.
pub(super) fn contains_mark(text: &str) -> bool {
    text.contains(ALL)
}

/// Takes the marks out of a rendered text, and the spaces at the end of its lines.
pub fn read(marked: &str, comment: &str, annotate: Option<&dyn Fn(Loc) -> String>) -> Unmarked {
    let mut out = Unmarked {
        text: String::with_capacity(marked.len()),
        lines: Vec::with_capacity(marked.len() / 32),
        refused: Vec::new(),
    };
    let mut nearest = None;
    let mut annotated = None;
    let mut rest = marked;
    while !rest.is_empty() {
        let (body, end) = match memchr::memchr(b'\n', rest.as_bytes()) {
            Some(at) => (&rest[..at], "\n"),
            None => (rest, ""),
        };
        rest = &rest[body.len() + end.len()..];
        let first = out.refused.len();
        let start = out.text.len();
        let origin = read_line(body, &mut out);
        // What a mark leaves behind; a language quotes a token that ends in a space.
        let kept = out.text[start..].trim_end_matches([' ', '\t']).len();
        out.text.truncate(start + kept);
        nearest = origin.or(nearest);
        for refused in &mut out.refused[first..] {
            if refused.at == Loc::default() {
                refused.at = nearest.unwrap_or_default();
            }
        }
        if let (Some(at), Some(annotate)) = (origin, annotate)
            && annotated != origin
            && !comment.is_empty()
        {
            // A comment ends with its line: nothing of the note may end it earlier.
            let note: String = annotate(at)
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            let _ = write!(out.text, "  {comment} {note}");
            annotated = origin;
        }
        out.text.push_str(end);
        out.lines.push(origin);
    }
    out
}

/// Copies one line without its marks and returns its origin: the first one if there are several.
fn read_line(mut line: &str, out: &mut Unmarked) -> Option<Loc> {
    let mut origin = None;
    while let Some(start) = next_mark(line) {
        out.text.push_str(&line[..start]);
        let mark = &line[start..];
        // The first mark is nearly always an origin: digits and the end.
        if let Some((at, rest)) = mark.strip_prefix(ORIGIN).and_then(origin_id) {
            origin = origin.or(Some(at));
            line = rest;
            continue;
        }
        let end = mark.find(END).unwrap_or(mark.len());
        if let Some((id, why)) = mark[..end]
            .strip_prefix(REFUSED)
            .and_then(|rest| rest.split_once(BECAUSE))
        {
            out.refused.push(Refused {
                at: Loc(id.parse().unwrap_or_default()),
                why: why.to_owned(),
            });
        }
        line = mark.get(end + END.len_utf8()..).unwrap_or_default();
    }
    out.text.push_str(line);
    origin
}

/// The number of an origin's mark, and what follows the mark.
fn origin_id(rest: &str) -> Option<(Loc, &str)> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let id = rest[..digits].parse().ok()?;
    Some((Loc(id), rest[digits..].strip_prefix(END)?))
}

/// Where the next mark starts.
fn next_mark(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    // Every mark starts with this byte, and hardly any other character does.
    memchr::memchr_iter(0xEF, bytes).find(|at| line[*at..].starts_with([ORIGIN, REFUSED]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_fill_the_line_map_and_leave_the_text() {
        let mut marked = String::from("a 1;");
        write_origin(21, &mut marked);
        marked.push_str("\nfixed\nb 2;");
        write_origin(4, &mut marked);
        write_origin(5, &mut marked);
        marked.push('\n');
        let read = read(&marked, "#", None);
        assert_eq!(read.text, "a 1;\nfixed\nb 2;\n");
        assert_eq!(read.lines, [Some(Loc(21)), None, Some(Loc(4))]);
    }

    #[test]
    fn a_refusal_takes_its_own_origin_or_its_lines_or_the_nearest_above() {
        let mut refused = String::new();
        write_refused("no", &mut refused);
        let located = locate_refused(&refused, Loc(7)).expect("it is refused");
        let mut marked = format!("a {located} {refused};");
        write_origin(3, &mut marked);
        marked.push_str(&format!("\nb {refused}"));
        let read = read(&marked, "#", None);
        assert_eq!(read.text, "a  ;\nb");
        let places: Vec<Loc> = read.refused.iter().map(|r| r.at).collect();
        assert_eq!(places, [Loc(7), Loc(3), Loc(3)]);
        assert_eq!(read.refused[0].why, "no");
        assert_eq!(locate_refused("fine", Loc(7)), None);
    }

    #[test]
    fn annotations_stand_where_the_origin_changes() {
        let mut marked = String::new();
        for (text, at) in [("a", 1), ("b", 1), ("c", 2)] {
            marked.push_str(text);
            write_origin(at, &mut marked);
            marked.push('\n');
        }
        let note = |at: Loc| format!("spec.yaml:{}", at.0);
        let read = read(&marked, "#", Some(&note));
        assert_eq!(read.text, "a  # spec.yaml:1\nb\nc  # spec.yaml:2\n");
        assert!(super::read("x", "", Some(&note)).text == "x");
    }
}
