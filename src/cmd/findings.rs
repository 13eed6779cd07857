//! Reports of one run, written together in the format that was asked for.

use std::io::{self, Write};

use wsgen::compile::Compiled;
use wsgen::diag::junit::{self, Suite};
use wsgen::diag::{Level, Part, Report, github, human, json, sarif};
use wsgen::reference;
use wsgen::rules::Rule;
use wsgen::source::FileId;

use super::args::Format;
use super::screen::Screen;

/// Reports, each with the spec that it speaks about.
#[derive(Default)]
pub(super) struct Findings<'a> {
    parts: Vec<(Report, &'a Compiled)>,
    /// The rules that every spec was held to that could be read.
    rules: Vec<&'static Rule>,
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

    /// Says which rules specs are held to, so that a format can tell which found nothing.
    pub(super) fn ask(&mut self, rules: impl Iterator<Item = &'static Rule>) {
        self.rules = rules.collect();
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
            Format::Json => json::write(&self.told().collect::<Vec<_>>()),
            Format::Junit => junit::write(&self.suites()),
            Format::Sarif => sarif::write(&self.told().collect::<Vec<_>>(), &|code| {
                reference::about(code)
            }),
        }
    }

    fn told(&self) -> impl Iterator<Item = Part<'_>> {
        self.parts.iter().map(|(report, of)| Part {
            report,
            tree: Some(&of.tree),
            sources: &of.sources,
        })
    }

    /// One for each spec, whatever it was compiled for.
    fn suites(&self) -> Vec<Suite<'_>> {
        let mut suites: Vec<Suite<'_>> = Vec::new();
        for (part, (_, of)) in self.told().zip(&self.parts) {
            let name = of.sources.find(FileId(0)).map_or("", |it| it.name.as_str());
            match suites.iter_mut().find(|suite| suite.name == name) {
                Some(suite) => suite.parts.push(part),
                None => suites.push(Suite {
                    name,
                    parts: vec![part],
                    rules: match of.gateway {
                        Some(_) => self
                            .rules
                            .iter()
                            .map(|rule| (format!("lint::{}", rule.id), rule.summary()))
                            .collect(),
                        None => Vec::new(),
                    },
                }),
            }
        }
        suites
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
}
