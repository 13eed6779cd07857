//! Any bytes over an example, rendered for every target: nothing panics. `cargo +nightly fuzz run render`
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsgen::compile::{Input, Options, World, compile, render};

const BASE: &str = include_str!("../../examples/api-site-ws.yaml");

fuzz_target!(|bytes: &[u8]| {
    let over = Input { name: "fuzz.yaml".to_owned(), bytes: bytes.to_vec() };
    let compiled = compile(vec![Input::new("base.yaml", BASE), over], World::EMPTY);
    let _ = wsgen::rules::lint(&compiled);
    for target in wsgen::targets::ALL {
        let _ = render(&compiled, *target, Options { annotate: true, ..Options::default() });
    }
});
