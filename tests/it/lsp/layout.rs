//! Laying out: what `wsgen fmt` makes of the text, as an edit.

use serde_json::{Value, json};

use super::SPEC;
use super::editor::{Editor, range};
use crate::cli::Cli;

fn format(editor: &mut Editor) -> Value {
    let document = json!({"uri": editor.uri("spec.yaml")});
    let options = json!({"tabSize": 2, "insertSpaces": true});
    editor.request(
        "textDocument/formatting",
        json!({"textDocument": document, "options": options}),
    )
}

#[test]
fn a_spec_is_laid_out_by_an_edit_of_what_differs() {
    let laid = Cli::new("fmt -").stdin(SPEC).run().status(0).stdout;
    let line = laid.lines().position(|line| line.starts_with("  chat:"));
    let line = line.expect("the line is there");
    for end in ["\n", "\r\n"] {
        let text = laid.replace("{ servers: [10", "{servers:   [10");
        let text = text
            .replace("wsgen: 1", "wsgen: 1  # 🦀")
            .replace('\n', end);
        let mut editor = Editor::start(&[]);
        editor.open("spec.yaml", &text);
        let edits = format(&mut editor);
        assert_eq!(edits.as_array().map(Vec::len), Some(1), "{edits}");
        assert_eq!(range(&edits[0]), format!("{line}:0-{}:0", line + 1));
        let chat = "  chat: { servers: [10.0.0.1:9000, 10.0.0.2:9000] }";
        assert_eq!(edits[0]["newText"], format!("{chat}{end}"));
        editor.change(
            "spec.yaml",
            2,
            json!([{"range": edits[0]["range"], "text": edits[0]["newText"]}]),
        );
        assert_eq!(format(&mut editor), json!(null));
    }
}

#[test]
fn what_cannot_be_read_is_left_as_it_is() {
    let mut editor = Editor::start(&[]);
    editor.open("spec.yaml", "wsgen: 1\nroutes: [\n");
    assert_eq!(format(&mut editor), json!(null));
    // No spec of ours.
    editor.retype("spec.yaml", 2, "a:   1\n");
    assert_eq!(format(&mut editor), json!(null));
}
