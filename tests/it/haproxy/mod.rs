//! HAProxy: what is rendered, what the real program says to it, and what it then does.

mod accepted;
mod answers;
mod guards;
mod headers;
mod hostile;
mod log;
mod routing;
mod sockets;
mod tls;
mod tokens;
mod upstreams;

use wsgen::compile::{self, Input, NoFiles, Options, World};
use wsgen::diag::Report;
use wsgen::spec::params::Params;
use wsgen::targets::{self, Layout};

use crate::live::{Running, port};
use crate::programs;

/// The versions that a file is rendered for, and the program that judges it.
pub(crate) const VERSIONS: [(&str, &str); 3] = [
    ("2.6", "haproxy-2.6"),
    ("2.8", "haproxy-2.8"),
    // What the newest gets takes no word that 2.8 does not know, but where a test says so.
    ("3.2", "haproxy-2.8"),
];

/// The main file for a version, and the findings; panics where the spec has faults.
pub(crate) fn rendered(
    spec: &str,
    version: &str,
    layout: Layout,
) -> (Result<String, String>, Report) {
    let room = format!("haproxy: {{ version: \"{version}\"");
    let spec = match spec.contains("haproxy: {") {
        true => spec.replacen("haproxy: {", &format!("{room}, "), 1),
        false if spec.contains("\ntargets:") => {
            spec.replacen("\ntargets:", &format!("\ntargets:\n  {room} }}"), 1)
        }
        false => format!("{spec}\ntargets: {{ {room} }} }}\n"),
    };
    let world = World {
        params: &Fixed,
        files: &NoFiles,
    };
    let compiled = compile::compile(vec![Input::new("spec.yaml", spec.as_str())], world);
    let target = targets::by_id("haproxy").expect("it is a target");
    assert!(compiled.gateway.is_some(), "{spec}\n{:#?}", compiled.report);
    let set = compile::for_target(&compiled, "haproxy", world);
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

/// Every parameter has the same value.
struct Fixed;

impl Params for Fixed {
    fn get(&self, _: &str) -> Option<String> {
        Some("example.com".to_owned())
    }
}

/// Whether a spec is a gateway, and all of its words can be written.
pub(crate) fn is_written(spec: &str) -> bool {
    let world = World {
        params: &Fixed,
        files: &NoFiles,
    };
    let compiled = compile::compile(vec![Input::new("spec.yaml", spec)], world);
    let target = targets::by_id("haproxy").expect("it is a target");
    compiled.gateway.is_some()
        && !compile::render(&compiled, target, Options::default())
            .files
            .is_empty()
}

/// The complete file; panics where there is none.
pub(crate) fn conf(spec: &str, version: &str) -> String {
    match rendered(spec, version, Layout::Full).0 {
        Ok(text) => text,
        Err(why) => panic!("{spec}\n{why}"),
    }
}

/// Runs the test on each version with a file for it; `$PORT`, `$OTHER` and `$METRICS` become free ports.
pub(crate) fn each(spec: &str, test: impl Fn(&Running) + Sync) {
    each_with(spec, &[], |run| test(&run));
}

/// Like [`each`], with further files beside the main one.
pub(crate) fn each_with(spec: &str, files: &[(&str, &str)], test: impl Fn(Running) + Sync) {
    std::thread::scope(|scope| {
        for (version, name) in &VERSIONS[..2] {
            let Some(program) = programs::require(name) else {
                continue;
            };
            let test = &test;
            scope.spawn(move || {
                let mut spec = spec.to_owned();
                for place in ["$PORT", "$OTHER", "$METRICS"] {
                    spec = spec.replace(place, &port().to_string());
                }
                let text = conf(&spec, version);
                let mut all = vec![("haproxy.cfg", text.as_str())];
                all.extend(files);
                test(Running::start_with(&program, &all));
            });
        }
    });
}
