//! The outline of a spec: its blocks, and in them what has a name.

use async_lsp::ResponseError;
use async_lsp::lsp_types::{
    DocumentSymbol, DocumentSymbolParams, DocumentSymbolResponse, SymbolKind,
};

use crate::source::Loc;
use crate::spec::tree::{Node, Tree};

use super::documents::View;
use super::names::bytes;
use super::text::Text;

/// How many items of a block are listed: an editor's outline is for people.
const MOST: usize = 5_000;

pub(super) fn symbols(
    view: &View,
    _: DocumentSymbolParams,
) -> Result<Option<DocumentSymbolResponse>, ResponseError> {
    let text = &view.document.text;
    let tree = text.tree_around(0);
    let blocks = tree.pairs(tree.root()).iter().filter_map(|(key, value)| {
        let name = tree.scalar(*key)?;
        let children: Vec<DocumentSymbol> = match (name, tree.node(*value)) {
            (
                "listeners" | "certificates" | "upstreams" | "auth" | "targets" | "defaults",
                Node::Map(pairs),
            ) => pairs
                .iter()
                .take(MOST)
                .filter_map(|(key, value)| {
                    symbol(&tree, text, tree.scalar(*key)?, kind(name), *key, *value)
                })
                .collect(),
            ("routes" | "tests" | "accept", Node::Seq(items)) => items
                .iter()
                .take(MOST)
                .filter_map(|item| entry(&tree, text, name, *item))
                .collect(),
            _ => Vec::new(),
        };
        let mut block = symbol(&tree, text, name, SymbolKind::NAMESPACE, *key, *value)?;
        if children.is_empty() {
            block.kind = SymbolKind::PROPERTY;
        } else {
            block.children = Some(children);
        }
        Some(block)
    });
    Ok(Some(DocumentSymbolResponse::Nested(blocks.collect())))
}

const fn kind(block: &str) -> SymbolKind {
    match block.as_bytes() {
        b"listeners" => SymbolKind::INTERFACE,
        b"certificates" => SymbolKind::FILE,
        b"upstreams" => SymbolKind::CLASS,
        b"auth" => SymbolKind::KEY,
        _ => SymbolKind::MODULE,
    }
}

/// An item of a list: a route by its name or path, a test by its request, an accepted loss by its code.
fn entry(tree: &Tree, text: &Text, block: &str, item: Loc) -> Option<DocumentSymbol> {
    let (fields, kind): (&[&str], _) = match block {
        "routes" => (&["name", "path", "host"], SymbolKind::FUNCTION),
        "tests" => (&["request"], SymbolKind::EVENT),
        _ => (&["loss"], SymbolKind::CONSTANT),
    };
    let named = fields.iter().find_map(|field| {
        let value = tree.get(item, field)?;
        let first = tree.items(value).first().copied().unwrap_or(value);
        let first = tree.pairs(first).first().map_or(first, |(_, value)| *value);
        Some((tree.scalar(first)?, first))
    });
    let (name, at) = named.unwrap_or((block.trim_end_matches('s'), item));
    let mut found = symbol(tree, text, name, kind, at, item)?;
    if block == "routes" {
        let path = tree.get(item, "path").and_then(|path| tree.scalar(path));
        found.detail = path.filter(|path| *path != name).map(str::to_owned);
    }
    Some(found)
}

/// A symbol from its name's place and what it spans.
fn symbol(
    tree: &Tree,
    text: &Text,
    name: &str,
    kind: SymbolKind,
    at: Loc,
    whole: Loc,
) -> Option<DocumentSymbol> {
    let (name_bytes, mut value) = (bytes(tree, at), bytes(tree, whole));
    if value.end <= name_bytes.start {
        // An alias brought it: it stands elsewhere.
        value = name_bytes.clone();
    }
    let range = text.range(name_bytes.start.min(value.start)..name_bytes.end.max(value.end));
    let mut own = text.range(name_bytes);
    // A name that an alias brought stands elsewhere; the protocol wants it inside.
    if own.start < range.start || own.end > range.end {
        own = range;
    }
    // Editors refuse a symbol without a name.
    let name = if name.trim().is_empty() {
        "(without a name)"
    } else {
        name
    };
    #[expect(deprecated, reason = "the type has no other constructor")]
    Some(DocumentSymbol {
        name: name.to_owned(),
        detail: None,
        kind,
        tags: None,
        deprecated: None,
        range,
        selection_range: own,
        children: None,
    })
}
