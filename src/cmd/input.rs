//! What a spec is read from: files, standard input, parameters, and overrides of a target's room.

#[cfg(all(unix, feature = "proxy"))]
use std::cell::RefCell;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use wsgen::compile::{self, Compiled, Input, World};
use wsgen::ir::Files;
use wsgen::names;
use wsgen::rules::FileAccess;
use wsgen::spec::params::Params;

use super::args::Overlays;
use super::fault::{Fault, shown, words};

/// The files that a spec has read at compile time: their paths are relative to its first file.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    folder: PathBuf,
}

impl Files for Disk {
    fn read(&self, path: &str) -> Result<String, String> {
        let bytes = self.bytes(path)?;
        String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
    }
}

/// The same, with a note of each file.
#[cfg(all(unix, feature = "proxy"))]
struct Noted<'a> {
    disk: &'a Disk,
    read: RefCell<Vec<PathBuf>>,
}

#[cfg(all(unix, feature = "proxy"))]
impl Files for Noted<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        self.read.borrow_mut().push(self.disk.folder.join(path));
        self.disk.read(path)
    }
}

impl FileAccess for Disk {
    fn bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        // A device or a log in place of a certificate would be read for ever.
        const LONGEST: u64 = 16 << 20;
        bounded(&self.folder.join(path), LONGEST).map_err(|why| words(&why))
    }
}

/// A file's bytes, up to a length.
fn bounded(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(longest + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > longest {
        let says = format!("it is longer than {} MiB", longest >> 20);
        return Err(io::Error::other(says));
    }
    Ok(bytes)
}

/// Everything that one spec is compiled from.
#[derive(Debug)]
pub(super) struct Spec {
    inputs: Vec<Input>,
    values: Values,
    disk: Disk,
}

/// Names and values.
type Pairs = Vec<(String, String)>;

/// Values of parameters: `--set`, then `--env-file`, then the environment; the last of the same name wins.
#[derive(Debug, Clone)]
pub(super) struct Values {
    set: Pairs,
    files: Pairs,
}

impl Params for Values {
    fn get(&self, name: &str) -> Option<String> {
        let last = |list: &[(String, String)]| {
            list.iter()
                .rev()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
        };
        last(&self.set)
            .or_else(|| last(&self.files))
            .or_else(|| std::env::var(name).ok())
    }
}

impl Spec {
    /// Reads the spec's file and what is put over it.
    pub(super) fn read(path: Option<&Path>, over: &Overlays) -> Result<Self, Fault> {
        let paths: Vec<&Path> = path
            .into_iter()
            .chain(over.file.iter().map(PathBuf::as_path))
            .collect();
        if paths.is_empty() {
            return Err(Fault::new("no spec is named")
                .help("write its file, such as `spec.yaml`, or `-` for standard input"));
        }
        Self::from(&paths, over)
    }

    fn from(paths: &[&Path], over: &Overlays) -> Result<Self, Fault> {
        if paths.iter().filter(|path| is_stdin(path)).count() > 1 {
            return Err(Fault::new("standard input is named twice").help("write `-` once"));
        }
        let inputs = paths
            .iter()
            .enumerate()
            .map(|(at, path)| if at == 0 { read(path) } else { read_over(path) })
            .collect::<Result<Vec<_>, _>>()?;
        let folder = paths
            .first()
            .and_then(|path| path.parent())
            .unwrap_or(Path::new(""));
        Self::of(inputs, folder, over)
    }

    /// The same, where each parameter that `--set` gives is one that the spec asks for: a slip must not go unheard.
    pub(super) fn asks_for(self, over: &Overlays) -> Result<Self, Fault> {
        let (set, _) = settings(&over.set)?;
        let texts = || {
            self.inputs
                .iter()
                .map(|input| String::from_utf8_lossy(&input.bytes))
        };
        let asked = |name: &str| {
            let (plain, fallback) = (format!("${{{name}}}"), format!("${{{name}:-"));
            texts().any(|text| text.contains(&plain) || text.contains(&fallback))
        };
        let Some((name, _)) = set.iter().find(|(name, _)| !asked(name)) else {
            return Ok(self);
        };
        let known: Vec<String> = texts()
            .flat_map(|text| {
                text.split("${")
                    .skip(1)
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .map(|rest| {
                rest.chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect()
            })
            .collect();
        let fault = Fault::new(format!("the spec asks for no parameter `{name}`"));
        Err(
            match names::closest(name, known.iter().map(String::as_str)) {
                Some(close) => fault.help(format!("did you mean `{close}`?")),
                None => fault.help(format!(
                    "write `${{{name}}}` where its value belongs, or leave `--set` out"
                )),
            },
        )
    }

    /// A spec whose files are read already; `folder` is where the files lie that it names.
    pub(super) fn of(
        mut inputs: Vec<Input>,
        folder: &Path,
        over: &Overlays,
    ) -> Result<Self, Fault> {
        let (values, rooms) = put_over(over)?;
        inputs.extend(rooms);
        Ok(Self {
            inputs,
            values,
            disk: Disk {
                folder: folder.to_owned(),
            },
        })
    }

    /// Where parameters and files come from.
    pub(super) fn world(&self) -> World<'_> {
        World {
            params: &self.values,
            files: &self.disk,
        }
    }

    /// The files that the spec names.
    pub(super) const fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Compiles the spec. What comes back lives as long as the process: freeing it would only delay the end.
    pub(super) fn compile(&mut self) -> &'static Compiled {
        let inputs = std::mem::take(&mut self.inputs);
        keep(compile::compile(inputs, self.world()))
    }

    /// Compiles the spec, for a process that compiles it again and again; which files it has read, be they there or not.
    #[cfg(all(unix, feature = "proxy"))]
    pub(super) fn compiled(self) -> (Compiled, Vec<PathBuf>) {
        let noted = Noted {
            disk: &self.disk,
            read: RefCell::default(),
        };
        let world = World {
            params: &self.values,
            files: &noted,
        };
        let compiled = compile::compile(self.inputs, world);
        (compiled, noted.read.into_inner())
    }

    /// The spec as one target gets it.
    pub(super) fn compile_for(
        &self,
        compiled: &'static Compiled,
        target: &str,
    ) -> &'static Compiled {
        compile::for_target(compiled, target, self.world()).map_or(compiled, keep)
    }
}

