//! The parser's syntax faults in our words.

use granit_parser::{ErrorKind, ScanError};

use crate::diag::Report;
use crate::source::{FileId, Source, Span};

/// Reports where the text stops being YAML, and why; `bracket` is the innermost one that is open.
pub(super) fn report(
    source: &Source,
    file: FileId,
    error: &ScanError,
    bracket: Option<Span>,
    report: &mut Report,
) {
    let text: &str = &source.text;
    let mut at = error.marker().byte_offset().unwrap_or(0).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let mut span = span_at(text, file, at);
    if is_tab(error.kind()) {
        let line = source.line_range(source.line_col(at as u32).0);
        if let Some(tab) = text[line.start as usize..].find('\t') {
            let start = line.start + tab as u32;
            span = Span {
                start,
                end: start + 1,
                file,
            };
        }
    }
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        return too_deep(span, report);
    }
    if let Some(parameter) = parameter_in_flow(source, file, at) {
        report
            .error("yaml::syntax", parameter)
            .says("a parameter inside `{…}` or `[…]` needs quotes")
            .label("YAML reads its brace as the start of a mapping")
            .help(format!(
                "write \"{}\" in double quotes",
                slice(text, parameter)
            ));
        return;
    }
    let (title, help) = words(error.kind());
    let title = title.map_or_else(|| error.kind().to_string(), str::to_owned);
    let diag = report
        .error("yaml::syntax", span)
        .says(title)
        .label("the reading stopped here");
    if let Some(help) = help {
        diag.help(help);
    }
    let missing = matches!(
        error.kind(),
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator
    );
    if let Some(bracket) = bracket.filter(|_| missing) {
        diag.also(
            Span {
                end: bracket.start + 1,
                ..bracket
            },
            "opened here",
        );
    }
}

fn is_tab(kind: &ErrorKind) -> bool {
    use ErrorKind as K;
    matches!(
        kind,
        K::TabNotAllowed | K::TabInBlockIndentation | K::TabInIndentation | K::TabInPlainScalar
    )
}

/// More lists and mappings in each other than [`super::MAX_DEPTH`].
pub(super) fn too_deep(span: Span, report: &mut Report) {
    report
        .error("yaml::too-deep", span)
        .says(format!(
            "lists and mappings stand more than {} deep in each other",
            super::MAX_DEPTH
        ))
        .label("one level too deep")
        .help("no key of a spec needs more than ten levels: is a bracket missing above?");
}

/// A plain parameter in a flow collection is what people write most often that YAML cannot read.
fn parameter_in_flow(source: &Source, file: FileId, at: usize) -> Option<Span> {
    let text: &str = &source.text;
    let (line, _) = source.line_col(at as u32);
    let range = source.line_range(line);
    let (first, last) = (range.start as usize, range.end as usize);
    let until = (at + 2).min(last).max(first);
    let until = (until..=last).find(|end| text.is_char_boundary(*end))?;
    let start = first + text[first..until].rfind("${")?;
    let before = &text[first..start];
    let quotes = before.matches('"').count() + before.matches('\'').count();
    if quotes % 2 == 1 || !before.contains(['{', '[']) {
        return None;
    }
    let end = text[start..last]
        .find('}')
        .map_or(last, |close| start + close + 1);
    Some(Span {
        file,
        start: start as u32,
        end: end as u32,
    })
}

