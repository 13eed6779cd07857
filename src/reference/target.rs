//! A target on one page: what it is, where it is told of, and everything that it does not do just as the spec says.

use std::fmt::Write as _;

use crate::ir::Feature;
use crate::targets::{Target, matrix};

/// The page in plain text.
pub fn page(target: &dyn Target) -> String {
    let mut out = format!("target {}\n\n{}\n", target.id(), matrix::titled(target));
    if target.is_platform() {
        out.push_str("A platform: `--target all` does not mean it, it is named.\n");
    }
    let _ = writeln!(
        out,
        "\nHow the spec maps, how to deploy, what a reload does to open sockets: docs/targets/{0}.md\n\
         What only it needs to know: `targets.{0}`",
        target.id()
    );
    let exact = |feature: &&Feature| matrix::verdict(target, **feature) == "exact";
    let (same, other): (Vec<&Feature>, Vec<&Feature>) = Feature::ALL.iter().partition(exact);
    let _ = writeln!(
        out,
        "\n{} of {} features are exact; the others:",
        same.len(),
        Feature::ALL.len()
    );
    for feature in other {
        let _ = writeln!(out, "  {feature}: {}", matrix::line(target, *feature));
    }
    out
}
