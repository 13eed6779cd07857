//! Which features each field of the language asks for, read from a spec that writes every field.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::compile::{self, Input, World};
use crate::ir::{self, Feature};
use crate::spec::fields;

/// The features behind each field that asks for one, by the field's path (`routes.*.websocket.idle`).
pub fn by_field() -> &'static BTreeMap<String, Vec<Feature>> {
    static ASKED: LazyLock<BTreeMap<String, Vec<Feature>>> = LazyLock::new(read);
    &ASKED
}

fn read() -> BTreeMap<String, Vec<Feature>> {
    let sample = compile::compile(
        vec![Input::new("sample.yaml", include_str!("sample.yaml"))],
        World::EMPTY,
    );
    let mut asked: BTreeMap<String, Vec<Feature>> = BTreeMap::new();
    let all = fields::all();
    for used in sample
        .gateway
        .iter()
        .flat_map(ir::uses)
        .filter(|used| used.at.is_written())
    {
        let Some(steps) = fields::steps(&sample.tree, used.at.loc) else {
            continue;
        };
        for field in all.iter().filter(|field| fields::fits(&field.path, &steps)) {
            let features = asked.entry(field.path.clone()).or_default();
            if !features.contains(&used.feature) {
                features.push(used.feature);
            }
        }
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::by_field;
    use crate::ir::Feature;

    #[test]
    fn a_field_asks_for_its_feature() {
        let features = by_field().get("routes.*.websocket.idle").map(Vec::as_slice);
        let idle = Feature::by_id("timeout.websocket_idle").expect("the feature is there");
        assert_eq!(features, Some(&[idle][..]));
    }
}
