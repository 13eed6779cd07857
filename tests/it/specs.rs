//! Specs in Markdown: `# error: code` on a line of a YAML block is the finding expected there, and there are no others.

use std::path::Path;

use wsgen::diag::{Level, Marks, Report};
use wsgen::source::Sources;
use wsgen::spec::model::Spec;
use wsgen::spec::params::{self, NoParams};
use wsgen::spec::tree::Tree;
use wsgen::spec::{merge, shape, yaml};

/// Everything that can be found in one text.
fn check(text: &str) -> (Sources, Tree, Report) {
    let (mut sources, mut report) = (Sources::new(), Report::new());
    let file = sources.add("spec.yaml", text);
    let mut tree = yaml::parse(&sources, file, &mut report);
    if !report.has_errors() {
        params::expand(&mut tree, &NoParams, &mut report);
    }
    if !report.has_errors() {
        merge::defaults(&mut tree);
        let schema = || schemars::schema_for!(Spec).to_value();
        let _: Option<Spec> = shape::read(&tree, tree.root(), schema, &mut report);
    }
    (sources, tree, report)
}

#[test]
fn blocks_find_what_they_mark() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/specs");
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
fn blocks(page: &str) -> Vec<(usize, String)> {
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
fn marked(block: &str) -> Vec<(u32, String)> {
    let mut expected = Vec::new();
    let mut last = 0;
    for (line, number) in block.lines().zip(1..) {
        let alone = line.trim_start().starts_with("# error:")
            || line.trim_start().starts_with("# warning:");
        if !alone {
            last = number;
        }
        for level in ["error", "warning"] {
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
    let (sources, tree, report) = check(block);
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

/// No text makes the reader panic, and whatever it finds can be shown in every form.
#[test]
fn no_text_makes_the_reader_panic() {
    let page = include_str!("specs/language.md");
    let seeds: Vec<String> = blocks(page).into_iter().map(|(_, block)| block).collect();
    let pieces = [
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
    let mut random = fastrand::Rng::with_seed(7);
    let rounds = std::env::var("WSGEN_FUZZ")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(2_000);
    for round in 0..rounds {
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
                    text.splice(at..at, pieces[random.usize(..pieces.len())].chars());
                }
            }
        }
        let text: String = text.into_iter().collect();
        let (sources, tree, report) = check(&text);
        if round % 16 == 0 {
            wsgen::diag::human::write(&report, Some(&tree), &sources, false, 80);
            wsgen::diag::json::write(&report, Some(&tree), &sources);
            wsgen::diag::sarif::write(&report, Some(&tree), &sources);
            wsgen::diag::github::write(&report, Some(&tree), &sources);
        }
    }
}
