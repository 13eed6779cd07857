//! `wsgen targets`: the capability matrix.

use wsgen::targets::{self, Target, matrix};

use super::args::{MatrixFormat, TargetsArgs};
use super::fault::Fault;
use super::{Status, input, output};

pub(super) fn run(args: &TargetsArgs) -> Result<Status, Fault> {
    if !args.target.is_empty() && args.format != MatrixFormat::Table {
        return Err(Fault::new(
            "`--target` is for the table: the other formats hold every target",
        ));
    }
    let chosen: Vec<&dyn Target> = args
        .target
        .iter()
        .map(|name| targets::by_id(name).ok_or_else(|| input::unknown_target(name)))
        .collect::<Result<_, _>>()?;
    output::print(&match args.format {
        MatrixFormat::Table if chosen.is_empty() => matrix::table(),
        MatrixFormat::Table => matrix::details(&chosen),
        MatrixFormat::Md => matrix::page(),
        MatrixFormat::Json => matrix::json(),
    })?;
    Ok(Status::Clean)
}
