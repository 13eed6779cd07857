//! The language server: what the compiler knows of a spec, told to an editor while it is written.
//!
//! One loop takes the client's messages in their order and owns the open documents; what takes time (a check, a completion) runs on
//! threads of its own over a copy of the text, and counts only while that text is the latest.

mod check;
mod documents;
mod layout;
mod shown;
mod text;
mod wire;
mod world;

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_lsp::lsp_types::request::{Formatting, Initialize, Request, Shutdown};
use async_lsp::lsp_types::{
    InitializeResult, OneOf, SaveOptions, ServerCapabilities, ServerInfo,
    TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions,
    TextDocumentSyncSaveOptions, Url,
};
use async_lsp::router::Router;
use async_lsp::server::Lifecycle;
use async_lsp::{Error, ErrorCode, MainLoop, ResponseError};
use futures_util::io::AllowStdIo;

pub use world::Settings;

use documents::{Checked, Document, State};

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
            if let Some(said) = &params.initialization_options {
                state.set(said);
            }
            async { Ok::<_, ResponseError>(greeting()) }
        })
        .request::<Shutdown, _>(move |_, ()| {
            asked.store(true, Ordering::Relaxed);
            async { Ok(()) }
        });
    on::<Formatting>(&mut router, |it| &it.text_document.uri, layout::format);
    router
}

/// Answers a request about a document on a thread of its own; about what is no spec there is nothing to say.
fn on<R: Request>(
    router: &mut Router<State>,
    uri: fn(&R::Params) -> &Url,
    job: fn(&Document, R::Params) -> Result<R::Result, ResponseError>,
) where
    R::Params: Send + 'static,
    R::Result: Default + Send + 'static,
{
    router.request::<R, _>(move |state, params| {
        let document = state.spec(uri(&params));
        async move {
            let Some(document) = document else {
                return Ok(R::Result::default());
            };
            let done = tokio::task::spawn_blocking(move || job(&document, params));
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
            document_formatting_provider: Some(OneOf::Left(true)),
            ..ServerCapabilities::default()
        },
        server_info: Some(ServerInfo {
            name: "wsgen".to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        }),
    }
}
