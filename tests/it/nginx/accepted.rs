//! Files that the real program accepts without a word of warning.

use super::{VERSIONS, rendered};
use crate::programs::require;
use crate::rehearse;
use wsgen::targets::Layout;

#[test]
fn examples_are_accepted() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .expect("there are examples")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    names.sort();
    let mut faults = Vec::new();
    for path in &names {
        let spec = std::fs::read_to_string(path).expect("it can be read");
        for (version, program) in VERSIONS {
            let Some(program) = require(program) else {
                continue;
            };
            match rendered(&spec, version, Layout::Full).0 {
                Err(why) => faults.push(format!("{} {version}: {why}", path.display())),
                Ok(text) => {
                    if let Err(why) = rehearse::check(&program, &[("nginx.conf", &text)]) {
                        faults.push(format!("{} {version}: {why}", path.display()));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}
