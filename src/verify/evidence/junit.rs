//! The evidence as JUnit's XML, which CI systems show: a suite for each program, a case for each promise.

use std::fmt::Write as _;

use crate::compile::Compiled;
use crate::diag::xml::{attribute, text};
use crate::verify::judge::Judgement;
use crate::verify::run::Column;

/// A broken promise is a failure, one that was not seen is skipped, a program that did not start is an error.
pub fn write(compiled: &Compiled, columns: &[Column]) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"wsgen verify\">\n",
    );
    for column in columns {
        let results = column.outcome.as_ref().map_or(&[][..], Vec::as_slice);
        let error = usize::from(column.outcome.is_err());
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{error}\" skipped=\"{}\" time=\"{:.3}\">",
            attribute(&column.found.name()),
            results.len() + error,
            column.count(Judgement::Broken),
            column.count(Judgement::Unseen),
            column.took.as_secs_f64()
        );
        if column.outcome.is_err() {
            let _ = writeln!(
                out,
                "    <testcase classname=\"{0}\" name=\"start\"><error message=\"not verified\"/></testcase>",
                column.target.id()
            );
        }
        for it in results {
            let _ = write!(
                out,
                "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
                it.feature,
                attribute(&format!(
                    "{} {}: {}",
                    it.about.kind, it.about.name, it.promise
                )),
                it.took.as_secs_f64()
            );
            let inner = match (it.judgement, &it.deviation) {
                (Judgement::Broken, Some(deviation)) => format!(
                    "<failure message=\"{}\">sent: {}\npromised: {}\ncame: {}\nspec: {}</failure>",
                    attribute(&deviation.came),
                    text(&deviation.sent),
                    text(&deviation.promised),
                    text(&deviation.came),
                    text(&compiled.place(it.at))
                ),
                (Judgement::Unseen, _) => format!(
                    "<skipped message=\"{}\"/>",
                    attribute(it.unseen.as_deref().unwrap_or_default())
                ),
                (Judgement::Reported | Judgement::Modest, _) => format!(
                    "<system-out>{}: {}</system-out>",
                    it.judgement.word(),
                    text(it.loss.as_deref().unwrap_or_default())
                ),
                _ => String::new(),
            };
            let _ = match inner.is_empty() {
                true => writeln!(out, "/>"),
                false => writeln!(out, ">{inner}</testcase>"),
            };
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}
