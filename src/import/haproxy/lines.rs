//! How the text of a haproxy.cfg falls into sections, lines and words: quotes, escapes, comments, variables of the environment.

use crate::import::{DirectiveId, Reading};
use crate::source::{FileId, Span};

/// A word after quotes and escapes. Of a variable of the environment the default stands in it, or `${NAME}` where it has none.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// The text.
    pub text: String,
    /// Where it is written, quotes included.
    pub span: Span,
}

/// A line with at least one word.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Its words.
    pub words: Vec<Word>,
    /// From the first to the last word.
    pub span: Span,
    /// Its entry in the account.
    pub id: DirectiveId,
}

/// A section: the line that opens it, and what stands in it.
#[derive(Clone, Debug)]
pub(super) struct Section {
    /// `frontend www`.
    pub head: Line,
    /// The lines below.
    pub lines: Vec<Line>,
}

impl Line {
    /// The word at a place; empty past the end.
    pub(super) fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", |word| &word.text)
    }

    /// The texts from a place on.
    pub(super) fn texts(&self, from: usize) -> Vec<&str> {
        let rest = self.words.get(from..).unwrap_or_default();
        rest.iter().map(|word| word.text.as_str()).collect()
    }

    /// The directive: `timeout connect`, `option httplog`, `http-request deny`, without a `no` or `default` before it.
    pub(super) fn directive(&self) -> String {
        let from = self.skipped();
        match self.word(from) {
            first @ ("timeout"
            | "option"
            | "http-request"
            | "http-response"
            | "http-after-response"
            | "http-check"
            | "stick"
            | "stats"
            | "tcp-request"
            | "tcp-response"
            | "compression"
            | "tcp-check"
            | "http-error") => format!("{first} {}", self.word(from + 1))
                .trim_end()
                .to_owned(),
            first => first.to_owned(),
        }
    }

    /// Whether the line begins with `no`.
    pub(super) fn is_no(&self) -> bool {
        self.word(0) == "no"
    }

    fn skipped(&self) -> usize {
        usize::from(matches!(self.word(0), "no" | "default") && self.words.len() > 1)
    }
}

/// The words that open a section.
pub(super) const SECTIONS: [&str; 19] = [
    "global",
    "defaults",
    "frontend",
    "backend",
    "listen",
    "userlist",
    "peers",
    "resolvers",
    "mailers",
    "program",
    "http-errors",
    "ring",
    "log-forward",
    "log-profile",
    "cache",
    "fcgi-app",
    "crt-store",
    "traces",
    "acme",
];

/// Reads a file into sections. What stands before the first section comes as a section without a head of its own.
pub(super) fn read(file: FileId, reading: &mut Reading<'_>) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in lines(file, reading) {
        if SECTIONS.contains(&line.word(0)) {
            sections.push(Section {
                head: line,
                lines: Vec::new(),
            });
        } else if let Some(section) = sections.last_mut() {
            section.lines.push(line);
        } else if line.word(0).starts_with('.') {
            let why = "HAProxy decides it when it starts: what stands below is read as if it held";
            reading.account.lost(line.id, why);
        } else {
            reading
                .report
                .error("import::syntax", line.span)
                .says(format!("`{}` stands before the first section", line.word(0)))
                .help("a haproxy.cfg begins with a section: `global`, `defaults`, `frontend`, `backend` or `listen`");
            return sections;
        }
    }
    sections
}

fn lines(file: FileId, reading: &mut Reading<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    let text = reading.text(file).to_owned();
    let mut reader = Reader {
        text: &text,
        file,
        at: 0,
        variable: None,
    };
    while reader.at < text.len() {
        match reader.line() {
            Ok(words) => {
                if let (Some(first), Some(last)) = (words.first(), words.last()) {
                    let span = Span {
                        end: last.span.end,
                        ..first.span
                    };
                    let shown = &text[span.start as usize..span.end as usize];
                    let id = reading
                        .account
                        .add(span, shown.split_whitespace().collect::<Vec<_>>().join(" "));
                    if let Some(name) = reader.variable.take() {
                        let why = format!("the value of `${name}` is known when HAProxy starts");
                        reading.account.lost(id, why);
                        reading.account.help(
                            id,
                            "put the values in before: `envsubst < haproxy.cfg | wsgen import -`",
                        );
                    }
                    lines.push(Line { words, span, id });
                }
            }
            Err((span, quote)) => {
                reading
                    .report
                    .error("import::syntax", span)
                    .says(format!(
                        "a word that begins with {quote} does not end on its line"
                    ))
                    .label("opened here")
                    .help(format!(
                        "close it with {quote}: HAProxy has no texts of several lines"
                    ));
                return lines;
            }
        }
    }
    lines
}

struct Reader<'a> {
    text: &'a str,
    file: FileId,
    at: usize,
    variable: Option<String>,
}

