//! How data leaves: standard output in one piece, files whole or not at all.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use super::fault::{Fault, shown, words};

/// How the names of files begin that are being written.
const TEMPORARY: &str = ".wsgen-tmp-";

/// Writes to standard output.
pub(super) fn print(text: &str) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|why| Fault::stdout(&why))
}

/// Writes to standard output; on a terminal through `PAGER`, or `less` where that is not set, so that the beginning is seen first.
pub(super) fn page(text: &str, pager: bool) -> Result<(), Fault> {
    if !pager || text.is_empty() || !io::stdout().is_terminal() {
        return print(text);
    }
    let command = std::env::var("PAGER").unwrap_or_else(|_| "less".to_owned());
    let mut words = command.split_whitespace();
    let Some(program) = words.next() else {
        return print(text);
    };
    let mut pager = Command::new(program);
    pager.args(words).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        // Colours as they are, gone where it fits on the screen, and left on it.
        pager.env("LESS", "FRX");
    }
    let Ok(mut running) = pager.spawn() else {
        return print(text);
    };
    if let Some(mut input) = running.stdin.take() {
        // Who leaves the pager early has seen enough.
        let _ = input.write_all(text.as_bytes());
    }
    let _ = running.wait();
    Ok(())
}

/// Writes files below a folder, all of them or none: each first as a temporary file beside its place, synced, and renamed only
/// when every one is there. On an error what stood there stays, and no temporary file does. A file that already has this text is
/// left alone. Returns the paths that were written.
///
/// A process that is killed while it writes may leave temporary files; the next run removes them.
pub(super) fn write(folder: &Path, files: &[(PathBuf, &str)]) -> Result<Vec<PathBuf>, Fault> {
    check_folder(folder)?;
    let mut pending = Pending::default();
    for (path, text) in files {
        let path = folder.join(inside(path)?);
        if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
            continue;
        }
        pending.add(&path, text)?;
    }
    pending.finish()
}

/// Writes one new file; never over one that is there.
pub(super) fn create(path: &Path, text: &str) -> Result<(), Fault> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(Fault::new(format!("`{}` is already there", shown(path)))
            .note("it stays as it is")
            .help("name another file, or take this one away"));
    }
    let mut pending = Pending::default();
    pending.add(path, text)?;
    pending.finish().map(|_| ())
}

/// Puts a text in place of a file, whole or not at all.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), Fault> {
    let mut pending = Pending::default();
    pending.add(path, text)?;
    pending.finish().map(|_| ())
}

/// Whether the folder is one, or can become one.
pub(super) fn check_folder(folder: &Path) -> Result<(), Fault> {
    let mut here = Some(folder);
    while let Some(path) = here {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        if path.symlink_metadata().is_ok() {
            return Err(
                Fault::new(format!("`{}` is a file, not a folder", shown(path)))
                    .help("name a folder: every file of a target goes below it"),
            );
        }
        here = path.parent();
    }
    Ok(())
}

/// A target's path below the folder; it never leads out of it.
fn inside(path: &Path) -> Result<&Path, Fault> {
    if path
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
    {
        Ok(path)
    } else {
        Err(Fault::new(format!(
            "`{}` leads out of the folder",
            shown(path)
        )))
    }
}

/// Files that are written but not in their places; what is left of them is removed on drop.
#[derive(Default)]
struct Pending {
    files: Vec<(PathBuf, PathBuf)>,
}

impl Pending {
    fn add(&mut self, path: &Path, text: &str) -> Result<(), Fault> {
        // A link stays a link: its file is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if path.is_dir() {
            return Err(Fault::new(format!(
                "`{}` is a folder; a file belongs there",
                shown(&path)
            )));
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        fs::create_dir_all(&folder).map_err(|why| refused(&folder, &why))?;
        if self
            .files
            .iter()
            .all(|(temporary, _)| temporary.parent() != Some(&folder))
        {
            sweep(&folder);
        }
        let temporary = folder.join(format!(
            "{TEMPORARY}{}-{}",
            std::process::id(),
            self.files.len()
        ));
        let written = File::create_new(&temporary).and_then(|mut file| {
            self.files.push((temporary.clone(), path.clone()));
            if let Ok(old) = fs::metadata(&path) {
                file.set_permissions(old.permissions())?;
            }
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|why| refused(&path, &why))
    }

    fn finish(mut self) -> Result<Vec<PathBuf>, Fault> {
        let mut done = Vec::with_capacity(self.files.len());
        while let Some((temporary, path)) = self.files.first() {
            fs::rename(temporary, path).map_err(|why| refused(path, &why))?;
            done.push(self.files.remove(0).1);
        }
        Ok(done)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        for (temporary, _) in &self.files {
            let _ = fs::remove_file(temporary);
        }
    }
}

fn refused(path: &Path, why: &io::Error) -> Fault {
    Fault::new(format!(
        "`{}` cannot be written: {}",
        shown(path),
        words(why)
    ))
    .note("what stood there stays")
}

/// Removes what a killed process left behind.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(process) = name
            .to_str()
            .and_then(|name| name.strip_prefix(TEMPORARY)?.split('-').next())
        else {
            continue;
        };
        if !runs(process) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether the process still runs; where the system does not tell, it may.
fn runs(process: &str) -> bool {
    let processes = Path::new("/proc");
    !processes.join("self").exists() || processes.join(process).exists()
}
