//! The open documents: their texts as the editor has them, and when each is checked.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_lsp::lsp_types::notification::{
    DidChangeConfiguration, DidChangeTextDocument, DidChangeWatchedFiles, DidCloseTextDocument,
    DidOpenTextDocument, DidSaveTextDocument, Notification, PublishDiagnostics, ShowMessage,
};
use async_lsp::lsp_types::{
    Diagnostic, DidChangeTextDocumentParams, DidOpenTextDocumentParams, MessageType,
    PublishDiagnosticsParams, ShowMessageParams, Url,
};
use async_lsp::{AnyNotification, ClientSocket};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::task::{self, AbortHandle};

use super::check::{self, Findings};
use super::shown;
use super::text::Text;
use super::world::{Folder, Settings};

/// How long the keys have to rest before a text is checked.
const REST: Duration = Duration::from_millis(120);

/// Everything that the server knows.
pub(super) struct State {
    client: ClientSocket,
    settings: Arc<Settings>,
    documents: HashMap<Url, Document>,
    /// Whether the editor takes texts with places to fill in.
    pub(super) snippets: bool,
}

/// One open document.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) uri: Url,
    /// What the editor calls this state of the text.
    pub(super) version: i32,
    pub(super) text: Text,
    pub(super) folder: Folder,
    /// The editor says itself that it is a spec.
    declared: bool,
    /// How often it was to be checked: a check that is not the latest is none.
    turn: Arc<AtomicU64>,
    waiting: Option<AbortHandle>,
    told: bool,
    /// What the last check told.
    pub(super) found: Arc<Vec<Diagnostic>>,
}

/// A document and what an answer about it depends on, as they were when it was asked for.
pub(super) struct View {
    pub(super) document: Document,
    pub(super) settings: Arc<Settings>,
    /// Whether the editor takes texts with places to fill in.
    pub(super) snippets: bool,
}

/// A check that is over.
pub(super) struct Checked {
    uri: Url,
    version: i32,
    turn: u64,
    diagnostics: Vec<Diagnostic>,
}

impl Document {
    fn new(params: DidOpenTextDocumentParams) -> Self {
        let item = params.text_document;
        let path = item.uri.to_file_path().unwrap_or_default();
        Self {
            folder: Folder(path.parent().unwrap_or(Path::new("")).to_owned()),
            declared: item.language_id == "wsgen",
            uri: item.uri,
            version: item.version,
            text: Text::new(item.text),
            turn: Arc::default(),
            waiting: None,
            told: false,
            found: Arc::default(),
        }
    }

    /// Whether it is a spec of wsgen: it says so by `wsgen:` at its left edge, by the line that names the schema, or the editor does. Any other
    /// YAML is none of our business.
    pub(super) fn is_spec(&self) -> bool {
        self.declared || says_that_it_is_a_spec(&self.text.text)
    }

    /// The name that findings show.
    fn name(&self) -> String {
        let path = self.uri.path();
        path.rsplit('/').next().unwrap_or(path).to_owned()
    }

    /// What a check finds in it now, as long as `goes_on` says so.
    pub(super) fn findings(
        &self,
        settings: &Settings,
        goes_on: &dyn Fn() -> bool,
    ) -> Option<Findings> {
        check::check(
            &self.name(),
            &self.text.text,
            &self.folder,
            settings,
            goes_on,
        )
    }
}

fn says_that_it_is_a_spec(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start_matches('\u{FEFF}');
        let key = line.trim_start_matches(['"', '\'', '{', ' ']);
        let marker = key
            .strip_prefix("wsgen")
            .is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'));
        // A key of the root stands at the left edge, or behind the brace that opens the document.
        let at_root = !line.starts_with(' ');
        let names_schema = line.starts_with('#')
            && line
                .split_once("$schema=")
                .is_some_and(|(_, file)| file.trim_end().ends_with("wsgen.schema.json"));
        marker && at_root || names_schema
    })
}

impl State {
    pub(super) fn new(client: ClientSocket, settings: Settings) -> Self {
        Self {
            client,
            settings: Arc::new(settings),
            documents: HashMap::new(),
            snippets: false,
        }
    }

    /// The document as it is now; `None` for one that is not open or no spec.
    pub(super) fn spec(&self, uri: &Url) -> Option<View> {
        let document = self.documents.get(uri).filter(|it| it.is_spec())?;
        Some(View {
            document: document.clone(),
            settings: Arc::clone(&self.settings),
            snippets: self.snippets,
        })
    }

    /// Takes what the editor sets; everything is checked anew.
    pub(super) fn set(&mut self, said: &Value) {
        let mut settings = Settings::clone(&self.settings);
        for sentence in settings.take(said) {
            let _ = self.client.notify::<ShowMessage>(ShowMessageParams {
                typ: MessageType::WARNING,
                message: format!("wsgen: {sentence}"),
            });
        }
        self.settings = Arc::new(settings);
        self.check_all();
    }

