//! The id of a node of the spec.

/// The id of a tree node; 0 is the whole document.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, serde::Serialize)]
pub struct Loc(pub u32);
