//! What a check asks beside the text: the settings, and the files on disk that a spec names.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::compile::Input;
use crate::ir::Files;
use crate::rules::FileAccess;
use crate::spec::params::Params;
use crate::targets;

/// The largest file that a check reads: what somebody is about to type may name anything.
const LARGEST: u64 = 64 << 20;

/// How specs are checked.
#[derive(Clone)]
pub struct Settings {
    /// The targets whose losses are told; where none is named, those that the spec has a room for.
    pub targets: Vec<String>,
    /// Whether the rules that look into certificates and keys run too.
    pub files: bool,
    /// Values of parameters.
    pub params: Arc<dyn Params + Send + Sync>,
    /// What is put over every spec.
    pub over: Vec<Input>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("targets", &self.targets)
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// What an editor says over them: `{targets: [nginx], files: true}`, also below `wsgen`. Returns what it got wrong, in sentences.
    pub(super) fn take(&mut self, said: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        let said = said.get("wsgen").unwrap_or(said);
        if let Some(Value::Array(names)) = said.get("targets") {
            let names = names.iter().filter_map(Value::as_str);
            let (known, unknown): (Vec<_>, Vec<_>) =
                names.partition(|name| targets::by_id(name).is_some());
            self.targets = known.into_iter().map(str::to_owned).collect();
            for name in unknown {
                let ids: Vec<&str> = targets::ALL.iter().map(|it| it.id()).collect();
                wrong.push(format!(
                    "there is no target `{}`; the targets are {}",
                    name.escape_debug(),
                    ids.join(", ")
                ));
            }
        }
        if let Some(files) = said.get("files").and_then(Value::as_bool) {
            self.files = files;
        }
        wrong
    }
}

/// The folder of a spec: the files that it names are relative to it.
#[derive(Clone, Debug)]
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    fn regular(&self, path: &str) -> Result<PathBuf, String> {
        let path = self.0.join(Path::new(path));
        let known = fs::metadata(&path).map_err(|why| words(&why))?;
        if !known.is_file() {
            return Err("it is not a file".to_owned());
        }
        if known.len() > LARGEST {
            return Err(format!("it is larger than {LARGEST} bytes"));
        }
        Ok(path)
    }
}

impl Files for Folder {
    fn read(&self, path: &str) -> Result<String, String> {
        let bytes = self.bytes(path)?;
        String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
    }
}

impl FileAccess for Folder {
    fn bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        let path = self.regular(path)?;
        fs::read(path).map_err(|why| words(&why))
    }
}

/// A system's reason without its number.
fn words(why: &std::io::Error) -> String {
    let text = why.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}
