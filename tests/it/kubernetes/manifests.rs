//! What the schemas do not say: names, references, and the limits of the API.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{MANY, WAYS, examples, objects, of, rendered};

/// Every object has a name of its own, and whatever names another names one that is there.
#[test]
fn objects_have_names_and_name_each_other() {
    let mut specs = examples();
    specs.push(("many".to_owned(), MANY.to_owned()));
    for (target, room, _) in WAYS {
        for (spec, text) in &specs {
            let files = rendered(text, target, room);
            let all = objects(&files[0].1);
            let name = |it: &Value| {
                it["metadata"]["name"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            let mut known = BTreeSet::new();
            for object in &all {
                let kind = object["kind"].as_str().unwrap_or_default().to_owned();
                let label = name(object);
                let signs = label
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                assert!(
                    signs && (1..=63).contains(&label.len()),
                    "{spec}, {target}, {room}: {label}"
                );
                assert!(
                    known.insert((kind, label)),
                    "{spec}, {target}, {room}: two of {}",
                    name(object)
                );
            }
            let is = |kind: &str, name: &str| known.contains(&(kind.to_owned(), name.to_owned()));
            let fault = |what: &str| format!("{spec}, {target}, {room}: {what} is not there");
            for ingress in of(&all, "Ingress") {
                for service in values(ingress, "service") {
                    let service = service["name"].as_str().unwrap_or_default();
                    assert!(is("Service", service), "{}", fault(service));
                }
                let notes = ingress["metadata"]["annotations"].as_object();
                let refs = notes
                    .into_iter()
                    .flat_map(|it| it.values())
                    .filter_map(Value::as_str);
                for middleware in refs
                    .filter(|it| it.contains("@kubernetescrd"))
                    .flat_map(|it| it.split(','))
                {
                    let short = middleware
                        .trim_start_matches("default-")
                        .trim_end_matches("@kubernetescrd");
                    assert!(
                        is("Middleware", short) || is("TLSOption", short),
                        "{}",
                        fault(short)
                    );
                }
            }
            for route in of(&all, "HTTPRoute") {
                for reference in values(route, "backendRefs")
                    .into_iter()
                    .filter_map(Value::as_array)
                    .flatten()
                {
                    let service = reference["name"].as_str().unwrap_or_default();
                    assert!(is("Service", service), "{}", fault(service));
                }
                for reference in values(route, "extensionRef") {
                    let (kind, name) = (reference["kind"].as_str(), reference["name"].as_str());
                    let (kind, name) = (kind.unwrap_or_default(), name.unwrap_or_default());
                    assert!(is(kind, name), "{}", fault(name));
                }
            }
        }
    }
}

/// Every value under a key, at any depth.
fn values<'a>(value: &'a Value, key: &str) -> Vec<&'a Value> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(name, value)| {
                let own = (name == key).then_some(value);
                own.into_iter().chain(values(value, key))
            })
            .collect(),
        Value::Array(list) => list.iter().flat_map(|it| values(it, key)).collect(),
        _ => Vec::new(),
    }
}

/// Hundreds of hosts, paths and servers stay within the limits of the Gateway API.
#[test]
fn large_routes_stay_within_the_limits() {
    let hosts: Vec<String> = (0..40).map(|n| format!("h{n}.example.com")).collect();
    let paths: Vec<String> = (0..90).map(|n| format!("/p{n}")).collect();
    let spec = format!(
        "wsgen: 1\nname: large\nlisteners: {{ web: {{ port: 80 }} }}\n\
         upstreams: {{ a: {{ servers: [10.0.0.1:80] }} }}\n\
         routes: [{{ name: r, host: [{}], path: [{}], upstream: a }}]\n",
        hosts.join(", "),
        paths.join(", ")
    );
    for (target, room, _) in WAYS.iter().filter(|it| it.0 == "gateway") {
        let all = objects(&rendered(&spec, target, room)[0].1);
        let mut seen = 0;
        for route in of(&all, "HTTPRoute") {
            let spec = &route["spec"];
            let count = |it: &Value| it.as_array().map_or(0, Vec::len);
            assert!(count(&spec["hostnames"]) <= 16 && count(&spec["rules"]) <= 16);
            let matches = values(spec, "matches");
            assert!(matches.iter().all(|it| count(it) <= 64));
            let total: usize = matches.iter().map(|it| count(it)).sum();
            assert!(total < 128, "{room}: {total} matches");
            seen += count(&spec["hostnames"]) * total;
        }
        assert_eq!(seen, 40 * 90, "{room}");
    }
}

