//! `wsgen import`: what people run already as a spec, and what became of each of its directives.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use wsgen::compile::{Compiled, Input};
use wsgen::diag::Report;
use wsgen::import::{self, Folder, Import, MAX_BYTES, MAX_FILES, account};
use wsgen::spec::tree::Tree;

use super::args::{AccountFormat, Format, ImportArgs};
use super::fault::{Fault, shown, words};
use super::findings::Findings;
use super::screen::Screen;
use super::{Status, input, output};

pub(super) fn run(args: &ImportArgs, screen: &Screen) -> Result<Status, Fault> {
    let to_stdout =
        |path: &Option<PathBuf>| path.as_deref().is_none_or(|path| path == Path::new("-"));
    let account_to_stdout = args.report.as_deref() == Some(Path::new("-"));
    if account_to_stdout && to_stdout(&args.out) {
        return Err(
            Fault::new("the spec and the account would both go to standard output")
                .help("name a file for one of them: `--out spec.yaml` or `--report account.txt`"),
        );
    }
    if let (Some(out), Some(report)) = (&args.out, &args.report)
        && out == report
    {
        return Err(
            Fault::new("the spec and the account would both be the same file")
                .help("name another file for the account: `--report account.txt`"),
        );
    }
    for file in [&args.out, &args.report].into_iter().flatten() {
        keeps(file, args)?;
    }
    let disk = Disk::beside(&args.configuration);
    let done = import::import(
        read(&args.configuration)?,
        args.from.map(|from| from.dialect()),
        &disk,
    );
    let Some(spec) = &done.spec else {
        return Ok(refused(done, screen));
    };
    match args.out.as_deref().filter(|_| !to_stdout(&args.out)) {
        Some(out) if args.force => output::replace(out, spec)?,
        Some(out) => output::create(out, spec)?,
        None => output::print(spec)?,
    }
    tell(&done, args, screen)?;
    Ok(if done.is_whole() {
        Status::Clean
    } else {
        Status::Findings
    })
}

/// Whether a file may be written: what is there stays, and what is imported stays in any case.
fn keeps(file: &Path, args: &ImportArgs) -> Result<(), Fault> {
    if file == Path::new("-") || fs::symlink_metadata(file).is_err() {
        return Ok(());
    }
    let same = fs::canonicalize(file)
        .ok()
        .zip(fs::canonicalize(&args.configuration).ok())
        .is_some_and(|(file, original)| file == original);
    if same {
        return Err(Fault::new(format!("`{}` is what is imported", shown(file)))
            .note("it stays as it is")
            .help("name another file"));
    }
    if args.force {
        return Ok(());
    }
    Err(Fault::new(format!("`{}` is already there", shown(file)))
        .note("it stays as it is")
        .help("name another file, or write over it with `--force`"))
}

/// The account, to where it was asked for.
fn tell(done: &Import, args: &ImportArgs, screen: &Screen) -> Result<(), Fault> {
    let human =
        |color: bool, width: usize| account::human(&done.account, &done.sources, color, width);
    let json = || {
        let from = done.dialect.map(import::Dialect::word);
        account::json(&done.account, from, &done.sources)
    };
    let text = |color: bool, width: usize| match args.format {
        AccountFormat::Human => human(color, width),
        AccountFormat::Json => json(),
    };
    match args.report.as_deref() {
        Some(path) if path == Path::new("-") => {
            output::print(&text(screen.colors_stdout(), screen.width()))?;
        }
        Some(path) => {
            output::replace(path, &text(false, 100))?;
            let summary = account::summary(&done.account);
            let _ = writeln!(io::stderr(), "{summary}; see {}", shown(path));
        }
        None => {
            let text = text(screen.colors_stderr(), screen.width());
            // Nobody is left to be told that standard error is closed.
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
    }
    Ok(())
}

/// There is no spec: says why, and nothing is written.
fn refused(done: Import, screen: &Screen) -> Status {
    let refused = done
        .report
        .diags
        .iter()
        .any(|diag| diag.code == "import::refused");
    let said = Compiled {
        sources: done.sources,
        tree: Tree::default(),
        gateway: None,
        report: Report::new(),
    };
    let mut findings = Findings::default();
    findings.add(done.report, &said);
    findings.tell(Format::Human, screen);
    // What the original says is right and cannot be written down: a finding, not a wrong call.
    if refused {
        Status::Findings
    } else {
        Status::Wrong
    }
}

/// The configuration itself, of which no more is read than an import takes.
pub(super) fn read(path: &Path) -> Result<Input, Fault> {
    if path == Path::new("-") {
        return input::read(path);
    }
    let name = shown(path);
    if path.is_dir() {
        return Err(
            Fault::new(format!("`{name}` is a folder, not a configuration"))
                .help("name the file in it that a program starts with, such as `nginx.conf`"),
        );
    }
    match bytes(path) {
        Ok(bytes) => Ok(Input { name, bytes }),
        Err(why) => Err(Fault::new(format!(
            "`{name}` cannot be read: {}",
            words(&why)
        ))),
    }
}

/// A file's bytes, at most one more than an import takes.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// In how many steps of an include's path wildcards are followed: a walk over few folders, never over the file system.
const MAX_WILD: usize = 3;

/// Included files: below the folder of the first file, or above it, as programs look for them from their own.
pub(super) struct Disk {
    folder: PathBuf,
}

impl Disk {
    pub(super) fn beside(path: &Path) -> Self {
        Self {
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
        }
    }

    /// The folders that a relative path may start from: where the file lies, and, for a file of `conf.d`, one up.
    fn starts(&self) -> [PathBuf; 2] {
        [self.folder.clone(), self.folder.join("..")]
    }
}

impl Folder for Disk {
    fn include(&self, pattern: &str) -> Result<Vec<Input>, String> {
        let is_wild = |step: &str| step.contains(['*', '?', '[']);
        let wild = is_wild(pattern);
        if pattern.contains("**") || pattern.split('/').filter(|it| is_wild(it)).count() > MAX_WILD
        {
            return Err(format!(
                "the pattern names too much: `**` is not followed, and wildcards stand in at most {MAX_WILD} steps of a path"
            ));
        }
        let mut why = "it is not there".to_owned();
        for start in self.starts() {
            let path = start.join(pattern);
            let mut paths = vec![path.clone()];
            if wild {
                let options = glob::MatchOptions::new();
                let found = glob::glob_with(&path.to_string_lossy(), options)
                    .map_err(|fault| format!("the pattern is wrong: {}", fault.msg))?;
                paths = found
                    .flatten()
                    .filter(|path| path.is_file())
                    .take(MAX_FILES + 1)
                    .collect();
            }
            let mut inputs: Vec<Input> = Vec::new();
            let mut total = 0;
            for path in paths {
                // A pipe or a terminal would be waited for.
                if path.exists() && !path.is_file() {
                    "it is not a file".clone_into(&mut why);
                    continue;
                }
                if total > MAX_BYTES {
                    break;
                }
                let read = bytes(&path);
                total += read.as_ref().map_or(0, Vec::len);
                match read {
                    Ok(bytes) => inputs.push(Input {
                        name: shown(&path),
                        bytes,
                    }),
                    Err(fault) => why = words(&fault),
                }
            }
            if !inputs.is_empty() {
                return Ok(inputs);
            }
        }
        if wild { Ok(Vec::new()) } else { Err(why) }
    }
}
