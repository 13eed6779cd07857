//! `wsgen proxy`: the spec, or the file that was rendered from it, served here and now.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use wsgen::compile::Compiled;
use wsgen::diag::Report;
use wsgen::ir::Gateway;
use wsgen::proxy::local::{Account, Local, Overrides, Servers, trust};
use wsgen::proxy::{self, Options, Outcome, Source};
use wsgen::targets;

use super::args::{Format, Overlays, ProxyArgs};
use super::fault::{Fault, shown};
use super::findings::Findings;
use super::input::{self, Spec};
use super::screen::Screen;
use super::{Status, output, start};

pub(super) fn run(args: &ProxyArgs, screen: &Screen) -> Result<Status, Fault> {
    if args.trust {
        output::print(&trust::instructions().map_err(Fault::new)?)?;
        return Ok(Status::Clean);
    }
    let Some(spec) = &args.spec else {
        return Err(Fault::new("no spec is named").help("write its file, such as `spec.yaml`"));
    };
    if args.watch && spec.as_os_str() == "-" {
        return Err(Fault::new("standard input cannot be watched")
            .help("write the spec's file, or leave `--watch` out"));
    }
    twice(args)?;
    if args.dashboard && !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(Fault::new("the dashboard needs a terminal")
            .help("run it in one, or leave `--dashboard` out and read the metrics"));
    }
    if rendered(spec).is_some() {
        nothing_over(&args.over)?;
    }
    let mut served = Served {
        path: spec,
        args,
        screen,
        overrides: Overrides {
            ports: args.port.clone(),
            upstreams: args.upstream.clone(),
        },
        spec: None,
        local: None,
        told: None,
        as_written: None,
        addresses: Vec::new(),
        read: Vec::new(),
    };
    let echo = args.upstream.iter().find(|it| it.value == Servers::Echo);
    if let Some(one) = echo.filter(|_| !args.local) {
        return Err(Fault::new(format!(
            "`--upstream {}=echo` asks for a stand-in",
            one.name
        ))
        .help("add `--local`, or write the address of a server"));
    }
    if args.local {
        served.local = Some(Local::new().map_err(Fault::new)?);
    }
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
    let options = Options {
        watch: args.watch,
        dashboard: args.dashboard,
    };
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
    path: &'a Path,
    args: &'a ProxyArgs,
    screen: &'a Screen,
    overrides: Overrides,
    /// `None` where the file is a rendered one, which knows no places of the spec.
    spec: Option<Compiled>,
    /// What makes up for what this machine lacks.
    local: Option<Local>,
    /// What was told of it last.
    told: Option<Account>,
    /// The spec before this machine changed it: what a person knows.
    as_written: Option<Gateway>,
    /// Where it listens, as was told last.
    addresses: Vec<[String; 2]>,
    /// Files that the spec has read when it was compiled last.
    read: Vec<PathBuf>,
}

impl Served<'_> {
    fn read(&mut self) -> Option<Gateway> {
        self.spec = None;
        if let Some(read) = rendered(self.path) {
            return read
                .map_err(|why| self.say(&format!("error: {}: {why}", shown(self.path))))
                .ok();
        }
        let read = self.spec();
        let spec = match read {
            Ok(spec) => spec,
            Err(fault) => {
                fault.tell(self.screen);
                return None;
            }
        };
        let (compiled, read) = spec.compiled();
        self.read = read;
        let mut findings = Findings::default();
        findings.add(compiled.report.clone(), &compiled);
        findings.tell(Format::Human, self.screen);
        let gateway = compiled.gateway.clone();
        self.spec = Some(compiled);
        gateway
    }

    fn spec(&self) -> Result<Spec, Fault> {
        let over = &self.args.over;
        if self.path.as_os_str() != "-" {
            return Spec::read(Some(self.path), over)?.asks_for(over);
        }
        let mut inputs = vec![input::read(self.path)?];
        if targets::proxy::read(&String::from_utf8_lossy(&inputs[0].bytes)).is_some() {
            return Err(Fault::new("standard input holds a rendered file, not a spec")
                .help("name the file, such as `wsgen proxy deploy/proxy.json`: a reload reads it again"));
        }
        for path in &over.file {
            inputs.push(input::read_over(path)?);
        }
        Spec::of(inputs, Path::new(""), over)?.asks_for(over)
    }

    /// What this machine lacks is made up for.
    fn localize(&mut self, gateway: &mut Gateway) -> Option<()> {
        let Some(local) = &mut self.local else {
            return Some(());
        };
        match local.apply(gateway, &self.overrides) {
            Ok(account) => {
                let told = self.told.as_ref();
                let news = told.is_some_and(|told| account.is_news(told));
                if news && !self.args.quiet {
                    start::changes(&account, self.screen);
                }
                self.told = Some(account);
                Some(())
            }
            Err(faults) => {
                self.tell(faults);
                None
            }
        }
    }

    fn report(&mut self, enter: impl FnOnce(&mut Report)) {
        let mut report = Report::default();
        enter(&mut report);
        if let Some(compiled) = &self.spec {
            let mut findings = Findings::default();
            findings.add(report, compiled);
            findings.tell(Format::Human, self.screen);
        }
    }
}

