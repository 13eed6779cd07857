//! Findings for other programs, read back as those read them: SARIF by its published schema and GitHub's rules, JUnit by an XML parser.

use serde_json::Value;

use crate::cli::Cli;

const SCHEMA: &str = include_str!("../support/sarif/sarif-schema-2.1.0.json");

/// Two specs with faults of every kind: several on one line, behind characters of two UTF-16 units, in a file of a hostile name.
fn lint(format: &str) -> String {
    Cli::new("lint --target nginx,caddy --format")
        .arg(format)
        .arg("good.yaml")
        .arg("a b/ü%20#[1].yaml")
        .file("good.yaml", GOOD)
        .file("a b/ü%20#[1].yaml", BAD)
        .run()
        .status(2)
        .stderr("")
        .stdout
}

const GOOD: &str = r#"wsgen: 1
upstreams:
  "chat": { servers: [app:8080] }
routes:
  - name: socket
    path: /ws
    upstream: chat
    websocket: { origins: same_host, idle: 30s, max_duration: 24h }
"#;

const BAD: &str =
    "wsgen: 1\n\"a\\x01]]><b&\\\"\": 1\nroutes:\n  - { respond: { body: \"😀😀\" }, upstrem: é }\n";

fn sarif() -> Value {
    serde_json::from_str(&lint("sarif")).expect("JSON")
}

#[test]
fn sarif_fits_its_published_schema() {
    let mut schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    // The published pattern of a language's name has a bracket too many: it is no regex.
    for holder in ["run", "toolComponent"] {
        let language = &mut schema["definitions"][holder]["properties"]["language"];
        language
            .as_object_mut()
            .expect("it is there")
            .shift_remove("pattern");
    }
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("a schema");
    let clean = Cli::new("lint - --format sarif")
        .stdin(GOOD.replace(", idle: 30s", ""))
        .run();
    let clean: Value = serde_json::from_str(&clean.status(0).stdout).expect("JSON");
    for log in [sarif(), clean] {
        let faults: Vec<String> = validator
            .iter_errors(&log)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert_eq!(faults, [""; 0]);
    }
    let mut broken = sarif();
    broken["runs"][0]["results"][0]["level"] = "fatal".into();
    assert!(!validator.is_valid(&broken), "the schema sees nothing");
}

/// What docs.github.com names under "SARIF support for code scanning", and what the standard says beyond its schema.
#[test]
fn sarif_follows_the_rules_of_code_scanning() {
    let log = sarif();
    let runs = log["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 1, "of several runs of a tool none is taken");
    let run = &runs[0];
    assert_eq!(run["columnKind"], "utf16CodeUnits");
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    let results = run["results"].as_array().expect("results");
    let mut found: Vec<&str> = Vec::new();
    for result in results {
        let id = result["ruleId"].as_str().expect("an id");
        found.push(id);
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        let rule = &rules[index];
        assert_eq!(rule["id"], id);
        for text in [&rule["shortDescription"], &rule["help"], &result["message"]] {
            assert!(
                text["text"].as_str().is_some_and(|it| !it.is_empty()),
                "{id}"
            );
        }
        assert!(
            rule["shortDescription"]["text"]
                .as_str()
                .is_some_and(|it| it.len() <= 1024)
        );
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().expect("a URI");
        assert!(
            ["good.yaml", "a%20b/%C3%BC%2520%23%5B1%5D.yaml"].contains(&uri),
            "{uri}"
        );
        let region = &place["region"];
        assert!(
            region["startLine"].as_u64() >= Some(1) && region["startColumn"].as_u64() >= Some(1)
        );
        let hash = &result["partialFingerprints"]["primaryLocationLineHash"];
        assert!(hash.as_str().is_some_and(|it| it.contains(':')), "{hash}");
    }
    for code in [
        "spec::unknown-key",
        "lint::short-websocket-idle",
        "nginx::timeout.max_duration",
    ] {
        assert!(found.contains(&code), "{found:?}");
    }
    let levels: Vec<&Value> = results.iter().map(|it| &it["level"]).collect();
    assert!(levels.contains(&&"error".into()) && levels.contains(&&"warning".into()));

    // Behind two characters of two units each.
    let typo = results
        .iter()
        .find(|it| {
            it["message"]["text"]
                .as_str()
                .is_some_and(|it| it.contains("upstrem"))
        })
        .expect("the typo");
    let region = &typo["locations"][0]["physicalLocation"]["region"];
    assert_eq!(
        (&region["startLine"], &region["startColumn"]),
        (&4.into(), &34.into())
    );
    let change = &typo["fixes"][0]["artifactChanges"][0];
    let replacement = &change["replacements"][0];
    assert_eq!(replacement["insertedContent"]["text"], "upstream");
    assert_eq!(&replacement["deletedRegion"], region);
}

/// A file that is not below the current folder is named by a URL.
#[test]
fn sarif_names_an_absolute_file_by_a_url() {
    let done = Cli::new("init --out s.yaml").run();
    let path = done.scratch.path().join("s.yaml");
    let spec = done.file("s.yaml").replace("upstream: web", "upstrem: web");
    std::fs::write(&path, spec).expect("it is written");
    let path = path.display().to_string();
    let log = Cli::new("lint --format sarif")
        .arg(&path)
        .run()
        .status(2)
        .stdout;
    let log: Value = serde_json::from_str(&log).expect("JSON");
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], format!("file://{path}"));
}

