//! `wsgen test`: the requests under `tests:` against the computed routes.

use std::io::{self, Write};

use wsgen::diag::Level;
use wsgen::request;

use super::args::TestArgs;
use super::fault::Fault;
use super::findings::Findings;
use super::input::Spec;
use super::screen::Screen;
use super::{Status, output};

pub(super) fn run(args: &TestArgs, screen: &Screen) -> Result<Status, Fault> {
    let mut spec =
        Spec::read(args.spec.spec.as_deref(), &args.spec.over)?.asks_for(&args.spec.over)?;
    let compiled = spec.compile();
    let mut findings = Findings::default();
    findings.add(compiled.report.clone(), compiled);
    let Some(gateway) = &compiled.gateway else {
        output::print(&findings.text(args.format, screen.colors_stdout(), screen))?;
        return Ok(Status::Wrong);
    };
    let mut report = wsgen::diag::Report::new();
    let passed = request::run_tests(gateway, &mut report);
    findings.add(report, compiled);
    output::print(&findings.text(args.format, screen.colors_stdout(), screen))?;
    let all = gateway.tests.len();
    // Only for people: who reads the findings as data has the status.
    let _ = match (all, all - passed) {
        (0, _) => writeln!(
            io::stderr(),
            "no tests\n  help: write some: `tests: [{{request: \"GET https://example.com/\", expect: {{route: …}}}}]`"
        ),
        (_, 0) => writeln!(io::stderr(), "{passed} passed"),
        (_, failed) => writeln!(io::stderr(), "{passed} passed, {failed} failed"),
    };
    Ok(if findings.count(Level::Error) > 0 {
        Status::Findings
    } else {
        Status::Clean
    })
}
