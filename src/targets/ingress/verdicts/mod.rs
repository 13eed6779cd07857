//! Verdicts of the table in `support.rs` that depend on what the spec says.

pub(super) mod listener;
pub(super) mod route;
pub(super) mod upstream;