/// The character at the fault, or the end of the line before it where the fault is a line break.
fn span_at(text: &str, file: FileId, at: usize) -> Span {
    let length = text[at..]
        .chars()
        .next()
        .filter(|c| !c.is_whitespace())
        .map_or(0, char::len_utf8);
    let start = if length == 0 {
        text[..at].trim_end().len().max(at.saturating_sub(1))
    } else {
        at
    };
    let start = (0..=start.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    Span {
        file,
        start: start as u32,
        end: (at + length) as u32,
    }
}

fn slice(text: &str, span: Span) -> &str {
    text.get(span.start as usize..span.end as usize)
        .unwrap_or("")
}

/// A title where the parser's own is not one that teaches, and what to write.
fn words(kind: &ErrorKind) -> (Option<&'static str>, Option<&'static str>) {
    use ErrorKind as K;
    match kind {
        kind if is_tab(kind) => (Some("a tab cannot indent"), Some("indent with spaces")),
        K::MappingValueNotAllowed | K::InvalidColonPlacement => (
            Some("a `: ` cannot stand here"),
            Some(
                "text that contains `: ` needs quotes; a key must be indented like the keys around it",
            ),
        ),
        K::SimpleKeyExpected | K::InvalidSimpleKey => (
            Some("a key without a `:`"),
            Some("write `key: value`, with a space after the colon"),
        ),
        K::ExpectedBlockMappingKey | K::InvalidIndentation => (
            Some("this line is indented unlike the keys around it"),
            Some("keys of one mapping start in the same column"),
        ),
        K::ExpectedBlockSequenceEntry | K::BlockSequenceEntryNotAllowed => (
            Some("this line is indented unlike the list around it"),
            Some("every item of a list starts with `- ` in the same column"),
        ),
        K::ExpectedFlowMappingSeparator => (
            Some("a `,` or `}` is missing"),
            Some("values that contain `,`, `{`, `}`, `[` or `]` need quotes inside `{…}`"),
        ),
        K::ExpectedFlowSequenceSeparator => (
            Some("a `,` or `]` is missing"),
            Some("values that contain `,`, `{`, `}`, `[` or `]` need quotes inside `[…]`"),
        ),
        K::UnexpectedEofFlowMapping | K::UnexpectedEofImplicitFlowMapping => {
            (Some("a `}` is missing"), None)
        }
        K::UnexpectedEofFlowSequence => (Some("a `]` is missing"), None),
        K::UnclosedFlowCollection { open: '{' } => (Some("this `{` is never closed"), None),
        K::UnclosedFlowCollection { .. } => (Some("this `[` is never closed"), None),
        K::MismatchedFlowCollectionEnd { .. } => (
            Some("this bracket does not close the one that is open"),
            None,
        ),
        K::MisplacedFlowCollectionEnd => (
            Some("no bracket is open here"),
            Some("text that starts with a bracket needs quotes"),
        ),
        K::UnclosedQuotedScalar => (Some("a quote is never closed"), None),
        K::UnknownQuotedScalarEscape => (
            Some("this escape does not exist in double quotes"),
            Some("write the backslash twice, or use single quotes, in which nothing is an escape"),
        ),
        K::UnexpectedCharacter { .. } => (
            Some("a value cannot start with this character"),
            Some(
                "text that starts with `@`, `%`, a backquote or another sign of YAML needs quotes",
            ),
        ),
        K::BlockEntryInFlowCollection | K::PlainScalarStartsWithDashFlowIndicator => (
            Some("`- ` cannot stand inside brackets"),
            Some("inside `[…]` items are separated by commas"),
        ),
        K::CommentNotSeparated => (
            Some("a `#` that starts a comment needs a space before it"),
            None,
        ),
        K::InvalidTrailingDoubleQuotedScalar | K::InvalidTrailingSingleQuotedScalar => (
            Some("text after the closing quote"),
            Some("put the whole value into the quotes"),
        ),
        K::MissingAnchorOrAliasName => (
            Some("`*` and `&` are signs of YAML"),
            Some("text that starts with `*` or `&`, such as a wildcard host, needs quotes"),
        ),
        K::BomInsideDocument => (
            Some("a byte order mark inside the text"),
            Some("delete the invisible character"),
        ),
        K::InvalidQuotedScalarIndent | K::InvalidFlowScalarIndent => (
            Some("this line is indented less than the value that it belongs to"),
            None,
        ),
        K::UndeclaredTagHandle => (
            Some("a tag has no meaning in a spec"),
            Some("text that starts with `!` needs quotes"),
        ),
        _ => (None, None),
    }
}