/// What is put over a spec beside files: values of parameters, and options of targets as a spec of their own.
pub(super) fn put_over(over: &Overlays) -> Result<(Values, Option<Input>), Fault> {
    let (set, rooms) = settings(&over.set)?;
    let rooms = (!rooms.is_empty()).then(|| {
        let rooms = Map::from_iter([("targets".to_owned(), Value::Object(rooms))]);
        Input::new("<--set>", Value::Object(rooms).to_string())
    });
    let mut files = Vec::new();
    for path in &over.env_file {
        files.extend(env_file(path)?);
    }
    Ok((Values { set, files }, rooms))
}

fn keep(compiled: Compiled) -> &'static Compiled {
    Box::leak(Box::new(compiled))
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads the spec itself, `-` is standard input.
pub(super) fn read(path: &Path) -> Result<Input, Fault> {
    read_or(
        path,
        "`wsgen init --out spec.yaml` writes a spec to start from",
    )
}

/// Reads a file that is put over a spec.
pub(super) fn read_over(path: &Path) -> Result<Input, Fault> {
    read_or(
        path,
        "`-f` names a file that is put over the spec: write one that is there, or leave it out",
    )
}

/// The longest spec that is read: ten times the largest that anybody has shown.
const LONGEST: u64 = 256 << 20;

/// Reads one file; where nothing there has a name like it, `help` says what to do.
fn read_or(path: &Path, help: &str) -> Result<Input, Fault> {
    let name = if is_stdin(path) {
        "<stdin>".to_owned()
    } else {
        shown(path)
    };
    let bytes = if is_stdin(path) {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        bounded(path, LONGEST)
    };
    match bytes {
        Ok(bytes) => Ok(Input { name, bytes }),
        Err(why) => Err(unreadable(path, &name, &why, help)),
    }
}

fn unreadable(path: &Path, name: &str, why: &io::Error, help: &str) -> Fault {
    if path.is_dir() {
        let mut specs: Vec<String> = fs::read_dir(path)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| e == "yaml" || e == "yml"))
            .map(|path| format!("`{}`", shown(&path)))
            .collect();
        specs.sort();
        specs.truncate(3);
        let fault = Fault::new(format!("`{name}` is a folder, not a spec"));
        return if specs.is_empty() {
            fault.help("name the spec's file")
        } else {
            fault.help(format!("name a file in it, such as {}", specs.join(", ")))
        };
    }
    let fault = Fault::new(format!("`{name}` cannot be read: {}", words(why)));
    if why.kind() != io::ErrorKind::NotFound {
        return fault;
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut there: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| !entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    there.sort();
    let wanted = path
        .file_name()
        .map(|file| file.to_string_lossy().into_owned())
        .unwrap_or_default();
    // An extension that many files share says nothing about which of them is meant.
    let stem = |file: &'_ str| {
        file.rsplit_once('.')
            .map_or(file.len(), |(stem, _)| stem.len())
    };
    let close = names::closest(
        &wanted[..stem(&wanted)],
        there.iter().map(|file| &file[..stem(file)]),
    )
    .and_then(|close| {
        let alike = there.iter().filter(|file| &file[..stem(file)] == close);
        names::closest(&wanted, alike.map(String::as_str))
    });
    match close {
        Some(close) => fault.help(format!(
            "did you mean `{}`?",
            shown(&path.with_file_name(close))
        )),
        None => fault.help(help),
    }
}

