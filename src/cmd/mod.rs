//! The commands: which one a call means, and what its outcome is as an exit status.

mod args;
mod completions;
mod diff;
mod explain;
mod fault;
mod findings;
mod fmt;
mod graph;
mod import;
mod init;
mod input;
mod ir;
mod lint;
#[cfg(feature = "lsp")]
mod lsp;
mod man;
mod output;
#[cfg(all(unix, feature = "proxy"))]
mod proxy;
mod render;
mod routes;
mod schema;
mod screen;
#[cfg(all(unix, feature = "proxy"))]
mod start;
mod targets;
mod test;
mod unified;
#[cfg(all(unix, feature = "verify"))]
mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use args::{Args, Command};
use fault::Fault;
use screen::Screen;

/// What a call came to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Status {
    /// Nothing to say.
    Clean,
    /// Findings or differences.
    Findings,
    /// The spec or the call is wrong.
    Wrong,
    /// A signal ended what was not done, this one.
    #[cfg(all(unix, feature = "proxy"))]
    Ended(u8),
}

/// Runs the call that the arguments ask for.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let status = match parse(args) {
        Ok(args) => {
            let screen = Screen::new(args.color);
            match execute(args.command, &screen) {
                Ok(status) => status,
                Err(fault) => fault.tell(&screen),
            }
        }
        Err(status) => status,
    };
    ExitCode::from(match status {
        Status::Clean => 0,
        Status::Findings => 1,
        Status::Wrong => 2,
        // What a shell says of a program that the signal ended by itself.
        #[cfg(all(unix, feature = "proxy"))]
        Status::Ended(signal) => 128 + signal,
    })
}

fn execute(command: Command, screen: &Screen) -> Result<Status, Fault> {
    match command {
        Command::Render(args) => render::run(&args, screen),
        Command::Lint(args) => lint::run(&args, screen),
        Command::Explain(args) => explain::run(&args, screen),
        Command::Routes(args) => routes::run(&args, screen),
        Command::Test(args) => test::run(&args, screen),
        #[cfg(all(unix, feature = "verify"))]
        Command::Verify(args) => verify::run(&args, screen),
        #[cfg(all(unix, feature = "proxy"))]
        Command::Proxy(args) => proxy::run(&args, screen),
        Command::Diff(args) => diff::run(&args, screen),
        Command::Fmt(args) => fmt::run(&args, screen),
        Command::Graph(args) => graph::run(&args, screen),
        #[cfg(feature = "lsp")]
        Command::Lsp(args) => lsp::run(&args),
        Command::Import(args) => import::run(&args, screen),
        Command::Init(args) => init::run(&args),
        Command::Targets(args) => targets::run(&args),
        Command::Schema => schema::run(),
        Command::Ir(args) => ir::run(&args, screen),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

/// The arguments, or what it came to that there are none: help, the version, a wrong call.
fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Args, Status> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    if args.len() == 1 {
        // `wsgen` alone asks what there is.
        args.push("-h".into());
    }
    let parsed = Args::command()
        .try_get_matches_from(args)
        .and_then(|matches| Args::from_arg_matches(&matches));
    parsed.map_err(|error| {
        // A closed pipe is no fault of the call.
        let _ = error.print();
        if error.use_stderr() {
            Status::Wrong
        } else {
            Status::Clean
        }
    })
}
