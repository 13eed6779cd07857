//! Regular expressions: the engine of JavaScript finds what the contract's matcher finds.

use std::fmt::Write as _;

use super::module;
use crate::programs;
use crate::scratch::Scratch;

/// The same on every run.
struct Dice(u64);

impl Dice {
    fn of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        from[(self.0 >> 33) as usize % from.len()]
    }
}

fn regex(dice: &mut Dice) -> String {
    const ATOMS: [&str; 22] = [
        "a",
        "B",
        "/",
        "-",
        r"\.",
        ".",
        r"\d",
        r"\D",
        r"\w",
        r"\W",
        r"\s",
        r"\S",
        "[a-c]",
        "[^/]",
        "[[:alpha:]]",
        "[[:^digit:]]",
        r"[\w-]",
        "(?i:b)",
        "(a|bc)",
        "(?:a|B)",
        r"\b",
        "[]a]",
    ];
    const REPEATS: [&str; 10] = ["", "", "", "", "*", "+", "?", "{2}", "{1,3}", "*?"];
    const STARTS: [&str; 5] = ["", "", "(?i)", "(?s)", "(?U)"];
    let mut text = dice.of(&STARTS).to_owned();
    for _ in 0..1 + dice.of(&["1", "22", "333", "4444"]).len() {
        text.push_str(dice.of(&ATOMS));
        text.push_str(dice.of(&REPEATS));
        if dice.of(&["", "", "", "", "", "|"]) == "|" {
            text.push('|');
        }
    }
    text
}

#[test]
fn regexes_match_the_same_texts() {
    if programs::require("node").is_none() {
        return;
    }
    let mut dice = Dice(11);
    let mut regexes = Vec::new();
    while regexes.len() < 400 {
        let regex = regex(&mut dice);
        if wsgen::ir::regex::check(&regex).is_ok() {
            regexes.push(regex);
        }
    }
    let texts: Vec<String> = (0..300)
        .map(|_| {
            let mut text = String::new();
            for _ in 0..dice.of(&["", "1", "22", "333", "4444"]).len() {
                text.push_str(dice.of(&[
                    "a", "A", "b", "B", "c", "/", "-", ".", "1", "_", " ", "\t", "\n", "]", "bc",
                ]));
            }
            text
        })
        .collect();
    let mut spec = String::from(
        "wsgen: 1\nupstreams: { app: { servers: ['app.example.com:8080'] } }\nroutes:\n",
    );
    for (number, regex) in regexes.iter().enumerate() {
        let json = serde_json::to_string(regex).expect("a string");
        let _ = writeln!(
            spec,
            "  - {{ name: r{number}, host: example.com, path: /r{number}, upstream: app, when: {{ query: {{ v: {{ regex: {json} }} }} }} }}"
        );
    }
    let folder = Scratch::new("worker-regexes");
    let exposed = format!(
        "{}\nexport {{ routes }};\n",
        module(&spec).replace("export default {", "const worker = {")
    );
    folder.write("worker.mjs", &exposed);
    let texts_json = serde_json::to_string(&texts).expect("strings");
    folder.write(
        "read.mjs",
        format!("import {{ routes }} from './worker.mjs';\nconst texts = {texts_json};\nconsole.log(JSON.stringify(Object.values(routes).map((route) => texts.map((text) => Number(route.when.query[0][1].test(text))).join(''))));\n"),
    );
    let said = std::process::Command::new("node")
        .arg(folder.path().join("read.mjs"))
        .output()
        .expect("node runs");
    let found: Vec<String> = serde_json::from_slice(&said.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&said.stderr)));
    let mut hits = 0;
    for (regex, found) in regexes.iter().zip(&found) {
        let matcher = wsgen::ir::regex::matcher(regex).expect("it was checked");
        for (text, found) in texts.iter().zip(found.chars()) {
            let wanted = matcher.is_match(text.as_bytes());
            hits += usize::from(wanted);
            assert_eq!(found == '1', wanted, "{regex:?} and {text:?}");
        }
    }
    assert!(
        hits > 1000,
        "only {hits} matches: the texts are too strange"
    );
}
