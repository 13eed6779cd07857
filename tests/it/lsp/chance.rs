//! Broken texts by chance: whatever is asked for, anywhere in them, an answer comes, and never that the server failed.

use serde_json::{Value, json};

use super::editor::Editor;
use super::names::NAMED;

/// What somebody types, and what nobody does.
const PIECES: &[&str] = &[
    "\n",
    "  ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "# ",
    "&a ",
    "*a",
    "|\n",
    ">-\n",
    "🦀",
    "ä",
    "\r\n",
    "\r",
    "\t",
    "chat",
    "routes:\n",
    "off",
    "<<: ",
    "\u{FEFF}",
    "? ",
    "---\n",
    "!tag ",
    "wsgenCursorMark",
];

fn broken(random: &mut fastrand::Rng) -> String {
    let head = "wsgen: 1\n";
    let mut text: Vec<char> = NAMED[head.len()..].chars().collect();
    for _ in 0..random.usize(1..6) {
        let at = random.usize(0..text.len());
        let end = (at + random.usize(0..20)).min(text.len());
        let piece = PIECES[random.usize(0..PIECES.len())];
        match random.u8(0..3) {
            0 => drop(text.splice(at..at, piece.chars())),
            1 => drop(text.drain(at..end)),
            _ => drop(text.splice(at..end, piece.chars())),
        }
    }
    // It stays a spec, so that it is looked at.
    head.chars().chain(text).collect()
}

#[test]
fn an_answer_comes_whatever_the_text_is() {
    let mut editor = Editor::start(&["--target", "nginx,alb"]);
    let mut random = fastrand::Rng::with_seed(7);
    editor.open("spec.yaml", NAMED);
    let document = json!({"uri": editor.uri("spec.yaml")});
    let mut results = 0;
    for version in 2..120 {
        let text = broken(&mut random);
        editor.retype("spec.yaml", version, &text);
        let lines = text.lines().count();
        for (method, more) in [
            ("textDocument/hover", json!({})),
            ("textDocument/completion", json!({})),
            ("textDocument/definition", json!({})),
            (
                "textDocument/references",
                json!({"context": {"includeDeclaration": true}}),
            ),
            ("textDocument/rename", json!({"newName": "other"})),
            ("textDocument/documentSymbol", json!({})),
            (
                "textDocument/formatting",
                json!({"options": {"tabSize": 2, "insertSpaces": true}}),
            ),
            (
                "textDocument/codeAction",
                json!({"range": {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}, "context": {"diagnostics": []}}),
            ),
        ] {
            let position =
                json!({"line": random.usize(0..lines + 2), "character": random.usize(0..60)});
            let mut params = json!({"textDocument": document, "position": position});
            if let (Value::Object(params), Value::Object(more)) = (&mut params, more) {
                params.extend(more);
            }
            let answer = editor.answer(method, params);
            let failed = answer["error"]["code"] == -32603;
            assert!(!failed, "{method} at {position}: {answer}\n{text}");
            results += usize::from(!answer["result"].is_null());
        }
    }
    assert!(results > 300, "{results}");
    editor.diagnostics("spec.yaml", 119);
    assert_eq!(editor.end(), 0);
}
