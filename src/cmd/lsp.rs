//! `wsgen lsp`: the language server over standard input and output.

use std::io;
use std::sync::Arc;

use wsgen::lsp::{self, End, Settings};

use super::Status;
use super::args::{LspArgs, Overlays};
use super::fault::Fault;
use super::input;
use super::render::Chosen;

pub(super) fn run(args: &LspArgs) -> Result<Status, Fault> {
    let mut over = Overlays {
        file: Vec::new(),
        set: args.set.clone(),
        env_file: args.env_file.clone(),
    };
    let mut targets = Vec::new();
    if !args.target.is_empty() {
        let chosen = Chosen::read(&args.target)?;
        targets.extend(chosen.targets.iter().map(|target| target.id().to_owned()));
        over.set.extend(chosen.versions);
    }
    let (params, rooms) = input::put_over(&over)?;
    let settings = Settings {
        targets,
        files: args.files,
        params: Arc::new(params),
        over: rooms.into_iter().collect(),
    };
    match lsp::serve(settings, io::stdin(), io::stdout()) {
        Ok(End::Asked) => Ok(Status::Clean),
        Ok(End::Gone) => Ok(Status::Findings),
        Err(why) => Err(Fault::new(why)
            .help("`wsgen lsp` is started by an editor, which speaks the language server protocol to it; docs/editors.md shows how")),
    }
}
