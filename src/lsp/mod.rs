//! The language server: what the compiler knows of a spec, told to an editor while it is written.
//!
//! One loop takes the client's messages in their order and owns the open documents; what takes time (a check, a completion) runs on
//! threads of its own over a copy of the text, and counts only while that text is the latest.

mod actions;
mod check;
mod completion;
mod documents;
mod goto;
mod hover;
mod language;
mod layout;
mod names;
mod shown;
mod spot;
mod symbols;
mod text;
mod wire;
mod world;

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_lsp::lsp_types::request::{
    CodeActionRequest, Completion, DocumentHighlightRequest, DocumentSymbolRequest, Formatting,
    GotoDefinition, HoverRequest, Initialize, PrepareRenameRequest, References, Rename, Request,
    Shutdown,
};
use async_lsp::lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionProviderCapability, CompletionOptions,
    HoverProviderCapability, InitializeParams, InitializeResult, OneOf, RenameOptions, SaveOptions,
    ServerCapabilities, ServerInfo, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextDocumentSyncOptions, TextDocumentSyncSaveOptions, Url, WorkDoneProgressOptions,
};
use async_lsp::router::Router;
use async_lsp::server::Lifecycle;
use async_lsp::{Error, ErrorCode, MainLoop, ResponseError};
use futures_util::io::AllowStdIo;

pub use world::Settings;

use documents::{Checked, State, View};

/// How a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The client asked for it: `shutdown`, then `exit`.
    Asked,
    /// The client went without a word, or said `exit` alone.
    Gone,
}

/// Serves one client until it ends.
///
/// # Errors
/// A sentence: what the client sent that is no message of the protocol, or why nothing can be written to it.
pub fn serve(
    settings: Settings,
    input: impl Read + Send + 'static,
    output: impl std::io::Write,
) -> Result<End, String> {
    let asked = Arc::new(AtomicBool::new(false));
    let (main_loop, _) = MainLoop::new_server(|client| {
        Lifecycle::new(router(State::new(client, settings), Arc::clone(&asked)))
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|why| format!("the language server cannot start: {why}"))?;
    let run = main_loop.run_buffered(wire::messages(input), AllowStdIo::new(output));
    let ended = runtime.block_on(run);
    // A check that is under way is of no use any more.
    runtime.shutdown_background();
    match ended {
        Ok(()) if asked.load(Ordering::Relaxed) => Ok(End::Asked),
        Ok(()) | Err(Error::Eof) => Ok(End::Gone),
        Err(Error::Io(why)) if why.kind() == std::io::ErrorKind::BrokenPipe => Ok(End::Gone),
        Err(Error::Io(why)) => Err(why.to_string()),
        Err(why) => Err(format!("the client sent what is no message: {why}")),
    }
}

fn router(state: State, asked: Arc<AtomicBool>) -> Router<State> {
    let mut router = Router::new(state);
    router
        .unhandled_notification(State::notified)
        .event::<Checked>(State::checked)
        .request::<Initialize, _>(|state, params| {
            state.snippets = takes_snippets(&params);
            if let Some(said) = &params.initialization_options {
                state.set(said);
            }
            async { Ok::<_, ResponseError>(greeting()) }
        })
        .request::<Shutdown, _>(move |_, ()| {
            asked.store(true, Ordering::Relaxed);
            async { Ok(()) }
        });
    let it = &mut router;
    on::<Formatting>(it, |of| &of.text_document.uri, layout::format);
    on::<DocumentSymbolRequest>(it, |of| &of.text_document.uri, symbols::symbols);
    on::<CodeActionRequest>(it, |of| &of.text_document.uri, actions::actions);
    on::<PrepareRenameRequest>(it, |of| &of.text_document.uri, goto::prepare_rename);
    on::<HoverRequest>(
        it,
        |of| &of.text_document_position_params.text_document.uri,
        hover::hover,
    );
    on::<GotoDefinition>(
        it,
        |of| &of.text_document_position_params.text_document.uri,
        goto::definition,
    );
    on::<DocumentHighlightRequest>(
        it,
        |of| &of.text_document_position_params.text_document.uri,
        goto::highlight,
    );
    on::<Completion>(
        it,
        |of| &of.text_document_position.text_document.uri,
        completion::complete,
    );
    on::<References>(
        it,
        |of| &of.text_document_position.text_document.uri,
        goto::references,
    );
    on::<Rename>(
        it,
        |of| &of.text_document_position.text_document.uri,
        goto::rename,
    );
    router
}

/// Whether the editor takes texts with places to fill in.
fn takes_snippets(params: &InitializeParams) -> bool {
    let of = || {
        let document = params.capabilities.text_document.as_ref()?;
        let item = document.completion.as_ref()?.completion_item.as_ref()?;
        item.snippet_support
    };
    of().unwrap_or(false)
}

/// Answers a request about a document on a thread of its own; about what is no spec there is nothing to say.
fn on<R: Request>(
    router: &mut Router<State>,
    uri: fn(&R::Params) -> &Url,
    job: fn(&View, R::Params) -> Result<R::Result, ResponseError>,
) where
    R::Params: Send + 'static,
    R::Result: Default + Send + 'static,
{
    router.request::<R, _>(move |state, params| {
        let view = state.spec(uri(&params));
        async move {
            let Some(view) = view else {
                return Ok(R::Result::default());
            };
            let done = tokio::task::spawn_blocking(move || job(&view, params));
            let failed = |_| {
                let said = "this is a mistake of wsgen: the answer failed";
                Err(ResponseError::new(ErrorCode::INTERNAL_ERROR, said))
            };
            done.await.unwrap_or_else(failed)
        }
    });
}

fn greeting() -> InitializeResult {
    InitializeResult {
        capabilities: ServerCapabilities {
            text_document_sync: Some(TextDocumentSyncCapability::Options(
                TextDocumentSyncOptions {
                    open_close: Some(true),
                    change: Some(TextDocumentSyncKind::INCREMENTAL),
                    save: Some(TextDocumentSyncSaveOptions::SaveOptions(SaveOptions {
                        include_text: Some(false),
                    })),
                    ..TextDocumentSyncOptions::default()
                },
            )),
            hover_provider: Some(HoverProviderCapability::Simple(true)),
            completion_provider: Some(CompletionOptions {
                trigger_characters: Some([":", " ", "\"", "."].map(str::to_owned).to_vec()),
                ..CompletionOptions::default()
            }),
            definition_provider: Some(OneOf::Left(true)),
            references_provider: Some(OneOf::Left(true)),
            document_highlight_provider: Some(OneOf::Left(true)),
            document_symbol_provider: Some(OneOf::Left(true)),
            rename_provider: Some(OneOf::Right(RenameOptions {
                prepare_provider: Some(true),
                work_done_progress_options: WorkDoneProgressOptions::default(),
            })),
            code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
                code_action_kinds: Some(vec![CodeActionKind::QUICKFIX]),
                ..CodeActionOptions::default()
            })),
            document_formatting_provider: Some(OneOf::Left(true)),
            ..ServerCapabilities::default()
        },
        server_info: Some(ServerInfo {
            name: "wsgen".to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        }),
    }
}
