//! What may be written under the cursor: keys that are not there yet, words, and names.

use async_lsp::ResponseError;
use async_lsp::lsp_types::{
    CompletionItem, CompletionItemKind, CompletionParams, CompletionResponse, CompletionTextEdit,
    Documentation, InsertTextFormat, InsertTextMode, NumberOrString, TextEdit,
};
use serde_json::Value;

use crate::spec::scalar;

use super::documents::View;
use super::hover::markdown;
use super::language;
use super::names::{self, Names};
use super::spot::{self, Slot, Spot};

/// A route to start from.
const ROUTE: &str =
    "name: ${1:name}\nhost: ${2:example.com}\npath: ${3:/}\nupstream: ${4:upstream}";

pub(super) fn complete(
    view: &View,
    params: CompletionParams,
) -> Result<Option<CompletionResponse>, ResponseError> {
    let text = &view.document.text;
    let byte = text.byte(params.text_document_position.position);
    let Some(spot) = spot::spot(text, byte) else {
        return Ok(None);
    };
    let mut offer = Offer {
        view,
        spot: &spot,
        items: Vec::new(),
    };
    let steps = language::canonical(&spot.path);
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    match spot.slot {
        Slot::Key => {
            offer.keys();
            if let Some(kind) = names::key_kind(&steps) {
                offer.names(kind, byte, ": ");
            }
        }
        Slot::Value => {
            if let Some(kind) = names::value_kind(&steps) {
                offer.names(kind, byte, "");
            }
            offer.words();
            if matches!(steps[..], ["accept", _, "loss"]) {
                offer.losses();
            }
            if spot.own_line {
                offer.keys();
            } else {
                offer.choices();
            }
            offer.route(&steps);
            offer.examples();
        }
    }
    for (index, item) in offer.items.iter_mut().enumerate() {
        item.sort_text.get_or_insert_with(|| format!("5{index:04}"));
    }
    Ok(Some(CompletionResponse::Array(offer.items)))
}

struct Offer<'v> {
    view: &'v View,
    spot: &'v Spot,
    items: Vec<CompletionItem>,
}

