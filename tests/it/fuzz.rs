//! A bounded, seeded run over changed specs: whatever they say, no command's core panics, and what it renders has no marks left.
//! `cargo fuzz` has the same two entries in `fuzz/`; `WSGEN_FUZZ=n` makes this run longer.

use wsgen::compile::{self, Input, Options, World};
use wsgen::ir::Files;
use wsgen::spec::params::NoParams;
use wsgen::targets::{self, Layout};

use crate::bless::root;

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str) -> Result<String, String> {
        Ok("a file's text".to_owned())
    }
}

const WORLD: World<'static> = World {
    params: &NoParams,
    files: &NoFiles,
};

/// Values that a person, a slip or an attacker may write.
const VALUES: &[&str] = &[
    "on",
    "off",
    "true",
    "0",
    "1",
    "-1",
    "70000",
    "99999999999999999999",
    "1ms",
    "5s",
    "365d",
    "10/s",
    "1000/h",
    "64KiB",
    "\"\"",
    "''",
    "\"$host\"",
    "\"a;b{}#\"",
    "\"{{ x }}\"",
    "\"%[src]\"",
    "\"'\"",
    "'\"'",
    "\"\\\\\"",
    "\"é\"",
    "[]",
    "{}",
    "[a]",
    "[on]",
    "{a: b}",
    "/",
    "/ws",
    "/ws/",
    "//x",
    "/a b",
    "\"/é\"",
    "\"/%2F\"",
    "{regex: \".*\"}",
    "{regex: \"(\"}",
    "{regex: \"/a|/b\"}",
    "{exact: /x}",
    "{header: X}",
    "{query: q}",
    "{cookie: c}",
    "every",
    "\"*.example.com\"",
    "example.com",
    "10.0.0.0/8",
    "::/0",
    "10.0.0.1:80",
    "unix:/s",
    "app.internal:8080",
    "same_host",
    "any",
    "round_robin",
    "random",
    "least_connections",
    "{hash: {source: on}}",
    "{cookie: {name: n}}",
    "{source: {}}",
    "{app_cookie: {name: s}}",
    "{http: {}}",
    "{tcp: {}}",
    "{websocket: {}}",
    "http2",
    "modern",
    "reject",
    "raw",
    "close",
    "lenient",
    "secure",
    "plain",
    "chat",
    "web",
    "members",
    "{from: client_ip}",
    "{template: \"{scheme}://{host}{uri}\"}",
    "{from: {claim: sub}}",
    "{set: {X-A: \"b\"}}",
    "{remove: [Server]}",
    "{to: /x}",
    "{body: x}",
    "{status: 204}",
    "{502: {respond: {body: sorry}}}",
    "{strip_prefix: on}",
    "{path: /n}",
    "{max: 3}",
    "{rate: 1/s}",
    "{allow: [10.0.0.0/8]}",
    "{deny: [\"::1\"]}",
];

fn rounds(usual: usize) -> usize {
    std::env::var("WSGEN_FUZZ")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(usual)
}

/// Puts a value in place of another one, or takes a line out, or copies one.
fn changed(spec: &str, random: &mut fastrand::Rng) -> String {
    let mut lines: Vec<String> = spec.lines().map(str::to_owned).collect();
    for _ in 0..random.usize(1..4) {
        if lines.is_empty() {
            break;
        }
        let at = random.usize(..lines.len());
        match random.u8(..8) {
            0 => {
                lines.remove(at);
            }
            1 => {
                let line = lines[at].clone();
                lines.insert(random.usize(..=lines.len()), line);
            }
            _ => {
                let colons: Vec<usize> = lines[at]
                    .match_indices(": ")
                    .map(|(place, _)| place + 2)
                    .collect();
                if let Some(start) = random.choice(colons) {
                    let line = &lines[at];
                    let end = line[start..]
                        .find([',', '}', ']'])
                        .map_or(line.len(), |end| start + end);
                    lines[at] = format!(
                        "{}{}{}",
                        &line[..start],
                        VALUES[random.usize(..VALUES.len())],
                        &line[end.max(start)..]
                    );
                }
            }
        }
    }
    lines.join("\n")
}

#[test]
fn no_spec_makes_a_target_panic() {
    let mut seeds: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(root().join("examples")).expect("the examples are there") {
        let path = entry.expect("readable").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            seeds.push(std::fs::read_to_string(path).expect("readable"));
        }
    }
    let pairs: serde_yaml::Value = serde_yaml::from_str(
        &std::fs::read_to_string(root().join("tests/it/features.yaml")).expect("readable"),
    )
    .expect("YAML");
    seeds.push(pairs["base"].as_str().expect("the base").to_owned());
    seeds.sort();
    let changes: Vec<&str> = pairs["features"]
        .as_mapping()
        .expect("a map")
        .values()
        .filter_map(serde_yaml::Value::as_str)
        .collect();
    let mut random = fastrand::Rng::with_seed(2026);
    let mut rendered = 0;
    for round in 0..rounds(1_500) {
        let spec = changed(&seeds[random.usize(..seeds.len())], &mut random);
        let mut inputs = vec![Input::new("spec.yaml", spec.as_str())];
        if random.bool() {
            inputs.push(Input::new(
                "over.yaml",
                changes[random.usize(..changes.len())],
            ));
        }
        let compiled = compile::compile(inputs, WORLD);
        wsgen::rules::lint(&compiled);
        if compiled.gateway.is_none() {
            continue;
        }
        for target in targets::ALL {
            let own = compile::for_target(&compiled, target.id(), WORLD);
            let compiled = own.as_ref().unwrap_or(&compiled);
            let layout = if round % 2 == 0 {
                Layout::Full
            } else {
                Layout::Include
            };
            let options = Options {
                layout,
                annotate: round % 3 == 0,
                ..Options::default()
            };
            for file in compile::render(compiled, *target, options).files {
                rendered += 1;
                assert!(
                    !file
                        .text
                        .contains(|c| ('\u{E000}'..='\u{F8FF}').contains(&c)),
                    "a mark is left in {}:\n{spec}",
                    target.id()
                );
                assert!(
                    file.text.ends_with('\n'),
                    "{} ends without a line break:\n{spec}",
                    target.id()
                );
            }
        }
    }
    assert!(
        rendered > 200,
        "only {rendered} files: the changes break every spec"
    );
}
