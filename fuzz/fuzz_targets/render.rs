//! Any bytes over an example, rendered for every target: nothing panics. `cargo +nightly fuzz run render`
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsgen::compile::{Input, Options, World, compile, render};
use wsgen::spec::params::NoParams;

struct NoFiles;

impl wsgen::ir::Files for NoFiles {
    fn read(&self, _: &str) -> Result<String, String> {
        Err("no file is read here".to_owned())
    }
}

const BASE: &str = include_str!("../../examples/api-site-ws.yaml");

fuzz_target!(|bytes: &[u8]| {
    let over = Input { name: "fuzz.yaml".to_owned(), bytes: bytes.to_vec() };
    let compiled = compile(vec![Input::new("base.yaml", BASE), over], World { params: &NoParams, files: &NoFiles });
    let _ = wsgen::rules::lint(&compiled);
    for target in wsgen::targets::ALL {
        let _ = render(&compiled, *target, Options { annotate: true, ..Options::default() });
    }
});
