//! `wsgen lint`: what is wrong or risky in specs, and what targets would lose.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use wsgen::compile::{self, Compiled, Options};
use wsgen::diag::Level;
use wsgen::rules::{self, Disk};

use super::args::{Deny, LintArgs};
use super::fault::Fault;
use super::findings::Findings;
use super::input::Spec;
use super::render::Chosen;
use super::screen::Screen;
use super::{Status, output};

pub(super) fn run(args: &LintArgs, screen: &Screen) -> Result<Status, Fault> {
    let chosen = if args.target.is_empty() {
        None
    } else {
        Some(Chosen::read(&args.target)?)
    };
    let mut over = args.over.clone();
    over.set
        .extend(chosen.iter().flat_map(|chosen| chosen.versions.clone()));
    let mut findings = Findings::default();
    let asked = rules::ALL.iter().copied();
    findings.ask(asked.filter(|rule| args.files || !rule.reads_files));
    let mut status = Status::Clean;
    let mut paths: Vec<Option<&Path>> =
        args.specs.iter().map(|path| Some(path.as_path())).collect();
    if paths.is_empty() {
        paths.push(None);
    }
    let alone = paths.len() == 1;
    for path in paths {
        let mut spec = Spec::read(path, &over)?;
        // Of several specs one may ask for what another does not.
        if alone {
            spec = spec.asks_for(&over)?;
        }
        let compiled = spec.compile();
        findings.add(compiled.report.clone(), compiled);
        if compiled.gateway.is_none() {
            status = Status::Wrong;
            continue;
        }
        judge(&spec, compiled, args.files, &mut findings);
        for target in chosen.iter().flat_map(|chosen| &chosen.targets) {
            let own = spec.compile_for(compiled, target.id());
            if own.gateway.is_none() {
                findings.add(own.report.clone(), own);
                status = Status::Wrong;
                continue;
            }
            let rendered = compile::render(own, *target, Options::default());
            findings.add(rendered.report, own);
        }
    }
    let denied = args.deny == Some(Deny::Warnings);
    if findings.count(Level::Error) > 0 || denied && findings.count(Level::Warning) > 0 {
        status = status.max(Status::Findings);
    }
    output::print(&findings.text(args.format, screen.colors_stdout(), screen))?;
    Ok(status)
}

/// What the rules find.
fn judge(spec: &Spec, compiled: &'static Compiled, files: bool, findings: &mut Findings<'static>) {
    let report = if files {
        // A certificate's dates are compared with the clock, which only a command may read.
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let disk = Disk {
            files: spec.disk(),
            now: i64::try_from(now).unwrap_or(i64::MAX),
        };
        rules::lint_files(compiled, disk)
    } else {
        rules::lint(compiled)
    };
    findings.add(report, compiled);
}