impl Offer<'_> {
    /// One item that takes the place of what is written.
    fn add(
        &mut self,
        label: &str,
        new: &str,
        kind: CompletionItemKind,
        doc: &str,
    ) -> &mut CompletionItem {
        let text = &self.view.document.text;
        let written = &self.spot.whole;
        // What stands right behind a colon is no value yet.
        let glued = text.text[..written.start].ends_with(':') && self.spot.slot == Slot::Value;
        let new = if glued {
            format!(" {new}")
        } else {
            new.to_owned()
        };
        let at = self.items.len();
        self.items.push(CompletionItem {
            label: label.to_owned(),
            kind: Some(kind),
            documentation: (!doc.is_empty())
                .then(|| Documentation::MarkupContent(markdown(doc.to_owned()))),
            filter_text: Some(label.to_owned()),
            text_edit: Some(CompletionTextEdit::Edit(TextEdit::new(
                text.range(written.clone()),
                new,
            ))),
            ..CompletionItem::default()
        });
        &mut self.items[at]
    }

    /// The keys that are allowed and not there yet, those first that have to be.
    fn keys(&mut self) {
        let text = &self.view.document.text;
        let line = text.line(text.line_of(self.spot.word.start));
        let rest = text.text[self.spot.word.end..line.end].trim_start_matches(['"', '\'']);
        let has_colon = rest.trim_start().starts_with(':');
        for (index, key) in language::keys(&self.spot.path).into_iter().enumerate() {
            if self.spot.present.iter().any(|present| present == key.name) {
                continue;
            }
            let new = match (has_colon, key.block) {
                (true, _) => key.name.to_owned(),
                (false, true) => format!("{}:", key.name),
                (false, false) => format!("{}: ", key.name),
            };
            let item = self.add(key.name, &new, CompletionItemKind::FIELD, key.doc);
            item.detail = key.required.then(|| "required".to_owned());
            item.sort_text = Some(format!("{}{index:04}", if key.required { 0 } else { 1 }));
        }
    }

    fn names(&mut self, kind: names::Kind, byte: usize, behind: &str) {
        let tree = self.view.document.text.tree_around(byte);
        let names = Names::of(&tree);
        for name in names.of_kind(kind) {
            // What is being written is no name yet.
            if name.bytes.start == self.spot.word.start || self.spot.present.contains(&name.name) {
                continue;
            }
            let new = format!("{}{behind}", scalar::written(&name.name));
            let item = self.add(&name.name, &new, CompletionItemKind::REFERENCE, "");
            item.detail = Some(kind.word().to_owned());
            item.sort_text = Some(format!("0{}", name.name));
        }
    }

    fn words(&mut self) {
        let default = language::field(&self.spot.path).and_then(|field| field.default.as_ref());
        let default = default.map(language::plain);
        for (word, doc) in language::words(&self.spot.path) {
            let item = self.add(&word, &word, CompletionItemKind::ENUM_MEMBER, doc);
            item.detail = (default.as_ref() == Some(&word)).then(|| "default".to_owned());
        }
    }

    /// Maps of one key that the value may be, such as `{ hash: … }`.
    fn choices(&mut self) {
        if !self.view.snippets {
            return;
        }
        for arm in language::arms(&self.spot.path) {
            let Some(fields) = arm["properties"]
                .as_object()
                .filter(|fields| fields.len() == 1)
            else {
                continue;
            };
            for name in fields.keys() {
                let doc = arm["description"].as_str().unwrap_or_default();
                let new = format!("{{ {name}: $0 }}");
                let item = self.add(name, &new, CompletionItemKind::STRUCT, doc);
                item.insert_text_format = Some(InsertTextFormat::SNIPPET);
            }
        }
    }

    /// The losses that the last check told of.
    fn losses(&mut self) {
        let found = self.view.document.found.clone();
        let mut seen: Vec<&str> = Vec::new();
        for it in found.iter() {
            let Some(NumberOrString::String(code)) = &it.code else {
                continue;
            };
            if super::actions::loss(code).is_some() && !seen.contains(&code.as_str()) {
                seen.push(code);
                self.add(
                    code,
                    &format!("\"{code}\""),
                    CompletionItemKind::EVENT,
                    &it.message,
                );
            }
        }
    }

    fn route(&mut self, steps: &[&str]) {
        if !self.view.snippets || !matches!(steps, ["routes", "*"]) {
            return;
        }
        let item = self.add(
            "route",
            ROUTE,
            CompletionItemKind::SNIPPET,
            "A route: host, path and upstream.",
        );
        item.insert_text_format = Some(InsertTextFormat::SNIPPET);
        item.insert_text_mode = Some(InsertTextMode::ADJUST_INDENTATION);
        let socket = format!(
            "{ROUTE}\nwebsocket: {{ idle: ${{5:1h}}, origins: [${{6:https://example.com}}] }}"
        );
        let item = self.add(
            "route with websocket",
            &socket,
            CompletionItemKind::SNIPPET,
            "A route that passes WebSockets.",
        );
        item.insert_text_format = Some(InsertTextFormat::SNIPPET);
        item.insert_text_mode = Some(InsertTextMode::ADJUST_INDENTATION);
    }

    /// The default and the examples of a value that is no word.
    fn examples(&mut self) {
        let Some(field) = language::field(&self.spot.path) else {
            return;
        };
        let scalar = |value: &&Value| value.is_string() || value.is_number();
        let mut offered: Vec<String> = self.items.iter().map(|item| item.label.clone()).collect();
        let values = field
            .default
            .iter()
            .filter(scalar)
            .map(|it| (it, "default"));
        for (value, detail) in values.chain(
            field
                .examples
                .iter()
                .filter(scalar)
                .map(|it| (it, "example")),
        ) {
            let text = language::plain(value);
            if offered.contains(&text) {
                continue;
            }
            let new = if value.is_string() {
                scalar::written(&text)
            } else {
                text.clone()
            };
            let item = self.add(&text, &new, CompletionItemKind::VALUE, "");
            item.detail = Some(detail.to_owned());
            offered.push(text);
        }
    }
}
