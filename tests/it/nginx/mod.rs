//! NGINX: what is rendered, what the real program says to it, and what it then does.

mod accepted;

use wsgen::compile::{self, Input, Options, World};
use wsgen::diag::Report;
use wsgen::ir::Files;
use wsgen::spec::params::NoParams;
use wsgen::targets::{self, Layout};

/// The versions that a file is rendered for, and the program that judges it.
pub(crate) const VERSIONS: [(&str, &str); 2] = [("1.22", "nginx-1.22"), ("1.31", "nginx-1.31")];

/// The main file for a version, and the findings; panics where the spec has faults.
pub(crate) fn rendered(
    spec: &str,
    version: &str,
    layout: Layout,
) -> (Result<String, String>, Report) {
    let spec = match spec.contains("targets:") {
        true => spec.replacen(
            "nginx: {",
            &format!("nginx: {{ version: \"{version}\", "),
            1,
        ),
        false => format!("{spec}\ntargets: {{ nginx: {{ version: \"{version}\" }} }}\n"),
    };
    let world = World {
        params: &NoParams,
        files: &NoFiles,
    };
    let compiled = compile::compile(vec![Input::new("spec.yaml", spec.as_str())], world);
    let target = targets::by_id("nginx").expect("it is a target");
    assert!(compiled.gateway.is_some(), "{spec}\n{:#?}", compiled.report);
    let set = compile::for_target(&compiled, "nginx", world);
    let compiled = set.unwrap_or(compiled);
    let options = Options {
        layout,
        ..Options::default()
    };
    let out = compile::render(&compiled, target, options);
    match out.files.first() {
        Some(file) => (Ok(file.text.clone()), out.report),
        None => (Err(format!("{:#?}", out.report)), out.report),
    }
}

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<String, String> {
        Err(format!("{path} is not here"))
    }
}

/// The complete file; panics where there is none.
pub(crate) fn conf(spec: &str, version: &str) -> String {
    match rendered(spec, version, Layout::Full).0 {
        Ok(text) => text,
        Err(why) => panic!("{spec}\n{why}"),
    }
}
