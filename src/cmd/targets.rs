//! `wsgen targets`: the capability matrix.

use wsgen::targets::matrix;

use super::args::{MatrixFormat, TargetsArgs};
use super::fault::Fault;
use super::{Status, output};

pub(super) fn run(args: &TargetsArgs) -> Result<Status, Fault> {
    output::print(&match args.format {
        MatrixFormat::Table => matrix::table(),
        MatrixFormat::Md => matrix::page(),
        MatrixFormat::Json => matrix::json(),
    })?;
    Ok(Status::Clean)
}
