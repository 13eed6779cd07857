//! The plain part of YAML at three times the parser's speed; whatever else a text holds is left to the parser.
//!
//! Taken: block mappings and lists, `{…}` and `[…]`, plain and quoted values on one line, comments. Anything else, be it
//! an anchor, an escape, a text of several lines or a fault, and nothing of this reading counts: the parser begins
//! again. So a fault is always the parser's to describe, and a test holds that both make the same tree of what
//! this reader takes.

use super::{Loader, MAX_DEPTH};
use crate::source::Span;

/// Reads the whole text, or gives up. After `false` the loader is of no use.
pub(super) fn run(loader: &mut Loader<'_>) -> bool {
    let bytes = loader.source.text.as_bytes();
    let mut quick = Quick {
        bytes,
        pos: 0,
        line: 0,
        column: 0,
        loader,
    };
    quick.document().is_some()
}

/// The column past the last line.
const END: isize = -1;
/// The parser gives up on keys of more than 1024 characters.
const LONGEST_KEY: usize = 1000;

struct Quick<'q, 'a> {
    bytes: &'a [u8],
    pos: usize,
    /// Where the current line starts.
    line: usize,
    /// The column of the content that `advance` went to.
    column: isize,
    loader: &'q mut Loader<'a>,
}

/// `None`: left to the parser.
type Taken<T = ()> = Option<T>;

