//! How the difference of two texts is written: unified, per file, coloured.

use std::fmt::Write as _;

use similar::{ChangeTag, TextDiff};

/// The difference between two texts of one file; empty where they are the same. `None` is a file that is not there.
pub(super) fn diff(name: &str, old: Option<&str>, new: Option<&str>, color: bool) -> String {
    if old == new {
        return String::new();
    }
    let paint = |code: &'static str| if color { (code, "\x1b[0m") } else { ("", "") };
    let (bold, end) = paint("\x1b[1m");
    let side = |there: Option<&str>, prefix: &str| {
        there.map_or_else(|| "/dev/null".to_owned(), |_| format!("{prefix}/{name}"))
    };
    let mut out = format!(
        "{bold}--- {}{end}\n{bold}+++ {}{end}\n",
        side(old, "a"),
        side(new, "b")
    );
    let texts = TextDiff::from_lines(old.unwrap_or(""), new.unwrap_or(""));
    for hunk in texts.unified_diff().context_radius(3).iter_hunks() {
        let (cyan, end) = paint("\x1b[36m");
        let _ = writeln!(out, "{cyan}{}{end}", hunk.header());
        for change in hunk.iter_changes() {
            let ((start, end), sign) = match change.tag() {
                ChangeTag::Equal => (("", ""), ' '),
                ChangeTag::Delete => (paint("\x1b[31m"), '-'),
                ChangeTag::Insert => (paint("\x1b[32m"), '+'),
            };
            let line = change.value().trim_end_matches('\n');
            let _ = writeln!(out, "{start}{sign}{line}{end}");
            if change.missing_newline() {
                let _ = writeln!(out, "\\ No newline at end of file");
            }
        }
    }
    out
}
