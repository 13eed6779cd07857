//! `wsgen`: one declarative YAML spec → every proxy's configuration, with WebSocket as the first-class citizen.

pub mod compile;
pub mod diag;
pub mod emit;
pub mod ir;
pub mod names;
pub mod request;
pub mod rules;
pub mod source;
pub mod spec;
pub mod targets;
