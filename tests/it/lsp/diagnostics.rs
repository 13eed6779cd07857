//! Findings while typing: the same as `wsgen lint` tells, at the right places, of the latest text.

use serde_json::{Value, json};

use super::SPEC;
use super::editor::{Editor, codes, range};
use crate::cli::Cli;

/// What `wsgen lint` tells of the same text: code, line, column and end.
fn linted(text: &str, args: &str) -> Vec<(String, u64, u64, u64)> {
    let done = Cli::new("lint spec.yaml --format json")
        .args(args)
        .bytes("spec.yaml", text.as_bytes())
        .run();
    let found: Vec<Value> = serde_json::from_str(&done.stdout).expect("an array");
    let number = |it: &Value| it.as_u64().expect("a number");
    let mut all: Vec<_> = found
        .iter()
        .map(|it| {
            let code = it["code"].as_str().expect("a code").to_owned();
            (
                code,
                number(&it["line"]),
                number(&it["column"]),
                number(&it["end_column"]),
            )
        })
        .collect();
    all.sort();
    all
}

#[test]
fn they_are_those_of_lint() {
    // Without characters of two units both count columns alike.
    let unused = SPEC.replace("routes:", "  idle: { servers: [10.0.0.3:9000] }\nroutes:");
    let lossy = SPEC.replace("idle: 1h", "idle: 1h, ping: 30s, max_message: 1MiB");
    let wrong = SPEC.replace("upstream: chat", "upstream: chatt\n    pathh: /x");
    let syntax = SPEC.replace("port: 8080", "port: \"8080");
    for (text, args) in [
        (SPEC, ""),
        (&unused, ""),
        (&lossy, "--target nginx,haproxy"),
        (&wrong, ""),
        (&syntax, ""),
        ("wsgen: 1\n", ""),
    ] {
        let flags: Vec<&str> = args.split_whitespace().collect();
        let mut editor = Editor::start(&flags);
        editor.open("spec.yaml", text);
        let told = editor.diagnostics("spec.yaml", 1);
        let mut told: Vec<_> = told
            .iter()
            .map(|it| {
                let at =
                    |end: &str, axis: &str| it["range"][end][axis].as_u64().expect("a number") + 1;
                let code = it["code"].as_str().expect("a code").to_owned();
                (
                    code,
                    at("start", "line"),
                    at("start", "character"),
                    at("end", "character"),
                )
            })
            .collect();
        told.sort();
        assert_eq!(told, linted(text, args), "{text}");
    }
}

#[test]
fn a_finding_says_everything() {
    let text = SPEC.replace("upstream: chat", "upstream: chatt");
    let mut editor = Editor::start(&[]);
    editor.open("spec.yaml", &text);
    let told = editor.diagnostics("spec.yaml", 1);
    assert_eq!(codes(&told), ["spec::unknown-name"]);
    assert_eq!(range(&told[0]), "9:14-9:19");
    assert_eq!(told[0]["severity"], 1);
    assert_eq!(told[0]["source"], "wsgen");
    assert_eq!(
        told[0]["message"],
        "there is no upstream `chatt`\nhelp: did you mean `chat`?"
    );
    // Where two things do not fit, the other one is told of too.
    let twice = SPEC.replace("wsgen: 1\n", "wsgen: 1\nwsgen: 1\n");
    editor.retype("spec.yaml", 2, &twice);
    let told = editor.diagnostics("spec.yaml", 2);
    assert_eq!(codes(&told), ["yaml::duplicate-key"]);
    let other = &told[0]["relatedInformation"][0];
    assert_eq!(range(&other["location"]), "0:0-0:5");
    assert_eq!(other["location"]["uri"], editor.uri("spec.yaml").as_str());
}

#[test]
fn columns_are_those_of_utf16() {
    for end in ["\n", "\r\n"] {
        let text = SPEC.replace("routes:", "routes: # 🦀 Grüße");
        let text = text.replace(
            "host: example.com",
            "respond: { body: \"🦀🦀 ä\", statuss: 200 }\n    host: example.com",
        );
        let text = text.replace('\n', end);
        let mut editor = Editor::start(&[]);
        editor.open("spec.yaml", &text);
        let told = editor.diagnostics("spec.yaml", 1);
        let slip = told
            .iter()
            .find(|it| it["code"] == "spec::unknown-key")
            .unwrap_or_else(|| panic!("not found: {told:?}"));
        // Each 🦀 counts two, the umlaut one.
        assert_eq!(range(slip), "7:31-7:38", "{text}");
        // The same word again after an edit whose range stands behind them.
        let place =
            json!({"start": {"line": 7, "character": 37}, "end": {"line": 7, "character": 38}});
        editor.change("spec.yaml", 2, json!([{"range": place, "text": ""}]));
        let told = editor.diagnostics("spec.yaml", 2);
        assert!(!codes(&told).contains(&"spec::unknown-key"), "{told:?}");
    }
}

