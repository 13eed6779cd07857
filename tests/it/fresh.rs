//! Generated files are fresh: the schema, the help texts. `WSGEN_BLESS=1` rewrites them.

use crate::bless;
use crate::cli::Cli;

#[test]
fn the_schema_is_fresh() {
    let path = bless::root().join("schemas/wsgen.schema.json");
    bless::fresh(&path, &Cli::new("schema").run().status(0).stdout)
        .unwrap_or_else(|stale| panic!("{stale}"));
}
