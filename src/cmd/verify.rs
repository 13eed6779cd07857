//! `wsgen verify`: what the contract promises, seen on the real programs.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use wsgen::compile::Compiled;
use wsgen::diag::Report;
use wsgen::import::nginx::Original;
use wsgen::names;
use wsgen::spec::tree::Tree;
use wsgen::targets::{self, Target};
use wsgen::verify::evidence;
use wsgen::verify::programs::{self, Found};
use wsgen::verify::run::{self, Column, Failure, Wish};

use super::args::{Format, VerifyArgs, VerifyFormat};
use super::fault::Fault;
use super::findings::Findings;
use super::import::Disk;
use super::input::Spec;
use super::render::Chosen;
use super::screen::Screen;
use super::{Status, output};

/// Programs that are asked at once: each has several labs open.
const AT_ONCE: usize = 2;

pub(super) fn run(args: &VerifyArgs, screen: &Screen) -> Result<Status, Fault> {
    let limit: wsgen::ir::Dur = args
        .limit
        .parse()
        .map_err(|why: String| Fault::new(why).help("write `--limit 2m`"))?;
    let mut spec =
        Spec::read(args.spec.spec.as_deref(), &args.spec.over)?.asks_for(&args.spec.over)?;
    let compiled = spec.compile();
    tell(&compiled.report, compiled, screen);
    let Some(gateway) = &compiled.gateway else {
        return Ok(Status::Wrong);
    };
    known_words(gateway, &args.only)?;
    if args.list {
        let probes = run::chosen(gateway, &args.only);
        output::print(&evidence::list(compiled, &probes))?;
        return Ok(Status::Clean);
    }
    let original = match &args.original {
        Some(path) => match original(path, screen)? {
            Some(original) => Some(original),
            None => return Ok(Status::Wrong),
        },
        None => None,
    };
    let (found, absent) = programs(args)?;
    for target in absent {
        note(&match programs::by_id(target) {
            Some(_) => {
                format!("no {target} here: install it, or name it with `--program {target}=PATH`")
            }
            None => format!("{target} is a service of others: no program here can be asked"),
        });
    }
    if found.is_empty() {
        let known: Vec<&str> = programs::ALL.iter().map(|it| it.target()).collect();
        return Err(
            Fault::new("no program is here that could be asked").help(format!(
                "install one of {}, or name one: `--program nginx=/opt/nginx/sbin/nginx`",
                known.join(", ")
            )),
        );
    }
    let progress = Progress::new();
    let wish = Wish {
        only: &args.only,
        limit: Duration::from_millis(limit.as_millis()),
        keep: args.keep,
        patch: None,
        original: original.as_ref(),
        progress: &|program, done, count| progress.show(program, done, count),
    };
    let mut columns: Vec<(Column, &Compiled)> = Vec::new();
    for some in found.chunks(AT_ONCE) {
        let owns: Vec<(&Found, &Compiled)> = some
            .iter()
            .map(|one| (one, spec.compile_for(compiled, one.program.target())))
            .collect();
        if let Some((_, own)) = owns.iter().find(|(_, own)| own.gateway.is_none()) {
            tell(&own.report, own, screen);
            return Ok(Status::Wrong);
        }
        let done: Vec<Option<Column>> = std::thread::scope(|scope| {
            let running: Vec<_> = owns
                .iter()
                .map(|(one, own)| scope.spawn(|| run::verify(own, one, wish)))
                .collect();
            running
                .into_iter()
                .map(|it| it.join().unwrap_or(None))
                .collect()
        });
        for ((one, own), column) in owns.into_iter().zip(done) {
            let Some(column) = column else {
                return Err(Fault::new(format!(
                    "{} could not be verified: a fault of wsgen",
                    one.name()
                )));
            };
            columns.push((column, own));
        }
    }
    progress.clear();
    for (column, own) in &columns {
        if let Err(Failure::Losses(report)) = &column.outcome {
            tell(report, own, screen);
        }
    }
    let refused = columns.iter().any(|(column, _)| column.outcome.is_err());
    let broken = columns.iter().any(|(column, _)| column.is_broken());
    let columns: Vec<Column> = columns.into_iter().map(|(column, _)| column).collect();
    output::print(&match args.format {
        VerifyFormat::Human => evidence::human(compiled, &columns, screen.colors_stdout()),
        VerifyFormat::Json => evidence::json(compiled, &columns),
        VerifyFormat::Junit => evidence::junit(compiled, &columns),
        VerifyFormat::Markdown => evidence::markdown(compiled, &columns),
    })?;
    let late: usize = columns.iter().map(Column::late).sum();
    if late > 0 {
        note(&format!(
            "{late} promises were not seen, as the time was up: give a longer `--limit`"
        ));
    }
    if args.keep {
        for column in &columns {
            for folder in &column.folders {
                note(&format!(
                    "{} ran in {}",
                    column.found.name(),
                    folder.display()
                ));
            }
        }
    }
    Ok(match (refused, broken || late > 0) {
        (true, _) => Status::Wrong,
        (false, true) => Status::Findings,
        (false, false) => Status::Clean,
    })
}

