//! `wsgen man`: manual pages from the help.

use clap::CommandFactory;
use wsgen::names;

use super::args::{Args, ManArgs};
use super::fault::Fault;
use super::{Status, output};

pub(super) fn run(args: &ManArgs) -> Result<Status, Fault> {
    let mut command = Args::command();
    command.build();
    let page = match &args.command {
        None => command,
        Some(name) => {
            let Some(found) = command.find_subcommand(name) else {
                let known = command.get_subcommands().map(clap::Command::get_name);
                let fault = Fault::new(format!("there is no command `{name}`"));
                return Err(match names::closest(name, known) {
                    Some(close) => fault.help(format!("did you mean `{close}`?")),
                    None => fault.help("`wsgen --help` lists them"),
                });
            };
            found.clone()
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page)
        .render(&mut text)
        .map_err(|why| Fault::new(format!("the page cannot be made: {why}")))?;
    output::print(&String::from_utf8_lossy(&text))?;
    Ok(Status::Clean)
}
