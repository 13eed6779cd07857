//! `wsgen init`: specs to start from, one for each kind of application.

use std::io::{self, Write};

use super::args::{App, InitArgs};
use super::fault::{Fault, shown};
use super::{Status, output};

pub(super) fn run(args: &InitArgs) -> Result<Status, Fault> {
    let text = text(args.app);
    let Some(path) = args.out.as_deref().filter(|path| path.as_os_str() != "-") else {
        output::print(text)?;
        return Ok(Status::Clean);
    };
    output::create(path, text)?;
    let path = shown(path);
    let _ = write!(
        io::stderr(),
        "wrote {path}\nnext: put your hosts, certificates and servers in, then `wsgen render {path} --target nginx`\n"
    );
    Ok(Status::Clean)
}

const fn text(app: App) -> &'static str {
    match app {
        App::Chat => include_str!("chat.yaml"),
        App::Socketio => include_str!("socketio.yaml"),
        App::Phoenix => include_str!("phoenix.yaml"),
        App::Rails => include_str!("rails.yaml"),
        App::Signalr => include_str!("signalr.yaml"),
        App::Graphql => include_str!("graphql.yaml"),
        App::Sse => include_str!("sse.yaml"),
        App::Llm => include_str!("llm.yaml"),
    }
}
