//! `wsgen completions`: what a shell needs to complete a call.

use clap::CommandFactory;

use super::args::{Args, CompletionsArgs};
use super::fault::Fault;
use super::{Status, output};

pub(super) fn run(args: &CompletionsArgs) -> Result<Status, Fault> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "wsgen", &mut text);
    output::print(&String::from_utf8_lossy(&text))?;
    Ok(Status::Clean)
}
