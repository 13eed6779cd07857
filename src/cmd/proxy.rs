//! `wsgen proxy`: the spec, or the file that was rendered from it, served here and now.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use wsgen::diag::Report;
use wsgen::ir::Gateway;
use wsgen::proxy::{self, Options, Outcome, Source};
use wsgen::targets;

use super::Status;
use super::args::{Format, ProxyArgs};
use super::fault::{Fault, shown};
use super::findings::Findings;
use super::input::Spec;
use super::screen::Screen;

pub(super) fn run(args: &ProxyArgs, screen: &Screen) -> Result<Status, Fault> {
    if args.watch && args.spec.as_os_str() == "-" {
        return Err(Fault::new("standard input cannot be watched")
            .help("write the spec's file, or leave `--watch` out"));
    }
    let mut served = Served {
        args,
        screen,
        spec: None,
    };
    let cannot = |error| Fault::new(format!("the proxy cannot run: {error}"));
    if args.check {
        let Some(gateway) = served.load() else {
            return Ok(Status::Wrong);
        };
        let faults = proxy::check(gateway).map_err(cannot)?;
        if faults.is_empty() {
            return Ok(Status::Clean);
        }
        served.tell(faults);
        return Ok(Status::Wrong);
    }
    let options = Options { watch: args.watch };
    match proxy::run(&mut served, options) {
        Ok(Outcome::Drained) => Ok(Status::Clean),
        Ok(Outcome::Cut) => Ok(Status::Findings),
        Ok(Outcome::Ended(signal)) => Ok(Status::Ended(signal)),
        Ok(Outcome::Refused) => Ok(Status::Wrong),
        Err(error) => Err(cannot(error)),
    }
}

/// The spec that is served, read anew at every reload.
struct Served<'a> {
    args: &'a ProxyArgs,
    screen: &'a Screen,
    /// `None` where the file is a rendered one, which knows no places of the spec.
    spec: Option<Spec>,
}

impl Source for Served<'_> {
    fn load(&mut self) -> Option<Gateway> {
        self.spec = None;
        if let Some(read) = rendered(&self.args.spec) {
            return read
                .map_err(|why| self.say(&format!("error: {}: {why}", shown(&self.args.spec))))
                .ok();
        }
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

    fn files(&self) -> Vec<PathBuf> {
        let over = &self.args.over;
        let mut files = vec![self.args.spec.clone()];
        files.extend(over.file.iter().chain(&over.env_file).cloned());
        files
    }

    fn tell(&mut self, faults: Vec<proxy::Fault>) {
        let Some(spec) = &mut self.spec else {
            for fault in faults {
                self.say(&format!("error: {}", fault.text()));
            }
            return;
        };
        let mut report = Report::default();
        for fault in faults {
            fault.tell(&mut report);
        }
        let compiled = spec.compile();
        let mut findings = Findings::default();
        findings.add(report, compiled);
        findings.tell(Format::Human, self.screen);
    }

    fn say(&mut self, line: &str) {
        // Who closed the stream wants to know nothing.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// The gateway of a file that `render --target proxy` wrote; `None` where the file is another one, or cannot be read.
fn rendered(path: &Path) -> Option<Result<Gateway, String>> {
    let text = std::fs::read_to_string(path).ok()?;
    targets::proxy::read(&text)
}
