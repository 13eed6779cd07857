//! Documents over documents: several files, `defaults`, and one target's own values.

use rustc_hash::FxHashMap as HashMap;

use super::scalar;
use super::tree::{Node, Tree};
use crate::source::Loc;

/// Merges files from left to right: mappings by key, lists replaced, items of the top-level `routes` by `name`.
/// Each node keeps the file that wrote it.
pub fn files(trees: impl IntoIterator<Item = Tree>) -> Tree {
    let mut trees = trees.into_iter();
    let mut all = trees.next().unwrap_or_default();
    for tree in trees {
        if tree.is_empty() {
            continue;
        }
        let over = all.append(&tree);
        if all.is_map(all.root()) && all.is_map(over) {
            let merged = merge_maps(&all, all.root(), over, true);
            apply(&mut all, merged);
        } else if over != all.root() {
            all.become_node(over);
        }
    }
    all
}

/// A map's new keys and values, decided before the tree is touched.
struct Merged {
    into: Loc,
    pairs: Vec<(Loc, Loc)>,
    deeper: Vec<Merged>,
    list: Option<(Loc, Vec<Loc>)>,
}

fn apply(tree: &mut Tree, merged: Merged) {
    for deeper in merged.deeper {
        apply(tree, deeper);
    }
    if let Some((list, items)) = merged.list {
        tree.fill_seq(list, &items);
    }
    tree.fill_map(merged.into, &merged.pairs);
}

fn merge_maps(tree: &Tree, base: Loc, over: Loc, top: bool) -> Merged {
    let mut pairs = tree.pairs(base).to_vec();
    let known: HashMap<&str, usize> = pairs
        .iter()
        .enumerate()
        .map(|(index, (key, _))| (tree.scalar(*key).unwrap_or(""), index))
        .collect();
    let mut merged = Merged {
        into: base,
        pairs: Vec::new(),
        deeper: Vec::new(),
        list: None,
    };
    for (key, value) in tree.pairs(over) {
        let name = tree.scalar(*key).unwrap_or("");
        let Some(index) = known.get(name).copied() else {
            pairs.push((*key, *value));
            continue;
        };
        let old = pairs[index].1;
        match (tree.node(old), tree.node(*value)) {
            (Node::Map(_), Node::Map(_)) => {
                merged.deeper.push(merge_maps(tree, old, *value, false))
            }
            (Node::Seq(_), Node::Seq(_)) if top && name == "routes" => {
                let (items, deeper) = merge_routes(tree, old, *value);
                merged.deeper.extend(deeper);
                merged.list = Some((old, items));
            }
            // The key moves along, so that a diagnostic underlines the line that wrote the value.
            _ => pairs[index] = (*key, *value),
        }
    }
    merged.pairs = pairs;
    merged
}

fn merge_routes(tree: &Tree, base: Loc, over: Loc) -> (Vec<Loc>, Vec<Merged>) {
    let name = |item: &Loc| tree.get(*item, "name").and_then(|name| tree.scalar(name));
    let mut items = tree.items(base).to_vec();
    let known: HashMap<&str, usize> = items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| Some((name(item)?, index)))
        .collect();
    let mut deeper = Vec::new();
    let mut added = Vec::new();
    for item in tree.items(over) {
        match name(item).and_then(|name| known.get(name)) {
            Some(index) => deeper.push(merge_maps(tree, items[*index], *item, false)),
            None => added.push(*item),
        }
    }
    items.extend(added);
    (items, deeper)
}

/// Lets every listener, upstream and route inherit from `defaults`: mappings merge deeply, a value written replaces,
/// `off` over a mapping takes it out, `on` over a mapping keeps it. What is inherited stays where it is written:
/// the same node under every heir.
pub fn defaults(tree: &mut Tree) {
    let root = tree.root();
    let Some(defaults) = tree.get(root, "defaults") else {
        return;
    };
    for (kind, block) in [
        ("listener", "listeners"),
        ("upstream", "upstreams"),
        ("route", "routes"),
    ] {
        let (Some(from), Some(block)) = (tree.get(defaults, kind), tree.get(root, block)) else {
            continue;
        };
        if !tree.is_map(from) {
            continue;
        }
        let heirs: Vec<Loc> = match tree.node(block) {
            Node::Map(pairs) => pairs.iter().map(|(_, value)| *value).collect(),
            Node::Seq(items) => items.to_vec(),
            Node::Scalar { .. } => continue,
        };
        for heir in heirs {
            if tree.is_map(heir) {
                inherit(tree, heir, from);
            }
        }
    }
}

