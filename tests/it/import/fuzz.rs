//! A bounded, seeded run over changed configurations: no panic, and a spec with a whole account, or errors at their places and nothing.

use std::fs;

use wsgen::compile::{self, Input, World};
use wsgen::import::{self, Folder};

use super::{configurations, original};
use crate::bless::root;

/// What a slip or an attacker may write.
const WORDS: &[&str] = &[
    "{",
    "}",
    ";",
    "\"",
    "'",
    "\\",
    "$",
    "${",
    "#",
    "~",
    "@",
    "=",
    "^~",
    "/",
    "0",
    "-1",
    "99999999999999999999",
    "\n",
    "é",
    "\u{e000}",
    "\0",
    "server",
    "location",
    "http",
    "if",
    "map",
    "return",
    "rewrite",
    "include nginx.conf;",
    "include own.conf;",
    "include table.conf;",
    "set $wg_to @a;",
    "location @a { set $wg_to @a; }",
    "deny all;",
    "allow 10.0.0.1;",
    "upstream",
    "proxy_pass",
    "[::1]",
    "unix:",
    "*",
    "$host",
    "$request_uri",
    "https://",
    "(",
    ")",
    "[",
    "(?!x)",
    "|",
    "%",
    "..",
    "on",
    "off",
    "\r",
    "\u{7f}",
    "\u{2028}",
    "content_by_lua_block {",
];

/// Two files to include: one that includes itself and the other, one that is a table's.
struct Two;

impl Folder for Two {
    fn include(&self, pattern: &str) -> Result<Vec<Input>, String> {
        match pattern {
            "own.conf" => Ok(vec![Input::new(
                "own.conf",
                "deny all; include table.conf; location /own { proxy_pass http://own:1; include own.conf; }",
            )]),
            "table.conf" => Ok(vec![Input::new("table.conf", "~^/a 1; default 0;")]),
            _ => Err("it is not there".to_owned()),
        }
    }
}

/// Every configuration that a test has, and what is rendered for the examples.
fn seeds() -> Vec<String> {
    let mut seeds: Vec<String> = configurations()
        .iter()
        .filter_map(|folder| fs::read_to_string(original(folder)?).ok())
        .collect();
    for example in ["chat", "api-site-ws", "cluster"] {
        let path = root().join(format!("tests/it/golden/{example}/nginx/nginx.conf"));
        seeds.push(fs::read_to_string(path).expect("a golden"));
    }
    seeds
}

fn changed(rng: &mut fastrand::Rng, seeds: &[String]) -> String {
    let mut text: Vec<char> = seeds[rng.usize(..seeds.len())].chars().collect();
    for _ in 0..rng.usize(1..6) {
        let at = rng.usize(..=text.len());
        match rng.u8(..4) {
            0 => {
                let end = (at + rng.usize(..40)).min(text.len());
                text.drain(at..end);
            }
            1 => {
                let word: Vec<char> = WORDS[rng.usize(..WORDS.len())].chars().collect();
                text.splice(at..at, word);
            }
            2 => {
                let other: Vec<char> = seeds[rng.usize(..seeds.len())].chars().collect();
                let from = rng.usize(..other.len());
                let to = (from + rng.usize(..200)).min(other.len());
                text.splice(at..at, other[from..to].iter().copied());
            }
            _ => {
                if at < text.len() {
                    let word: Vec<char> = WORDS[rng.usize(..WORDS.len())].chars().collect();
                    text.splice(at..=at, word);
                }
            }
        }
    }
    text.into_iter().collect()
}

#[test]
fn no_change_of_a_configuration_ends_in_anything_but_a_spec_or_an_error() {
    let runs = std::env::var("WSGEN_FUZZ").ok();
    let runs = runs.and_then(|runs| runs.parse().ok()).unwrap_or(300);
    let seeds = seeds();
    let (mut written, mut refused) = (0, 0);
    for seed in 0..runs {
        let mut rng = fastrand::Rng::with_seed(seed);
        let text = changed(&mut rng, &seeds);
        let dialect = if rng.bool() {
            None
        } else {
            Some(import::Dialect::Nginx)
        };
        let done = import::import(Input::new("nginx.conf", text.as_str()), dialect, &Two);
        let told = done.account.entries();
        match &done.spec {
            Some(spec) => {
                written += 1;
                assert!(!done.report.has_errors(), "seed {seed}");
                assert!(!told.is_empty(), "seed {seed}");
                let compiled =
                    compile::compile(vec![Input::new("spec", spec.as_str())], World::EMPTY);
                assert!(
                    compiled.gateway.is_some(),
                    "seed {seed}: {:#?}\n{spec}",
                    compiled.report.diags
                );
            }
            None => {
                refused += 1;
                assert!(
                    done.report.has_errors(),
                    "seed {seed}: neither a spec nor an error"
                );
            }
        }
        for entry in told {
            let says = !entry.says.is_empty() || !entry.into.is_empty();
            assert!(says, "seed {seed}: nothing is said of `{}`", entry.text);
        }
        for diag in &done.report.diags {
            assert!(
                !diag.labels.is_empty() && !diag.title.is_empty(),
                "seed {seed}"
            );
        }
    }
    assert!(
        written > runs / 20 && refused > runs / 20,
        "{written} specs, {refused} errors"
    );
}
