//! The hermetic tests: one binary, one module per subject.

mod bless;
// The harness offers more than the tests of the moment use.
#[allow(dead_code)]
mod cli;
mod cli_explain;
mod cli_files;
mod cli_help;
mod cli_render;
mod discipline;
mod escape;
mod examples;
mod features;
mod fresh;
mod fuzz;
mod haproxy;
mod http2;
mod invariants;
#[allow(dead_code, unused_imports)]
mod live;
#[allow(dead_code)]
mod nginx;
mod pre_commit;
#[allow(dead_code)]
mod programs;
mod readme;
#[allow(dead_code)]
mod rehearse;
mod routes;
mod rules;
#[allow(dead_code)]
mod scratch;
mod specs;
