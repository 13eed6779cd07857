//! `wsgen diff`: what would be rendered against files, or against another spec: the meaning first, then the text.

mod human;
mod markdown;
mod source;
mod written;

use std::path::Path;

use serde::Serialize;
use wsgen::compile::{self, Compiled, Options};
use wsgen::diag::Level;
use wsgen::ir::Gateway;
use wsgen::meaning::{self, LossChange};
use wsgen::targets::{Changed, Rollout, Target, rollout};

use super::args::{DiffArgs, DiffFormat, Format};
use super::fault::{Fault, shown};
use super::findings::Findings;
use super::input::Spec;
use super::render::{self, Chosen};
use super::screen::Screen;
use super::{Status, output};

/// What differs.
#[derive(Serialize)]
struct Comparison {
    /// Changes of meaning; none where files are compared with a spec.
    changes: Vec<meaning::Change>,
    /// Ports that nobody listens on any more.
    ports_closed: Vec<String>,
    /// Ports that are new.
    ports_opened: Vec<String>,
    /// Each target that was asked for.
    targets: Vec<TargetDiff>,
}

impl Comparison {
    fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.targets.iter().all(TargetDiff::is_empty)
    }

    /// How many targets change, and how many of them lose something new, as a sentence; empty where none changes.
    fn headline(&self) -> String {
        let count =
            |test: fn(&TargetDiff) -> bool| self.targets.iter().filter(|it| test(it)).count();
        let changed = count(|it| !it.is_empty());
        let lose = count(TargetDiff::loses);
        let gain = count(TargetDiff::gains);
        let targets = |number: usize| if number == 1 { "target" } else { "targets" };
        let verb = |number: usize, one: &'static str, many: &'static str| {
            if number == 1 { one } else { many }
        };
        if changed == 0 {
            return match self.changes.is_empty() {
                true => String::new(),
                false => "no file changes".to_owned(),
            };
        }
        let mut text = format!(
            "{changed} {} {}",
            targets(changed),
            verb(changed, "changes", "change")
        );
        if lose > 0 {
            text.push_str(&format!(
                ", {lose} {} something",
                verb(lose, "loses", "lose")
            ));
        }
        if gain > 0 {
            text.push_str(&format!(
                ", {gain} {} something back",
                verb(gain, "gets", "get")
            ));
        }
        text
    }
}

/// What differs on one target.
#[derive(Serialize)]
struct TargetDiff {
    /// The target's id.
    target: &'static str,
    /// The name that people use.
    title: &'static str,
    /// The files that differ.
    files: Vec<FileDiff>,
    /// Losses that are new or gone.
    losses: Vec<LossChange>,
    /// Errors for which nothing was rendered before.
    refused_before: Vec<String>,
    /// Errors for which nothing is rendered now.
    refused: Vec<String>,
    /// What it does to open connections; `None` where nothing differs or nothing was in force.
    rollout: Option<Rollout>,
}

impl TargetDiff {
    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.losses.is_empty() && self.refused == self.refused_before
    }

    /// Whether something that somebody wrote is lost that was not before.
    fn loses(&self) -> bool {
        let new = |change: &LossChange| matches!(change, LossChange::New(loss) if loss.written && loss.accepted.is_none());
        self.losses.iter().any(new) || self.refused_before.is_empty() && !self.refused.is_empty()
    }

    /// Whether something that somebody wrote was lost, is lost no more, and nothing is lost in its place.
    fn gains(&self) -> bool {
        let gone = |change: &LossChange| matches!(change, LossChange::Gone(loss) if loss.written && loss.accepted.is_none());
        !self.loses() && self.losses.iter().any(gone)
    }
}

/// A file that differs.
#[derive(Serialize)]
struct FileDiff {
    /// Its name as it is shown.
    name: String,
    /// Its text before; `None` where it was not there.
    old: Option<String>,
    /// Its text now; `None` where it is there no more.
    new: Option<String>,
}

pub(super) fn run(args: &DiffArgs, screen: &Screen) -> Result<Status, Fault> {
    let chosen = Chosen::read(&args.target)?;
    let compared = match (&args.new, &args.out) {
        (Some(new), _) => specs(args, new, &chosen, screen)?,
        (None, Some(out)) => files(args, out, &chosen, screen)?,
        (None, None) => {
            return Err(Fault::new("there is nothing to compare with")
                .help("name another spec, or `--out DIR`"));
        }
    };
    let Some(compared) = compared else {
        return Ok(Status::Wrong);
    };
    match args.format {
        DiffFormat::Human => {
            let text = human::write(&compared, screen.colors_stdout());
            output::page(&text, !args.no_pager)?;
        }
        DiffFormat::Markdown => output::print(&markdown::write(&compared))?,
        DiffFormat::Json => {
            let text = serde_json::to_string_pretty(&compared)
                .map_err(|why| Fault::new(format!("the comparison cannot be written: {why}")))?;
            output::print(&(text + "\n"))?;
        }
    }
    Ok(if compared.is_empty() {
        Status::Clean
    } else {
        Status::Findings
    })
}

fn options(args: &DiffArgs) -> Options {
    Options {
        layout: args.layout.layout(),
        ..Options::default()
    }
}

