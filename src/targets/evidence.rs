//! What the conformance suite saw of each feature on each program: recorded in a file that the binary carries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::Target;
use crate::ir::Feature;

/// The recorded evidence: target, feature, version of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Evidence(pub BTreeMap<String, BTreeMap<String, BTreeMap<String, Sight>>>);

/// What was seen of a feature on one version of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// Whether a promise was kept.
    pub kept: bool,
    /// The sentences of the loss report that were seen to be true: a promise was not kept, and they say so.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub deviates: BTreeSet<String>,
}

impl Evidence {
    /// What this version of wsgen was released with.
    pub fn recorded() -> &'static Self {
        static RECORDED: LazyLock<Evidence> = LazyLock::new(|| {
            serde_json::from_str(include_str!("evidence.json")).expect("a test reads the file")
        });
        &RECORDED
    }

    /// What was seen of a feature on a target, by version; empty where nothing was.
    pub fn of(&self, target: &str, feature: Feature) -> impl Iterator<Item = (&str, &Sight)> {
        let found = self.0.get(target).and_then(|all| all.get(feature.id()));
        found
            .into_iter()
            .flatten()
            .map(|(version, sight)| (version.as_str(), sight))
    }

    /// The versions on which a feature was seen, with commas, or `unverified`.
    pub fn versions(&self, target: &dyn Target, feature: Feature) -> String {
        let versions: Vec<String> = self
            .of(target.id(), feature)
            .map(|(version, _)| target.seen_on(version))
            .collect();
        if versions.is_empty() {
            "unverified".to_owned()
        } else {
            versions.join(", ")
        }
    }

    /// Notes down what was seen.
    pub fn add(
        &mut self,
        target: &str,
        feature: Feature,
        version: &str,
        kept: bool,
        deviates: impl IntoIterator<Item = String>,
    ) {
        let sight = self
            .0
            .entry(target.to_owned())
            .or_default()
            .entry(feature.id().to_owned())
            .or_default()
            .entry(version.to_owned())
            .or_default();
        sight.kept |= kept;
        sight.deviates.extend(deviates);
    }

    /// The file's text.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::Evidence;
    use crate::ir::Feature;

    #[test]
    fn the_record_names_known_features_only() {
        for features in Evidence::recorded().0.values() {
            for id in features.keys() {
                assert!(Feature::by_id(id).is_some(), "{id}");
            }
        }
    }
}
