//! The documentation: what is made from the code is fresh, every link and anchor leads somewhere, and `wsgen explain` knows every word.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use wsgen::diag::codes;
use wsgen::ir::Feature;
use wsgen::reference::{anchor, book, field};
use wsgen::rules;
use wsgen::spec::fields;
use wsgen::targets;

use crate::bless::{self, root};
use crate::cli::Cli;

#[test]
fn the_reference_is_fresh() {
    let folder = root().join("docs/reference");
    let pages = book::pages();
    let stale: Vec<String> = pages
        .iter()
        .filter_map(|(name, text)| bless::fresh(&folder.join(name), text).err())
        .collect();
    assert!(stale.is_empty(), "{}", stale.join("\n"));
    let mut made: BTreeSet<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    // `cli_help` makes it, with the help that it is made of.
    made.insert("cli.md");
    for entry in std::fs::read_dir(folder).expect("the reference is there") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy();
        assert!(
            made.contains(&*name),
            "docs/reference/{name}: nothing makes this page"
        );
    }
}

/// Every text in Markdown that people read.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    let mut folders = vec![
        root().join("docs"),
        root().join("examples"),
        root().join("src/proxy"),
    ];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                pages.push(path);
            }
        }
    }
    for name in ["README.md", "CHANGELOG.md", "tests/support/sarif/NOTICE.md"] {
        pages.push(root().join(name));
    }
    pages.sort();
    pages
}

/// A page's lines outside fenced blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// The anchors of a page's headings.
fn headings(text: &str) -> impl Iterator<Item = String> {
    let lines = prose(text).filter(|line| line.starts_with('#'));
    lines.map(|line| anchor(line.trim_start_matches('#').trim()))
}

/// What links to a page may name behind `#`; of equal headings the second has a number.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    headings(text)
        .map(|anchor| {
            let count = seen.entry(anchor.clone()).or_default();
            *count += 1;
            match *count {
                1 => anchor,
                more => format!("{anchor}-{}", more - 1),
            }
        })
        .collect()
}

/// The places that a page links to, code left out.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose(text) {
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let Some((link, after)) = after.split_once(')') else {
                break;
            };
            links.push(link.to_owned());
            rest = after;
        }
    }
    links
}

/// What is wrong with a link of a page.
fn broken(page: &Path, link: &str) -> Option<String> {
    if ["https://", "http://", "mailto:"]
        .iter()
        .any(|it| link.starts_with(it))
    {
        return None;
    }
    let (path, anchor) = link
        .split_once('#')
        .map_or((link, None), |(path, it)| (path, Some(it)));
    let place = match path {
        "" => page.to_owned(),
        path => page.parent().expect("a folder").join(path),
    };
    let said = |what: &str| Some(format!("{}: `{link}`: {what}", page.display()));
    if !place.exists() {
        return said("nothing is there");
    }
    let anchor = anchor?;
    let text = std::fs::read_to_string(&place).unwrap_or_default();
    match anchors(&text).iter().any(|it| it == anchor) {
        true => None,
        false => said("no heading has this anchor"),
    }
}

