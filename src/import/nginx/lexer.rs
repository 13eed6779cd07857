//! NGINX's words: quotes, escapes, comments, braces.

use crate::source::{FileId, Span};

/// A name or an argument.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Word {
    /// The text, quotes and escapes resolved.
    pub(super) text: String,
    /// Where it stands, its quotes among it.
    pub(super) at: Span,
}

/// Why the reading goes no further.
pub(super) struct Fault {
    pub(super) at: Span,
    pub(super) says: String,
    pub(super) help: Option<String>,
}

/// What a text falls into.
pub(super) enum Token {
    /// A name or an argument.
    Word(Word),
    /// `;`
    End,
    /// `{`
    Open(usize),
    /// `}`
    Close(usize),
    /// Nothing more.
    Eof,
}

/// A text, and how far it is read.
pub(super) struct Lexer<'a> {
    pub(super) text: &'a str,
    pub(super) file: FileId,
    pub(super) at: usize,
}

impl Lexer<'_> {
    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span {
            file: self.file,
            start: start as u32,
            end: end as u32,
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    pub(super) fn next(&mut self) -> Result<Token, Fault> {
        loop {
            let Some(c) = self.peek() else {
                return Ok(Token::Eof);
            };
            match c {
                ' ' | '\t' | '\r' | '\n' => self.at += 1,
                '#' => {
                    let rest = &self.text[self.at..];
                    self.at += rest.find('\n').unwrap_or(rest.len());
                }
                ';' => {
                    self.at += 1;
                    return Ok(Token::End);
                }
                '{' => {
                    self.at += 1;
                    return Ok(Token::Open(self.at - 1));
                }
                '}' => {
                    self.at += 1;
                    return Ok(Token::Close(self.at - 1));
                }
                '"' | '\'' => return self.quoted(c).map(Token::Word),
                _ => return Ok(Token::Word(self.plain())),
            }
        }
    }

    /// A word that begins with a quote, up to the same quote.
    fn quoted(&mut self, quote: char) -> Result<Word, Fault> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += c.len_utf8();
            if c == quote {
                let at = self.span(start, self.at);
                if self
                    .peek()
                    .is_some_and(|next| !matches!(next, ' ' | '\t' | '\r' | '\n' | ';' | '{' | ')'))
                {
                    return Err(Fault {
                        at,
                        says: "something follows a closing quote".to_owned(),
                        help: Some("put the whole word in quotes, or a space behind it".to_owned()),
                    });
                }
                return Ok(Word { text, at });
            }
            if c == '\\' {
                self.escape(&mut text);
            } else {
                text.push(c);
            }
        }
        let line = self.text[start..]
            .find('\n')
            .unwrap_or(self.text.len() - start);
        Err(Fault {
            at: self.span(start, start + line),
            says: "a quote is never closed".to_owned(),
            help: Some(format!("close it with `{quote}`")),
        })
    }

    /// A word without quotes, up to a space, `;` or `{`; `${` opens no block.
    fn plain(&mut self) -> Word {
        let start = self.at;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\r' | '\n' | ';' => break,
                '{' if !text.ends_with('$') => break,
                _ => {}
            }
            self.at += c.len_utf8();
            if c == '\\' {
                self.escape(&mut text);
            } else {
                text.push(c);
            }
        }
        Word {
            text,
            at: self.span(start, self.at),
        }
    }

    /// What follows a backslash: six escapes are resolved, every other keeps its backslash.
    fn escape(&mut self, text: &mut String) {
        let Some(c) = self.peek() else {
            text.push('\\');
            return;
        };
        self.at += c.len_utf8();
        match c {
            '"' | '\'' | '\\' => text.push(c),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'n' => text.push('\n'),
            other => {
                text.push('\\');
                text.push(other);
            }
        }
    }

    /// Past a block of another language: up to the brace that closes it.
    pub(super) fn skip_code(&mut self, open: usize) -> Result<(), Fault> {
        let mut depth = 1_usize;
        for (offset, c) in self.text[self.at..].char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.at += offset + 1;
                return Ok(());
            }
        }
        Err(never_closed(self.span(open, open + 1)))
    }
}

/// What is said of a block without its end.
pub(super) fn never_closed(at: Span) -> Fault {
    Fault {
        at,
        says: "this block is never closed".to_owned(),
        help: Some("close it with `}`".to_owned()),
    }
}
