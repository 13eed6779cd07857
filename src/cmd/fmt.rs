//! `wsgen fmt`: specs laid out in one way, in place or as a check.

use std::path::Path;

use wsgen::compile::Compiled;
use wsgen::diag::Report;
use wsgen::source::{Sources, decode};
use wsgen::spec::tree::Tree;
use wsgen::spec::yaml::format;

use super::args::{FmtArgs, Format};
use super::fault::{Fault, shown};
use super::findings::Findings;
use super::screen::Screen;
use super::{Status, input, output, unified};

pub(super) fn run(args: &FmtArgs, screen: &Screen) -> Result<Status, Fault> {
    let mut status = Status::Clean;
    for path in &args.files {
        status = status.max(file(path, args.check, screen)?);
    }
    Ok(status)
}

fn file(path: &Path, check: bool, screen: &Screen) -> Result<Status, Fault> {
    let read = input::read(path)?;
    let text = decode(read.bytes).map_err(|_| {
        Fault::new(format!("`{}` is not UTF-8", shown(path))).help("save the file as UTF-8")
    })?;
    let mut sources = Sources::new();
    let source = sources.add(read.name, text.clone());
    let mut report = Report::new();
    let Some(laid) = format::format(&sources, source, &mut report) else {
        let said = Compiled {
            sources,
            tree: Tree::default(),
            gateway: None,
            report: Report::new(),
        };
        let mut findings = Findings::default();
        findings.add(report, &said);
        findings.tell(Format::Human, screen);
        return Ok(Status::Wrong);
    };
    let standard_input = path == Path::new("-");
    if check {
        if laid == text {
            return Ok(Status::Clean);
        }
        let diff = unified::diff(
            &shown(path),
            Some(&text),
            Some(&laid),
            screen.colors_stdout(),
        );
        output::print(&diff)?;
        return Ok(Status::Findings);
    }
    if standard_input {
        output::print(&laid)?;
    } else if laid != text {
        output::replace(path, &laid)?;
    }
    Ok(Status::Clean)
}
