//! Files that are made and committed: a difference fails with a diff, `WSGEN_BLESS=1` rewrites them.

use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Whether made files are rewritten.
pub(crate) fn blessing() -> bool {
    std::env::var_os("WSGEN_BLESS").is_some_and(|value| value == "1")
}

/// What is made against what is committed; the difference, if there is one.
pub(crate) fn fresh(path: &Path, made: &str) -> Result<(), String> {
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    if committed == made {
        return Ok(());
    }
    if blessing() {
        let folder = path.parent().expect("a file in a folder");
        std::fs::create_dir_all(folder).expect("the folder can be made");
        std::fs::write(path, made).expect("the file can be written");
        return Ok(());
    }
    let diff = similar::TextDiff::from_lines(committed.as_str(), made);
    let diff = diff
        .unified_diff()
        .context_radius(3)
        .header("committed", "made now")
        .to_string();
    Err(format!(
        "{} is stale; `cargo bless` rewrites it\n{diff}",
        path.display()
    ))
}
