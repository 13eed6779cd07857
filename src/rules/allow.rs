//! `# wsgen: allow(rule) reason`: takes findings out of a report, and tells comments that allow nothing.

use super::{ALL, Rule};
use crate::diag::{Marks, Report};
use crate::names::closest;
use crate::source::Sources;
use crate::spec::tree::Tree;

/// Takes the allowed findings out. `with_files`: the rules that read files ran too.
pub(super) fn apply(tree: &Tree, sources: &Sources, with_files: bool, report: &mut Report) {
    let allows = tree.allows();
    if allows.is_empty() {
        return;
    }
    let marks = Marks::new(Some(tree), sources);
    let mut used: Vec<Vec<bool>> = allows
        .iter()
        .map(|allow| vec![false; allow.rules.len()])
        .collect();
    report.diags.retain(|diag| {
        let Some(rule) = diag.code.strip_prefix("lint::") else {
            return true;
        };
        let span = marks.main(diag);
        let (line, _) = sources.line_col(span.file, span.start);
        let mut allowed = false;
        for (allow, used) in allows.iter().zip(&mut used) {
            // A comment without a reason allows nothing: the next reader could not tell why.
            if (allow.span.file, allow.line) == (span.file, line) && !allow.reason.is_empty() {
                for (name, used) in allow.rules.iter().zip(used) {
                    if name == rule {
                        *used = true;
                        allowed = true;
                    }
                }
            }
        }
        !allowed
    });
    for (allow, used) in allows.iter().zip(&used) {
        if allow.reason.is_empty() {
            report
                .warning("lint::allow-unused", allow.span)
                .says("this comment gives no reason, and allows nothing")
                .help("write why it does not matter here, behind the `)`");
            continue;
        }
        for (name, used) in allow.rules.iter().zip(used) {
            match Rule::by_id(name) {
                None => {
                    let diag = report
                        .warning("lint::allow-unused", allow.span)
                        .says(format!("there is no rule `{}`", name.escape_debug()));
                    match closest(name, ALL.iter().map(|rule| rule.id)) {
                        Some(close) => diag.help(format!("did you mean `{close}`?")),
                        None => diag.help("`wsgen explain` lists the rules"),
                    };
                }
                Some(rule) if !used && (with_files || !rule.reads_files) => {
                    report
                        .warning("lint::allow-unused", allow.span)
                        .says(format!("`{name}` finds nothing on line {}", allow.line))
                        .help("take the comment out, or move it to the line of the finding");
                }
                Some(_) => {}
            }
        }
        if allow.rules.is_empty() {
            report
                .warning("lint::allow-unused", allow.span)
                .says("this comment names no rule")
                .help("write `# wsgen: allow(rule) reason`");
        }
    }
}
