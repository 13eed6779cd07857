//! A bounded, seeded run over changed specs: whatever they say, no command's core panics, and what it renders is what the real
//! programs take.
//! `cargo fuzz` has the same two entries in `fuzz/`; `WSGEN_FUZZ=n` makes this run longer.

use wsgen::compile::{self, Compiled, Input, Options, World};
use wsgen::ir::Files;
use wsgen::spec::params::NoParams;
use wsgen::targets::{self, Layout};

use crate::bless::root;
use crate::programs::{self, Program};
use crate::rehearse;

/// Every file is there.
struct AnyFile;

impl Files for AnyFile {
    fn read(&self, _: &str) -> Result<String, String> {
        Ok("a file's text".to_owned())
    }
}

const WORLD: World<'static> = World {
    params: &NoParams,
    files: &AnyFile,
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
fn changed(spec: &str, times: usize, random: &mut fastrand::Rng) -> String {
    let mut lines: Vec<String> = spec.lines().map(str::to_owned).collect();
    for _ in 0..times {
        if lines.is_empty() {
            break;
        }
        let at = random.usize(..lines.len());
        // A file that is not there is the machine's fault, not the spec's.
        if lines[at].contains("/etc/") {
            continue;
        }
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

/// The specs that are changed, and the changes of features that may come on top.
fn seeds() -> (Vec<String>, Vec<String>) {
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
    let pairs = std::fs::read_to_string(root().join("tests/it/features.yaml")).expect("readable");
    let pairs: serde_yaml::Value = serde_yaml::from_str(&pairs).expect("YAML");
    seeds.push(pairs["base"].as_str().expect("the base").to_owned());
    seeds.sort();
    let changes = pairs["features"].as_mapping().expect("a map").values();
    (
        seeds,
        changes
            .filter_map(|change| change.as_str().map(str::to_owned))
            .collect(),
    )
}

/// A changed spec, compiled; its text for the message. With a file more, the spec itself may stay as it is.
fn next(
    seeds: &[String],
    changes: &[String],
    random: &mut fastrand::Rng,
    more: Option<Input>,
) -> (String, Compiled) {
    let times = random.usize(usize::from(more.is_none())..3);
    let spec = changed(&seeds[random.usize(..seeds.len())], times, random);
    let mut inputs = vec![Input::new("spec.yaml", spec.as_str())];
    for _ in 0..random.usize(..4) {
        inputs.push(Input::new(
            "over.yaml",
            changes[random.usize(..changes.len())].as_str(),
        ));
    }
    inputs.extend(more);
    let texts: Vec<String> = inputs
        .iter()
        .map(|input| String::from_utf8_lossy(&input.bytes).into_owned())
        .collect();
    (texts.join("\n--- over\n"), compile::compile(inputs, WORLD))
}

#[test]
fn no_spec_makes_a_target_panic() {
    let (seeds, changes) = seeds();
    let mut random = fastrand::Rng::with_seed(2026);
    let mut rendered = 0;
    for round in 0..rounds(1_000) {
        let (spec, compiled) = next(&seeds, &changes, &mut random, None);
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
        rendered > rounds(1_000) / 10,
        "only {rendered} files: the changes break every spec"
    );
}

/// What is rendered is a file that the real program takes: nothing that a spec says is left for the program to refuse.
#[test]
fn the_real_programs_take_what_is_rendered() {
    let judges = [
        ("nginx", "1.22", "nginx-1.22"),
        ("nginx", "1.31", "nginx-1.31"),
        ("haproxy", "2.6", "haproxy-2.6"),
        ("haproxy", "2.8", "haproxy-2.8"),
    ];
    let (seeds, changes) = seeds();
    let faults: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..)
            .zip(judges)
            .filter_map(|(seed, (target, version, name))| {
                Some((seed, target, version, programs::require(name)?))
            })
            .map(|(seed, target, version, program)| {
                let (seeds, changes) = (&seeds, &changes);
                scope.spawn(move || refused(seeds, changes, seed, target, version, &program))
            })
            .collect();
        runs.into_iter()
            .flat_map(|run| run.join().expect("no panic"))
            .collect()
    });
    assert!(
        faults.is_empty(),
        "{} refused, the first:\n{}",
        faults.len(),
        faults[0]
    );
}

fn refused(
    seeds: &[String],
    changes: &[String],
    seed: u64,
    target: &str,
    version: &str,
    program: &Program,
) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let renderer = targets::by_id(target).expect("a target");
    let mut faults = Vec::new();
    let mut judged = 0;
    for _ in 0..rounds(100) {
        let room = Input::new(
            "version.yaml",
            format!("targets: {{ {target}: {{ version: \"{version}\", on_loss: warn }} }}\n"),
        );
        let (spec, compiled) = next(seeds, changes, &mut random, Some(room));
        if compiled.gateway.is_none() {
            continue;
        }
        let files = compile::render(&compiled, renderer, Options::default()).files;
        let files: Vec<(String, String)> = files
            .into_iter()
            .map(|file| (file.path.to_string_lossy().into_owned(), file.text))
            .collect();
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        if files.is_empty() {
            continue;
        }
        judged += 1;
        if let Err(why) = rehearse::check(program, &files) {
            faults.push(format!("{target} {version}: {why}\n--- spec\n{spec}"));
        }
    }
    assert!(
        judged > rounds(100) / 8,
        "only {judged} files for {target} {version}"
    );
    faults
}
