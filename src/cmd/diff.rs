//! `wsgen diff`: what would be rendered against files, or against another spec.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use wsgen::compile::{self, Compiled, Input, Options};
use wsgen::diag::Report;
use wsgen::targets::Target;

use super::args::{DiffArgs, DiffFormat, Format, Overlays};
use super::fault::{Fault, shown, words};
use super::findings::Findings;
use super::input::{self, Spec};
use super::render::{self, Chosen};
use super::screen::Screen;
use super::{Status, output, unified};

/// Names and texts; a name that a side lacks has no text there.
type Sides = BTreeMap<String, (Option<String>, Option<String>)>;

pub(super) fn run(args: &DiffArgs, screen: &Screen) -> Result<Status, Fault> {
    let chosen = Chosen::read(&args.target)?;
    let mut over = args.over.clone();
    over.set.extend(chosen.versions.clone());
    let options = Options {
        layout: args.layout.layout(),
        ..Options::default()
    };
    let sides = match (&args.new, &args.out) {
        (None, Some(out)) => {
            let mut spec = read(&args.old, None, &over)?;
            let Ok(sets) =
                render::render(&mut spec, &chosen.targets, options, Format::Human, screen)
            else {
                return Ok(Status::Wrong);
            };
            let mut sides = Sides::new();
            for (path, new) in render::placed(&sets, chosen.apart) {
                let path = out.join(path);
                sides.insert(
                    shown(&path),
                    (render::on_disk(&path)?, Some(new.to_owned())),
                );
            }
            sides
        }
        (Some(new), _) => {
            let mut old = read(&args.old, Some(new), &over)?;
            let mut new = read(new, Some(&args.old), &over)?;
            let (Some(old), Some(new)) = (
                side(&mut old, &chosen.targets, options, screen),
                side(&mut new, &chosen.targets, options, screen),
            ) else {
                return Ok(Status::Wrong);
            };
            let mut sides = Sides::new();
            for (name, text) in old {
                sides.entry(name).or_default().0 = Some(text);
            }
            for (name, text) in new {
                sides.entry(name).or_default().1 = Some(text);
            }
            sides
        }
        (None, None) => {
            return Err(Fault::new("there is nothing to compare with")
                .help("name another spec, or `--out DIR`"));
        }
    };
    let color = args.format == DiffFormat::Human && screen.colors_stdout();
    let mut text = String::new();
    let mut different = false;
    for (name, (old, new)) in &sides {
        let diff = unified::diff(name, old.as_deref(), new.as_deref(), color);
        different |= !diff.is_empty();
        match args.format {
            DiffFormat::Human => text.push_str(&diff),
            DiffFormat::Markdown if diff.is_empty() => {}
            DiffFormat::Markdown => {
                // A fence is longer than any run of backquotes inside it.
                let longest = diff.split(|c| c != '`').map(str::len).max().unwrap_or(0);
                let fence = "`".repeat(longest.max(2) + 1);
                let _ = write!(text, "### {name}\n\n{fence}diff\n{diff}{fence}\n\n");
            }
        }
    }
    if !different && args.format == DiffFormat::Markdown {
        text.push_str("What is rendered stays the same.\n");
    }
    output::print(&text)?;
    Ok(if different {
        Status::Findings
    } else {
        Status::Clean
    })
}

