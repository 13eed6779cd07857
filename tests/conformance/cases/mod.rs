//! The cases: a spec for each feature, and the examples; each with what cannot be seen of it under `x-unseen`.

use std::collections::BTreeMap;

use serde::Deserialize;
use wsgen::compile::{self, Compiled, Input, World};
use wsgen::ir::Feature;
use wsgen::targets;

use crate::bless::root;

/// A spec of `tests/conformance/cases`, or of `examples`.
pub(crate) struct Case {
    /// The file's name without `.yaml`.
    pub(crate) name: String,
    text: String,
    notes: Notes,
}

/// What a case says about itself: keys that the language ignores.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Notes {
    /// Targets on which a promise of the case cannot be seen, and why.
    #[serde(rename = "x-unseen")]
    unseen: BTreeMap<String, String>,
}

impl Case {
    /// Every case, by name; an example's name begins with `example-`.
    pub(crate) fn all() -> Vec<Case> {
        let mut cases = Case::of("tests/conformance/cases", "");
        cases.extend(Case::of("examples", "example-"));
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        cases
    }

    fn of(folder: &str, prefix: &str) -> Vec<Case> {
        let entries = std::fs::read_dir(root().join(folder)).expect("there are cases");
        entries
            .map(|entry| entry.expect("the folder can be read").path())
            .filter(|path| path.extension().is_some_and(|it| it == "yaml"))
            .map(|path| {
                let text = std::fs::read_to_string(&path).expect("a case can be read");
                let name = path.file_stem().expect("a file has a name");
                let name = format!("{prefix}{}", name.to_string_lossy());
                let notes =
                    serde_yaml::from_str(&text).unwrap_or_else(|why| panic!("{name}: {why}"));
                Case { name, text, notes }
            })
            .collect()
    }

    /// Whether it is one of `examples`.
    pub(crate) fn is_example(&self) -> bool {
        self.name.starts_with("example-")
    }

    /// What the case asks for: its feature, or everything.
    pub(crate) fn only(&self) -> Vec<String> {
        Feature::by_id(&self.name)
            .map(|feature| feature.id().to_owned())
            .into_iter()
            .collect()
    }

    /// Why a promise may stay unseen on this target.
    pub(crate) fn unseen(&self, target: &str) -> Option<&str> {
        self.notes.unseen.get(target).map(String::as_str)
    }

    /// The case as a target gets it, with more in its room such as `controller: nginx`; panics where it is no spec.
    pub(crate) fn compiled(&self, target: &str, room: &str) -> Compiled {
        in_room(&self.name, &self.text, target, room)
    }
}

/// A spec as a target gets it; panics where it is none. A platform cannot do some of nearly every case: what it does is asked
/// for all the same.
pub(crate) fn compiled(name: &str, text: &str, target: &str) -> Compiled {
    in_room(name, text, target, "")
}

fn in_room(name: &str, text: &str, target: &str, room: &str) -> Compiled {
    let mut inputs = vec![Input::new(format!("{name}.yaml"), text)];
    if targets::by_id(target).is_some_and(targets::Target::is_platform) {
        let lenient = format!("targets: {{ {target}: {{ on_loss: warn, {room} }} }}\n");
        inputs.push(Input::new("lenient.yaml", lenient));
    }
    let compiled = compile::compile(inputs, World::EMPTY);
    assert!(
        compiled.gateway.is_some(),
        "{name}: {:#?}",
        compiled.report.diags
    );
    compile::for_target(&compiled, target, World::EMPTY).unwrap_or(compiled)
}
