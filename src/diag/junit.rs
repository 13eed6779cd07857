//! Findings as JUnit's XML, which CI systems show: a suite for each spec, a case for each finding and for each rule that found nothing.

use std::fmt::Write as _;

use super::{Diag, Level, Marks, Part, place::region, xml};

/// A spec, what was found in it, and what was looked for.
#[derive(Clone, Debug)]
pub struct Suite<'a> {
    /// The spec's file.
    pub name: &'a str,
    /// What was found.
    pub parts: Vec<Part<'a>>,
    /// The rules that were asked, code and meaning.
    pub rules: Vec<(String, &'a str)>,
}

/// Errors and warnings are failures that say which, as other linters write them; a note is told beside a case that passes.
pub fn write(suites: &[Suite<'_>]) -> String {
    let mut out =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"wsgen\">\n");
    for suite in suites {
        let cases = cases(suite);
        let failures = cases.iter().filter(|case| case.failed).count();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\" time=\"0\">",
            xml::attribute(suite.name),
            cases.len(),
        );
        for case in cases {
            out.push_str(&case.text);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

struct Case {
    failed: bool,
    text: String,
}

fn cases(suite: &Suite<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for part in &suite.parts {
        let marks = Marks::new(part.tree, part.sources);
        let found = marks.sorted(&part.report.diags);
        cases.extend(found.into_iter().map(|diag| finding(diag, &marks, part)));
    }
    let found = |code: &str| {
        let mut all = suite.parts.iter().flat_map(|part| &part.report.diags);
        all.any(|diag| diag.code == code)
    };
    let clean = suite.rules.iter().filter(|(code, _)| !found(code));
    cases.extend(clean.map(|(code, meaning)| passed(suite.name, code, meaning)));
    if cases.is_empty() {
        // Readers take a suite without a case for one that did not run.
        cases.push(passed(suite.name, "wsgen", "nothing was found"));
    }
    cases
}

fn passed(file: &str, code: &str, name: &str) -> Case {
    Case {
        failed: false,
        text: format!(
            "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" time=\"0\"/>\n",
            xml::attribute(code),
            xml::attribute(name),
            xml::attribute(file)
        ),
    }
}

fn finding(diag: &Diag, marks: &Marks<'_>, part: &Part<'_>) -> Case {
    let place = |span| {
        let source = part.sources.find(span)?;
        Some((source.name.as_str(), source))
    };
    let main = marks.main(diag);
    let (file, line, column) = place(main.file).map_or(("", 1, 1), |(name, source)| {
        let (line, column, ..) = region(source, main);
        (name, line, column)
    });
    let mut body = String::new();
    for mark in marks.marks(diag) {
        if let Some((name, source)) = place(mark.span.file) {
            let (line, column, ..) = region(source, mark.span);
            let _ = writeln!(body, "{name}:{line}:{column} {}", mark.text);
        }
    }
    for (word, lines) in [("note", &diag.notes), ("help", &diag.helps)] {
        for line in lines {
            let _ = writeln!(body, "{word}: {line}");
        }
    }
    let failed = diag.level != Level::Note;
    let inner = if failed {
        format!(
            "<failure type=\"{}\" message=\"{}\">{}</failure>",
            diag.level.word(),
            xml::attribute(&diag.title),
            xml::text(&body)
        )
    } else {
        format!("<system-out>{}</system-out>", xml::text(&body))
    };
    // Two findings of one name in one class are one to most readers: the place makes them two.
    let text = format!(
        "    <testcase classname=\"{}\" name=\"{line}:{column} {}\" file=\"{}\" line=\"{line}\" time=\"0\">{inner}</testcase>\n",
        xml::attribute(&diag.code),
        xml::attribute(&diag.title),
        xml::attribute(file)
    );
    Case { failed, text }
}
