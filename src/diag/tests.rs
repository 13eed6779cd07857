//! One report in every form.

use super::*;
use crate::source::Sources;
use crate::spec::{merge, yaml};

fn report() -> (Sources, crate::spec::tree::Tree, Report) {
    let (mut sources, mut report) = (Sources::new(), Report::new());
    let base = sources.add("base.yaml", "name: chat\nroutes:\n- name: é\n  path: /ws\n");
    let prod = sources.add(
        "a b/prod.yaml",
        "routes:\n- name: é\n  websocket:\n    idle: 2h\n    only: on\n",
    );
    let trees = [base, prod].map(|file| yaml::parse(&sources, file, &mut report));
    let tree = merge::files(trees);
    let at = |path: &str| tree.loc_at(path).expect(path);
    report
        .warning("alb::timeout.idle", at("routes.é.websocket.idle"))
        .says("alb has one idle timeout for all routes")
        .label("asks for 2h on this route")
        .also(at("routes.é.path"), "this route, 100%")
        .note("closed after 4000 s, the maximum")
        .help("let the client ping more often,\nor accept the loss");
    report
        .error("spec::x", at("routes.é.websocket"))
        .says("a value of several lines is shown by its key");
    report
        .note("spec::y", Loc(0))
        .says("about the whole document");
    (sources, tree, report)
}

#[test]
fn for_people() {
    let (sources, tree, report) = report();
    let text = human::write(&report, Some(&tree), &sources, false, 60);
    let expected = "\
spec::y
  ☞ about the whole document
   ╭─[base.yaml:1:1]
 1 │ name: chat
   · ▲
 2 │ routes:
   ╰────

spec::x
  × a value of several lines is shown by its key
   ╭─[a b/prod.yaml:3:3]
 2 │ - name: é
 3 │   websocket:
   ·   ─────────
 4 │     idle: 2h
   ╰────

alb::timeout.idle
  ⚠ alb has one idle timeout for all routes
   ╭─[a b/prod.yaml:4:11]
 3 │   websocket:
 4 │     idle: 2h
   ·           ─┬
   ·            ╰── asks for 2h on this route
 5 │     only: on
   ╰────
   ╭─[base.yaml:4:9]
 3 │ - name: é
 4 │   path: /ws
   ·         ─┬─
   ·          ╰── this route, 100%
   ╰────
  note: closed after 4000 s, the maximum
  help: let the client ping more often,
        or accept the loss

1 error, 1 warning, 1 note
";
    assert_eq!(text, expected, "\n{text}");
    assert!(human::write(&report, Some(&tree), &sources, true, 60).contains("\u{1b}["));
    assert_eq!(human::write(&Report::new(), None, &sources, true, 60), "");
}

#[test]
fn for_github() {
    let (sources, tree, report) = report();
    let text = github::write(&report, Some(&tree), &sources);
    assert_eq!(
        text.lines().last(),
        Some(
            "::warning file=a b/prod.yaml,line=4,endLine=4,col=11,endColumn=13,title=alb%3A%3Atimeout.idle::\
             alb has one idle timeout for all routes: asks for 2h on this route%0A\
             note: closed after 4000 s, the maximum%0Ahelp: let the client ping more often,%0Aor accept the loss"
        )
    );
}

#[test]
fn for_programs() {
    let (sources, tree, report) = report();
    let part = Part {
        report: &report,
        tree: Some(&tree),
        sources: &sources,
    };
    let findings: serde_json::Value = serde_json::from_str(&json::write(&[part])).expect("JSON");
    let last = &findings[2];
    assert_eq!(last["code"], "alb::timeout.idle");
    assert_eq!(
        (&last["file"], &last["line"], &last["column"]),
        (&"a b/prod.yaml".into(), &4.into(), &11.into())
    );
    assert_eq!(last["labels"][1]["file"], "base.yaml");
    let log: serde_json::Value =
        serde_json::from_str(&sarif::write(&[part], &|_| sarif::About::default())).expect("JSON");
    let result = &log["runs"][0]["results"][2];
    assert_eq!(
        result["ruleId"],
        log["runs"][0]["tool"]["driver"]["rules"]
            [result["ruleIndex"].as_u64().expect("a number") as usize]["id"]
    );
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b/prod.yaml");
    assert_eq!(place["region"]["startLine"], 4);
    assert_eq!(
        result["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "base.yaml"
    );
}
