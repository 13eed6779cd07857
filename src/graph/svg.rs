//! The picture as one SVG that needs nothing else: its own layout, colours for light and dark.

use std::fmt::Write as _;

use super::{Column, Graph, Node, Severity};

/// The width of a letter and the height of a line, in pixels: the font is monospaced, so that boxes fit without measuring.
const LETTER: f64 = 7.25;
const LINE: f64 = 17.0;

/// Between the frame of a box and its text, between boxes, and between columns.
const PAD: f64 = 10.0;
const GAP: f64 = 16.0;
const ALLEY: f64 = 90.0;

/// The edge of the picture, and the room of the columns' names.
const MARGIN: f64 = 20.0;
const HEAD: f64 = 34.0;

/// The longest line in letters; what is longer is cut, and stands whole in the box's title.
const MOST: usize = 44;

const STYLE: &str = "\
svg { color-scheme: light dark; --ink: #1f2328; --faint: #656d76; --paper: #ffffff; --box: #f6f8fa; --frame: #8c959f; --lost: #cf222e; --differs: #9a6700; --guard: #1a7f37 }
@media (prefers-color-scheme: dark) { svg { --ink: #e6edf3; --faint: #9198a1; --paper: #0d1117; --box: #161b22; --frame: #6e7681; --lost: #ff7b72; --differs: #d29922; --guard: #3fb950 } }
.paper { fill: var(--paper) } .box { fill: var(--box); stroke: var(--frame) } .lost { stroke: var(--lost); stroke-width: 2 } .differs { stroke: var(--differs); stroke-width: 2 }
text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: var(--ink); white-space: pre }
.title { font-weight: 600 } .head { fill: var(--faint); font-weight: 600 } .fact { fill: var(--faint) } .guard { fill: var(--guard) } .no { fill: var(--lost) } .otherwise { fill: var(--differs) }
.edge { fill: none; stroke: var(--frame); stroke-width: 1.2 } .aside { stroke-dasharray: 5 4 } .tip { fill: var(--frame) } .label { fill: var(--faint); font-size: 11px; paint-order: stroke; stroke: var(--paper); stroke-width: 4px }
";

/// A line of a box, and the class of its colour.
type Row = (String, &'static str);

struct Placed {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    rows: Vec<Row>,
}

/// The picture as an SVG document.
pub fn svg(graph: &Graph) -> String {
    let mut placed: Vec<Placed> = graph.nodes.iter().map(sized).collect();
    let mut heads = Vec::new();
    let (mut x, mut bottom) = (MARGIN, 0.0_f64);
    let mut heights = Vec::new();
    for column in Column::ALL {
        let mut y = MARGIN + HEAD;
        let mut width = 0.0_f64;
        for (node, place) in graph.nodes.iter().zip(&mut placed) {
            if node.column == column {
                (place.x, place.y) = (x, y);
                y += place.height + GAP;
                width = width.max(place.width);
            }
        }
        heights.push((column, y - GAP));
        bottom = bottom.max(y - GAP);
        if width > 0.0 {
            // Boxes of a column are as wide as its widest.
            for (node, place) in graph.nodes.iter().zip(&mut placed) {
                if node.column == column {
                    place.width = width;
                }
            }
            heads.push((x, column.word()));
            x += width + ALLEY;
        }
    }
    // A column that is shorter than the longest stands in the middle.
    for (node, place) in graph.nodes.iter().zip(&mut placed) {
        let height = heights.iter().find(|(column, _)| *column == node.column);
        place.y += (bottom - height.map_or(bottom, |(_, height)| *height)) / 2.0;
    }
    let (width, height) = ((x - ALLEY + MARGIN).max(2.0 * MARGIN), bottom + MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path class=\"tip\" d=\"M0 0 8 4 0 8z\"/></marker></defs>\n",
        escaped(&graph.name)
    );
    for (x, name) in heads {
        let _ = writeln!(
            out,
            "<text class=\"head\" x=\"{x:.1}\" y=\"{:.1}\">{name}</text>",
            MARGIN + 12.0
        );
    }
    for edge in &graph.edges {
        let (from, to) = (&placed[edge.from], &placed[edge.to]);
        out.push_str(&arrow(from, to, &edge.label, edge.aside));
    }
    for (node, place) in graph.nodes.iter().zip(&placed) {
        out.push_str(&boxed(node, place));
    }
    out.push_str("</svg>\n");
    out
}

fn rows(node: &Node) -> Vec<Row> {
    let mut rows: Vec<Row> = vec![(node.title.clone(), "title")];
    rows.extend(node.lines.iter().map(|line| (line.clone(), "fact")));
    rows.extend(
        node.guards
            .iter()
            .map(|guard| (format!("◆ {guard}"), "guard")),
    );
    rows.extend(node.badges().into_iter().map(|badge| {
        let class = if badge.starts_with('✕') {
            "no"
        } else {
            "otherwise"
        };
        (badge, class)
    }));
    rows
}

fn sized(node: &Node) -> Placed {
    let rows = rows(node);
    let longest = rows
        .iter()
        .map(|(text, _)| text.chars().count().min(MOST) + 1)
        .max();
    let length = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    Placed {
        x: 0.0,
        y: 0.0,
        width: length(longest.unwrap_or(0)) * LETTER + 2.0 * PAD,
        height: length(rows.len()) * LINE + 2.0 * PAD - 4.0,
        rows,
    }
}

fn boxed(node: &Node, place: &Placed) -> String {
    let class = match node.severity() {
        Severity::Lost => "box lost",
        Severity::Differs => "box differs",
        Severity::Kept => "box",
    };
    let round = match node.column {
        Column::Listener | Column::Server => 14.0,
        Column::Route | Column::Upstream => 4.0,
    };
    let mut out = format!(
        "<g><title>{}</title><rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{round}\"/>\n",
        escaped(&told(node)),
        place.x,
        place.y,
        place.width,
        place.height
    );
    let mut y = place.y + PAD + 10.0;
    for (text, class) in &place.rows {
        let _ = writeln!(
            out,
            "<text class=\"{class}\" x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
            place.x + PAD,
            escaped(&cut(text))
        );
        y += LINE;
    }
    out.push_str("</g>\n");
    out
}

/// What a pointer over the box shows: all of it, losses with their sentences.
fn told(node: &Node) -> String {
    let mut lines = vec![node.title.clone()];
    lines.extend(node.lines.iter().cloned());
    lines.extend(node.guards.iter().cloned());
    for mark in &node.losses {
        lines.extend(
            mark.says
                .iter()
                .map(|says| format!("{}: {says}", mark.target)),
        );
    }
    lines.join("\n")
}

fn arrow(from: &Placed, to: &Placed, label: &str, aside: bool) -> String {
    let (x, y) = (from.x + from.width, from.y + from.height / 2.0);
    let class = if aside { "edge aside" } else { "edge" };
    // A redirect leads to another box of the same column: out on its right side and back.
    let (path, middle) = if (from.x - to.x).abs() < 1.0 {
        // It ends above the place where the box's own arrows begin.
        let (end, out) = (to.y + to.height * 0.25, x + 36.0);
        (
            format!(
                "M{x:.1} {y:.1}C{out:.1} {y:.1} {out:.1} {end:.1} {:.1} {end:.1}",
                to.x + to.width
            ),
            (x + 28.0, f64::midpoint(y, end)),
        )
    } else {
        let (end_x, end_y) = (to.x, to.y + to.height / 2.0);
        let bend = (end_x - x) / 2.0;
        (
            format!(
                "M{x:.1} {y:.1}C{:.1} {y:.1} {:.1} {end_y:.1} {end_x:.1} {end_y:.1}",
                x + bend,
                end_x - bend
            ),
            (f64::midpoint(x, end_x), f64::midpoint(y, end_y)),
        )
    };
    let mut out = format!("<path class=\"{class}\" marker-end=\"url(#tip)\" d=\"{path}\"/>\n");
    if !label.is_empty() {
        let _ = writeln!(
            out,
            "<text class=\"label\" text-anchor=\"middle\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            middle.0,
            middle.1 + 4.0,
            escaped(label)
        );
    }
    out
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let kept: String = text.chars().take(MOST - 1).collect();
    format!("{kept}…")
}

/// A user's text in XML; what XML 1.0 cannot hold is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