/// `--set NAME=value`: parameters, and options of targets' rooms (`nginx.version=1.22`).
fn settings(set: &[String]) -> Result<(Pairs, Map<String, Value>), Fault> {
    let (mut params, mut rooms) = (Vec::new(), Map::new());
    for one in set {
        let Some((name, value)) = one.split_once('=') else {
            return Err(Fault::new(format!("`--set {one}` has no `=`"))
                .help("write `--set NAME=value` for a parameter, `--set nginx.version=1.22` for an option of a target"));
        };
        match name.split_once('.') {
            None => params.push((name.to_owned(), value.to_owned())),
            Some((target, option)) => {
                if !wsgen::ir::TARGETS.contains(&target) {
                    return Err(unknown_target(target).note(format!(
                        "`--set {name}=…` sets an option of a target, since its name has a dot"
                    )));
                }
                // A version is text, though 2 or 3.0 would read as a number.
                let value = if option == "version" {
                    value.into()
                } else {
                    scalar(value)
                };
                put(&mut rooms, target, option, value);
            }
        }
    }
    Ok((params, rooms))
}

/// No target has this name.
pub(super) fn unknown_target(name: &str) -> Fault {
    let known = wsgen::ir::TARGETS;
    let fault = Fault::new(format!("there is no target `{name}`"));
    match names::closest(name, known.iter().copied()) {
        Some(close) => fault.help(format!("did you mean `{close}`?")),
        None => {
            let built: Vec<&str> = wsgen::targets::ALL.iter().map(|it| it.id()).collect();
            fault.help(format!("the targets are {}", built.join(", ")))
        }
    }
}

/// `set` holds paths of the core, which have dots of their own: they stay one key.
fn put(rooms: &mut Map<String, Value>, target: &str, option: &str, value: Value) {
    let mut steps = vec![target];
    match option.split_once('.') {
        Some(("set", path)) => steps.extend(["set", path]),
        _ => steps.extend(option.split('.')),
    }
    let last = steps.pop().unwrap_or_default().to_owned();
    let mut here = rooms;
    for step in steps {
        let next = here
            .entry(step)
            .or_insert_with(|| Value::Object(Map::new()));
        if !next.is_object() {
            *next = Value::Object(Map::new());
        }
        let Value::Object(map) = next else { return };
        here = map;
    }
    here.insert(last, value);
}

/// A number, a switch, or a list in JSON stays what it is; anything else is text.
fn scalar(value: &str) -> Value {
    match value {
        "true" | "on" => return Value::Bool(true),
        "false" | "off" => return Value::Bool(false),
        _ => {}
    }
    if let Ok(number) = value.parse::<u32>() {
        return number.into();
    }
    match serde_json::from_str(value) {
        Ok(json @ (Value::Array(_) | Value::Object(_) | Value::String(_))) => json,
        _ => value.into(),
    }
}

/// `NAME=value` lines as service managers read them: comments, `export`, quotes; a value is never expanded.
fn env_file(path: &Path) -> Result<Pairs, Fault> {
    let name = shown(path);
    let text = fs::read_to_string(path).map_err(|why| {
        unreadable(
            path,
            &name,
            &why,
            "`--env-file` names a file of parameters, NAME=value a line",
        )
    })?;
    let mut values = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim().trim_start_matches('\u{FEFF}');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((key, value)) = line.split_once('=') else {
            return Err(Fault::new(format!("line {number} of `{name}` has no `=`"))
                .help("write `NAME=value`, one a line"));
        };
        let value = value.trim();
        let quoted = ['"', '\'']
            .into_iter()
            .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
        values.push((key.trim().to_owned(), quoted.unwrap_or(value).to_owned()));
    }
    Ok(values)
}
