//! allow-unused: comments that allow nothing; found where findings are taken out, so that there is nothing to run here.

use super::Rule;
use crate::diag::Level;

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "allow-unused",
    include_str!("allow_unused.md"),
    |_, _| {},
);
