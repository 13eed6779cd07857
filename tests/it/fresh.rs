//! Generated files are fresh: the schema, the matrix in the README. `WSGEN_BLESS=1` rewrites them.

use crate::bless;
use crate::cli::Cli;

#[test]
fn the_schema_is_fresh() {
    let path = bless::root().join("schemas/wsgen.schema.json");
    bless::fresh(&path, &Cli::new("schema").run().status(0).stdout)
        .unwrap_or_else(|stale| panic!("{stale}"));
}

#[test]
fn the_matrix_in_the_readme_is_fresh() {
    const MARKS: [&str; 2] = ["<!-- matrix -->\n", "<!-- /matrix -->"];
    let path = bless::root().join("README.md");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return;
    };
    let (before, rest) = text
        .split_once(MARKS[0])
        .expect("the README has a place for the matrix");
    let (_, after) = rest
        .split_once(MARKS[1])
        .expect("the place for the matrix ends");
    let matrix = wsgen::targets::matrix::summary();
    bless::fresh(
        &path,
        &format!("{before}{}{matrix}{}{after}", MARKS[0], MARKS[1]),
    )
    .unwrap_or_else(|stale| panic!("{stale}"));
}

#[test]
fn the_page_of_the_matrix_is_fresh() {
    let page = Cli::new("targets --format md").run().status(0).stdout;
    let path = bless::root().join("docs/matrix.md");
    bless::fresh(&path, &page).unwrap_or_else(|stale| panic!("{stale}"));
}
