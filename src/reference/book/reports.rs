//! What findings are called: the rules of `wsgen lint`, and the codes of reading, lowering and targets.

use std::fmt::Write as _;

use super::cell;
use crate::diag::codes;
use crate::rules;

/// The rules, a section each.
pub(super) fn rules() -> String {
    let mut out = String::from(
        "# Rules\n\n\
         What `wsgen lint` finds. `# wsgen: allow(rule) reason` on a line silences one finding there.\n\n\
         | rule | weighs | finds |\n|---|---|---|\n",
    );
    for rule in rules::ALL {
        let _ = writeln!(
            out,
            "| [`{0}`](#{0}) | {1} | {2} |",
            rule.id,
            rule.level.word(),
            cell(rule.summary())
        );
    }
    for rule in rules::ALL {
        let _ = write!(out, "\n## {}\n", rule.id);
        let mut fenced = false;
        for line in rule.page.lines().skip(1) {
            fenced ^= line.starts_with("```");
            // A page's own headings are not worth an anchor each.
            match line.strip_prefix("## ").filter(|_| !fenced) {
                Some(heading) => {
                    let _ = writeln!(out, "**{heading}**");
                }
                None => {
                    let _ = writeln!(out, "{line}");
                }
            }
        }
    }
    out
}

/// The codes, a line each.
pub(super) fn codes() -> String {
    let mut out = String::from(
        "# Codes\n\n\
         The code of a finding says what kind it is: `yaml::…` and `spec::…` are faults of the text, `lint::…` is [a rule](rules.md), a target's \
         name and [a feature](features.md) are a loss, such as `nginx::timeout.idle`.\n",
    );
    for (code, meaning) in codes::CODES {
        let _ = write!(out, "\n## `{code}`\n\n{meaning}\n");
    }
    out.push_str("\n## Of every target\n\n");
    for (code, meaning) in codes::OF_TARGETS {
        let _ = writeln!(out, "- `TARGET::{code}`: {meaning}");
    }
    out
}
