//! What is known of a code: a rule's page, a loss, what reading and lowering say.

use crate::diag::codes;
use crate::diag::sarif::About;
use crate::ir::Feature;
use crate::rules::Rule;
use crate::targets::{self, matrix};

/// A code's meaning; empty for a code that nobody gives.
pub fn about(code: &str) -> About {
    let (left, right) = code.split_once("::").unwrap_or(("", code));
    if let Some(rule) = (left == "lint").then(|| Rule::by_id(right)).flatten() {
        return About {
            short: rule.summary().to_owned(),
            page: rule.page.to_owned(),
            link: link("rules.md", right),
            level: Some(rule.level),
        };
    }
    if let Some((target, feature)) = targets::by_id(left).zip(Feature::by_id(right)) {
        return About {
            short: format!(
                "What {} does otherwise: {}",
                target.title(),
                feature.meaning()
            ),
            page: format!("{}\n\n{}", feature.meaning(), matrix::line(target, feature)),
            link: link("features.md", right),
            level: None,
        };
    }
    let of_target = || {
        targets::by_id(left)?;
        let mut all = codes::OF_TARGETS.iter();
        all.find(|(known, _)| *known == right).map(|(_, it)| *it)
    };
    let meaning = codes::meaning(code).or_else(of_target).unwrap_or_default();
    About {
        short: meaning
            .split_inclusive(". ")
            .next()
            .unwrap_or_default()
            .trim_end()
            .to_owned(),
        page: meaning.to_owned(),
        link: link("codes.md", code),
        level: None,
    }
}

/// Where a section of `docs/reference` stands on the web; nowhere as long as the package names no repository.
fn link(page: &str, heading: &str) -> Option<String> {
    let home = Some(env!("CARGO_PKG_REPOSITORY")).filter(|home| !home.is_empty())?;
    let version = env!("CARGO_PKG_VERSION");
    let anchor = super::anchor(heading);
    Some(format!(
        "{home}/blob/v{version}/docs/reference/{page}#{anchor}"
    ))
}