    /// A notification; those that are not known, or whose parameters cannot be read, change nothing.
    pub(super) fn notified(
        &mut self,
        notification: AnyNotification,
    ) -> ControlFlow<async_lsp::Result<()>> {
        fn read<T: DeserializeOwned>(params: Value) -> Option<T> {
            serde_json::from_value(params).ok()
        }
        let params = notification.params;
        match notification.method.as_str() {
            DidOpenTextDocument::METHOD => {
                if let Some(params) = read::<DidOpenTextDocumentParams>(params) {
                    let uri = params.text_document.uri.clone();
                    self.documents.insert(uri.clone(), Document::new(params));
                    self.check(&uri, Duration::ZERO);
                }
            }
            DidChangeTextDocument::METHOD => {
                if let Some(params) = read(params) {
                    self.change(&params);
                }
            }
            DidCloseTextDocument::METHOD => {
                if let Some(params) = read::<<DidCloseTextDocument as Notification>::Params>(params)
                {
                    self.close(&params.text_document.uri);
                }
            }
            // What a spec names may have been written.
            DidSaveTextDocument::METHOD | DidChangeWatchedFiles::METHOD => self.check_all(),
            DidChangeConfiguration::METHOD => {
                if let Some(settings) = params.get("settings") {
                    self.set(settings);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn change(&mut self, params: &DidChangeTextDocumentParams) {
        let Some(document) = self.documents.get_mut(&params.text_document.uri) else {
            return;
        };
        for change in &params.content_changes {
            document.text = document.text.changed(change);
        }
        document.version = params.text_document.version;
        self.check(&params.text_document.uri, REST);
    }

    fn close(&mut self, uri: &Url) {
        if let Some(document) = self.documents.remove(uri) {
            document.turn.fetch_add(1, Ordering::Relaxed);
            self.tell(uri.clone(), None, Vec::new());
        }
    }

    fn check_all(&mut self) {
        let all: Vec<Url> = self.documents.keys().cloned().collect();
        for uri in all {
            self.check(&uri, REST);
        }
    }

    /// Has a document checked after a while, in place of any check of it that is under way.
    fn check(&mut self, uri: &Url, after: Duration) {
        let Some(document) = self.documents.get_mut(uri) else {
            return;
        };
        let turn = document.turn.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(waiting) = document.waiting.take() {
            waiting.abort();
        }
        if !document.is_spec() {
            if std::mem::take(&mut document.told) {
                let version = document.version;
                self.tell(uri.clone(), Some(version), Vec::new());
            }
            return;
        }
        document.told = true;
        let (snapshot, settings) = (document.clone(), Arc::clone(&self.settings));
        let client = self.client.clone();
        let waiting = task::spawn(async move {
            tokio::time::sleep(after).await;
            let checked = task::spawn_blocking(move || {
                let is_latest = || snapshot.turn.load(Ordering::Relaxed) == turn;
                let findings = snapshot.findings(&settings, &is_latest)?;
                Some(Checked {
                    diagnostics: shown::diagnostics(&findings, &snapshot.text, &snapshot.uri),
                    uri: snapshot.uri,
                    version: snapshot.version,
                    turn,
                })
            });
            if let Ok(Some(checked)) = checked.await {
                let _ = client.emit(checked);
            }
        });
        document.waiting = Some(waiting.abort_handle());
    }

    /// Tells what a check found, if the text is still the one that was checked.
    pub(super) fn checked(&mut self, checked: Checked) -> ControlFlow<async_lsp::Result<()>> {
        let document = self.documents.get_mut(&checked.uri);
        let latest = document.filter(|it| it.turn.load(Ordering::Relaxed) == checked.turn);
        if let Some(document) = latest {
            document.found = Arc::new(checked.diagnostics.clone());
            self.tell(checked.uri, Some(checked.version), checked.diagnostics);
        }
        ControlFlow::Continue(())
    }

    fn tell(&self, uri: Url, version: Option<i32>, diagnostics: Vec<Diagnostic>) {
        let told = PublishDiagnosticsParams::new(uri, diagnostics, version);
        let _ = self.client.notify::<PublishDiagnostics>(told);
    }
}

#[cfg(test)]
mod tests {
    use super::says_that_it_is_a_spec;

    #[test]
    fn other_yaml_is_no_spec() {
        for spec in [
            "wsgen: 1\n",
            "# a comment\n\"wsgen\": 1\n",
            "{ wsgen: 1 }",
            "# yaml-language-server: $schema=../wsgen.schema.json\nroutes:\n",
            "name: x\r\nwsgen: 1\r\nrou",
        ] {
            assert!(says_that_it_is_a_spec(spec), "{spec}");
        }
        for other in [
            "",
            "services:\n  wsgen: {}\n",
            "# wsgen: allow(x)\nname: x\n",
            "# $schema=other.json\n",
            "wsgenerator: 1\n",
        ] {
            assert!(!says_that_it_is_a_spec(other), "{other}");
        }
    }
}
