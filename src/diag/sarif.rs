//! Findings as SARIF 2.1.0, for code scanning services.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::place::region_utf16;
use super::{Diag, Fix, Level, Marks, Part, line_hash};
use crate::source::{FileId, Source, Sources, Span};

/// What is known of a code.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// In a sentence.
    pub short: String,
    /// As a page of Markdown.
    pub page: String,
    /// Where the page stands on the web.
    pub link: Option<String>,
    /// What its findings usually weigh.
    pub level: Option<Level>,
}

/// One run with one result a finding: services refuse, or take for several tools, a file with several runs.
pub fn write(parts: &[Part<'_>], about: &dyn Fn(&str) -> About) -> String {
    let mut codes: Vec<&str> = parts
        .iter()
        .flat_map(|part| &part.report.diags)
        .map(|diag| diag.code.as_str())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes.iter().map(|code| rule(code, &about(code))).collect();
    let mut results = Vec::new();
    for part in parts {
        let marks = Marks::new(part.tree, part.sources);
        let mut writer = Writer {
            codes: &codes,
            marks: &marks,
            sources: part.sources,
            hashes: HashMap::new(),
        };
        for diag in marks.sorted(&part.report.diags) {
            results.push(writer.result(diag));
        }
    }
    let mut driver = json!({
        "name": "wsgen",
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": rules,
    });
    if let Some(home) = Some(env!("CARGO_PKG_REPOSITORY")).filter(|home| !home.is_empty()) {
        driver["informationUri"] = home.into();
    }
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "columnKind": "utf16CodeUnits",
            "results": results,
        }],
    });
    let mut text = serde_json::to_string_pretty(&log).unwrap_or_default();
    text.push('\n');
    text
}

fn rule(code: &str, about: &About) -> Value {
    let mut rule = json!({ "id": code });
    if !about.short.is_empty() {
        rule["shortDescription"] = json!({ "text": about.short });
        rule["help"] = json!({ "text": about.page, "markdown": about.page });
    }
    if let Some(link) = &about.link {
        rule["helpUri"] = link.as_str().into();
    }
    if let Some(level) = about.level {
        rule["defaultConfiguration"] = json!({ "level": level.word() });
    }
    rule
}

struct Writer<'a> {
    codes: &'a [&'a str],
    marks: &'a Marks<'a>,
    sources: &'a Sources,
    /// The hashes of each file's lines, computed once.
    hashes: HashMap<FileId, Vec<String>>,
}

impl Writer<'_> {
    fn result(&mut self, diag: &Diag) -> Value {
        let mut message = diag.title.clone();
        for (word, lines) in [("note", &diag.notes), ("help", &diag.helps)] {
            for line in lines {
                message = format!("{message}\n{word}: {line}");
            }
        }
        let mut all = self.marks.marks(diag).into_iter();
        let mut result = json!({
            "ruleId": diag.code,
            "ruleIndex": self.codes.binary_search(&diag.code.as_str()).unwrap_or(0),
            "level": diag.level.word(),
            "message": { "text": message },
            "locations": all.next().and_then(|mark| self.location(mark.span, &mark.text)).into_iter().collect::<Vec<_>>(),
        });
        let related: Vec<Value> = all
            .filter_map(|mark| self.location(mark.span, &mark.text))
            .zip(0..)
            .map(|(mut location, id)| {
                location["id"] = Value::from(id);
                location
            })
            .collect();
        if !related.is_empty() {
            result["relatedLocations"] = related.into();
        }
        if let Some(hash) = self.hash(self.marks.main(diag)) {
            result["partialFingerprints"] = json!({ "primaryLocationLineHash": hash });
        }
        let fixes: Vec<Value> = diag.fixes.iter().filter_map(|fix| self.fix(fix)).collect();
        if !fixes.is_empty() {
            result["fixes"] = fixes.into();
        }
        result
    }

    fn location(&self, span: Span, text: &str) -> Option<Value> {
        let source = self.sources.find(span.file)?;
        let mut location = json!({
            "physicalLocation": {
                "artifactLocation": { "uri": uri(&source.name) },
                "region": region(source, span),
            },
        });
        if !text.is_empty() {
            location["message"] = json!({ "text": text });
        }
        Some(location)
    }

    fn hash(&mut self, span: Span) -> Option<String> {
        let source = self.sources.find(span.file)?;
        let (line, _) = source.line_col(span.start);
        let lines = self
            .hashes
            .entry(span.file)
            .or_insert_with(|| line_hash::of(&source.text));
        lines.get(line as usize - 1).cloned()
    }

    fn fix(&self, fix: &Fix) -> Option<Value> {
        let span = self.marks.span(&fix.place);
        let source = self.sources.find(span.file)?;
        Some(json!({
            "description": { "text": format!("write `{}`", fix.text) },
            "artifactChanges": [{
                "artifactLocation": { "uri": uri(&source.name) },
                "replacements": [{
                    "deletedRegion": region(source, span),
                    "insertedContent": { "text": fix.text },
                }],
            }],
        }))
    }
}

fn region(source: &Source, span: Span) -> Value {
    let (line, column, end_line, end_column) = region_utf16(source, span);
    json!({ "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column })
}

/// A file's name as a relative reference, or as a URL where it is absolute; what a URI reserves is written in percent signs.
fn uri(name: &str) -> String {
    let mut out = String::new();
    let name = name.strip_prefix("./").unwrap_or(name);
    if name.starts_with('/') {
        out.push_str("file://");
    }
    for byte in name.bytes() {
        match byte {
            b'\\' if cfg!(windows) => out.push('/'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
