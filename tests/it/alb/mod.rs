//! AWS ALB: what is rendered, how an evaluator of the template routes, what the linter and a service of its kind say to it.

mod accepted;
mod attributes;
mod call;
mod deployed;
mod evaluator;
mod evidence;
mod guards;
mod hostile;
mod law;
mod limits;
mod routing;
mod stable;
mod traps;

use serde_json::Value;
use wsgen::compile::{self, Compiled, Input, NoFiles, Options, World};
use wsgen::diag::{Level, Report, human};
use wsgen::spec::params::Params;
use wsgen::targets;

/// The gateway of a spec; panics where it has faults.
fn compiled(spec: &str) -> Compiled {
    let world = World {
        params: &Fixed,
        files: &NoFiles,
    };
    let compiled = compile::compile(vec![Input::new("spec.yaml", spec)], world);
    assert!(compiled.gateway.is_some(), "{spec}\n{:#?}", compiled.report);
    compile::for_target(&compiled, "alb", world).unwrap_or(compiled)
}

/// Every parameter has the same value.
struct Fixed;

impl Params for Fixed {
    fn get(&self, _: &str) -> Option<String> {
        Some("example.com".to_owned())
    }
}

/// The text of the template, and the findings.
fn rendered(compiled: &Compiled, options: Options) -> (Option<String>, Report) {
    let target = targets::by_id("alb").expect("it is a target");
    let out = compile::render(compiled, target, options);
    (out.files.first().map(|file| file.text.clone()), out.report)
}

/// The text of the template; panics where there is none.
fn text(spec: &str) -> String {
    let (text, report) = rendered(&compiled(spec), Options::default());
    text.unwrap_or_else(|| panic!("{spec}\n{report:#?}"))
}

/// The template as a reader of YAML sees it.
fn template(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|why| panic!("{why}\n{text}"))
}

/// The codes of the errors that a spec meets.
fn errors(spec: &str) -> Vec<String> {
    let (_, report) = rendered(&compiled(spec), Options::default());
    let errors = report
        .diags
        .iter()
        .filter(|diag| diag.level == Level::Error);
    errors.map(|diag| diag.code.clone()).collect()
}

/// The report as a person reads it.
fn shown(spec: &str) -> String {
    let compiled = compiled(spec);
    let (_, report) = rendered(&compiled, Options::default());
    human::write(&report, Some(&compiled.tree), &compiled.sources, false, 200)
}