impl Quick<'_, '_> {
    fn document(&mut self) -> Taken {
        if self
            .bytes
            .first()
            .is_some_and(|first| *first != b'\n' && *first != b'#')
        {
            self.content()?;
        } else {
            self.skip_lines()?;
        }
        if self.column == END || !(self.is_item() || self.key_end()?.is_some()) {
            return None;
        }
        self.block(self.column)?;
        (self.column == END).then_some(())
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.pos + ahead).copied().unwrap_or(b'\n')
    }

    /// From the end of a value to the next content.
    fn advance(&mut self) -> Taken {
        self.skip_spaces();
        if self.peek(0) == b'#' {
            if self.pos > 0 && !matches!(self.bytes[self.pos - 1], b' ' | b'\n') {
                return None;
            }
            self.comment();
        }
        if self.peek(0) != b'\n' {
            return None;
        }
        self.skip_lines()
    }

    fn skip_lines(&mut self) -> Taken {
        loop {
            match self.bytes.get(self.pos) {
                None => {
                    self.column = END;
                    return Some(());
                }
                Some(b'\n') => {
                    self.pos += 1;
                    self.line = self.pos;
                    self.skip_spaces();
                }
                Some(b'#') => self.comment(),
                Some(_) => return self.content(),
            }
        }
    }

    /// At the first character of a line that is no space.
    fn content(&mut self) -> Taken {
        self.skip_spaces();
        if matches!(self.peek(0), b'\n' | b'#') {
            return self.skip_lines();
        }
        self.column = (self.pos - self.line) as isize;
        let rest = &self.bytes[self.pos..];
        let marker = self.column == 0 && (rest.starts_with(b"---") || rest.starts_with(b"..."));
        (!marker).then_some(())
    }

    fn skip_spaces(&mut self) {
        while self.bytes.get(self.pos) == Some(&b' ') {
            self.pos += 1;
        }
    }

    fn comment(&mut self) {
        let start = self.pos;
        while self.pos < self.bytes.len() && self.bytes[self.pos] != b'\n' {
            self.pos += 1;
        }
        self.loader.comment(self.span(start, self.pos));
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span {
            file: self.loader.file,
            start: start as u32,
            end: end as u32,
        }
    }

    fn is_item(&self) -> bool {
        self.peek(0) == b'-' && matches!(self.peek(1), b' ' | b'\n')
    }

    fn open(&mut self, start: usize, end: usize, map: bool, flow: bool) -> Taken {
        if self.loader.open.len() >= MAX_DEPTH {
            return None;
        }
        self.loader.start(self.span(start, end), 0, map, flow).ok()
    }

    fn close(&mut self, end: u32) -> Taken {
        let at = self.loader.close(end);
        self.loader.place(at).ok()
    }

    /// A list, a mapping, or a value that stands on lines of its own.
    fn block(&mut self, column: isize) -> Taken {
        if self.is_item() {
            return self.list(column);
        }
        if self.key_end()?.is_some() {
            return self.mapping(column);
        }
        self.value()?;
        self.advance()
    }

    fn mapping(&mut self, column: isize) -> Taken {
        self.open(self.pos, self.pos, true, false)?;
        loop {
            let (end, colon) = self.key_end()??;
            self.scalar(self.pos, end)?;
            self.pos = colon + 1;
            self.skip_spaces();
            if matches!(self.peek(0), b'\n' | b'#') {
                self.advance()?;
                if self.column > column {
                    self.block(self.column)?;
                } else if self.column == column && self.is_item() {
                    self.list(column)?;
                } else {
                    let at = self.loader.empty(self.pos as u32);
                    self.loader.place(at).ok()?;
                }
            } else {
                self.value()?;
                self.advance()?;
            }
            if self.column < column {
                break;
            }
            if self.column > column || self.is_item() {
                return None;
            }
        }
        self.close(self.loader.end)
    }

    fn list(&mut self, column: isize) -> Taken {
        self.open(self.pos, self.pos, false, false)?;
        loop {
            self.pos += 1;
            self.skip_spaces();
            if self.peek(0) == b'#' {
                // The parser lets such a list begin after the comment.
                return None;
            }
            if self.peek(0) == b'\n' {
                self.advance()?;
                if self.column <= column {
                    return None;
                }
                self.block(self.column)?;
            } else {
                self.block((self.pos - self.line) as isize)?;
            }
            if self.column < column || self.column == column && !self.is_item() {
                break;
            }
            if self.column > column {
                return None;
            }
        }
        self.close(self.loader.end)
    }

    /// Where the key that starts here ends, and its colon; `Some(None)` when the line holds no key.
    fn key_end(&self) -> Taken<Option<(usize, usize)>> {
        let end = match self.peek(0) {
            b'"' | b'\'' => match self.quoted_end(self.pos)? {
                end if self.bytes.get(end) == Some(&b':') => end,
                _ => return Some(None),
            },
            b'{' | b'[' => return Some(None),
            _ => {
                let end = self.plain_end(self.pos, false)?;
                if self.bytes.get(end) != Some(&b':') {
                    return Some(None);
                }
                end
            }
        };
        if !matches!(self.bytes.get(end + 1), None | Some(b' ' | b'\n'))
            || end - self.pos > LONGEST_KEY
        {
            return None;
        }
        let text = self.bytes[self.pos..end].trim_ascii_end();
        Some(Some((self.pos + text.len(), end)))
    }

    /// One past the closing quote.
    fn quoted_end(&self, start: usize) -> Taken<usize> {
        let quote = self.bytes[start];
        let rest = &self.bytes[start + 1..];
        let length = rest
            .iter()
            .position(|byte| *byte == quote || matches!(byte, b'\\' | b'\n'))?;
        let end = start + 1 + length;
        // An escape, a line break, or a quote that is written twice.
        if rest[length] != quote || self.bytes.get(end + 1) == Some(&quote) {
            return None;
        }
        Some(end + 1)
    }

    /// Where a plain text ends: before ` #`, `: `, the line's end and, inside brackets, before one of theirs.
    fn plain_end(&self, start: usize, flow: bool) -> Taken<usize> {
        let at = |at: usize| self.bytes.get(at).copied().unwrap_or(b'\n');
        let plain = match at(start) {
            b'-' => at(start + 1).is_ascii_alphanumeric(),
            first => first > b' ' && !b"-?:,[]{}#&*!|>'\"%@`".contains(&first),
        };
        if !plain {
            return None;
        }
        let mut end = start;
        loop {
            match at(end) {
                b'\n' => break,
                b'#' if at(end - 1) == b' ' => break,
                b':' if matches!(at(end + 1), b' ' | b'\n') => break,
                b':' if flow && b",[]{}".contains(&at(end + 1)) => break,
                b',' | b'[' | b']' | b'{' | b'}' if flow => break,
                _ => end += 1,
            }
        }
        Some(end)
    }

    /// A value on this line, or `{…}` and `[…]` over several.
    fn value(&mut self) -> Taken {
        match self.peek(0) {
            b'{' | b'[' => self.flow(),
            b'"' | b'\'' => {
                let end = self.quoted_end(self.pos)?;
                self.scalar(self.pos, end)
            }
            _ => {
                let end = self.plain_end(self.pos, false)?;
                if self.bytes.get(end) == Some(&b':') {
                    return None;
                }
                self.scalar(self.pos, end)
            }
        }
    }

    /// The bytes from `start` to `end` as a value; the reading goes on after them.
    fn scalar(&mut self, start: usize, end: usize) -> Taken {
        let text = self.bytes[start..end].trim_ascii_end();
        let quoted = matches!(text.first()?, b'"' | b'\'');
        let span = self.span(start, start + text.len());
        let inner = if quoted {
            span.start + 1..span.end - 1
        } else {
            span.start..span.end
        };
        self.loader.end = span.end;
        let at = self.loader.tree.push_slice(span, inner, !quoted);
        self.pos = end;
        self.loader.place(at).ok()
    }

    fn flow(&mut self) -> Taken {
        let map = self.peek(0) == b'{';
        let close = if map { b'}' } else { b']' };
        self.open(self.pos, self.pos + 1, map, true)?;
        self.pos += 1;
        loop {
            self.skip_flow_spaces()?;
            if self.peek(0) == close {
                break;
            }
            if map {
                self.flow_key()?;
                self.skip_flow_spaces()?;
            }
            match self.peek(0) {
                b'{' | b'[' => self.flow()?,
                b'"' | b'\'' => {
                    let end = self.quoted_end(self.pos)?;
                    self.scalar(self.pos, end)?;
                }
                _ => {
                    let end = self.plain_end(self.pos, true)?;
                    self.scalar(self.pos, end)?;
                }
            }
            self.skip_flow_spaces()?;
            match self.peek(0) {
                b',' => self.pos += 1,
                next if next == close => break,
                _ => return None,
            }
        }
        self.pos += 1;
        self.close(self.pos as u32)
    }

    fn flow_key(&mut self) -> Taken {
        let start = self.pos;
        let quoted = matches!(self.peek(0), b'"' | b'\'');
        let end = if quoted {
            self.quoted_end(start)?
        } else {
            self.plain_end(start, true)?
        };
        let colon = self.bytes.get(end) == Some(&b':');
        let parted = matches!(self.bytes.get(end + 1), Some(b' ' | b'\n'));
        if !colon || !(parted || quoted) || end - start > LONGEST_KEY {
            return None;
        }
        self.scalar(start, end)?;
        self.pos = end + 1;
        Some(())
    }

    /// Spaces and line breaks inside brackets; a comment there is left to the parser.
    fn skip_flow_spaces(&mut self) -> Taken {
        loop {
            match self.bytes.get(self.pos)? {
                b' ' => self.pos += 1,
                b'\n' => {
                    self.pos += 1;
                    self.line = self.pos;
                    if self.bytes.get(self.pos)? != &b' ' && self.bytes.get(self.pos)? != &b'\n' {
                        return None;
                    }
                }
                b'#' => return None,
                _ => return Some(()),
            }
        }
    }
}
