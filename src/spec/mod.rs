//! The spec as people write it: text, tree, shape, types; nobody past this module sees YAML.

pub mod de;
pub mod fields;
pub mod merge;
pub mod model;
pub mod params;
pub mod prune;
pub mod scalar;
pub mod schema;
pub mod shape;
pub mod tree;
pub mod units;
pub mod yaml;
