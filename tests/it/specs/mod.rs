//! Specs in Markdown: `# error: code` on a line of a YAML block is the finding expected there, and there are no others.

use wsgen::compile::{Compiled, Input, World};
use wsgen::diag::{Level, Marks, Report};
use wsgen::source::Sources;
use wsgen::spec::model::Spec;
use wsgen::spec::tree::Tree;
use wsgen::spec::{shape, yaml};

use crate::bless::root;

/// Everything that can be found in one text.
fn check(text: &str) -> Compiled {
    wsgen::compile::compile(vec![Input::new("spec.yaml", text)], World::EMPTY)
}

/// Everything that can be found, and nothing that takes a gateway panics on one.
fn lint_too(text: &str) -> Compiled {
    let compiled = check(text);
    if let Some(gateway) = &compiled.gateway {
        wsgen::rules::lint(&compiled);
        wsgen::request::run_tests(gateway, &mut Report::new());
        wsgen::ir::uses(gateway);
        gateway.sites();
    }
    compiled
}

/// Every code that lowering knows is found by a page.
#[test]
fn every_fault_of_meaning_has_a_page() {
    let root = root();
    let text = |folder: &str| -> String {
        let files = std::fs::read_dir(root.join(folder)).expect("a folder");
        files
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_file())
            .map(|path| std::fs::read_to_string(path).expect("a text"))
            .collect()
    };
    let (source, pages) = (text("src/ir/lower"), text("tests/it/specs"));
    let missing: Vec<&str> = source
        .match_indices("\"spec::")
        .map(|(at, _)| source[at + 1..].split('"').next().unwrap_or_default())
        .filter(|code| !pages.contains(&format!(": {code}")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn blocks_find_what_they_mark() {
    let folder = root().join("tests/it/specs");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .expect("tests/it/specs")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    names.sort();
    let mut faults = Vec::new();
    for path in names {
        let text = std::fs::read_to_string(&path).expect("a text");
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        for (line, block) in blocks(&text) {
            let (expected, found) = (marked(&block), findings(&block));
            if expected != found {
                faults.push(format!(
                    "{name}:{line}\n  expected {expected:?}\n  found    {found:?}"
                ));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The YAML blocks of a page and the lines on which they begin.
pub(crate) fn blocks(page: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (line, number) in page.lines().zip(1..) {
        match &mut open {
            None if line == "```yaml" => open = Some((number + 1, String::new())),
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some((_, block)) => {
                block.push_str(line);
                block.push('\n');
            }
            None => {}
        }
    }
    blocks
}

/// `# error: a, b` and `# warning: c` at the ends of lines; alone on a line they speak of the line above.
pub(crate) fn marked(block: &str) -> Vec<(u32, String)> {
    let mut expected = Vec::new();
    let mut last = 0;
    for (line, number) in block.lines().zip(1..) {
        let alone = ["# error:", "# warning:", "# note:"]
            .iter()
            .any(|mark| line.trim_start().starts_with(mark));
        if !alone {
            last = number;
        }
        for level in ["error", "warning", "note"] {
            if let Some((_, codes)) = line.split_once(&format!("# {level}: ")) {
                expected.extend(
                    codes
                        .split(',')
                        .map(|code| (last, format!("{level} {}", code.trim()))),
                );
            }
        }
    }
    expected.sort();
    expected
}

fn findings(block: &str) -> Vec<(u32, String)> {
    let Compiled {
        sources,
        tree,
        report,
        ..
    } = check(block);
    let marks = Marks::new(Some(&tree), &sources);
    let mut found: Vec<_> = report
        .diags
        .iter()
        .filter(|diag| diag.level != Level::Note)
        .map(|diag| {
            let span = marks.main(diag);
            (
                sources.line_col(span.file, span.start).0,
                format!("{} {}", diag.level.word(), diag.code),
            )
        })
        .collect();
    found.sort();
    found
}

/// The reader's own walk over the schema says the same as a validator of JSON Schema.
#[test]
fn shapes_are_judged_as_json_schema_says() {
    let schema = schemars::schema_for!(Spec).to_value();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let mut random = fastrand::Rng::with_seed(11);
    let seeds = seeds();
    let (mut fit, mut unfit) = (0, 0);
    for _ in 0..rounds(1_500) {
        let text = reworded(&seeds, &mut random);
        let Some((tree, instance)) = instance(&text) else {
            continue;
        };
        let mut report = Report::new();
        shape::faults(&tree, tree.root(), &schema, &mut report);
        let theirs: Vec<String> = validator
            .iter_errors(&instance)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(
            report.is_empty(),
            theirs.is_empty(),
            "{text}\n{:#?}\n{theirs:#?}",
            report.diags
        );
        *(if theirs.is_empty() {
            &mut fit
        } else {
            &mut unfit
        }) += 1;
    }
    assert!(fit > 50 && unfit > 200, "{fit} fit, {unfit} do not");
}

/// A text's tree, and the value that a validator sees; `None` where the YAML itself is at fault.
fn instance(text: &str) -> Option<(Tree, serde_json::Value)> {
    let (mut sources, mut report) = (Sources::new(), Report::new());
    let file = sources.add("spec.yaml", text);
    let tree = yaml::parse(&sources, file, &mut report);
    let instance = shape::instance(&tree, tree.root()).filter(|_| report.is_empty())?;
    Some((tree, instance))
}

/// What an editor underlines does not compile.
#[test]
fn what_the_schema_refuses_is_refused() {
    let validator = jsonschema::validator_for(&wsgen::spec::schema::schema()).expect("a schema");
    let mut random = fastrand::Rng::with_seed(13);
    let seeds = seeds();
    let (mut fit, mut unfit) = (0, 0);
    for _ in 0..rounds(1_500) {
        let text = reworded(&seeds, &mut random);
        let Some((_, instance)) = instance(&text) else {
            continue;
        };
        if validator.is_valid(&instance) {
            fit += 1;
            continue;
        }
        unfit += 1;
        let theirs: Vec<String> = validator
            .iter_errors(&instance)
            .map(|error| error.to_string())
            .collect();
        assert!(check(&text).report.has_errors(), "{text}\n{theirs:#?}");
    }
    assert!(fit > 50 && unfit > 200, "{fit} fit, {unfit} do not");
}

/// No text makes the reader panic, and whatever it finds can be shown in every form.
#[test]
fn no_text_makes_the_reader_panic() {
    let seeds = seeds();
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..rounds(2_000) {
        let text = mutated(&seeds, &mut random);
        let Compiled {
            sources,
            tree,
            report,
            ..
        } = lint_too(&text);
        if round % 16 == 0 {
            wsgen::diag::human::write(&report, Some(&tree), &sources, false, 80);
            let part = wsgen::diag::Part {
                report: &report,
                tree: Some(&tree),
                sources: &sources,
            };
            wsgen::diag::json::write(&[part]);
            wsgen::diag::sarif::write(&[part], &|code| wsgen::reference::about(code));
            wsgen::diag::junit::write(&[wsgen::diag::junit::Suite {
                name: "spec.yaml",
                parts: vec![part],
                rules: Vec::new(),
            }]);
            wsgen::diag::github::write(&report, Some(&tree), &sources);
        }
    }
}

fn seeds() -> Vec<String> {
    let pages = [
        include_str!("language.md"),
        include_str!("shape.md"),
        include_str!("syntax.md"),
        include_str!("meaning-access.md"),
        include_str!("meaning-listeners.md"),
        include_str!("meaning-operations.md"),
        include_str!("meaning-requests.md"),
        include_str!("meaning-routes.md"),
        include_str!("meaning-upstreams.md"),
    ];
    pages
        .iter()
        .flat_map(|page| blocks(page))
        .map(|(_, block)| block)
        .collect()
}

/// Pieces that mean something to YAML, to parameters or to the language.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ": ",
    ":",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "'",
    "\"",
    "|\n",
    ">-\n",
    "&a ",
    "*a",
    "<<: ",
    "!x ",
    "? ",
    "#",
    "${",
    "${A}",
    "${A:-1}",
    "$${",
    "\\",
    "\0",
    "\u{E000}",
    "é",
    "\u{FEFF}",
    "\r\n",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "off",
    "60",
    "1e999",
    "-",
    "~",
    ",",
    "\u{2028}",
    "\u{85}",
    "\\u",
    "\"\\x",
    "@",
    "`",
    "0x",
    "99999999999999999999999999999999999999999",
];

fn mutated(seeds: &[String], random: &mut fastrand::Rng) -> String {
    let mut text: Vec<char> = seeds[random.usize(..seeds.len())].chars().collect();
    for _ in 0..random.usize(1..6) {
        let at = random.usize(..=text.len());
        match random.u8(..4) {
            0 => {
                let until = (at + random.usize(..20)).min(text.len());
                text.drain(at..until);
            }
            1 => {
                let from = random.usize(..=text.len());
                let until = (from + random.usize(..60)).min(text.len());
                let copy: Vec<char> = text[from..until].to_vec();
                text.splice(at..at, copy);
            }
            _ => {
                text.splice(at..at, PIECES[random.usize(..PIECES.len())].chars());
            }
        }
    }
    text.into_iter().collect()
}

/// A sample in which some words are others: still YAML most of the time, and rarely the same shape.
fn reworded(seeds: &[String], random: &mut fastrand::Rng) -> String {
    const WORDS: &[&str] = &[
        "5",
        "0",
        "70000",
        "1.5",
        "on",
        "off",
        "true",
        "false",
        "yes",
        "60s",
        "1MiB",
        "\"80\"",
        "[]",
        "{}",
        "[a]",
        "{a: b}",
        "x",
        "{regex: x}",
        "{env: X}",
        "10/s",
        "500-599",
        "\"\"",
        "any",
        "a:1",
        "{exact: /}",
        "[{header: x}]",
    ];
    let mut text = seeds[random.usize(..seeds.len())].clone();
    for _ in 0..random.usize(0..4) {
        let ends: Vec<(usize, &str)> = text
            .match_indices(|c: char| " ,:{}[]\n\"".contains(c))
            .collect();
        let from = random.usize(..ends.len() - 1);
        let (start, end) = (ends[from].0 + 1, ends[from + 1].0);
        if start < end {
            text.replace_range(start..end, WORDS[random.usize(..WORDS.len())]);
        }
    }
    text
}

/// How many random texts are tried: `WSGEN_FUZZ` where it is set.
fn rounds(few: u32) -> u32 {
    std::env::var("WSGEN_FUZZ")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(few)
}
