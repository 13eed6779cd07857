//! Templates become stacks on a server that acts as AWS, and what it then describes is what the template says.

use serde_json::Value;
use wsgen::compile::Options;
use wsgen::targets::Layout;

use super::accepted::specs;
use super::{compiled, rendered};
use crate::bless::root;
use crate::programs;
use crate::scratch::Scratch;

/// What the server finds of each template, beside the template without what it does not know; or why it refuses it.
pub(super) fn deployed(templates: &[(String, String)]) -> Option<Vec<Value>> {
    let moto = programs::require("moto")?;
    let scratch = Scratch::new("moto");
    let files = templates
        .iter()
        .map(|(name, text)| scratch.write(&format!("{name}.json"), text));
    let output = moto
        .command()
        .arg(root().join("tests/it/alb/deploy.py"))
        .args(files)
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let found: Vec<Value> =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}\n{said}"));
    assert_eq!(found.len(), templates.len());
    Some(found)
}

fn in_json(spec: &str) -> String {
    let options = Options {
        layout: Layout::Json,
        ..Options::default()
    };
    let (text, report) = rendered(&compiled(spec), options);
    text.unwrap_or_else(|| panic!("{spec}\n{report:#?}"))
}

#[test]
fn a_stack_is_what_its_template_says() {
    let templates: Vec<(String, String)> = specs()
        .into_iter()
        .map(|(name, spec)| (name, in_json(&spec)))
        .collect();
    let Some(found) = deployed(&templates) else {
        return;
    };
    let mut rules = 0;
    for ((name, _), result) in templates.iter().zip(&found) {
        rules += is_described(name, result);
    }
    assert!(rules > 60, "only {rules} rules are deployed");
}

/// Compares what the server describes with what the template says; panics where they differ. The number of rules.
pub(super) fn is_described(name: &str, result: &Value) -> usize {
    let mut rules = 0;
    assert!(result["refused"].is_null(), "{name}: {}", result["refused"]);
    let resources = result["reduced"]["Resources"]
        .as_object()
        .expect("resources");
    for (id, resource) in resources {
        let (wanted, got) = (&resource["Properties"], &result["found"][id]);
        let what = format!("{name}: {id}: {got:#}, not {wanted:#}");
        match resource["Type"]
            .as_str()
            .expect("a type")
            .rsplit("::")
            .next()
        {
            Some("ListenerRule") => {
                rules += 1;
                for key in ["Priority", "Conditions", "Actions"] {
                    assert_eq!(got[key], wanted[key], "{key}: {what}");
                }
            }
            Some("Listener") => {
                for key in [
                    "Port",
                    "Protocol",
                    "DefaultActions",
                    "SslPolicy",
                    "Certificates",
                ] {
                    assert_eq!(got[key], wanted[key], "{key}: {what}");
                }
                let own = resources
                    .values()
                    .filter(|it| it["Properties"]["ListenerArn"]["Ref"] == **id);
                let own =
                    own.filter(|it| it["Type"] == "AWS::ElasticLoadBalancingV2::ListenerRule");
                assert_eq!(got["count"], own.count(), "{what}");
            }
            Some("TargetGroup") => {
                let keys = wanted.as_object().expect("a map").keys();
                for key in
                    keys.filter(|key| key.starts_with("Health") || key.starts_with("Unhealthy"))
                {
                    assert_eq!(got[key], wanted[key], "{key}: {what}");
                }
                for key in ["Protocol", "Port", "TargetType", "Matcher"] {
                    assert_eq!(got[key], wanted[key], "{key}: {what}");
                }
                assert_eq!(got["targets"], got["wanted"], "{what}");
                attributes(&wanted["TargetGroupAttributes"], &got["attributes"], &what);
            }
            Some("LoadBalancer") => {
                assert_eq!(got["Scheme"], wanted["Scheme"], "{what}");
                attributes(&wanted["LoadBalancerAttributes"], &got["attributes"], &what);
            }
            _ => {}
        }
    }
    rules
}

fn attributes(wanted: &Value, got: &Value, what: &str) {
    let got = got.as_array().expect("attributes");
    let kept = wanted.as_array().into_iter().flatten();
    // The server has no buckets for a log.
    for one in kept.filter(|one| {
        !one["Key"]
            .as_str()
            .is_some_and(|key| key.starts_with("access_logs."))
    }) {
        assert!(got.contains(one), "{one}: {what}");
    }
}

/// Whether the server looks at all.
#[test]
fn a_template_that_is_wrong_is_refused() {
    const SPEC: &str = "wsgen: 1\nlisteners: { web: { port: 80 } }\nupstreams: { app: { servers: [10.0.0.1:80] } }\n\
        routes: [{ name: a, path: /a, upstream: app }, { name: b, path: /b, upstream: app, methods: [GET] }]\n";
    let good = in_json(SPEC);
    let wrong = [
        ("good", good.clone()),
        (
            "priorities",
            regex::Regex::new("\"Priority\": [0-9]+")
                .expect("a regex")
                .replace_all(&good, "\"Priority\": 20")
                .into_owned(),
        ),
        (
            "times",
            good.replace(
                "\"HealthCheckTimeoutSeconds\": 6",
                "\"HealthCheckTimeoutSeconds\": 60",
            ),
        ),
        (
            "attribute",
            good.replace("idle_timeout.timeout_seconds", "idle.timeout"),
        ),
        ("action", good.replace("\"forward\"", "\"forwards\"")),
    ];
    let templates = wrong.map(|(name, text)| (name.to_owned(), text));
    let Some(found) = deployed(&templates) else {
        return;
    };
    for ((name, text), result) in templates.iter().zip(&found) {
        assert_eq!(
            result["refused"].is_null(),
            name == "good",
            "{name}: {result:#}\n{text}"
        );
    }
}
