//! Findings as GitHub workflow commands, which annotate the lines of a pull request.

use std::fmt::Write as _;

use super::{Level, Marks, Report, place::region};
use crate::source::Sources;
use crate::spec::tree::Tree;

/// One `::error file=…,line=…::…` a finding. Sorted by file and position.
pub fn write(report: &Report, tree: Option<&Tree>, sources: &Sources) -> String {
    let marks = Marks::new(tree, sources);
    let mut out = String::new();
    for diag in marks.sorted(&report.diags) {
        let command = match diag.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "notice",
        };
        let mut message = diag.title.clone();
        for label in diag
            .labels
            .iter()
            .take(1)
            .filter(|label| !label.text.is_empty())
        {
            message = format!("{message}: {}", label.text);
        }
        for note in &diag.notes {
            message = format!("{message}\nnote: {note}");
        }
        for help in &diag.helps {
            message = format!("{message}\nhelp: {help}");
        }
        let span = marks.main(diag);
        let mut place = String::new();
        if let Some(source) = sources.find(span.file) {
            let (line, column, end_line, end_column) = region(source, span);
            place = format!(
                "file={},line={line},endLine={end_line},col={column},",
                property(&source.name)
            );
            if line == end_line {
                place = format!("{place}endColumn={},", end_column.max(column + 1));
            }
        }
        let _ = writeln!(
            out,
            "::{command} {place}title={}::{}",
            property(&diag.code),
            data(&message)
        );
    }
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