#[test]
fn the_text_of_the_editor_counts_and_the_disk_does_not() {
    let mut editor = Editor::start(&[]);
    editor.scratch.write("spec.yaml", "wsgen: 2\n");
    editor.open("spec.yaml", SPEC);
    assert!(editor.diagnostics("spec.yaml", 1).is_empty());
    // What the spec names is read from disk, beside the spec.
    let page = SPEC.replace("upstream: chat\n", "respond: { file: page.txt }\n");
    let page = page.replace(
        "    websocket: { idle: 1h, origins: [https://example.com] }\n",
        "",
    );
    editor.retype("spec.yaml", 2, &page);
    let told = editor.diagnostics("spec.yaml", 2);
    assert!(codes(&told).contains(&"spec::file"), "{told:?}");
    let uri = editor.uri("spec.yaml");
    editor.scratch.write("page.txt", "hello");
    editor.notify(
        "textDocument/didSave",
        json!({"textDocument": {"uri": uri}}),
    );
    let told = editor.diagnostics("spec.yaml", 2);
    assert!(!codes(&told).contains(&"spec::file"), "{told:?}");
    // A device is no file: whatever is typed, nothing is read without an end.
    editor.retype("spec.yaml", 3, &page.replace("page.txt", "/dev/zero"));
    let told = editor.diagnostics("spec.yaml", 3);
    assert!(
        told.iter()
            .any(|it| it.to_string().contains("it is not a file")),
        "{told:?}"
    );
}

#[test]
fn only_the_latest_text_is_told_of() {
    let mut editor = Editor::start(&[]);
    editor.open("spec.yaml", SPEC);
    for version in 2..40 {
        let text = SPEC.replace("upstream: chat", &format!("upstream: chat{version}"));
        editor.retype("spec.yaml", version, &text);
    }
    editor.retype("spec.yaml", 40, SPEC);
    assert!(editor.diagnostics("spec.yaml", 40).is_empty());
    // While keys were struck nothing was told, or only of a text that was the latest then.
    let outdated = |said: &Value| {
        said["params"]["version"]
            .as_i64()
            .is_some_and(|it| (3..40).contains(&it))
    };
    assert!(editor.hears_nothing(outdated));
}

#[test]
fn a_document_that_is_closed_has_no_findings() {
    let mut editor = Editor::start(&[]);
    editor.open("spec.yaml", "wsgen: 2\n");
    assert!(!editor.diagnostics("spec.yaml", 1).is_empty());
    let document = json!({"uri": editor.uri("spec.yaml")});
    editor.notify("textDocument/didClose", json!({"textDocument": document}));
    let said = editor.wait(|said| {
        said["params"]["version"].is_null() && said["params"]["diagnostics"].is_array()
    });
    assert_eq!(said["params"]["diagnostics"], json!([]));
}

#[test]
fn other_yaml_is_left_alone() {
    let mut editor = Editor::start(&[]);
    editor.open(
        "compose.yaml",
        "services:\n  wsgen: { image: x }\n  routes: [\n",
    );
    assert!(editor.hears_nothing(|said| said["method"] == "textDocument/publishDiagnostics"));
    // It becomes a spec, and then it is none any more.
    editor.retype("compose.yaml", 2, "wsgen: 2\n");
    assert!(!editor.diagnostics("compose.yaml", 2).is_empty());
    editor.retype("compose.yaml", 3, "version: 2\n");
    assert!(editor.diagnostics("compose.yaml", 3).is_empty());
    // An editor may say itself that it is one.
    editor.open_as("new.yaml", "wsgen", "routes: []\n");
    assert!(!editor.diagnostics("new.yaml", 1).is_empty());
}

#[test]
fn losses_are_told_for_the_targets_that_somebody_names() {
    let lossy = SPEC.replace("idle: 1h", "idle: 1h, max_message: 1MiB");
    let of = |told: &[Value], target: &str| {
        let code = format!("{target}::websocket.max_message");
        codes(told).contains(&code.as_str())
    };
    let mut editor = Editor::start(&[]);
    editor.open("spec.yaml", &lossy);
    assert!(editor.diagnostics("spec.yaml", 1).is_empty());
    // The spec, by a room.
    let roomy = format!("{lossy}targets:\n  nginx: {{ version: \"1.22\" }}\n");
    editor.retype("spec.yaml", 2, &roomy);
    let told = editor.diagnostics("spec.yaml", 2);
    assert!(of(&told, "nginx") && !of(&told, "haproxy"), "{told:?}");
    // The editor, later on, with a slip.
    let settings = json!({"settings": {"wsgen": {"targets": ["haproxy", "ngnix"]}}});
    editor.notify("workspace/didChangeConfiguration", settings);
    let said = editor.wait(|said| said["method"] == "window/showMessage");
    assert!(
        said.to_string().contains("there is no target `ngnix`"),
        "{said}"
    );
    let told = editor.diagnostics("spec.yaml", 2);
    assert!(of(&told, "haproxy") && !of(&told, "nginx"), "{told:?}");
    // The editor, from the start.
    let mut editor = Editor::start_with(&[], json!({"targets": ["haproxy"]}));
    editor.open("spec.yaml", &lossy);
    let told = editor.diagnostics("spec.yaml", 1);
    assert!(of(&told, "haproxy"), "{told:?}");
}