/// The files below a folder against what would be rendered. `None` where the spec is at fault, which is said.
fn files(
    args: &DiffArgs,
    out: &Path,
    chosen: &Chosen,
    screen: &Screen,
) -> Result<Option<Comparison>, Fault> {
    let mut over = args.over.clone();
    over.set.extend(chosen.versions.clone());
    let mut spec = source::read(&args.old, None, &over)?;
    let rendered = render::render(
        &mut spec,
        &chosen.targets,
        options(args),
        Format::Human,
        screen,
    );
    let Ok(sets) = rendered else {
        return Ok(None);
    };
    let mut targets = Vec::new();
    for (target, set) in chosen.targets.iter().zip(&sets) {
        let mut differ = Vec::new();
        for (path, new) in render::placed(std::slice::from_ref(set), chosen.apart) {
            let path = out.join(path);
            let old = render::on_disk(&path)?;
            if old.as_deref() != Some(new) {
                differ.push(FileDiff {
                    name: shown(&path),
                    old,
                    new: Some(new.to_owned()),
                });
            }
        }
        targets.push(TargetDiff {
            target: target.id(),
            title: target.title(),
            files: differ,
            losses: Vec::new(),
            refused_before: Vec::new(),
            refused: Vec::new(),
            rollout: None,
        });
    }
    Ok(Some(Comparison {
        changes: Vec::new(),
        ports_closed: Vec::new(),
        ports_opened: Vec::new(),
        targets,
    }))
}

/// Two specs. `None` where one is at fault, which is said.
fn specs(
    args: &DiffArgs,
    new: &str,
    chosen: &Chosen,
    screen: &Screen,
) -> Result<Option<Comparison>, Fault> {
    let mut over = args.over.clone();
    over.set.extend(chosen.versions.clone());
    let mut old = source::read(&args.old, Some(new), &over)?;
    let mut new = source::read(new, Some(&args.old), &over)?;
    let (before, after) = (gateway(&mut old, screen), gateway(&mut new, screen));
    let (Some(before), Some(after)) = (before, after) else {
        return Ok(None);
    };
    let mut targets = Vec::new();
    for target in &chosen.targets {
        let sides = (
            side(&mut old, before.0, *target, options(args), screen),
            side(&mut new, after.0, *target, options(args), screen),
        );
        let (Some(old), Some(new)) = sides else {
            return Ok(None);
        };
        targets.push(target_diff(*target, &old, new));
    }
    let mut changes = meaning::between(before.1, after.1);
    written::as_written(&mut changes, &before.0.tree, &after.0.tree);
    let (ports_closed, ports_opened) = rollout::ports(before.1, after.1);
    Ok(Some(Comparison {
        changes,
        ports_closed,
        ports_opened,
        targets,
    }))
}

/// A spec's gateway. `None` where the spec is at fault, which is said.
fn gateway(spec: &mut Spec, screen: &Screen) -> Option<(&'static Compiled, &'static Gateway)> {
    let compiled = spec.compile();
    match &compiled.gateway {
        Some(gateway) => Some((compiled, gateway)),
        None => {
            let mut findings = Findings::default();
            findings.add(compiled.report.clone(), compiled);
            findings.tell(Format::Human, screen);
            None
        }
    }
}

/// What one spec comes to on one target.
struct Side {
    gateway: &'static Gateway,
    files: Vec<(String, String)>,
    losses: Vec<meaning::Loss>,
    refused: Vec<String>,
}

/// `None` where what the spec sets for the target is at fault, which is said.
fn side(
    spec: &mut Spec,
    compiled: &'static Compiled,
    target: &'static dyn Target,
    options: Options,
    screen: &Screen,
) -> Option<Side> {
    let own = spec.compile_for(compiled, target.id());
    let Some(gateway) = &own.gateway else {
        let mut findings = Findings::default();
        findings.add(own.report.clone(), own);
        findings.tell(Format::Human, screen);
        return None;
    };
    let rendered = compile::render(own, target, options);
    let errors = rendered
        .report
        .diags
        .iter()
        .filter(|diag| diag.level == Level::Error);
    Some(Side {
        gateway,
        refused: errors
            .map(|diag| format!("{}: {}", diag.code, diag.title))
            .collect(),
        files: rendered
            .files
            .into_iter()
            .map(|file| (format!("{}/{}", target.id(), shown(&file.path)), file.text))
            .collect(),
        losses: meaning::losses(target, gateway, options.layout),
    })
}

fn target_diff(target: &'static dyn Target, old: &Side, new: Side) -> TargetDiff {
    let mut files: Vec<FileDiff> = Vec::new();
    // What is not rendered takes no file away.
    let old_files: &[(String, String)] = match new.refused.is_empty() {
        true => &old.files,
        false => &[],
    };
    for (name, text) in old_files {
        let now = new
            .files
            .iter()
            .find(|(it, _)| it == name)
            .map(|(_, text)| text);
        if now != Some(text) {
            files.push(FileDiff {
                name: name.clone(),
                old: Some(text.clone()),
                new: now.cloned(),
            });
        }
    }
    for (name, text) in &new.files {
        if !old.files.iter().any(|(it, _)| it == name) {
            files.push(FileDiff {
                name: name.clone(),
                old: None,
                new: Some(text.clone()),
            });
        }
    }
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    let rollout =
        (!names.is_empty() && !old.files.is_empty() && !new.files.is_empty()).then(|| {
            target.rollout(&Changed {
                old: old.gateway,
                new: new.gateway,
                files: &names,
            })
        });
    TargetDiff {
        target: target.id(),
        title: target.title(),
        losses: meaning::losses_between(&old.losses, &new.losses),
        refused_before: old.refused.clone(),
        refused: new.refused,
        rollout,
        files,
    }
}
