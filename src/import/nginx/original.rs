//! An original as it stands, and written out again with some of its statements changed.

use crate::compile::Input;
use crate::diag::Report;
use crate::import::{Folder, Reading};
use crate::source::Sources;

use super::syntax::{self, Directive};

/// A statement's words: its name, then its arguments.
pub type Statement = Vec<String>;

/// What changes when an original is written out.
pub trait Edit {
    /// What stands in the place of a statement: the first keeps its block, none takes it out. `inside` are the names of the blocks
    /// around it, the outermost first.
    fn statement(&self, inside: &[&str], words: Statement) -> Vec<Statement>;

    /// What a block begins with beside what is in it: the block's name, `main` for the whole, and the names of its statements.
    fn more(&self, block: &str, names: &[&str]) -> Vec<Statement>;
}

/// A configuration of NGINX, its includes in their places.
#[derive(Debug)]
pub struct Original {
    directives: Vec<Directive>,
}

impl Original {
    /// Reads a configuration.
    ///
    /// # Errors
    /// Its faults, and the texts that they are in.
    pub fn read(input: Input, folder: &dyn Folder) -> Result<Self, (Sources, Report)> {
        let mut reading = Reading::new(folder);
        let directives = match reading.add(input) {
            Some(file) => syntax::read(file, &mut reading),
            None => Vec::new(),
        };
        if reading.report.has_errors() {
            return Err((reading.sources, reading.report));
        }
        Ok(Self { directives })
    }

    /// The configuration as a whole one, its statements as the edit wants them.
    pub fn write(&self, edit: &dyn Edit) -> String {
        let is_whole = self
            .directives
            .iter()
            .any(|it| matches!(it.name.as_str(), "http" | "events"));
        let mut out = String::new();
        statements(edit.more("main", &[]), 0, &mut out);
        if is_whole {
            block(&self.directives, &mut Vec::new(), edit, 0, &mut out);
            return out;
        }
        let bare = !self.directives.iter().any(|it| it.name == "server");
        let mut inside = vec!["http"];
        out.push_str("events {\n}\nhttp {\n");
        let names: Vec<&str> = self.directives.iter().map(|it| it.name.as_str()).collect();
        statements(edit.more("http", &names), 1, &mut out);
        if bare {
            inside.push("server");
            out.push_str("  server {\n");
            statements(edit.more("server", &names), 2, &mut out);
        }
        block(&self.directives, &mut inside, edit, 1, &mut out);
        out.push_str(if bare { "  }\n}\n" } else { "}\n" });
        out
    }
}

fn block<'a>(
    directives: &'a [Directive],
    inside: &mut Vec<&'a str>,
    edit: &dyn Edit,
    depth: usize,
    out: &mut String,
) {
    for directive in directives {
        let mut words = vec![directive.name.clone()];
        words.extend(directive.args.iter().map(|arg| arg.text.clone()));
        let mut edited = edit.statement(inside, words).into_iter();
        let Some(first) = edited.next() else { continue };
        match &directive.block {
            None => statements(vec![first], depth, out),
            Some(children) => {
                out.push_str(&format!("{:1$}{2} {{\n", "", depth * 2, line(&first)));
                let names: Vec<&str> = children.iter().map(|it| it.name.as_str()).collect();
                statements(edit.more(&directive.name, &names), depth + 1, out);
                inside.push(&directive.name);
                block(children, inside, edit, depth + 1, out);
                inside.pop();
                out.push_str(&format!("{:1$}}}\n", "", depth * 2));
            }
        }
        statements(edited.collect(), depth, out);
    }
}

fn statements(list: Vec<Statement>, depth: usize, out: &mut String) {
    for words in list {
        out.push_str(&format!("{:1$}{2};\n", "", depth * 2, line(&words)));
    }
}

/// A statement's words, each in quotes where NGINX would take it apart.
fn line(words: &[String]) -> String {
    let odd = |c: char| c.is_whitespace() || matches!(c, ';' | '{' | '}' | '"' | '\'' | '\\' | '#');
    let shown: Vec<String> = words
        .iter()
        .map(|word| {
            if !word.is_empty() && !word.contains(odd) {
                return word.clone();
            }
            let mut text = String::from("\"");
            for c in word.chars() {
                match c {
                    '"' | '\\' => {
                        text.push('\\');
                        text.push(c);
                    }
                    '\n' => text.push_str("\\n"),
                    '\r' => text.push_str("\\r"),
                    '\t' => text.push_str("\\t"),
                    c => text.push(c),
                }
            }
            text.push('"');
            text
        })
        .collect();
    shown.join(" ")
}
