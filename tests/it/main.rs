//! One module per subject: what the compiler says and writes, and what single answers of the real programs show of it. What a spec of every
//! feature comes to on every program is the other binary's, `tests/conformance`.

mod action;
mod alb;
#[path = "../support/bless.rs"]
mod bless;
mod caddy;
mod cli;
mod cli_commands;
mod cli_diff;
mod cli_files;
mod cli_help;
mod cli_render;
mod cli_verify;
mod discipline;
mod docs;
mod envoy;
mod escape;
mod examples;
mod features;
mod fmt;
mod formats;
mod fresh;
mod fuzz;
mod graph;
mod guides;
mod haproxy;
mod http2;
mod import;
mod invariants;
mod kubernetes;
mod live;
#[cfg(feature = "lsp")]
mod lsp;
mod name_server;
mod nginx;
mod pre_commit;
mod present;
#[path = "../support/programs.rs"]
mod programs;
mod proxy;
mod readme;
mod rehearse;
mod routes;
mod rules;
mod scratch;
mod specs;
mod traefik;
mod wire;
mod wire_live;
mod worker;
