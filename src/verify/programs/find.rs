//! Where the programs are on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{ALL, Found, PATIENCE, Program, by_id};
use crate::names;
use crate::verify::command;

/// Where programs are that are on no user's `PATH`.
const ELSEWHERE: [&str; 5] = [
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/opt/local/sbin",
];

/// The target's program on this machine: the first on `PATH`, then in the folders for administrators' programs.
pub fn find(target: &str) -> Option<Found> {
    let program = by_id(target)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = program.own().into_iter();
    let named = std::env::split_paths(&path)
        .chain(ELSEWHERE.map(PathBuf::from))
        .flat_map(|folder| {
            program
                .executables()
                .iter()
                .map(move |name| folder.join(name))
        });
    own.chain(named)
        .filter(|path| path.is_file())
        .find_map(|path| ask(program, &path).ok())
}

/// The target's program at a path that a user gives.
///
/// # Errors
/// A sentence: no such target, no such file, or a file that is not this program.
pub fn at(target: &str, path: &Path) -> Result<Found, String> {
    let Some(program) = by_id(target) else {
        let known = ALL.iter().map(|program| program.target());
        let close = names::closest(target, known.clone());
        let meant = close.map_or_else(String::new, |name| format!(" Did you mean `{name}`?"));
        let known: Vec<&str> = known.collect();
        return Err(format!(
            "no program is known for `{target}`, only for {}.{meant}",
            known.join(", ")
        ));
    };
    let shown = path.display();
    let usual = program.executables().first().copied().unwrap_or_default();
    if path.is_dir() {
        return Err(format!(
            "{shown} is a folder: name the executable in it, such as {}",
            path.join(usual).display()
        ));
    }
    if !path.exists() {
        return Err(format!(
            "there is no {shown}: give the path of the executable, such as {target}=/usr/sbin/{usual}"
        ));
    }
    ask(program, path)
}

/// The program at the path, if it says that it is the one.
fn ask(program: &'static dyn Program, path: &Path) -> Result<Found, String> {
    let shown = path.display();
    // A program is started in a folder of its own, where a relative path would lead elsewhere.
    let absolute = std::path::absolute(path).map_err(|why| format!("{shown}: {why}"))?;
    let argument = program.ask_version();
    let mut command = Command::new(&absolute);
    let (_, said) = command::run(command.arg(argument), PATIENCE)
        .map_err(|why| format!("`{shown} {argument}` cannot be run: {why}"))?;
    match program.version(&said) {
        Some(version) => Ok(Found {
            program,
            path: absolute,
            version,
            said,
        }),
        None => {
            let first = said.lines().next().unwrap_or_default().trim();
            let title = program.title();
            Err(format!(
                "{shown} is not {title}: asked with `{argument}` for its version, it says `{first}`"
            ))
        }
    }
}
