//! Traefik: what is rendered, what the real program says to it, and what it then does.

mod accepted;
mod hostile;
mod mistakes;
mod versions;

use wsgen::compile::{self, Input, NoFiles, Options, World};
use wsgen::diag::Report;
use wsgen::spec::params::Params;
use wsgen::targets::{self, Layout};

use crate::live::{Running, port};
use crate::programs;

/// The program that judges what is rendered for its version.
const PROGRAM: &str = "traefik-3.7";

/// The static and the dynamic file for a version, and the findings; panics where the spec has faults.
pub(crate) fn rendered(spec: &str, version: &str) -> (Result<[String; 2], String>, Report) {
    let room = format!("targets: {{ traefik: {{ version: \"{version}\", on_loss: warn }} }}\n");
    let world = World {
        params: &Fixed,
        files: &NoFiles,
    };
    let inputs = vec![
        Input::new("spec.yaml", spec),
        Input::new("room.yaml", room.as_str()),
    ];
    let compiled = compile::compile(inputs, world);
    let target = targets::by_id("traefik").expect("it is a target");
    assert!(compiled.gateway.is_some(), "{spec}\n{:#?}", compiled.report);
    let options = Options {
        layout: Layout::Full,
        ..Options::default()
    };
    let out = compile::render(&compiled, target, options);
    let texts: Vec<String> = out.files.iter().map(|file| file.text.clone()).collect();
    match <[String; 2]>::try_from(texts) {
        Ok(files) => (Ok(files), out.report),
        Err(_) => (Err(format!("{:#?}", out.report)), out.report),
    }
}

/// The texts of every file in a layout.
pub(crate) fn laid_out(spec: &str, layout: Layout) -> Vec<String> {
    let world = World {
        params: &Fixed,
        files: &NoFiles,
    };
    let room = "targets: { traefik: { on_loss: warn } }\n";
    let inputs = vec![Input::new("spec.yaml", spec), Input::new("room.yaml", room)];
    let compiled = compile::compile(inputs, world);
    let target = targets::by_id("traefik").expect("it is a target");
    let options = Options {
        layout,
        ..Options::default()
    };
    let out = compile::render(&compiled, target, options);
    out.files.into_iter().map(|file| file.text).collect()
}

/// Every parameter has the same value.
struct Fixed;

impl Params for Fixed {
    fn get(&self, _: &str) -> Option<String> {
        Some("example.com".to_owned())
    }
}

/// Whether a spec is a gateway, and all of its words can be written.
fn is_written(spec: &str) -> bool {
    let world = World {
        params: &Fixed,
        files: &NoFiles,
    };
    let compiled = compile::compile(vec![Input::new("spec.yaml", spec)], world);
    compiled.gateway.is_some() && rendered(spec, "3.7").0.is_ok()
}

/// Both files for the newest version; panics where there are none.
pub(crate) fn files(spec: &str) -> [String; 2] {
    match rendered(spec, "3.7").0 {
        Ok(files) => files,
        Err(why) => panic!("{spec}\n{why}"),
    }
}

/// The dynamic file.
pub(crate) fn dynamic(spec: &str) -> String {
    let [_, dynamic] = files(spec);
    dynamic
}

/// Runs the test on the program, where it is here; `$PORT` and `$OTHER` become free ports.
pub(crate) fn live(spec: &str, test: impl Fn(&Running)) {
    let Some(program) = programs::require(PROGRAM) else {
        return;
    };
    let mut spec = spec.to_owned();
    for place in ["$PORT", "$OTHER"] {
        spec = spec.replace(place, &port().to_string());
    }
    let [fixed, dynamic] = files(&spec);
    let files = [
        ("traefik.yml", fixed.as_str()),
        ("dynamic.yml", dynamic.as_str()),
    ];
    test(&Running::start_with(&program, &files));
}
