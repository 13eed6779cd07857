//! Keys of one mapping: each is written once, and `<<` brings those of others.

use rustc_hash::FxHashSet as HashSet;

use super::{Loader, Node, Tree};
use crate::source::Loc;

impl Loader<'_> {
    /// Reports and takes out every key that was written before in the same mapping.
    pub(super) fn refuse_duplicates(&mut self, pairs: &mut Vec<(Loc, Loc)>) {
        let name = |(key, _): &(Loc, Loc)| self.tree.scalar(*key).unwrap_or("");
        let unlike = |at: usize| {
            pairs[..at]
                .iter()
                .all(|known| name(known) != name(&pairs[at]))
        };
        if pairs.len() <= 8 && (1..pairs.len()).all(unlike) {
            return;
        }
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by(|a, b| name(&pairs[*a]).cmp(name(&pairs[*b])).then(a.cmp(b)));
        let mut again = Vec::new();
        let mut first = None;
        for index in order {
            match first {
                Some(known) if name(&pairs[known]) == name(&pairs[index]) => {
                    again.push((known, index))
                }
                _ => first = Some(index),
            }
        }
        again.sort_by_key(|(_, index)| *index);
        for (known, index) in &again {
            let key = name(&pairs[*known]);
            self.report
                .error("yaml::duplicate-key", self.tree.span(pairs[*index].0))
                .says(format!("the key `{key}` is written twice"))
                .label("again here")
                .also(self.tree.span(pairs[*known].0), "first here")
                .help(if key == "<<" {
                    "write one `<<` with a list: `<<: [*a, *b]`"
                } else {
                    "keep one of the two"
                });
        }
        let mut gone = again.iter().map(|(_, index)| *index).peekable();
        let mut index = 0;
        pairs.retain(|_| {
            index += 1;
            gone.next_if(|gone| *gone == index - 1).is_none()
        });
    }

    /// `<<`: keys of its mappings that are not written here; the first mapping wins.
    pub(super) fn merge_keys(&mut self, pairs: &mut Vec<(Loc, Loc)>) {
        let is_merge = |tree: &Tree, key: Loc| {
            matches!(
                tree.node(key),
                Node::Scalar {
                    text: "<<",
                    plain: true,
                    ..
                }
            )
        };
        let Some(found) = pairs.iter().position(|(key, _)| is_merge(&self.tree, *key)) else {
            return;
        };
        let (_, value) = pairs.remove(found);
        let maps: Vec<Loc> = match self.tree.node(value) {
            Node::Seq(items) => items.to_vec(),
            _ => vec![value],
        };
        let mut known: HashSet<String> = pairs
            .iter()
            .filter_map(|(key, _)| self.tree.scalar(*key).map(str::to_owned))
            .collect();
        for map in maps {
            if !self.tree.is_map(map) {
                self.report
                    .error("yaml::merge", self.tree.alias_site(map).unwrap_or_else(|| self.tree.span(map)))
                    .says("`<<` takes a mapping")
                    .label("not a mapping")
                    .help("write `<<: *name` or `<<: [*one, *two]`, where the anchors stand on mappings");
                continue;
            }
            for (key, value) in self.tree.pairs(map) {
                if known.insert(self.tree.scalar(*key).unwrap_or("").to_owned()) {
                    pairs.push((*key, *value));
                }
            }
        }
    }
}
