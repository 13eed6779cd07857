//! Comments that speak to wsgen: `# wsgen: allow(rule, rule) reason`.

use super::{Allow, Comment};
use crate::source::Source;

/// The allowances among the comments of one file, in the order of the text.
pub(super) fn allows(source: &Source, comments: &[Comment]) -> Vec<Allow> {
    let mut found = Vec::new();
    for (index, comment) in comments.iter().enumerate() {
        let text = source
            .text
            .get(comment.span.start as usize..comment.span.end as usize)
            .unwrap_or("");
        let Some((rules, reason)) = read(text) else {
            continue;
        };
        let mut line = comment.line;
        if comment.alone {
            line += 1;
            // Comments alone on their lines stack: all of them speak about the first line below.
            for next in &comments[index + 1..] {
                if next.line == line && next.alone {
                    line += 1;
                }
            }
        }
        found.push(Allow {
            span: comment.span,
            line,
            rules,
            reason: reason.to_owned(),
        });
    }
    found
}

/// `# wsgen: allow(a, b) reason` as its rules and its reason.
fn read(comment: &str) -> Option<(Vec<String>, &str)> {
    let rest = comment
        .trim_start_matches('#')
        .trim_start()
        .strip_prefix("wsgen:")?
        .trim_start();
    let (rules, reason) = rest
        .strip_prefix("allow")?
        .trim_start()
        .strip_prefix('(')?
        .split_once(')')?;
    let rules = rules
        .split(',')
        .map(|rule| rule.trim().to_owned())
        .filter(|rule| !rule.is_empty())
        .collect();
    Some((rules, reason.trim()))
}