/// A spec by file, or by commit; `other` is the file that a commit without a path means.
fn read(name: &str, other: Option<&String>, over: &Overlays) -> Result<Spec, Fault> {
    let Some(commit) = name.strip_prefix("git:") else {
        return Spec::read(Some(Path::new(name)), over);
    };
    let (revision, path) = match (commit.split_once(':'), other) {
        (Some((revision, path)), _) => (revision, PathBuf::from(path)),
        (None, Some(other)) if !other.starts_with("git:") => (commit, PathBuf::from(other)),
        _ => {
            return Err(Fault::new(format!("`{name}` names no file"))
                .help(format!("write `{name}:spec.yaml`")));
        }
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let file = path
        .file_name()
        .map(|file| file.to_string_lossy().into_owned())
        .unwrap_or_default();
    if revision.starts_with('-') {
        return Err(Fault::new(format!("`{revision}` is no commit")));
    }
    if file.is_empty() {
        return Err(
            Fault::new(format!("`{name}` names no file")).help(format!("write `{name}spec.yaml`"))
        );
    }
    let shown_path = shown(&path);
    let (done, bytes, said) = git(
        folder,
        &["show", "--no-textconv", &format!("{revision}:./{file}")],
    )?;
    if !done {
        return Err(no_such(revision, &shown_path, folder, &file, &said)?);
    }
    let mut inputs = vec![Input {
        name: format!("{revision}:{shown_path}"),
        bytes,
    }];
    for file in &over.file {
        inputs.push(input::read(file)?);
    }
    Spec::of(inputs, folder, over)
}

/// Runs git in a folder: whether it went well, what it wrote, and the first line of what it complained about.
fn git(folder: &Path, args: &[&str]) -> Result<(bool, Vec<u8>, String), Fault> {
    let done = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(args)
        .output()
        .map_err(|why| {
            Fault::new(format!("`git` cannot be run: {}", words(&why)))
                .help("install git, or name a file")
        })?;
    let said = String::from_utf8_lossy(&done.stderr);
    let said = said.lines().next().unwrap_or_default();
    let said = said.trim_start_matches("fatal: ").to_owned();
    Ok((done.status.success(), done.stdout, said))
}

/// Why git could not show a file, `said` is its own word: no repository, no commit, no such commit, or no such file in it.
fn no_such(
    revision: &str,
    path: &str,
    folder: &Path,
    file: &str,
    said: &str,
) -> Result<Fault, Fault> {
    let known = |revision: &str| {
        let commit = format!("{revision}^{{commit}}");
        git(folder, &["rev-parse", "--verify", "--quiet", &commit]).map(|(known, ..)| known)
    };
    if !git(folder, &["rev-parse", "--git-dir"])?.0 {
        return Ok(
            Fault::new(format!("`{path}` is in no git repository that can be read"))
                .note(said)
                .help("name the old spec's file in place of a commit"),
        );
    }
    if !revision.is_empty() && !known(revision)? {
        return Ok(if known("HEAD")? {
            Fault::new(format!("git knows no commit `{revision}`"))
                .help("`git log --oneline --all` lists commits, `git branch --all` branches")
        } else {
            Fault::new("the git repository has no commit yet")
                .help("commit the spec first, or name the old spec's file")
        });
    }
    let renames = [
        "diff",
        "--relative",
        "-M",
        "--diff-filter=R",
        "--name-status",
        revision,
    ];
    let (_, renames, _) = git(folder, &renames)?;
    let renames = String::from_utf8_lossy(&renames);
    let old = renames.lines().find_map(|line| {
        let mut words = line.split('\t').skip(1);
        let old = words.next()?;
        (words.next() == Some(file)).then_some(old)
    });
    let fault = Fault::new(format!("git has no `{path}` at `{revision}`"));
    Ok(match old {
        Some(old) => {
            let old = folder.strip_prefix(".").unwrap_or(folder).join(old);
            fault.help(format!(
                "it was `{0}` there: write `git:{revision}:{0}`",
                shown(&old)
            ))
        }
        None => fault.help(format!(
            "if it had another name there, write `git:{revision}:OLD-NAME`"
        )),
    })
}

/// What one spec renders to: its files, and what each target loses. `None` if the spec itself is wrong, which is said.
fn side(
    spec: &mut Spec,
    targets: &[&'static dyn Target],
    options: Options,
    screen: &Screen,
) -> Option<Vec<(String, String)>> {
    let compiled = spec.compile();
    let mut findings = Findings::default();
    if compiled.gateway.is_none() {
        findings.add(compiled.report.clone(), compiled);
        findings.tell(Format::Human, screen);
        return None;
    }
    let mut texts = Vec::new();
    for target in targets {
        let own = spec.compile_for(compiled, target.id());
        if own.gateway.is_none() {
            findings.add(own.report.clone(), own);
            continue;
        }
        let rendered = compile::render(own, *target, options);
        for file in rendered.files {
            texts.push((format!("{}/{}", target.id(), shown(&file.path)), file.text));
        }
        texts.push((
            format!("{}: losses", target.id()),
            losses(&rendered.report, own),
        ));
    }
    let wrong = findings.count(wsgen::diag::Level::Error) > 0;
    findings.tell(Format::Human, screen);
    (!wrong).then_some(texts)
}

/// A line for each loss; without line numbers, which move.
fn losses(report: &Report, of: &Compiled) -> String {
    let mut text = String::new();
    for diag in &report.diags {
        for (index, label) in diag.labels.iter().enumerate() {
            let place = match label.place {
                wsgen::diag::Place::Value(at) | wsgen::diag::Place::Key(at) => of.tree.path(at),
                wsgen::diag::Place::Span(_) => String::new(),
            };
            let _ = writeln!(text, "{} {} {place}", diag.level.word(), diag.code);
            if index + 1 == diag.labels.len() {
                for note in &diag.notes {
                    let _ = writeln!(text, "  {note}");
                }
            }
        }
    }
    text
}
