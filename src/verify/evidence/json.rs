//! The evidence for programs.

use serde_json::{Value, json};

use crate::compile::Compiled;
use crate::verify::run::{Column, Failure};

/// `{programs: [{target, program, version, took_ms, error, changes, strange_lines, results: [{feature, about, promise, judgement, …}]}]}`.
pub fn write(compiled: &Compiled, columns: &[Column]) -> String {
    let programs: Vec<Value> = columns
        .iter()
        .map(|column| program(compiled, column))
        .collect();
    serde_json::to_string_pretty(&json!({ "programs": programs })).unwrap_or_default() + "\n"
}

fn program(compiled: &Compiled, column: &Column) -> Value {
    let results: Vec<Value> = column
        .outcome
        .iter()
        .flatten()
        .map(|it| {
            let deviation = it.deviation.as_ref();
            let output = column.line(compiled, it.at);
            json!({
                "feature": it.feature,
                "kind": it.about.kind,
                "name": it.about.name,
                "promise": it.promise,
                "judgement": it.judgement,
                "sent": deviation.map(|d| &d.sent),
                "promised": deviation.map(|d| &d.promised),
                "came": deviation.map(|d| &d.came),
                "loss": it.loss,
                "unseen": it.unseen,
                "scaled": it.scaled,
                "spec": compiled.place(it.at),
                "output": output.map(|(file, line, text)| json!({ "file": file, "line": line, "text": text })),
                "took_ms": it.took.as_millis() as u64,
            })
        })
        .collect();
    let error = column.outcome.as_ref().err().map(|failure| match failure {
        Failure::Losses(report) => {
            let titles: Vec<&str> = report.diags.iter().map(|diag| diag.title.as_str()).collect();
            json!({ "what": "not rendered", "losses": titles })
        }
        Failure::Lab(why) => json!({ "what": why }),
        Failure::Program { what, log, complaints } => {
            let complaints: Vec<Value> = complaints
                .iter()
                .map(|(message, line, at)| {
                    json!({ "message": message, "output": line, "spec": at.map(|at| compiled.place(at)) })
                })
                .collect();
            json!({ "what": what, "complaints": complaints, "log": log })
        }
    });
    json!({
        "target": column.target.id(),
        "program": column.found.path,
        "version": column.found.version,
        "took_ms": column.took.as_millis() as u64,
        "error": error,
        "changes": column.changes,
        "strange_lines": column.strange_lines,
        "results": results,
    })
}