fn inherit(tree: &mut Tree, heir: Loc, from: Loc) {
    let mut pairs = tree.pairs(heir).to_vec();
    let mut gone = Vec::new();
    let inherited = tree.pairs(from).to_vec();
    for (key, default) in inherited {
        let name = tree.scalar(key).unwrap_or("");
        let Some(index) = pairs
            .iter()
            .position(|(known, _)| tree.scalar(*known) == Some(name))
        else {
            pairs.push((key, default));
            continue;
        };
        let own = pairs[index].1;
        if !tree.is_map(default) {
            continue;
        }
        match tree.node(own) {
            Node::Map(_) => inherit(tree, own, default),
            Node::Scalar { text, plain, param } if plain || param => match scalar::switch(text) {
                Some(false) => gone.push(index),
                Some(true) => pairs[index].1 = default,
                None => {}
            },
            _ => {}
        }
    }
    let mut index = 0;
    pairs.retain(|_| {
        index += 1;
        !gone.contains(&(index - 1))
    });
    tree.share_map(heir, &pairs);
}

/// Writes a value at a path such as `routes.socket.websocket.idle` (routes by name), making the mappings that are
/// missing on the way. The value keeps its `Loc`; nodes that several places share are copied first.
///
/// # Errors
/// A path that leads through something other than a mapping, or to a route that does not exist.
pub fn set(tree: &mut Tree, path: &str, value: Loc) -> Result<(), String> {
    let (mut here, mut rest) = (tree.root(), path);
    while !rest.is_empty() {
        match tree.step(here, rest) {
            Some((child, index, after)) => {
                let child = if after.is_empty() {
                    value
                } else {
                    own(tree, here, child)
                };
                replace(tree, here, rest, index, child);
                (here, rest) = (child, after);
            }
            None if tree.is_map(here) => return create(tree, here, rest, path, value),
            None => {
                let done = path.strip_suffix(rest).unwrap_or("").trim_end_matches('.');
                return Err(match tree.node(here) {
                    Node::Seq(_) => {
                        let name = rest.split(['.', '[']).next().unwrap_or(rest);
                        format!("`{done}` has no item `{name}`")
                    }
                    _ => format!("`{done}` is not a mapping, so that nothing can be set in it"),
                });
            }
        }
    }
    Ok(())
}

/// The child itself where `parent` wrote it, a copy where it is inherited.
fn own(tree: &mut Tree, parent: Loc, child: Loc) -> Loc {
    if tree.parent(child) == Some(parent) {
        return child;
    }
    let copy = tree.copy_shallow(child);
    tree.set_parent(copy, parent);
    copy
}

fn replace(tree: &mut Tree, parent: Loc, rest: &str, index: usize, child: Loc) {
    let mut pairs = match tree.node(parent) {
        Node::Seq(_) => return tree.set_item(parent, index, child),
        Node::Map(pairs) => pairs.to_vec(),
        Node::Scalar { .. } => return,
    };
    let found = tree.step(parent, rest).map(|(old, ..)| old);
    for pair in &mut pairs {
        if Some(pair.1) == found {
            pair.1 = child;
        }
    }
    tree.share_map(parent, &pairs);
}

