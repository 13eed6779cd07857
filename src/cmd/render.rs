//! `wsgen render`: the files of targets, on standard output or below a folder, or compared with what stands there.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use wsgen::compile::{self, Options};
use wsgen::diag::Level;
use wsgen::emit::OutFile;
use wsgen::ir::Version;
use wsgen::rules;
use wsgen::targets::{self, Target};

use super::args::{Format, RenderArgs};
use super::fault::{Fault, shown, words};
use super::findings::Findings;
use super::input::{Spec, unknown_target};
use super::screen::Screen;
use super::{Status, output, unified};

pub(super) fn run(args: &RenderArgs, screen: &Screen) -> Result<Status, Fault> {
    let chosen = Chosen::read(&args.target)?;
    let out = args.out.as_deref().filter(|out| out.as_os_str() != "-");
    match out {
        Some(out) => output::check_folder(out)?,
        None if args.check => {
            return Err(
                Fault::new("`--check` compares files, and `--out -` names none")
                    .help("name the folder: `--out DIR`"),
            );
        }
        None if chosen.targets.len() > 1 => {
            return Err(Fault::new("several targets do not fit on standard output")
                .help("write `--out DIR`, or name one target"));
        }
        None => {}
    }
    let mut over = args.spec.over.clone();
    over.set.extend(chosen.versions);
    let mut spec = Spec::read(args.spec.spec.as_deref(), &over)?.asks_for(&over)?;
    let options = Options {
        layout: args.layout.layout(),
        annotate: args.annotate,
        deny_loss: args.deny_loss,
    };
    let sets = match render(&mut spec, &chosen.targets, options, args.format, screen) {
        Ok(sets) => sets,
        Err(status) => return Ok(status),
    };
    match out {
        None => print(&sets),
        Some(out) if args.check => check(out, &placed(&sets, chosen.apart), screen),
        Some(out) => {
            let files = placed(&sets, chosen.apart);
            let written = output::write(out, &files)?;
            let mut text = String::new();
            for path in &written {
                text.push_str(&format!("wrote {}\n", shown(path)));
            }
            match files.len() - written.len() {
                0 => {}
                1 => text.push_str("1 file is unchanged\n"),
                many => text.push_str(&format!("{many} files are unchanged\n")),
            }
            // The files are there; whether somebody reads this does not matter.
            let _ = io::stderr().write_all(text.as_bytes());
            Ok(Status::Clean)
        }
    }
}

/// The targets that a call names.
pub(super) struct Chosen {
    /// In the order in which they were named, each once.
    pub(super) targets: Vec<&'static dyn Target>,
    /// Their versions, as `--set` takes them.
    pub(super) versions: Vec<String>,
    /// Each has a folder of its own below `--out`.
    pub(super) apart: bool,
}

impl Chosen {
    /// Reads `nginx@1.22`, `haproxy`, `all`: every program, and no platform.
    pub(super) fn read(names: &[String]) -> Result<Self, Fault> {
        let mut chosen = Self {
            targets: Vec::new(),
            versions: Vec::new(),
            apart: false,
        };
        let mut named: Vec<(&str, Option<&str>)> = Vec::new();
        for name in names {
            if name == "all" {
                chosen.apart = true;
                for target in targets::ALL.iter().filter(|it| !it.is_platform()) {
                    chosen.add(*target);
                }
                continue;
            }
            let (id, version) = match name.split_once('@') {
                Some((id, version)) => (id, Some(version)),
                None => (name.as_str(), None),
            };
            let Some(target) = targets::by_id(id) else {
                return Err(missing(id));
            };
            chosen.add(target);
            if let Some(version) = version {
                let (oldest, newest) = target.versions();
                if !target.has_versions() {
                    return Err(Fault::new(format!("{} has no versions", target.title()))
                        .help(format!("write `--target {id}`")));
                }
                let Ok(number) = version.parse::<Version>() else {
                    return Err(Fault::new(format!("`{name}` names no version"))
                        .help(format!("write it such as `{id}@{newest}`")));
                };
                // The oldest is a whole series: 1.22.1 is 1.22.
                if (number.major, number.minor) < (oldest.major, oldest.minor) {
                    let title = target.title();
                    return Err(Fault::new(format!(
                        "{title} {version} is older than what is known"
                    ))
                    .help(format!(
                        "the versions are {oldest} to {newest}: write such as `{id}@{oldest}`"
                    )));
                }
                chosen.versions.push(format!("{id}.version={version}"));
            }
            if let Some((_, before)) = named.iter().find(|(known, _)| *known == id)
                && *before != version
            {
                return Err(
                    Fault::new(format!("`{id}` is named twice, with different versions")).help(
                        "render one version after the other, each with an `--out` of its own",
                    ),
                );
            }
            named.push((id, version));
        }
        if chosen.targets.is_empty() {
            return Err(Fault::new("no target is named").help(format!(
                "write `--target {}`, several with commas, or `--target all`; there are {}",
                built().first().copied().unwrap_or("nginx"),
                built().join(", ")
            )));
        }
        chosen.apart |= chosen.targets.len() > 1;
        Ok(chosen)
    }

