//! Findings for people: underlined source, what happens instead, what to write. Knows miette.

use std::fmt::{self, Write as _};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, Severity, SourceCode, SourceSpan, SpanContents, ThemeCharacters,
    ThemeStyles,
};

use super::{Diag, Level, Mark, Marks, Report};
use crate::source::{Source, Sources};
use crate::spec::tree::Tree;

/// Every finding, sorted by file and position, and a line that counts them; empty when there is none.
/// `width` is in columns.
pub fn write(
    report: &Report,
    tree: Option<&Tree>,
    sources: &Sources,
    color: bool,
    width: usize,
) -> String {
    let marks = Marks::new(tree, sources);
    let page = Page {
        sources,
        color,
        width: width.clamp(40, 200),
    };
    let mut out = String::new();
    for diag in marks.sorted(&report.diags) {
        page.finding(diag, &marks.marks(diag), &mut out);
        out.push('\n');
    }
    if !report.is_empty() {
        out.push_str(&summary(report));
        out.push('\n');
    }
    out
}

/// `2 errors, 1 warning`.
pub fn summary(report: &Report) -> String {
    let parts: Vec<_> = [Level::Error, Level::Warning, Level::Note]
        .into_iter()
        .filter_map(|level| match report.count(level) {
            0 => None,
            1 => Some(format!("1 {}", level.word())),
            count => Some(format!("{count} {}s", level.word())),
        })
        .collect();
    parts.join(", ")
}

struct Page<'a> {
    sources: &'a Sources,
    color: bool,
    width: usize,
}

impl Page<'_> {
    fn finding(&self, diag: &Diag, marks: &[Mark], out: &mut String) {
        let (code, end) = match (self.color, diag.level) {
            (false, _) => ("", ""),
            (true, Level::Error) => ("\x1b[31m", "\x1b[0m"),
            (true, Level::Warning) => ("\x1b[33m", "\x1b[0m"),
            (true, Level::Note) => ("\x1b[36m", "\x1b[0m"),
        };
        let _ = writeln!(out, "{code}{}{end}", diag.code);
        let main = marks.first().map(|mark| mark.span.file);
        let mut files: Vec<_> = marks.iter().map(|mark| mark.span.file).collect();
        files.sort_by_key(|file| (Some(*file) != main, *file));
        files.dedup();
        if files.is_empty() {
            self.snippet(diag, &diag.title, None, &[], out);
        }
        for (index, file) in files.iter().enumerate() {
            let here: Vec<&Mark> = marks
                .iter()
                .filter(|mark| mark.span.file == *file)
                .collect();
            let title = if index == 0 { diag.title.as_str() } else { "" };
            self.snippet(diag, title, self.sources.find(*file), &here, out);
        }
        for (word, lines) in [("note", &diag.notes), ("help", &diag.helps)] {
            for line in lines {
                self.paragraph(word, line, out);
            }
        }
    }

    fn snippet(
        &self,
        diag: &Diag,
        title: &str,
        source: Option<&Source>,
        marks: &[&Mark],
        out: &mut String,
    ) {
        let snippet = Snippet {
            title: title.to_owned(),
            level: diag.level,
            lines: source.map(Lines),
            labels: marks
                .iter()
                .enumerate()
                .map(|(index, mark)| {
                    let text = (!mark.text.is_empty()).then(|| mark.text.clone());
                    let span = SourceSpan::from((
                        mark.span.start as usize,
                        (mark.span.end - mark.span.start) as usize,
                    ));
                    if index == 0 {
                        LabeledSpan::new_primary_with_span(text, span)
                    } else {
                        LabeledSpan::new_with_span(text, span)
                    }
                })
                .collect(),
        };
        let styles = if self.color {
            ThemeStyles::ansi()
        } else {
            ThemeStyles::none()
        };
        let theme = GraphicalTheme {
            characters: ThemeCharacters::unicode(),
            styles,
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(self.width)
            .with_context_lines(1)
            .with_links(false)
            .without_syntax_highlighting();
        let mut text = String::new();
        if handler.render_report(&mut text, &snippet).is_err() {
            text = format!("  {title}\n");
        }
        if title.is_empty() {
            // A further file's snippet: the line for the title stays empty and is left out.
            text = text
                .split_once('\n')
                .map_or("", |(_, rest)| rest)
                .to_owned();
        }
        out.push_str(&text);
    }

    /// `  help: …`, its lines broken at words and indented under the first.
    fn paragraph(&self, word: &str, text: &str, out: &mut String) {
        let (start, end) = if self.color {
            ("\x1b[36m", "\x1b[0m")
        } else {
            ("", "")
        };
        let _ = write!(out, "  {start}{word}:{end}");
        let indent = word.len() + 3;
        for (index, line) in text.split('\n').enumerate() {
            let mut column = indent;
            if index > 0 {
                let _ = write!(out, "\n{:indent$}", "");
            }
            for piece in line.split(' ') {
                let length = piece.chars().count();
                if column > indent && column + 1 + length > self.width {
                    let _ = write!(out, "\n{:indent$}", "");
                    column = indent;
                }
                let _ = write!(out, " {piece}");
                column += 1 + length;
            }
        }
        out.push('\n');
    }
}

/// One file's part of a finding, as miette wants it.
#[derive(Debug)]
struct Snippet<'a> {
    title: String,
    level: Level,
    lines: Option<Lines<'a>>,
    labels: Vec<LabeledSpan>,
}

impl fmt::Display for Snippet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)
    }
}

impl std::error::Error for Snippet<'_> {}

impl Diagnostic for Snippet<'_> {
    fn severity(&self) -> Option<Severity> {
        Some(match self.level {
            Level::Error => Severity::Error,
            Level::Warning => Severity::Warning,
            Level::Note => Severity::Advice,
        })
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.lines.as_ref().map(|lines| lines as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.lines.as_ref()?;
        Some(Box::new(self.labels.iter().cloned()))
    }
}

/// A file by its line index: miette's own reading of a `str` starts at the first byte for every label.
#[derive(Debug)]
struct Lines<'a>(&'a Source);

impl SourceCode for Lines<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let source = self.0;
        let end = span.offset() + span.len();
        if end > source.text.len() {
            return Err(MietteError::OutOfBounds);
        }
        let (line, column) = source.line_col(span.offset() as u32);
        let (last, _) = source.line_col(end as u32);
        let first = line.saturating_sub(before as u32).max(1);
        let last = (last + after as u32).min(source.lines());
        let start = source.line_range(first).start as usize;
        let stop = source.line_range(last).end as usize;
        let data = source
            .text
            .as_bytes()
            .get(start..stop)
            .ok_or(MietteError::OutOfBounds)?;
        // With lines of context the text begins in column 1 of the first of them.
        let column = if before == 0 { column as usize - 1 } else { 0 };
        let start = if before == 0 { span.offset() } else { start };
        let data = if before == 0 {
            &source.text.as_bytes()[start..stop.max(end)]
        } else {
            data
        };
        Ok(Box::new(MietteSpanContents::new_named(
            source.name.clone(),
            data,
            SourceSpan::from((start, data.len())),
            if before == 0 {
                line as usize - 1
            } else {
                first as usize - 1
            },
            column,
            (last - first + 1) as usize,
        )))
    }
}
