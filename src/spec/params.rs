//! Parameters: `${NAME}` and `${NAME:-fallback}` inside values, `$${` for a literal `${`.

use rustc_hash::FxHashSet as HashSet;

use super::tree::{Node, Tree};
use crate::diag::Report;
use crate::source::{Loc, Span};

/// Where values of parameters come from; the caller decides what comes first.
pub trait Params {
    /// The value of a name, if it has one.
    fn get(&self, name: &str) -> Option<String>;
}

/// No parameter has a value.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoParams;

impl Params for NoParams {
    fn get(&self, _name: &str) -> Option<String> {
        None
    }
}

/// Names to values, the first match wins.
impl Params for [(String, String)] {
    fn get(&self, name: &str) -> Option<String> {
        self.iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    }
}

impl Params for Vec<(String, String)> {
    fn get(&self, name: &str) -> Option<String> {
        Params::get(self.as_slice(), name)
    }
}

/// Fills every value's parameters in. Keys are left alone: a parameter cannot make structure.
pub fn expand(tree: &mut Tree, params: &dyn Params, report: &mut Report) {
    let mut said = HashSet::default();
    let mut seen = HashSet::default();
    let mut open = vec![tree.root()];
    while let Some(at) = open.pop() {
        let filled = match tree.node(at) {
            Node::Seq(items) => {
                open.extend(items.iter().rev());
                continue;
            }
            Node::Map(pairs) => {
                open.extend(pairs.iter().rev().map(|(_, value)| *value));
                continue;
            }
            Node::Scalar { text, .. } if !text.contains("${") => continue,
            // A value that several places share is filled once: its own text may hold a `${` by then.
            Node::Scalar { .. } if !seen.insert(at) => continue,
            Node::Scalar { text, .. } => fill(text, params),
        };
        match filled {
            Ok((text, changed)) => {
                tree.set_text(at, &text);
                if !changed {
                    tree.set_param(at, false);
                }
            }
            Err(faults) => {
                tree.set_unfilled(at);
                for fault in faults {
                    let place = locate(tree, at, &fault);
                    // An anchor's value is read again at each of its aliases.
                    if said.insert((place, fault.title.clone())) {
                        let diag = report.error("spec::parameter", place).says(fault.title);
                        if let Some(help) = fault.help {
                            diag.help(help);
                        }
                    }
                }
            }
        }
    }
}

struct Fault {
    /// The bytes of the parameter in the value's text.
    start: usize,
    end: usize,
    title: String,
    help: Option<String>,
}

/// The text with its parameters filled in, and whether there was one.
fn fill(text: &str, params: &dyn Params) -> Result<(String, bool), Vec<Fault>> {
    let mut out = String::with_capacity(text.len());
    let (mut faults, mut changed, mut at) = (Vec::new(), false, 0);
    while let Some(found) = text[at..].find("${") {
        let start = at + found;
        if text[at..start].ends_with('$') {
            out.push_str(&text[at..start - 1]);
            out.push_str("${");
            at = start + 2;
            continue;
        }
        out.push_str(&text[at..start]);
        let Some(close) = text[start..].find('}') else {
            faults.push(Fault {
                start,
                end: text.len(),
                title: "a parameter is never closed".into(),
                help: Some("write `${NAME}`; a literal `${` is written `$${`".into()),
            });
            break;
        };
        at = start + close + 1;
        changed = true;
        let inside = &text[start + 2..at - 1];
        let (name, fallback) = match inside.split_once(":-") {
            Some((name, fallback)) => (name, Some(fallback)),
            None => (inside, None),
        };
        let fault = |title: String, help: String| Fault {
            start,
            end: at,
            title,
            help: Some(help),
        };
        if !is_name(name) {
            faults.push(fault(
                format!("`{name}` is not a parameter's name"),
                "a name has letters, digits and `_` and does not start with a digit: `${NAME}` or `${NAME:-fallback}`; a literal `${` is written `$${`".into(),
            ));
            continue;
        }
        match params.get(name).or_else(|| fallback.map(str::to_owned)) {
            None => faults.push(fault(
                format!("the parameter `{name}` has no value"),
                format!("give it with `--set {name}=…`, in an `--env-file` or in the environment, or write a fallback: `${{{name}:-…}}`"),
            )),
            Some(value) => match value.chars().find(|c| *c == '\0' || super::yaml::is_mark(*c)) {
                Some(bad) => faults.push(fault(
                    format!("the value of the parameter `{name}` contains the character {}", super::yaml::code_point(bad)),
                    "this character cannot stand in a spec".into(),
                )),
                None => out.push_str(&value),
            },
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    out.push_str(&text[at..]);
    Ok((out, changed))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
}

/// The parameter's place in the source; the whole value where escapes moved its bytes.
fn locate(tree: &Tree, at: Loc, fault: &Fault) -> Span {
    let span = tree.span(at);
    let source = tree
        .text(span.file)
        .get(span.start as usize..span.end as usize)
        .unwrap_or("");
    let text = tree.scalar(at).unwrap_or("");
    let Some(parameter) = text.get(fault.start..fault.end) else {
        return span;
    };
    let nth = text[..fault.start].matches(parameter).count();
    match source.match_indices(parameter).nth(nth) {
        Some((offset, _)) => {
            let start = span.start + offset as u32;
            Span {
                start,
                end: start + parameter.len() as u32,
                ..span
            }
        }
        None => span,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, Vec<String>> {
        let params = vec![
            ("A".to_owned(), "1".to_owned()),
            ("B".to_owned(), "${A}".to_owned()),
        ];
        fill(text, &params)
            .map(|(text, _)| text)
            .map_err(|faults| faults.into_iter().map(|fault| fault.title).collect())
    }

    #[test]
    fn parameters_are_filled_once() {
        assert_eq!(
            filled("${A}-${B}-$${A}-$A-${C:-x:-y}"),
            Ok("1-${A}-${A}-$A-x:-y".into())
        );
        assert_eq!(filled("$$$${A}"), Ok("$$${A}".into()));
        assert_eq!(filled("${C:-}"), Ok(String::new()));
        assert_eq!(
            filled("${C} ${} ${A"),
            Err(vec![
                "the parameter `C` has no value".into(),
                "`` is not a parameter's name".into(),
                "a parameter is never closed".into(),
            ])
        );
    }
}