/// A route whose conditions no rule can tell is not there; one whose guard is lost is closed.
#[test]
fn nothing_is_opened_by_a_loss() {
    let spec = "wsgen: 1\nname: s\nlisteners: { web: { port: 80 } }\nupstreams: { a: { servers: [10.0.0.1:80] } }\n\
         auth: { token: { jwt: { keys: { rs256: { file: /id.pem } } } } }\n\
         routes:\n  - { name: office, path: /x, when: { clients: [10.0.0.0/8] }, upstream: a }\n  \
         - { name: private, path: /y, auth: token, upstream: a }\n  - { name: site, upstream: a }\n";
    for (target, room, _) in WAYS {
        let all = objects(&rendered(spec, target, room)[0].1);
        let named = |name: &str| {
            let mut routes = all.iter().filter(|it| {
                ["Ingress", "HTTPRoute"]
                    .iter()
                    .any(|kind| it["kind"] == *kind)
            });
            routes.find(|it| it["metadata"]["name"] == name)
        };
        assert!(named("s-office").is_none(), "{target}, {room}");
        let private = named("s-private").unwrap_or_else(|| panic!("{target}, {room}"));
        match target {
            "gateway" => assert!(values(private, "backendRefs").is_empty(), "{room}"),
            _ => {
                let notes = private["metadata"]["annotations"].to_string();
                let closed = ["s-status-503", "255.255.255.255"]
                    .iter()
                    .any(|it| notes.contains(it));
                assert!(closed, "{room}: {notes}");
            }
        }
        assert!(named("s-site").is_some(), "{target}, {room}");
    }
}

/// A snippet that no resource has a place for is refused at its line.
#[test]
fn snippets_stand_where_there_is_a_place() {
    let spec = |target: &str, place: &str| {
        format!(
            "wsgen: 1\nname: s\nlisteners: {{ web: {{ port: 80 }} }}\nupstreams: {{ a: {{ servers: [10.0.0.1:80] }} }}\n\
             routes: [{{ name: r, upstream: a }}]\n\
             targets: {{ {target}: {{ raw: {{ {place} }} }} }}\n"
        )
    };
    let places = [
        ("listeners", "listeners: { web: \"x.example/a: b\" }"),
        ("upstreams", "upstreams: { a: \"x.example/a: b\" }"),
        ("routes", "routes: { r: \"x.example/a: b\" }"),
        ("top", "top: \"apiVersion: v1\""),
    ];
    for (target, room, _) in WAYS {
        for (key, place) in places {
            let compiled = super::compiled(&spec(target, place), target, room);
            let renderer = wsgen::targets::by_id(target).expect("the target");
            let rendered = wsgen::compile::render(&compiled, renderer, Default::default());
            let code = format!("{target}::raw");
            let refused = rendered.report.diags.iter().any(|it| it.code == code);
            let taken = rendered.files.iter().any(|it| {
                it.text.contains(if key == "top" {
                    "apiVersion: v1"
                } else {
                    "x.example/a"
                })
            });
            let has_place = target == "ingress" && key != "listeners" || key == "top";
            assert_eq!(
                (refused, taken),
                (!has_place, has_place),
                "{target}, {room}, {key}"
            );
        }
    }
}
