//! Caddy: what is rendered, what the real program says to it, and what it then does.

mod accepted;
mod hostile;
mod mistakes;

use wsgen::compile::{self, Compiled, Input, NoFiles, Options, World};
use wsgen::spec::params::Params;
use wsgen::targets::{self, Layout};

use crate::live::{Running, port};
use crate::programs::{self, CADDY};

/// Every parameter has the same value.
struct Fixed;

impl Params for Fixed {
    fn get(&self, _: &str) -> Option<String> {
        Some("example.com".to_owned())
    }
}

fn compiled(spec: &str) -> Compiled {
    let world = World {
        params: &Fixed,
        files: &NoFiles,
    };
    let compiled = compile::compile(vec![Input::new("spec.yaml", spec)], world);
    compile::for_target(&compiled, "caddy", world).unwrap_or(compiled)
}

/// The file; `Err` is what the report says.
pub(crate) fn rendered(spec: &str, layout: Layout) -> Result<String, String> {
    let compiled = compiled(spec);
    if compiled.gateway.is_none() {
        return Err(format!("{:#?}", compiled.report));
    }
    let target = targets::by_id("caddy").expect("it is a target");
    let options = Options {
        layout,
        ..Options::default()
    };
    let out = compile::render(&compiled, target, options);
    match out.files.first() {
        Some(file) => Ok(file.text.clone()),
        None => Err(format!("{:#?}", out.report)),
    }
}

/// The complete file; panics where there is none.
pub(crate) fn conf(spec: &str) -> String {
    rendered(spec, Layout::Full).unwrap_or_else(|why| panic!("{spec}\n{why}"))
}

/// Runs the test on the program with a file for the spec; `$PORT` and `$OTHER` become free ports.
pub(crate) fn live(spec: &str, test: impl FnOnce(Running)) {
    for name in CADDY.iter().take(1) {
        let Some(program) = programs::require(name) else {
            continue;
        };
        let mut spec = spec.to_owned();
        for place in ["$PORT", "$OTHER"] {
            spec = spec.replace(place, &port().to_string());
        }
        test(Running::start(&program, &conf(&spec)));
        return;
    }
}