    fn add(&mut self, target: &'static dyn Target) {
        if self.targets.iter().all(|known| known.id() != target.id()) {
            self.targets.push(target);
        }
    }
}

fn built() -> Vec<&'static str> {
    targets::ALL.iter().map(|target| target.id()).collect()
}

/// A target that is not there, or not built in.
pub(super) fn missing(id: &str) -> Fault {
    if wsgen::ir::TARGETS.contains(&id) {
        return Fault::new(format!("the target `{id}` is not built in"))
            .note("the language has a room for it, so that a spec may name it")
            .help(format!(
                "the targets that can be rendered are {}",
                built().join(", ")
            ));
    }
    unknown_target(id)
}

/// A target's files.
pub(super) struct Files {
    /// The target.
    pub(super) target: &'static dyn Target,
    /// The files, the main one first.
    pub(super) files: Vec<OutFile>,
}

/// Compiles and renders, and says what was found. With an error on any target there is nothing.
pub(super) fn render(
    spec: &mut Spec,
    targets: &[&'static dyn Target],
    options: Options,
    format: Format,
    screen: &Screen,
) -> Result<Vec<Files>, Status> {
    let compiled = spec.compile();
    let mut findings = Findings::default();
    findings.add(compiled.report.clone(), compiled);
    if compiled.gateway.is_none() {
        findings.tell(format, screen);
        return Err(Status::Wrong);
    }
    findings.add(rules::lint_errors(compiled), compiled);
    let (mut sets, mut status) = (Vec::new(), Status::Clean);
    for target in targets {
        let own = spec.compile_for(compiled, target.id());
        if own.gateway.is_none() {
            findings.add(own.report.clone(), own);
            status = Status::Wrong;
            continue;
        }
        let mut rendered = compile::render(own, *target, options);
        findings.add(std::mem::take(&mut rendered.report), own);
        sets.push(Files {
            target: *target,
            files: rendered.files,
        });
    }
    findings.tell(format, screen);
    if findings.count(Level::Error) > 0 {
        return Err(status.max(Status::Findings));
    }
    Ok(sets)
}

fn print(sets: &[Files]) -> Result<Status, Fault> {
    let Some((main, others)) = sets.first().and_then(|set| set.files.split_first()) else {
        return Ok(Status::Clean);
    };
    output::print(&main.text)?;
    if !others.is_empty() {
        let names: Vec<String> = others
            .iter()
            .map(|file| format!("`{}`", shown(&file.path)))
            .collect();
        let _ = writeln!(
            io::stderr(),
            "note: this is `{}`; only `--out DIR` writes {}",
            shown(&main.path),
            names.join(", ")
        );
    }
    Ok(Status::Clean)
}

/// Where each file goes below the folder, and its text.
pub(super) fn placed(sets: &[Files], apart: bool) -> Vec<(PathBuf, &str)> {
    sets.iter()
        .flat_map(|set| {
            set.files.iter().map(move |file| {
                let path = if apart {
                    Path::new(set.target.id()).join(&file.path)
                } else {
                    file.path.clone()
                };
                (path, file.text.as_str())
            })
        })
        .collect()
}

fn check(out: &Path, files: &[(PathBuf, &str)], screen: &Screen) -> Result<Status, Fault> {
    let mut text = String::new();
    for (path, new) in files {
        let path = out.join(path);
        let old = on_disk(&path)?;
        text.push_str(&unified::diff(
            &shown(&path),
            old.as_deref(),
            Some(*new),
            screen.colors_stdout(),
        ));
    }
    output::print(&text)?;
    Ok(if text.is_empty() {
        Status::Clean
    } else {
        Status::Findings
    })
}

/// The file as text; `None` if there is none.
pub(super) fn on_disk(path: &Path) -> Result<Option<String>, Fault> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(Fault::new(format!(
            "`{}` cannot be read: {}",
            shown(path),
            words(&why)
        ))),
    }
}
