//! Any bytes as a spec: faults are told, nothing panics. `cargo +nightly fuzz run load`
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsgen::compile::{Input, World, compile};

fuzz_target!(|bytes: &[u8]| {
    let input = Input { name: "fuzz.yaml".to_owned(), bytes: bytes.to_vec() };
    let compiled = compile(vec![input], World::EMPTY);
    let _ = wsgen::diag::human::write(&compiled.report, Some(&compiled.tree), &compiled.sources, false, 80);
});
