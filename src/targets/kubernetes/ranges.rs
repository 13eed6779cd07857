//! Client ranges as controllers take them, in a list of those who may come, and texts in regexes.

use crate::ir::Clients;

/// The ranges that may come.
pub(in crate::targets) fn admitted(clients: &Clients) -> Vec<String> {
    let ranges = clients.admitted();
    ranges.iter().map(ToString::to_string).collect()
}

/// A text that a regex matches as it is.
pub(in crate::targets) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        if r"\.+*?()|[]{}^$#-".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
