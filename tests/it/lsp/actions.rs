//! What an editor can do about a finding: each edit is applied, and the finding is gone.

use serde_json::{Value, json};

use super::SPEC;
use super::editor::{Editor, applied, codes};

/// The actions for the first finding of a code.
fn actions(editor: &mut Editor, version: i32, code: &str) -> Vec<Value> {
    let told = editor.diagnostics("spec.yaml", version);
    let finding = told.iter().find(|it| it["code"] == code);
    let finding = finding.unwrap_or_else(|| panic!("no {code}: {told:?}"));
    let document = json!({"uri": editor.uri("spec.yaml")});
    let asked = json!({"textDocument": document, "range": finding["range"], "context": {"diagnostics": [finding]}});
    let Value::Array(actions) = editor.request("textDocument/codeAction", asked) else {
        return Vec::new();
    };
    actions
}

/// Takes an action: the text then, which has no such finding any more.
#[track_caller]
fn cured(args: &[&str], text: &str, code: &str, title: &str) -> String {
    let mut editor = Editor::start(args);
    editor.open("spec.yaml", text);
    let actions = actions(&mut editor, 1, code);
    let action = actions.iter().find(|it| it["title"] == title);
    let action = action.unwrap_or_else(|| panic!("no `{title}`: {actions:?}"));
    assert_eq!(action["diagnostics"][0]["code"], code);
    let after = applied(text, &action["edit"]["changes"][editor.uri("spec.yaml")]);
    editor.retype("spec.yaml", 2, &after);
    let told = editor.diagnostics("spec.yaml", 2);
    assert!(!codes(&told).contains(&code), "{after}\n{told:?}");
    assert!(
        told.iter().all(|it| it["severity"] != 1),
        "{after}\n{told:?}"
    );
    after
}

#[test]
fn a_help_that_carries_its_text_is_applied() {
    for (text, code, title) in [
        (
            SPEC.replace("upstream: chat", "upstream: chatt"),
            "spec::unknown-name",
            "Write `chat`",
        ),
        (
            SPEC.replace("    upstream:", "    upstraem:"),
            "spec::unknown-key",
            "Write `upstream`",
        ),
        (
            SPEC.replace("upstream: chat", "upstream: \"chatt\" # 🦀"),
            "spec::unknown-name",
            "Write `chat`",
        ),
    ] {
        let after = cured(&[], &text, code, title);
        assert!(after.contains("    upstream: chat"), "{after}");
    }
}

#[test]
fn what_a_help_writes_is_one_scalar() {
    let flow = SPEC.replace(
        "  - name: socket\n    host: example.com\n    path: /ws\n    upstream: chat\n    websocket: {",
        "  - { name: socket, path: \"/a//b,c\", upstream: chat }\n  - name: other\n    upstream: chat\n    websocket: {",
    );
    let after = cured(&[], &flow, "spec::path", "Write `\"/a/b,c\"`");
    assert!(after.contains("path: \"/a/b,c\", upstream"), "{after}");
    let named = SPEC
        .replace("  chat: {", "  \"on\": {")
        .replace("upstream: chat", "upstream: onn");
    let after = cured(&[], &named, "spec::unknown-name", "Write `\"on\"`");
    assert!(after.contains("upstream: \"on\"\n"), "{after}");
}

#[test]
fn a_loss_is_accepted_wherever_the_list_stands() {
    let lossy = SPEC.replace("idle: 1h", "idle: 1h, max_message: 1MiB");
    let code = "nginx::websocket.max_message";
    let title = "Accept the loss `nginx::websocket.max_message`";
    let entry = "{ loss: \"haproxy::log.fields\", because: x, at: chat }";
    for (text, end) in [
        (lossy.clone(), ""),
        (lossy.trim_end().to_owned(), ""),
        (lossy.replace('\n', "\r\n"), ""),
        (lossy.replace("routes:", "accept: []\nroutes:"), ""),
        (
            lossy.replace("routes:", &format!("accept: [{entry}]\nroutes:")),
            "",
        ),
        (
            lossy.replace("routes:", &format!("accept:\n- {entry}\nroutes:")),
            "",
        ),
        (
            lossy.replace("routes:", &format!("accept:\n    - {entry} # why\nroutes:")),
            "why",
        ),
    ] {
        let after = cured(&["--target", "nginx"], &text, code, title);
        assert!(
            after.contains(end)
                && after.contains("loss: \"nginx::websocket.max_message\", because: \"(why"),
            "{after}"
        );
        assert_eq!(after.contains("\r\n"), text.contains("\r\n"));
        assert!(
            !text.contains('\r') || !after.replace("\r\n", "").contains('\n'),
            "{after:?}"
        );
    }
}

#[test]
fn a_rule_is_allowed_at_its_line() {
    let unused = SPEC.replace(
        "routes:",
        "  idle: { servers: [10.0.0.3:9000, 10.0.0.3:9000] }\nroutes:",
    );
    let after = cured(
        &[],
        &unused,
        "lint::unused-name",
        "Allow `unused-name` on this line",
    );
    assert!(
        after.contains("\n  # wsgen: allow(unused-name) (why it does not matter here)\n  idle:"),
        "{after}"
    );
    // A comment that is there takes a second rule in.
    let after = cured(
        &[],
        &after,
        "lint::duplicate-server",
        "Allow `duplicate-server` on this line",
    );
    assert!(
        after.contains("\n  # wsgen: allow(unused-name, duplicate-server) (why"),
        "{after}"
    );
}

#[test]
fn only_what_is_asked_for_is_offered() {
    let mut editor = Editor::start(&[]);
    editor.open(
        "spec.yaml",
        &SPEC.replace("upstream: chat", "upstream: chatt"),
    );
    let document = json!({"uri": editor.uri("spec.yaml")});
    let range = json!({"start": {"line": 9, "character": 0}, "end": {"line": 9, "character": 20}});
    let asked = |only: Value| json!({"textDocument": document, "range": range, "context": {"diagnostics": [], "only": only}});
    let answer = editor.request("textDocument/codeAction", asked(json!(["quickfix"])));
    assert_eq!(answer.as_array().map(Vec::len), Some(1), "{answer}");
    let answer = editor.request("textDocument/codeAction", asked(json!(["refactor"])));
    assert_eq!(answer, json!(null));
    // No finding stands there.
    let range = json!({"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}});
    let elsewhere =
        json!({"textDocument": document, "range": range, "context": {"diagnostics": []}});
    assert_eq!(
        editor.request("textDocument/codeAction", elsewhere),
        json!([])
    );
}
