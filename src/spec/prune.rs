//! A document without the entries at fault, so that faults of meaning are told in the same run as faults of shape.

use std::collections::HashSet;

use super::tree::{Node, Tree};
use crate::diag::{Place, Report};
use crate::source::Loc;

/// A copy of the tree without the entries that the report finds fault with; `None` if a fault is not at an entry.
pub fn without(tree: &Tree, report: &Report) -> Option<Tree> {
    let mut gone: HashSet<Loc> = HashSet::new();
    for diag in &report.diags {
        match diag.labels.first().map(|label| label.place) {
            Some(Place::Value(at) | Place::Key(at)) if at != tree.root() => gone.insert(at),
            _ => return None,
        };
    }
    let mut pruned = tree.clone();
    let mut open = vec![tree.root()];
    while let Some(at) = open.pop() {
        match tree.node(at) {
            Node::Scalar { .. } => {}
            Node::Seq(items) => {
                let kept: Vec<Loc> = items
                    .iter()
                    .copied()
                    .filter(|item| !gone.contains(item))
                    .collect();
                open.extend(&kept);
                if kept.len() < items.len() {
                    pruned.fill_seq(at, &kept);
                }
            }
            Node::Map(pairs) => {
                let kept: Vec<(Loc, Loc)> = pairs
                    .iter()
                    .copied()
                    .filter(|(key, value)| !gone.contains(key) && !gone.contains(value))
                    .collect();
                open.extend(kept.iter().map(|(_, value)| *value));
                if kept.len() < pairs.len() {
                    pruned.fill_map(at, &kept);
                }
            }
        }
    }
    Some(pruned)
}
