//! The picture in DOT, for Graphviz.

use std::fmt::Write as _;

use super::{Column, Graph, Node, Severity};

/// The picture as a DOT digraph.
pub fn dot(graph: &Graph) -> String {
    let mut out = format!(
        "digraph \"{}\" {{\n  rankdir=LR;\n  node [fontname=\"sans-serif\", fontsize=11];\n  edge [fontname=\"sans-serif\", fontsize=10];\n",
        escaped(&graph.name)
    );
    for (at, node) in graph.nodes.iter().enumerate() {
        let shape = match node.column {
            Column::Listener => "shape=box, style=rounded",
            Column::Route => "shape=box",
            Column::Upstream => "shape=box, peripheries=2",
            Column::Server => "shape=ellipse",
        };
        let color = match node.severity() {
            Severity::Lost => ", color=\"#d1242f\"",
            Severity::Differs => ", color=\"#bf8700\"",
            Severity::Kept => "",
        };
        let _ = writeln!(
            out,
            "  n{at} [{shape}{color}, label=\"{}\"{}];",
            label(node),
            tooltip(node)
        );
    }
    for edge in &graph.edges {
        let mut marks = Vec::new();
        if edge.aside {
            marks.push("style=dashed".to_owned());
        }
        if !edge.label.is_empty() {
            marks.push(format!("label=\"{}\"", escaped(&edge.label)));
        }
        let marks = match marks.as_slice() {
            [] => String::new(),
            marks => format!(" [{}]", marks.join(", ")),
        };
        let _ = writeln!(out, "  n{} -> n{}{marks};", edge.from, edge.to);
    }
    // Each column stands in one line.
    for column in Column::ALL {
        let names: Vec<String> = graph
            .column(column)
            .map(|(at, _)| format!("n{at}"))
            .collect();
        if !names.is_empty() {
            let _ = writeln!(out, "  {{ rank=same; {} }}", names.join("; "));
        }
    }
    out.push_str("}\n");
    out
}

fn label(node: &Node) -> String {
    let mut lines = vec![escaped(&node.title)];
    lines.extend(node.body(escaped));
    lines.join("\\n")
}

fn tooltip(node: &Node) -> String {
    if node.losses.is_empty() {
        return String::new();
    }
    let said = node.losses.iter().flat_map(|mark| {
        mark.says
            .iter()
            .map(|says| format!("{}: {}", mark.target, escaped(says)))
    });
    format!(", tooltip=\"{}\"", said.collect::<Vec<_>>().join("\\n"))
}

/// A user's text inside a quoted string: what DOT reads as an escape is doubled.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
