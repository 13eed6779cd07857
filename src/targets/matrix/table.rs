//! The matrix in a terminal: a sign for each target, or everything that is known of a few.

use std::fmt::Write as _;

use super::{families, sentence, titled, word};
use crate::ir::Feature;
use crate::targets::evidence::Evidence;
use crate::targets::{ALL, Support, Target};

/// The width of a verdict in the details.
const VERDICT: usize = "approximated".len() + 2;

/// One row a feature, one sign a target; what the signs mean stands below.
pub fn table() -> String {
    let first = first_column();
    let mut out = " ".repeat(first);
    for target in ALL {
        let _ = write!(out, "{}  ", target.id());
    }
    end_line(&mut out);
    for (family, features) in families() {
        let _ = writeln!(out, "\n{}", family.title());
        for feature in features {
            let _ = write!(out, "{:first$}", format!("  {feature}"));
            for target in ALL {
                let unseen = Evidence::recorded().of(target.id(), feature).count() == 0;
                let sign = sign(&target.support(feature));
                let mark = if unseen { "*" } else { "" };
                let width = target.id().len() + 2;
                let _ = write!(out, "{:width$}", format!("{sign}{mark}"));
            }
            end_line(&mut out);
        }
    }
    out.push_str(
        "\n=  exact\n±  exact for some values, versions or gateways\n~  approximated\n-  unsupported\n\
         *  no program was asked, elsewhere the conformance suite saw it\n\n\
         What a target does instead: wsgen targets --target NAME\n",
    );
    out
}

/// For each of these targets one row a feature: the verdict, the versions on which it was seen, and what differs.
pub fn details(targets: &[&dyn Target]) -> String {
    let first = first_column();
    let mut out = String::new();
    for (at, target) in targets.iter().enumerate() {
        let gap = if at > 0 { "\n" } else { "" };
        let _ = writeln!(out, "{gap}{}", titled(*target));
        for (family, features) in families() {
            let _ = writeln!(out, "\n{}", family.title());
            for feature in features {
                let support = target.support(feature);
                let seen = Evidence::recorded().versions(*target, feature);
                let _ = writeln!(
                    out,
                    "{:first$}{:VERDICT$}{seen}",
                    format!("  {feature}"),
                    word(&support)
                );
                if let Some(note) = sentence(&support) {
                    let _ = writeln!(out, "      {note}");
                }
            }
        }
    }
    out
}

fn first_column() -> usize {
    let widths = Feature::ALL.iter().map(|feature| feature.id().len());
    widths.max().unwrap_or(0) + 4
}

fn end_line(out: &mut String) {
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}

const fn sign(support: &Support) -> char {
    match support {
        Support::Exact => '=',
        Support::Depends { .. } => '±',
        Support::Approx(_) => '~',
        Support::Unsupported(_) => '-',
    }
}
