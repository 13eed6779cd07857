//! NGINX's configuration: what its directives mean, as a spec.

mod syntax;

use crate::source::FileId;

use super::Reading;

/// Whether a text looks like NGINX's: a block or a directive of its own at the beginning of a line.
pub(super) fn looks_like(text: &str) -> bool {
    const BLOCKS: [&str; 6] = ["http", "server", "location", "upstream", "events", "map"];
    text.lines().map(str::trim_start).any(|line| {
        let name = line.split([' ', '\t', '{']).next().unwrap_or("");
        let line = line.split('#').next().unwrap_or("").trim_end();
        BLOCKS.contains(&name) && line.ends_with(['{', '}']) || line.starts_with("proxy_pass ")
    })
}

/// Reads a configuration, or a part of one.
pub(super) fn read(file: FileId, reading: &mut Reading<'_>) {
    let _directives = syntax::read(file, reading);
}
