//! The hermetic tests: one binary, one module per subject.

mod bless;
mod cli;
mod cli_commands;
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
mod live;
mod nginx;
mod pre_commit;
mod programs;
mod readme;
mod rehearse;
mod routes;
mod rules;
mod scratch;
mod specs;