impl Reader<'_> {
    fn span(&self, from: usize) -> Span {
        Span {
            file: self.file,
            start: from as u32,
            end: self.at as u32,
        }
    }

    fn peek(&self) -> Option<char> {
        self.text
            .get(self.at..)
            .and_then(|rest| rest.chars().next())
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// The words up to the end of the line, which is passed.
    fn line(&mut self) -> Result<Vec<Word>, (Span, char)> {
        let mut words = Vec::new();
        loop {
            match self.peek() {
                None => return Ok(words),
                Some('\n') => {
                    self.take();
                    return Ok(words);
                }
                Some('#') => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.take();
                    }
                }
                Some('\\') if self.text[self.at..].starts_with("\\\n") => self.at += 2,
                Some(c) if c.is_whitespace() => {
                    self.take();
                }
                Some(_) => words.push(self.word()?),
            }
        }
    }

    fn word(&mut self) -> Result<Word, (Span, char)> {
        let start = self.at;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            match c {
                c if c.is_whitespace() => break,
                '\'' => {
                    let from = self.at;
                    self.take();
                    loop {
                        match self.take() {
                            Some('\'') => break,
                            None | Some('\n') => return Err((self.span(from), '\'')),
                            Some(c) => text.push(c),
                        }
                    }
                }
                '"' => {
                    let from = self.at;
                    self.take();
                    loop {
                        match self.take() {
                            Some('"') => break,
                            None | Some('\n') => return Err((self.span(from), '"')),
                            Some('\\') => self.escape(&mut text, true),
                            Some('$') => self.variable(&mut text),
                            Some(c) => text.push(c),
                        }
                    }
                }
                '\\' => {
                    self.take();
                    self.escape(&mut text, false);
                }
                '#' if text.is_empty() => break,
                c => {
                    self.take();
                    text.push(c);
                }
            }
        }
        Ok(Word {
            text,
            span: self.span(start),
        })
    }

    /// What follows a backslash.
    fn escape(&mut self, text: &mut String, quoted: bool) {
        match self.peek() {
            Some(c @ (' ' | '#' | '\\' | '"' | '\'')) => {
                self.take();
                text.push(c);
            }
            Some('$') if quoted => {
                self.take();
                text.push('$');
            }
            Some('n') => self.control(text, '\n'),
            Some('r') => self.control(text, '\r'),
            Some('t') => self.control(text, '\t'),
            _ => text.push('\\'),
        }
    }

    fn control(&mut self, text: &mut String, c: char) {
        self.take();
        text.push(c);
    }

    /// `$NAME`, `${NAME}` or `${NAME-default}` in double quotes.
    fn variable(&mut self, text: &mut String) {
        let rest = &self.text[self.at..];
        let braced = rest.starts_with('{');
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())];
        let after = &rest[name.len()..];
        let default = braced
            .then(|| after.strip_prefix('-'))
            .flatten()
            .and_then(|it| it.find(['}', '"', '\n']).map(|end| &it[..end]));
        if name.is_empty() {
            text.push('$');
            return;
        }
        self.at += usize::from(braced) + name.len();
        match default {
            Some(default) => {
                self.at += 1 + default.len();
                text.push_str(default);
            }
            None => {
                text.push_str("${");
                text.push_str(name);
                text.push('}');
                self.variable = Some(name.to_owned());
            }
        }
        if braced && self.peek() == Some('}') {
            self.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::compile::Input;
    use crate::import::{Nothing, Reading};

    fn words(text: &str) -> Vec<String> {
        let mut reading = Reading::new(&Nothing);
        let file = reading.add(Input::new("haproxy.cfg", format!("global\n{text}\n")));
        let sections = read(file.expect("a text"), &mut reading);
        assert!(reading.report.is_empty(), "{:?}", reading.report);
        let line = &sections[0].lines[0];
        line.texts(0).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn words_are_taken_out_of_quotes_and_escapes() {
        assert_eq!(
            words(r#"a 'two words' "x\"y" # z"#),
            ["a", "two words", "x\"y"]
        );
        assert_eq!(words(r"a\ b c#d \#e '$x'"), ["a b", "c#d", "#e", "$x"]);
        assert_eq!(words(r#"it\'s "^/a\.b$""#), ["it's", r"^/a\.b$"]);
    }

    #[test]
    fn a_variable_is_its_default_or_its_name() {
        assert_eq!(
            words(r#""$IP:80" "${P}x" "${P-1}" '$P'"#),
            ["${IP}:80", "${P}x", "1", "$P"]
        );
    }

    #[test]
    fn a_quote_that_stays_open_is_told_where_it_opens() {
        let mut reading = Reading::new(&Nothing);
        let file = reading.add(Input::new("haproxy.cfg", "global\n  log 'x\n"));
        read(file.expect("a text"), &mut reading);
        assert!(reading.report.has_errors());
    }
}
