//! Generated files are fresh: the schema, the help texts. `WSGEN_BLESS=1` rewrites them.

use std::path::Path;

use crate::cli::Cli;

#[test]
fn the_schema_is_fresh() {
    fresh(
        "schemas/wsgen.schema.json",
        &Cli::new("schema").run().status(0).stdout,
    );
}

/// Compares a generated text with its file, or writes it.
fn fresh(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("WSGEN_BLESS").is_some() {
        let folder = path
            .parent()
            .expect("a file in the repository has a folder");
        std::fs::create_dir_all(folder).expect("the repository can be written");
        std::fs::write(&path, text).expect("the repository can be written");
        return;
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    if there != text {
        let diff = similar::TextDiff::from_lines(there.as_str(), text);
        panic!(
            "{file} is not fresh; `cargo bless` rewrites it\n{}",
            diff.unified_diff()
                .context_radius(1)
                .header("committed", "generated")
        );
    }
}