/// The configuration that is asked in place of what would be rendered; `None` where it is at fault, which is said.
fn original(path: &Path, screen: &Screen) -> Result<Option<Original>, Fault> {
    let disk = Disk::beside(path);
    match Original::read(super::import::read(path)?, &disk) {
        Ok(original) => Ok(Some(original)),
        Err((sources, report)) => {
            let said = Compiled {
                sources,
                tree: Tree::default(),
                gateway: None,
                report: Report::new(),
            };
            tell(&report, &said, screen);
            Ok(None)
        }
    }
}

/// The programs to ask, and the targets of which none is here.
fn programs(args: &VerifyArgs) -> Result<(Vec<Found>, Vec<&'static str>), Fault> {
    let chosen = Chosen::read(&args.target)?;
    if args.original.is_some() && args.target != ["nginx"] {
        return Err(Fault::new("`--original` is a configuration of NGINX")
            .help("write `--target nginx` too"));
    }
    let wanted = |target: &str| chosen.targets.iter().any(|it| it.id() == target);
    let mut found = Vec::new();
    for named in &args.program {
        let Some((target, path)) = named.split_once('=') else {
            return Err(Fault::new(format!("`{named}` names no program"))
                .help("write `--program nginx=/opt/nginx/sbin/nginx`"));
        };
        if programs::by_id(target).is_none() {
            let known: Vec<&str> = programs::ALL.iter().map(|it| it.target()).collect();
            let fault = Fault::new(format!("`{target}` is no program that is verified here"));
            return Err(match names::closest(target, known.iter().copied()) {
                Some(close) => fault.help(format!("did you mean `{close}`?")),
                None => fault.help(format!("it is one of {}", known.join(", "))),
            });
        }
        if args.targets_are_named() && !wanted(target) {
            return Err(Fault::new(format!(
                "`--program` names {target}, and `--target` leaves it out"
            ))
            .help(format!(
                "write `--target {target}` too, or take one of the two out"
            )));
        }
        found.push(programs::at(target, Path::new(path)).map_err(Fault::new)?);
    }
    // Who names programs means these; with `--target` too, the others are looked for.
    let named = !args.program.is_empty();
    let look = |target: &&'static dyn Target| {
        !found
            .iter()
            .any(|it: &Found| it.program.target() == target.id())
            && if named {
                args.targets_are_named() && wanted(target.id())
            } else {
                wanted(target.id())
            }
    };
    let mut absent = Vec::new();
    let targets: Vec<&'static dyn Target> = targets::ALL.iter().copied().filter(look).collect();
    for target in targets {
        match programs::find(target.id()) {
            Some(one) => found.push(one),
            None => absent.push(target.id()),
        }
    }
    Ok((found, absent))
}

/// A word of `--only` that chooses nothing is a slip.
fn known_words(gateway: &wsgen::ir::Gateway, only: &[String]) -> Result<(), Fault> {
    for word in only {
        if run::chosen(gateway, std::slice::from_ref(word)).is_empty() {
            return Err(Fault::new(format!("`--only {word}` chooses no probe of this spec"))
                .help("`--list` shows every probe: write a feature, a family, or the name of a route, upstream or listener"));
        }
    }
    Ok(())
}

/// Findings go to standard error whatever the format: that is for the evidence alone.
fn tell(report: &Report, compiled: &Compiled, screen: &Screen) {
    let mut findings = Findings::default();
    findings.add(report.clone(), compiled);
    findings.tell(Format::Human, screen);
}

fn note(text: &str) {
    // Nobody is left to be told that standard error is closed.
    let _ = writeln!(io::stderr(), "note: {text}");
}

/// How far it is, on a terminal.
struct Progress {
    shown: bool,
}

impl Progress {
    fn new() -> Self {
        Self {
            shown: io::stderr().is_terminal() && std::env::var_os("CI").is_none(),
        }
    }

    fn show(&self, program: &Found, done: usize, count: usize) {
        if self.shown {
            let _ = write!(
                io::stderr(),
                "\r\x1b[K{}: {done} of {count}",
                program.name()
            );
        }
    }

    fn clear(&self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
