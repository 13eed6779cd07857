//! A file of Kubernetes objects: documents between `---`, lists of them, each read with its places in the file.

use crate::import::Reading;
use crate::source::{FileId, Loc, Sources, Span};
use crate::spec::tree::{Node, Tree};
use crate::spec::yaml;

/// The most documents that a file may have.
const MOST: usize = 500;

/// An object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    /// The tree of its document.
    pub tree: usize,
    /// The object in it.
    pub at: Loc,
    /// `Ingress`, `Service` …
    pub kind: String,
    /// `networking.k8s.io/v1`
    pub version: String,
    /// Its name.
    pub name: String,
    /// Its namespace; `default` where none is written.
    pub namespace: String,
}

/// The objects of a file.
#[derive(Default, Debug)]
pub(super) struct Documents {
    trees: Vec<Tree>,
    /// Every object, lists taken apart.
    pub objects: Vec<Object>,
}

impl Documents {
    /// Reads a file; what is no YAML is told at its place.
    pub(super) fn read(file: FileId, reading: &mut Reading<'_>) -> Self {
        let mut documents = Self::default();
        let text = reading.text(file).to_owned();
        let pieces = split(&text);
        if pieces.len() > MOST {
            let diag = reading
                .report
                .error("import::size", super::super::start(file));
            diag.says(format!("the file has more than {MOST} documents"))
                .help("import the file with the Ingresses, their Services and the controller's ConfigMap");
            return documents;
        }
        for (start, end) in pieces {
            documents.document(&text, file, start, end, reading);
        }
        if reading.report.has_errors() && text.contains("{{") {
            let diag = reading
                .report
                .error("import::template", super::super::start(file));
            diag.says("`{{` stands in the file: it seems to be a template of Helm")
                .help("import what it comes to: `helm template . | wsgen import -`");
        }
        documents
    }

    fn document(
        &mut self,
        text: &str,
        file: FileId,
        start: usize,
        end: usize,
        reading: &mut Reading<'_>,
    ) {
        let blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        if text[start..end].lines().all(blank) {
            return;
        }
        // What stands before is blanked out, so that every place is one of the file.
        let mut alone = " ".repeat(start.saturating_sub(1));
        if start > 0 {
            alone.push('\n');
        }
        alone.push_str(&text[start..end]);
        let mut sources = Sources::new();
        for (_, source) in reading.sources.iter().take(usize::from(file.0)) {
            sources.add(source.name.clone(), "");
        }
        let name = reading
            .sources
            .find(file)
            .map_or("", |it| it.name.as_str())
            .to_owned();
        let same = sources.add(name, alone);
        let mut found = crate::diag::Report::new();
        let tree = yaml::parse(&sources, same, &mut found);
        let failed = found.has_errors();
        reading.report.extend(found);
        if failed || tree.is_empty() {
            return;
        }
        let root = tree.root();
        let at = self.trees.len();
        self.trees.push(tree);
        self.object(at, root);
    }

    fn object(&mut self, tree: usize, at: Loc) {
        let node = &self.trees[tree];
        let text = |path: &[&str]| -> String {
            let found = path.iter().try_fold(at, |here, key| node.get(here, key));
            found
                .and_then(|it| node.scalar(it))
                .unwrap_or("")
                .to_owned()
        };
        let kind = text(&["kind"]);
        if kind.ends_with("List") || kind.is_empty() && node.get(at, "items").is_some() {
            let items = node
                .get(at, "items")
                .map_or(Vec::new(), |it| node.items(it).to_vec());
            for item in items {
                self.object(tree, item);
            }
            return;
        }
        let namespace = text(&["metadata", "namespace"]);
        let object = Object {
            tree,
            at,
            kind,
            version: text(&["apiVersion"]),
            name: text(&["metadata", "name"]),
            namespace: if namespace.is_empty() {
                "default".to_owned()
            } else {
                namespace
            },
        };
        self.objects.push(object);
    }

    /// The value below some keys.
    pub(super) fn get(&self, object: &Object, path: &[&str]) -> Option<Loc> {
        let tree = &self.trees[object.tree];
        path.iter()
            .try_fold(object.at, |here, key| tree.get(here, key))
    }

    /// The value of a key of a map in an object.
    pub(super) fn below(&self, object: &Object, map: Loc, key: &str) -> Option<Loc> {
        self.trees[object.tree].get(map, key)
    }

    /// A scalar's text.
    pub(super) fn text(&self, object: &Object, at: Loc) -> Option<&str> {
        self.trees[object.tree].scalar(at)
    }

    /// The text below some keys.
    pub(super) fn text_at(&self, object: &Object, path: &[&str]) -> Option<&str> {
        self.get(object, path).and_then(|at| self.text(object, at))
    }

    /// A list's items.
    pub(super) fn items(&self, object: &Object, at: Option<Loc>) -> Vec<Loc> {
        at.map_or(Vec::new(), |at| self.trees[object.tree].items(at).to_vec())
    }

    /// A map's keys and values: name, its place, value.
    pub(super) fn pairs(&self, object: &Object, at: Option<Loc>) -> Vec<(String, Loc, Loc)> {
        let tree = &self.trees[object.tree];
        let pairs = at.map_or(&[][..], |at| tree.pairs(at));
        pairs
            .iter()
            .map(|(key, value)| (tree.scalar(*key).unwrap_or("").to_owned(), *key, *value))
            .collect()
    }

    /// Where a node is written, on one line; a map or list by its first line.
    pub(super) fn span(&self, object: &Object, at: Loc, reading: &Reading<'_>) -> Span {
        let tree = &self.trees[object.tree];
        let span = tree.span(at);
        let text = reading.sources.slice(span);
        let first = text.lines().next().unwrap_or("").trim_end();
        Span {
            end: span.start + first.len() as u32,
            ..span
        }
    }

    /// Whether it is a map or a list.
    pub(super) fn is_block(&self, object: &Object, at: Loc) -> bool {
        !matches!(self.trees[object.tree].node(at), Node::Scalar { .. })
    }
}

/// The bytes of each document.
fn split(text: &str) -> Vec<(usize, usize)> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        // A document may begin on the line of its `---`.
        let behind = line
            .strip_prefix("---")
            .filter(|it| it.is_empty() || it.starts_with(char::is_whitespace));
        if let Some(behind) = behind {
            pieces.push((start, at));
            start = at + line.len() - behind.trim_start_matches([' ', '\t']).len();
        } else if line.trim_end() == "..." {
            pieces.push((start, at));
            start = at + line.len();
        }
        at += line.len();
    }
    pieces.push((start, text.len()));
    pieces
}
