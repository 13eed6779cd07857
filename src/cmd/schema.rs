//! `wsgen schema`: the JSON Schema of a spec.

use super::fault::Fault;
use super::{Status, output};

pub(super) fn run() -> Result<Status, Fault> {
    output::print(&wsgen::spec::schema::text())?;
    Ok(Status::Clean)
}
