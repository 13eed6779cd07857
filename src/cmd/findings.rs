//! Reports of one run, written together in the format that was asked for.

use std::io::{self, Write};

use serde_json::Value;
use wsgen::compile::Compiled;
use wsgen::diag::{Level, Report, github, human, json, sarif};

use super::args::Format;
use super::screen::Screen;

/// Reports, each with the spec that it speaks about.
#[derive(Debug, Default)]
pub(super) struct Findings<'a> {
    parts: Vec<(Report, &'a Compiled)>,
}

impl<'a> Findings<'a> {
    /// Adds a report.
    pub(super) fn add(&mut self, report: Report, of: &'a Compiled) {
        if let Some((last, same)) = self.parts.last_mut()
            && std::ptr::eq(*same, of)
        {
            last.extend(report);
        } else {
            self.parts.push((report, of));
        }
    }

    /// How many findings have this level.
    pub(super) fn count(&self, level: Level) -> usize {
        self.parts
            .iter()
            .map(|(report, _)| report.count(level))
            .sum()
    }

    /// All of them as text; empty in `human` and `github` when there is none.
    pub(super) fn text(&self, format: Format, color: bool, screen: &Screen) -> String {
        match format {
            Format::Human => self.human(color, screen),
            Format::Github => self
                .parts
                .iter()
                .map(|(report, of)| github::write(report, Some(&of.tree), &of.sources))
                .collect(),
            Format::Json => self.joined(json::write, |all, more| {
                if let (Value::Array(all), Value::Array(more)) = (all, more) {
                    all.extend(more);
                }
            }),
            Format::Sarif => self.joined(sarif::write, |all, more| {
                if let (Some(Value::Array(all)), Some(Value::Array(more))) =
                    (all.get_mut("runs"), more.get("runs").cloned())
                {
                    all.extend(more);
                }
            }),
        }
    }

    /// Writes them to standard error.
    pub(super) fn tell(&self, format: Format, screen: &Screen) {
        let empty = self.parts.iter().all(|(report, _)| report.is_empty());
        if empty && matches!(format, Format::Human | Format::Github) {
            return;
        }
        let text = self.text(format, screen.colors_stderr(), screen);
        // Nobody is left to be told that standard error is closed.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    fn human(&self, color: bool, screen: &Screen) -> String {
        let spoken: Vec<_> = self
            .parts
            .iter()
            .filter(|(report, _)| !report.is_empty())
            .collect();
        let width = if spoken.is_empty() { 0 } else { screen.width() };
        let texts: Vec<String> = spoken
            .iter()
            .map(|(report, of)| human::write(report, Some(&of.tree), &of.sources, color, width))
            .collect();
        texts.join("\n")
    }

    fn joined(
        &self,
        write: fn(&Report, Option<&wsgen::spec::tree::Tree>, &wsgen::source::Sources) -> String,
        join: fn(&mut Value, Value),
    ) -> String {
        let mut texts = self
            .parts
            .iter()
            .map(|(report, of)| write(report, Some(&of.tree), &of.sources));
        let first = texts
            .next()
            .unwrap_or_else(|| write(&Report::new(), None, &wsgen::source::Sources::new()));
        let rest: Vec<String> = texts.collect();
        if rest.is_empty() {
            return first;
        }
        let mut all: Value = serde_json::from_str(&first).unwrap_or_default();
        for text in rest {
            join(&mut all, serde_json::from_str(&text).unwrap_or_default());
        }
        let mut text = serde_json::to_string_pretty(&all).unwrap_or_default();
        text.push('\n');
        text
    }
}