fn create(
    tree: &mut Tree,
    mut here: Loc,
    rest: &str,
    path: &str,
    value: Loc,
) -> Result<(), String> {
    let steps: Vec<&str> = rest.split('.').collect();
    if steps
        .iter()
        .any(|step| step.is_empty() || step.contains('['))
    {
        return Err(format!(
            "`{path}` is not a path such as `routes.socket.websocket.idle`"
        ));
    }
    let span = tree.key_span(value).unwrap_or_else(|| tree.span(value));
    for (index, step) in steps.iter().enumerate() {
        let key = tree.push_made(span, step, false);
        let last = index + 1 == steps.len();
        let child = if last {
            value
        } else {
            tree.push_open(span, true)
        };
        tree.set_parent(key, here);
        if !last {
            tree.set_parent(child, here);
            tree.set_key(child, key);
        }
        let mut pairs = tree.pairs(here).to_vec();
        pairs.push((key, child));
        tree.share_map(here, &pairs);
        here = child;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Report;
    use crate::source::Sources;
    use crate::spec::yaml;

    fn trees(texts: &[&str]) -> Tree {
        let (mut sources, mut report) = (Sources::new(), Report::new());
        let trees: Vec<_> = texts
            .iter()
            .map(|text| {
                let file = sources.add("x.yaml", *text);
                yaml::parse(&sources, file, &mut report)
            })
            .collect();
        assert!(report.is_empty(), "{report:?}");
        files(trees)
    }

    fn text(tree: &Tree, at: Loc) -> String {
        match tree.node(at) {
            Node::Scalar { text, .. } => text.to_owned(),
            Node::Seq(items) => format!(
                "[{}]",
                items
                    .iter()
                    .map(|item| text_of(tree, *item))
                    .collect::<Vec<_>>()
                    .join(",")
            ),
            Node::Map(pairs) => {
                let pairs: Vec<_> = pairs
                    .iter()
                    .map(|(key, value)| {
                        format!("{}:{}", text_of(tree, *key), text_of(tree, *value))
                    })
                    .collect();
                format!("{{{}}}", pairs.join(","))
            }
        }
    }

    fn text_of(tree: &Tree, at: Loc) -> String {
        text(tree, at)
    }

    #[test]
    fn files_merge_left_to_right() {
        let tree = trees(&[
            "a: {x: 1, y: [1, 2]}\nroutes:\n- {name: one, path: /}\n- {path: /b}\n",
            "a: {y: [3], z: 4}\nroutes:\n- {name: two}\n- {name: one, path: /c, host: h}\nb: 5\n",
        ]);
        assert_eq!(
            text(&tree, tree.root()),
            "{a:{x:1,y:[3],z:4},routes:[{name:one,path:/c,host:h},{path:/b},{name:two}],b:5}"
        );
        let path = tree.loc_at("routes.one.path").expect("there");
        assert_eq!(tree.span(path).file.0, 1);
        assert_eq!(tree.path(path), "routes.one.path");
    }

    #[test]
    fn defaults_are_inherited_and_cleared() {
        let mut tree = trees(&[concat!(
            "defaults: {route: {timeouts: {response: 5s, idle: 6s}, cors: {origins: any}, log: on}}\n",
            "routes:\n- {name: a, timeouts: {idle: 1s}}\n- {name: b, cors: off, timeouts: off}\n- {name: c, cors: on, log: off}\n",
        )]);
        defaults(&mut tree);
        let routes = tree.get(tree.root(), "routes").expect("there");
        assert_eq!(
            text(&tree, routes),
            "[{name:a,timeouts:{idle:1s,response:5s},cors:{origins:any},log:on},{name:b,log:on},\
             {name:c,cors:{origins:any},log:off,timeouts:{response:5s,idle:6s}}]"
        );
    }

    #[test]
    fn a_target_sets_its_own_value_on_one_route_alone() {
        let mut tree = trees(&[concat!(
            "defaults: {route: {timeouts: {response: 5s}}}\nroutes:\n- {name: a}\n- {name: b}\n",
            "set: {routes.a.timeouts.response: 9s, routes.b.websocket.idle: 300s, name: x}\n",
        )]);
        defaults(&mut tree);
        let set_block = tree.get(tree.root(), "set").expect("there");
        for (key, value) in tree.pairs(set_block).to_vec() {
            let path = tree.scalar(key).expect("text").to_owned();
            set(&mut tree, &path, value).expect("can be set");
        }
        let routes = tree.get(tree.root(), "routes").expect("there");
        assert_eq!(
            text(&tree, routes),
            "[{name:a,timeouts:{response:9s}},{name:b,timeouts:{response:5s},websocket:{idle:300s}}]"
        );
        let value = tree.loc_at("set.name").expect("there");
        assert_eq!(
            set(&mut tree, "routes.z.idle", value),
            Err("`routes` has no item `z`".into())
        );
        assert_eq!(
            set(&mut tree, "routes.a.name.deep", value),
            Err("`routes.a.name` is not a mapping, so that nothing can be set in it".into())
        );
    }
}
