//! Findings as the diagnostics of the protocol.

use async_lsp::lsp_types::{
    CodeDescription, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag,
    Location, NumberOrString, Range, Url,
};

use crate::diag::{Diag, Level, Marks};
use crate::reference;
use crate::source::{FileId, Span};

use super::check::Findings;
use super::text::Text;

/// What is said of a document, by place; what stands in another text is told at the head.
pub(super) fn diagnostics(findings: &Findings, text: &Text, uri: &Url) -> Vec<Diagnostic> {
    let mut all: Vec<Diagnostic> = findings
        .parts
        .iter()
        .flat_map(|(of, report)| {
            let marks = Marks::new(Some(&of.tree), &of.sources);
            let sorted = marks.sorted(&report.diags);
            sorted
                .into_iter()
                .map(|diag| diagnostic(diag, &marks, text, uri))
                .collect::<Vec<_>>()
        })
        .collect();
    all.sort_by_key(|it| (it.range.start, it.severity));
    all
}

/// One finding.
pub(super) fn diagnostic(diag: &Diag, marks: &Marks<'_>, text: &Text, uri: &Url) -> Diagnostic {
    let mut places = marks.marks(diag).into_iter();
    let main = places.next();
    let mut message = diag.title.clone();
    for line in main
        .iter()
        .map(|mark| &mark.text)
        .filter(|it| !it.is_empty())
    {
        message = format!("{message}\n{line}");
    }
    for (word, lines) in [("note", &diag.notes), ("help", &diag.helps)] {
        for line in lines {
            message = format!("{message}\n{word}: {line}");
        }
    }
    let related: Vec<DiagnosticRelatedInformation> = places
        .filter(|mark| mark.span.file == FileId(0))
        .map(|mark| DiagnosticRelatedInformation {
            location: Location::new(uri.clone(), range(mark.span, text)),
            message: if mark.text.is_empty() {
                "see also here".to_owned()
            } else {
                mark.text
            },
        })
        .collect();
    Diagnostic {
        range: main.map_or_else(Range::default, |mark| range(mark.span, text)),
        severity: Some(match diag.level {
            Level::Error => DiagnosticSeverity::ERROR,
            Level::Warning => DiagnosticSeverity::WARNING,
            Level::Note => DiagnosticSeverity::INFORMATION,
        }),
        code: Some(NumberOrString::String(diag.code.clone())),
        code_description: explanation(&diag.code),
        source: Some("wsgen".to_owned()),
        message,
        related_information: (!related.is_empty()).then_some(related),
        tags: matches!(
            diag.code.as_str(),
            "lint::unused-name" | "lint::allow-unused" | "spec::accept-unused"
        )
        .then(|| vec![DiagnosticTag::UNNECESSARY]),
        ..Diagnostic::default()
    }
}

/// Where the code's page stands on the web, once the package names its home.
fn explanation(code: &str) -> Option<CodeDescription> {
    let href = Url::parse(&reference::about(code).link?).ok()?;
    Some(CodeDescription { href })
}

/// The range of a span of the document; the head for one of another text.
pub(super) fn range(span: Span, text: &Text) -> Range {
    if span.file != FileId(0) {
        return Range::default();
    }
    text.range(span.start as usize..span.end as usize)
}
