//! An object of the API: its kind, its name, its annotations, and the lines of its document.

use super::word;
use crate::emit::lang::kubernetes;
use crate::emit::{Map, Node, Style, Tok};
use crate::source::Loc;

/// An object under construction.
pub(in crate::targets) struct Object {
    api: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    labels: Map,
    annotations: Map,
    remark: Option<String>,
    at: Loc,
    body: Map,
}

impl Object {
    /// An object without a body yet; `at` is the place of the spec that it stands for.
    pub(in crate::targets) fn new(
        api: &'static str,
        kind: &'static str,
        name: &str,
        namespace: &str,
        at: Loc,
    ) -> Self {
        Self {
            api,
            kind,
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            labels: Map::new(),
            annotations: Map::new(),
            remark: None,
            at,
            body: Map::new(),
        }
    }

    /// Adds a label.
    #[must_use]
    pub(in crate::targets) fn label(mut self, key: &'static str, value: &str) -> Self {
        self.labels = self.labels.put(key, word(value));
        self
    }

    /// Adds annotations.
    #[must_use]
    pub(in crate::targets) fn annotated(mut self, annotations: Map) -> Self {
        self.annotations = self.annotations.and(annotations);
        self
    }

    /// A comment at the object's head.
    #[must_use]
    pub(in crate::targets) fn remarked(mut self, text: impl Into<String>) -> Self {
        self.remark = Some(text.into());
        self
    }

    /// Adds a part of the body, such as `spec`.
    #[must_use]
    pub(in crate::targets) fn put(mut self, key: &'static str, node: impl Into<Node>) -> Self {
        self.body = self.body.put(key, node);
        self
    }

    /// What no two objects of a namespace have in common: kind and name.
    pub(in crate::targets) fn key(&self) -> (&'static str, String) {
        (self.kind, self.name.clone())
    }

    /// The lines of its document.
    pub(in crate::targets) fn lines(self) -> Vec<Tok> {
        let mut meta = Map::new().put(
            "name",
            Node::tok(kubernetes::word(&self.name).at(self.at)).at(self.at),
        );
        meta = meta.put("namespace", word(&self.namespace));
        if !self.labels.is_empty() {
            meta = meta.put("labels", self.labels);
        }
        if !self.annotations.is_empty() {
            meta = meta.put("annotations", self.annotations);
        }
        let mut map = Map::new();
        if let Some(text) = &self.remark {
            map = map.remark(text);
        }
        map.put("apiVersion", Node::word(self.api))
            .put("kind", Node::word(self.kind))
            .put("metadata", meta)
            .and(self.body)
            .document(Style::Yaml)
    }
}