#[test]
fn every_link_leads_somewhere() {
    let (mut seen, mut faults) = (0, Vec::new());
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("UTF-8");
        for link in links(&text) {
            seen += 1;
            faults.extend(broken(&page, &link));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(seen > 1000, "{seen}");
    let page = root().join("docs/README.md");
    for wrong in ["nowhere.md", "#nothing", "reference/routes.md#nothing"] {
        assert!(broken(&page, wrong).is_some(), "{wrong}");
    }
}

/// What somebody looks for is found in two clicks from the index: a field's meaning, then what a target does.
#[test]
fn a_field_and_its_targets_are_two_clicks_away() {
    let read = |name: &str| {
        let text = std::fs::read_to_string(root().join("docs").join(name));
        text.unwrap_or_else(|why| panic!("{name}: {why}"))
    };
    let index = links(&read("README.md"));
    for (name, _) in book::pages() {
        let link = format!("reference/{name}");
        assert!(
            index.contains(&link),
            "docs/README.md does not link to {link}"
        );
    }
    let routes = read("reference/routes.md");
    let (_, section) = routes
        .split_once("## `routes.*.timeouts.idle`")
        .expect("the field has a section");
    let section = section.split("\n## ").next().expect("it ends");
    for told in [
        "Between two bytes of a body",
        "Default: 60s",
        "a duration",
        "`idle: ",
    ] {
        assert!(section.contains(told), "{told}\n{section}");
    }
    let feature = links(section)
        .into_iter()
        .find(|it| it.starts_with("features.md"));
    assert_eq!(feature.as_deref(), Some("features.md#timeoutidle"));
    let features = read("reference/features.md");
    let (_, section) = features
        .split_once("### `timeout.idle`\n")
        .expect("a section");
    let caddy = section.lines().find(|line| line.starts_with("| [Caddy]"));
    assert!(
        caddy.is_some_and(|it| it.contains("depends on")),
        "{caddy:?}"
    );
}

/// Every field says what it means, what it takes, and how it is written.
#[test]
fn every_field_is_told() {
    let all = fields::all();
    let untold: Vec<&str> = all
        .iter()
        .filter(|it| {
            // What is written in a program's own words has no example in ours.
            let holds = !fields::inside(&it.path, &all).is_empty()
                || it.path.starts_with("defaults")
                || it.path.contains(".raw.");
            it.doc.is_empty() || it.kind.is_empty() || field::examples(it).is_empty() && !holds
        })
        .map(|it| it.path.as_str())
        .collect();
    assert_eq!(untold, [""; 0]);
    for (name, text) in book::pages() {
        let anchors: Vec<String> = headings(&text).collect();
        let once: BTreeSet<&String> = anchors.iter().collect();
        assert_eq!(
            once.len(),
            anchors.len(),
            "{name}: two sections have one anchor"
        );
    }
}

#[test]
fn explain_knows_every_word() {
    let mut words: Vec<(String, String)> = Vec::new();
    let all = fields::all();
    for (index, field) in all.iter().enumerate() {
        let found: Vec<&str> = fields::find(&all, &field.path)
            .iter()
            .map(|it| it.path.as_str())
            .collect();
        assert!(
            found.contains(&field.path.as_str()) && found.len() <= 2,
            "{}: {found:?}",
            field.path
        );
        // Each call reads the samples of the language anew.
        if index % 20 == 0 {
            words.push((field.path.clone(), field.doc.clone()));
        }
    }
    for rule in rules::ALL {
        words.push((rule.id.to_owned(), rule.page.to_owned()));
        words.push((format!("lint::{}", rule.id), rule.page.to_owned()));
    }
    for target in targets::ALL {
        words.push((target.id().to_owned(), target.title().to_owned()));
        for (code, meaning) in codes::OF_TARGETS {
            words.push((format!("{}::{code}", target.id()), (*meaning).to_owned()));
        }
    }
    for feature in Feature::ALL {
        words.push((feature.id().to_owned(), feature.meaning().to_owned()));
        words.push((format!("caddy::{feature}"), feature.meaning().to_owned()));
    }
    for (code, meaning) in codes::CODES {
        words.push(((*code).to_owned(), (*meaning).to_owned()));
    }
    assert!(words.len() > 400, "{}", words.len());
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((word, told)) =
                    words.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                {
                    let out = Cli::new("explain").arg(word).run().status(0).stdout;
                    assert!(out.contains(told.as_str()), "wsgen explain {word}\n{out}");
                }
            });
        }
    });
}

/// What the schema says of the log's fields is what is logged.
#[test]
fn the_log_has_every_field_by_default() {
    let all = fields::all();
    let logged = fields::find(&all, "log.fields")[0];
    let spec = "wsgen: 1\nlog: {}\nroutes: [{ respond: { status: 204 } }]\n";
    let input = wsgen::compile::Input::new("s.yaml", spec);
    let compiled = wsgen::compile::compile(vec![input], wsgen::compile::World::EMPTY);
    let log = compiled.gateway.and_then(|it| it.log).expect("a log");
    assert_eq!(log.fields.value.len(), logged.words.len());
    assert!(
        logged.doc.contains("Default: every field."),
        "{}",
        logged.doc
    );
}
