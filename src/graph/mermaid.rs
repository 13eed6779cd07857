//! The picture in Mermaid, as Markdown on GitHub and GitLab draws it.

use std::fmt::Write as _;

use super::{Column, Graph, Node, Severity};

/// The picture as a Mermaid flowchart.
pub fn mermaid(graph: &Graph) -> String {
    let mut out = String::from("flowchart LR\n");
    for column in Column::ALL {
        let mut nodes = graph.column(column).peekable();
        if nodes.peek().is_none() {
            continue;
        }
        let _ = writeln!(out, "  subgraph {}", column.word());
        for (at, node) in nodes {
            let (open, close) = match node.column {
                Column::Listener => ("([", "])"),
                Column::Route => ("[", "]"),
                Column::Upstream => ("[[", "]]"),
                Column::Server => ("(", ")"),
            };
            let _ = writeln!(out, "    n{at}{open}\"{}\"{close}", label(node));
        }
        out.push_str("  end\n");
    }
    for edge in &graph.edges {
        let arrow = if edge.aside { "-.->" } else { "-->" };
        let label = match edge.label.as_str() {
            "" => String::new(),
            text => format!("|\"{}\"|", escaped(text)),
        };
        let _ = writeln!(out, "  n{} {arrow}{label} n{}", edge.from, edge.to);
    }
    for (class, severity) in [("lost", Severity::Lost), ("differs", Severity::Differs)] {
        let nodes = graph.nodes.iter().enumerate();
        let names = nodes.filter(|(_, node)| node.severity() == severity);
        let names: Vec<String> = names.map(|(at, _)| format!("n{at}")).collect();
        if !names.is_empty() {
            let _ = writeln!(out, "  class {} {class}", names.join(","));
        }
    }
    // Colours that are read on white and on black.
    out.push_str("  classDef lost stroke:#d1242f,stroke-width:2px\n");
    out.push_str("  classDef differs stroke:#bf8700,stroke-width:2px\n");
    out
}

fn label(node: &Node) -> String {
    let mut lines = vec![format!("<b>{}</b>", escaped(&node.title))];
    lines.extend(node.body(escaped));
    lines.join("<br/>")
}

/// A user's text inside a quoted label: every character that means something there as its number.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '#' | '<' | '>' | '&' | '`' | '*' | '_' | '[' | ']' | '\\' | ';' => {
                let _ = write!(out, "#{};", u32::from(c));
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