impl Source for Served<'_> {
    fn load(&mut self) -> Option<Gateway> {
        let mut gateway = self.read()?;
        if let Err((says, help)) = self.overrides.apply(&mut gateway) {
            Fault::new(says).help(help).tell(self.screen);
            return None;
        }
        let as_written = gateway.clone();
        self.localize(&mut gateway)?;
        self.as_written = Some(as_written);
        Some(gateway)
    }

    fn files(&self) -> Vec<PathBuf> {
        let over = &self.args.over;
        let mut files = vec![self.path.to_owned()];
        files.extend(over.file.iter().chain(&over.env_file).cloned());
        files.extend_from_slice(&self.read);
        files
    }

    fn tell(&mut self, faults: Vec<proxy::Fault>) {
        if self.spec.is_none() {
            for fault in faults {
                self.say(&format!("error: {}", fault.text()));
            }
            return;
        }
        self.report(|report| {
            for fault in faults {
                fault.tell(report);
            }
        });
    }

    fn warn(&mut self, fault: proxy::Fault) {
        if self.spec.is_none() {
            self.say(&format!("warning: {}", fault.text()));
        } else {
            self.report(|report| fault.warn(report));
        }
    }

    fn say(&mut self, line: &str) {
        // Who closed the stream wants to know nothing.
        let _ = writeln!(io::stderr(), "{line}");
    }

    fn started(&mut self, gateway: &Gateway) {
        self.addresses = start::addresses(gateway, self.told.as_ref());
        if !self.args.quiet {
            let as_written = self.as_written.as_ref().unwrap_or(gateway);
            start::account(
                gateway,
                as_written,
                self.told.as_ref(),
                self.path,
                self.screen,
            );
        }
    }

    fn reloaded(&mut self, gateway: &Gateway) {
        let addresses = start::addresses(gateway, self.told.as_ref());
        if addresses != self.addresses && !self.args.quiet {
            start::moved(&addresses, self.screen);
        }
        self.addresses = addresses;
    }

    fn is_local(&self) -> bool {
        self.local.is_some()
    }
}

/// A listener has one port, and a server is named once: the second would be lost, or take twice its share.
fn twice(args: &ProxyArgs) -> Result<(), Fault> {
    let repeated = |at: usize| {
        args.port[..at]
            .iter()
            .any(|it| it.name == args.port[at].name)
    };
    if let Some(at) = (0..args.port.len()).find(|at| repeated(*at)) {
        let name = &args.port[at].name;
        return Err(Fault::new(format!("`--port {name}=…` is given twice"))
            .help("a listener has one port: write it once"));
    }
    let same = |at: &usize| {
        let it = &args.upstream[*at];
        let mut before = args.upstream[..*at].iter();
        before.any(|other| other.name == it.name && other.value == it.value)
    };
    if let Some(at) = (0..args.upstream.len()).find(same) {
        let name = &args.upstream[at].name;
        return Err(
            Fault::new(format!("`--upstream {name}=…` names a server twice"))
                .help("write each server once; several of one upstream are named one by one"),
        );
    }
    Ok(())
}

/// A rendered file is whole: nothing is put over it, and nothing that was asked for goes unheard.
fn nothing_over(over: &Overlays) -> Result<(), Fault> {
    let given = [
        ("-f", over.file.is_empty()),
        ("--set", over.set.is_empty()),
        ("--env-file", over.env_file.is_empty()),
    ];
    match given.iter().find(|(_, absent)| !absent) {
        None => Ok(()),
        Some((option, _)) => Err(Fault::new(format!(
            "`{option}` changes a spec, and this is the file that was rendered from one"
        ))
        .help("render it anew with that option, or name the spec")),
    }
}

/// The gateway of a file that `render --target proxy` wrote; `None` where the file is another one, or cannot be read.
fn rendered(path: &Path) -> Option<Result<Gateway, String>> {
    let text = std::fs::read_to_string(path).ok()?;
    targets::proxy::read(&text)
}
