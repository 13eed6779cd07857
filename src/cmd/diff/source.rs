//! Where a side of a comparison comes from: a file, or a commit of git.

use std::path::{Path, PathBuf};
use std::process::Command;

use wsgen::compile::Input;

use crate::cmd::args::Overlays;
use crate::cmd::fault::{Fault, shown, words};
use crate::cmd::input::{self, Spec};

/// A spec by file, or by commit; `other` is the file that a commit without a path means.
pub(super) fn read(name: &str, other: Option<&str>, over: &Overlays) -> Result<Spec, Fault> {
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
        inputs.push(input::read_over(file)?);
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
