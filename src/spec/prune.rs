//! A document without the entries at fault, so that faults of meaning are told in the same run as faults of shape.

use std::collections::HashSet;

use super::tree::{Node, Tree};
use crate::diag::{Place, Report};
use crate::source::Loc;

/// What is left of a document.
#[derive(Debug)]
pub struct Pruned {
    /// The document without the entries at fault.
    pub tree: Tree,
    /// The lists and mappings that lost an entry: what is said about them may be the loss speaking.
    pub touched: HashSet<Loc>,
}

/// A copy of the tree without the entries that the report finds fault with and those whose parameters have no value;
/// `None` if a fault is not at an entry.
pub fn without(tree: &Tree, report: &Report) -> Option<Pruned> {
    let mut gone: HashSet<Loc> = HashSet::new();
    for diag in &report.diags {
        match diag.labels.first().map(|label| label.place) {
            Some(Place::Value(at) | Place::Key(at)) if at != tree.root() => gone.insert(at),
            _ => return None,
        };
    }
    let gone = |at: &Loc| gone.contains(at) || tree.is_unfilled(*at);
    let mut touched = HashSet::new();
    let mut pruned = tree.clone();
    let mut open = vec![tree.root()];
    while let Some(at) = open.pop() {
        match tree.node(at) {
            Node::Scalar { .. } => {}
            Node::Seq(items) => {
                let kept: Vec<Loc> = items.iter().copied().filter(|item| !gone(item)).collect();
                open.extend(&kept);
                if kept.len() < items.len() {
                    pruned.fill_seq(at, &kept);
                    touched.insert(at);
                }
            }
            Node::Map(pairs) => {
                let kept: Vec<(Loc, Loc)> = pairs
                    .iter()
                    .copied()
                    .filter(|(key, value)| !gone(key) && !gone(value))
                    .collect();
                open.extend(kept.iter().map(|(_, value)| *value));
                if kept.len() < pairs.len() {
                    pruned.fill_map(at, &kept);
                    touched.insert(at);
                }
            }
        }
    }
    Some(Pruned {
        tree: pruned,
        touched,
    })
}
