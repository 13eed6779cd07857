//! Which features each field of the language asks for, and how it is written: read from a spec that writes every field.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::compile::{self, Compiled, Input, World};
use crate::ir::{self, Feature, Files};
use crate::spec::fields;

/// The features behind each field that asks for one, by the field's path (`routes.*.websocket.idle`).
pub fn by_field() -> &'static BTreeMap<String, Vec<Feature>> {
    static ASKED: LazyLock<BTreeMap<String, Vec<Feature>>> = LazyLock::new(read);
    &ASKED
}

/// How each field is written, in one line: `idle: 40s`. A block that takes several lines is left out.
pub fn examples() -> &'static BTreeMap<String, String> {
    static WRITTEN: LazyLock<BTreeMap<String, String>> = LazyLock::new(written);
    &WRITTEN
}

/// The features behind a field; where it asks for none itself, those of the nearest block around it, with that block's path.
pub fn around(path: &str) -> Option<(&str, &'static [Feature])> {
    let mut here = path;
    loop {
        if let Some(features) = by_field().get(here) {
            return Some((here, features));
        }
        here = here.rsplit_once('.')?.0;
    }
}

/// Every file is there.
struct AnyFile;

impl Files for AnyFile {
    fn read(&self, _: &str) -> Result<String, String> {
        Ok(String::new())
    }
}

fn sample() -> &'static Compiled {
    static SAMPLE: LazyLock<Compiled> = LazyLock::new(|| compiled(include_str!("sample.yaml")));
    &SAMPLE
}

fn variants() -> &'static Compiled {
    static VARIANTS: LazyLock<Compiled> = LazyLock::new(|| compiled(include_str!("variants.yaml")));
    &VARIANTS
}

fn compiled(text: &'static str) -> Compiled {
    let world = World {
        files: &AnyFile,
        ..World::EMPTY
    };
    compile::compile(vec![Input::new("sample.yaml", text)], world)
}

fn written() -> BTreeMap<String, String> {
    const LONGEST: usize = 120;
    let mut written = BTreeMap::new();
    let all = fields::all();
    for Compiled { tree, sources, .. } in [sample(), variants()] {
        for at in fields::nodes(tree) {
            let (Some(key), Some(steps)) = (tree.key(at), fields::steps(tree, at)) else {
                continue;
            };
            let text = sources.slice(tree.span(at)).trim_end();
            if text.contains('\n') || text.len() > LONGEST {
                continue;
            }
            let line = format!("{}: {text}", sources.slice(tree.span(key)));
            let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
            for field in &all {
                if fields::is_written_as(&field.path, &steps) {
                    let known = written.entry(field.path.clone());
                    known.or_insert_with(|| line.clone());
                }
            }
        }
    }
    written
}

fn read() -> BTreeMap<String, Vec<Feature>> {
    let sample = sample();
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
    use super::{by_field, sample, variants};
    use crate::ir::Feature;

    #[test]
    fn the_samples_are_specs() {
        for compiled in [sample(), variants()] {
            let titles = compiled.report.diags.iter().map(|diag| &diag.title);
            assert_eq!(titles.collect::<Vec<_>>(), [""; 0]);
        }
    }

    #[test]
    fn a_field_asks_for_its_feature() {
        let features = by_field().get("routes.*.websocket.idle").map(Vec::as_slice);
        let idle = Feature::by_id("timeout.websocket_idle").expect("the feature is there");
        assert_eq!(features, Some(&[idle][..]));
    }
}
