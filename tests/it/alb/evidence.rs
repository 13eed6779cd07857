//! What stands in the matrix for this target: features that the evaluator of templates saw routed as the contract says, and those
//! that a server which acts as AWS described back.

use std::collections::BTreeMap;

use serde_json::Value;
use wsgen::compile::{self, Compiled, Input, Options, World};
use wsgen::ir::{self, Feature};
use wsgen::targets::evidence::Evidence;
use wsgen::targets::{self, Env, Layout};

use super::deployed::{deployed, is_described};
use super::rendered;
use super::routing::routed;
use crate::bless::{fresh, root};

/// What the evaluator looks at: where a request goes, and what is counted.
const EVALUATED: [Feature; 21] = [
    Feature::ListenerRedirect,
    Feature::HostExact,
    Feature::HostWildcard,
    Feature::HostRegex,
    Feature::PathExact,
    Feature::PathPrefix,
    Feature::PathRegex,
    Feature::RouteMethods,
    Feature::WhenMethods,
    Feature::WhenHeaders,
    Feature::WhenQuery,
    Feature::WhenClients,
    Feature::WhenUpgrade,
    Feature::WhenListeners,
    Feature::WebSocketOnly,
    Feature::UpstreamSplit,
    Feature::Origins,
    Feature::Clients,
    Feature::Redirect,
    Feature::Respond,
    Feature::RewritePath,
];

/// The pairs of specs, with and without each feature, that every target is tried with.
#[derive(serde::Deserialize)]
struct Pairs {
    base: String,
    features: BTreeMap<String, String>,
}

fn compiled(base: &str, change: &str) -> Compiled {
    let inputs = vec![
        Input::new("base.yaml", base),
        Input::new("change.yaml", change),
    ];
    compile::compile(inputs, World::EMPTY)
}

/// The template of the base with a change.
fn template(base: &str, change: &str) -> String {
    let options = Options {
        layout: Layout::Json,
        ..Options::default()
    };
    let (text, report) = rendered(&compiled(base, change), options);
    text.unwrap_or_else(|| panic!("{change}\n{report:#?}"))
}

/// Whether the spec that asks for the feature gets it somewhere.
fn gets(base: &str, change: &str, feature: Feature) -> bool {
    let target = targets::by_id("alb").expect("it is a target");
    let asks = |change: &str| {
        let compiled = compiled(base, change);
        let gateway = compiled.gateway.as_ref().expect("a gateway");
        let uses = ir::uses(gateway);
        let env = Env::new(target, gateway, Layout::Full);
        let verdicts = targets::judge(target, gateway, &uses, &env);
        let written = uses
            .iter()
            .filter(|it| it.feature == feature && it.at.is_written());
        let rendered: Vec<bool> = written
            .map(|it| verdicts.renders(feature, it.on, it.at))
            .collect();
        (!rendered.is_empty()).then(|| rendered.contains(&true))
    };
    // A change that turns a feature off: the base is what asks for it. Where nobody writes it, it is always there.
    asks(change).or_else(|| asks("{}")).unwrap_or(true)
}

/// Whether the server describes a resource otherwise than before, one that it knows whole.
fn differs(before: (&str, &Value), after: (&str, &Value)) -> bool {
    let [old, new] = [before, after].map(|(text, result)| {
        let template: Value = serde_json::from_str(text).expect("JSON");
        let known = result["reduced"]["Resources"].as_object();
        let whole = known
            .into_iter()
            .flatten()
            .filter(|(id, resource)| template["Resources"][id.as_str()] == **resource);
        let bare = whole.map(|(id, _)| {
            let mut found = result["found"][id].clone();
            // What the template says beside it, and how many rules there are without those that the server does not know.
            if let Some(map) = found.as_object_mut() {
                map.remove("wanted");
                map.remove("count");
            }
            (id.clone(), found)
        });
        bare.collect::<BTreeMap<String, Value>>()
    });
    new.iter()
        .any(|(id, found)| old.get(id).is_some_and(|it| it != found))
        || new
            .keys()
            .any(|id| !old.contains_key(id) && absent(before.0, id))
}

/// Whether a template has no such resource: what another one has more is its own.
fn absent(text: &str, id: &str) -> bool {
    let template: Value = serde_json::from_str(text).expect("JSON");
    template["Resources"][id].is_null()
}

/// The template of the base, then those of every feature that changes it and is rendered, by its id.
pub(super) fn pairs() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join("tests/it/features.yaml")).expect("the pairs");
    let pairs: Pairs = serde_yaml::from_str(&text).expect("YAML");
    let base = template(&pairs.base, "{}");
    let mut templates = vec![("base".to_owned(), base.clone())];
    for (id, change) in &pairs.features {
        let feature = Feature::by_id(id).expect("a feature");
        let text = template(&pairs.base, change);
        if text != base && gets(&pairs.base, change, feature) {
            templates.push((id.clone(), text));
        }
    }
    templates
}

/// The server with its version, which is pinned.
fn version() -> String {
    let list = root().join("tests/programs/cloudformation.txt");
    let list = std::fs::read_to_string(list).expect("the list");
    let pinned = list.lines().find_map(|line| line.strip_prefix("moto=="));
    format!("moto {}", pinned.expect("it is in the list"))
}

#[test]
fn the_record_is_what_is_seen() {
    let mut seen = Evidence::default();
    let routed = routed();
    for feature in EVALUATED {
        assert!(routed.contains(&feature), "{feature} is in no spec");
        seen.add("alb", feature, "template evaluated", true, []);
    }
    let templates = pairs();
    let base = templates[0].1.clone();
    let Some(found) = deployed(&templates) else {
        return;
    };
    let version = version();
    for ((id, text), result) in templates.iter().zip(&found) {
        is_described(id, result);
        if let Some(feature) = Feature::by_id(id)
            && differs((&base, &found[0]), (text, result))
        {
            seen.add("alb", feature, &version, true, []);
        }
    }
    let path = root().join("src/targets/evidence.json");
    let text = std::fs::read_to_string(&path).expect("the record");
    let mut record: Evidence = serde_json::from_str(&text).expect("a record");
    record.0.extend(seen.0);
    fresh(&path, &record.text()).unwrap_or_else(|why| panic!("{why}"));
}