#[test]
fn junit_is_read_back() {
    let text = lint("junit");
    let document = roxmltree::Document::parse(&text).expect("XML");
    let suites: Vec<_> = document
        .descendants()
        .filter(|it| it.has_tag_name("testsuite"))
        .collect();
    let names: Vec<_> = suites
        .iter()
        .filter_map(|it| it.attribute("name"))
        .collect();
    assert_eq!(names, ["good.yaml", "a b/ü%20#[1].yaml"]);
    for suite in &suites {
        let cases: Vec<_> = suite
            .children()
            .filter(|it| it.has_tag_name("testcase"))
            .collect();
        let failed = cases
            .iter()
            .filter(|it| it.children().any(|it| it.has_tag_name("failure")))
            .count();
        assert_eq!(
            suite.attribute("tests"),
            Some(cases.len().to_string().as_str())
        );
        assert_eq!(
            suite.attribute("failures"),
            Some(failed.to_string().as_str())
        );
        assert!(failed > 0);
        let mut keys: Vec<_> = cases
            .iter()
            .map(|it| (it.attribute("classname"), it.attribute("name")))
            .collect();
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count, "two cases that a reader takes for one");
    }
    let case = |suite: usize, class: &str| {
        suites[suite]
            .children()
            .find(|it| it.attribute("classname") == Some(class))
            .unwrap_or_else(|| panic!("{class}\n{text}"))
    };
    let idle = case(0, "lint::short-websocket-idle");
    assert_eq!(
        (idle.attribute("file"), idle.attribute("line")),
        (Some("good.yaml"), Some("8"))
    );
    let failure = idle.first_element_child().expect("a failure");
    assert_eq!(failure.attribute("type"), Some("warning"));
    assert!(
        failure.text().is_some_and(|it| it.contains("good.yaml:8:")),
        "{text}"
    );
    let loss = case(0, "nginx::timeout.max_duration");
    assert_eq!(
        loss.first_element_child()
            .and_then(|it| it.attribute("type")),
        Some("error")
    );
    // A rule that found nothing passes; one that reads files was not asked.
    assert_eq!(case(0, "lint::unused-name").children().count(), 0);
    assert!(!text.contains("lint::key-mismatch"));
    let hostile = case(1, "spec::unknown-key")
        .first_element_child()
        .expect("a failure");
    let message = hostile.attribute("message").unwrap_or_default();
    assert!(message.contains("]]><b&\""), "{message}");
}

/// A control character of a spec stands in no XML document.
#[test]
fn junit_holds_no_character_that_xml_has_not() {
    let spec = "wsgen: 1\n\"a\\x01\\e\\x85\\uFFFEb\\nc\": 1\n";
    let text = Cli::new("lint --format junit s.yaml")
        .file("s.yaml", spec)
        .run()
        .status(2)
        .stdout;
    let document = roxmltree::Document::parse(&text).expect("XML");
    let failure = document
        .descendants()
        .find(|it| it.has_tag_name("failure"))
        .expect("a failure");
    let message = failure.attribute("message").unwrap_or_default();
    assert!(
        message.contains('a') && !message.contains('\u{1}'),
        "{message:?}"
    );
}

#[test]
fn junit_of_a_spec_without_fault_has_cases_that_pass() {
    for (call, cases) in [("lint", 10), ("render --target haproxy", 1)] {
        let done = Cli::new(call)
            .args("--format junit s.yaml")
            .file(
                "s.yaml",
                &GOOD.replace("idle: 30s, max_duration: 24h", "idle: 1h"),
            )
            .run()
            .status(0);
        let text = if call == "lint" {
            done.stdout
        } else {
            done.stderr
        };
        let document = roxmltree::Document::parse(&text).expect("XML");
        let suite = document
            .descendants()
            .find(|it| it.has_tag_name("testsuite"))
            .expect("a suite");
        assert_eq!(suite.attribute("failures"), Some("0"), "{text}");
        assert!(
            suite
                .children()
                .filter(|it| it.has_tag_name("testcase"))
                .count()
                >= cases,
            "{text}"
        );
    }
}
