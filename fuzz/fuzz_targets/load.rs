//! Any bytes as a spec: faults are told, nothing panics. `cargo +nightly fuzz run load`
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsgen::compile::{Input, World, compile};
use wsgen::spec::params::NoParams;

struct NoFiles;

impl wsgen::ir::Files for NoFiles {
    fn read(&self, _: &str) -> Result<String, String> {
        Err("no file is read here".to_owned())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let input = Input { name: "fuzz.yaml".to_owned(), bytes: bytes.to_vec() };
    let compiled = compile(vec![input], World { params: &NoParams, files: &NoFiles });
    let _ = wsgen::diag::human::write(&compiled.report, Some(&compiled.tree), &compiled.sources, false, 80);
});
