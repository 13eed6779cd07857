//! `wsgen proxy`: the spec, served here and now.

use wsgen::diag::Report;
use wsgen::ir::Gateway;
use wsgen::proxy::{self, Outcome, Source};

use super::args::{Format, ProxyArgs};
use super::fault::Fault;
use super::findings::Findings;
use super::input::Spec;
use super::screen::Screen;
use super::Status;

pub(super) fn run(args: &ProxyArgs, screen: &Screen) -> Result<Status, Fault> {
    let mut served = Served {
        args,
        screen,
        spec: None,
    };
    match proxy::run(&mut served) {
        Ok(Outcome::Drained) => Ok(Status::Clean),
        Ok(Outcome::Cut) => Ok(Status::Findings),
        Ok(Outcome::Refused) => Ok(Status::Wrong),
        Err(error) => Err(Fault::new(format!("the proxy cannot run: {error}"))),
    }
}

/// The spec that is served, read anew at every reload.
struct Served<'a> {
    args: &'a ProxyArgs,
    screen: &'a Screen,
    spec: Option<Spec>,
}

impl Source for Served<'_> {
    fn load(&mut self) -> Option<Gateway> {
        let read = Spec::read(Some(&self.args.spec), &self.args.over)
            .and_then(|spec| spec.asks_for(&self.args.over));
        let mut spec = match read {
            Ok(spec) => spec,
            Err(fault) => {
                fault.tell(self.screen);
                return None;
            }
        };
        let compiled = spec.compile();
        let mut findings = Findings::default();
        findings.add(compiled.report.clone(), compiled);
        findings.tell(Format::Human, self.screen);
        let gateway = compiled.gateway.clone();
        self.spec = Some(spec);
        gateway
    }

    fn tell(&mut self, faults: Vec<proxy::Fault>) {
        let mut report = Report::default();
        for fault in faults {
            fault.tell(&mut report);
        }
        if let Some(spec) = &mut self.spec {
            let compiled = spec.compile();
            let mut findings = Findings::default();
            findings.add(report, compiled);
            findings.tell(Format::Human, self.screen);
        }
    }

    fn say(&mut self, line: &str) {
        use std::io::Write as _;
        // Who closed the stream wants to know nothing.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}
