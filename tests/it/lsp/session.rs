//! How a session begins, goes on over what nobody expects, and ends.

use serde_json::json;

use super::SPEC;
use super::editor::Editor;

#[test]
fn an_editor_says_goodbye() {
    assert_eq!(Editor::start(&[]).end(), 0);
}

#[test]
fn exit_without_shutdown_is_a_failure() {
    let mut editor = Editor::start(&[]);
    editor.notify("exit", json!(null));
    assert_eq!(editor.ended(), (1, String::new()));
}

#[test]
fn a_client_that_dies_ends_the_server() {
    let mut editor = Editor::start(&[]);
    editor.open("chat.yaml", SPEC);
    editor.hang_up();
    assert_eq!(editor.ended(), (1, String::new()));
    // In the middle of a message too.
    let mut editor = Editor::raw(&[]);
    editor.send_bytes(b"Content-Length: 100\r\n\r\n{\"jsonrpc\"");
    editor.hang_up();
    assert_eq!(editor.ended(), (1, String::new()));
}

#[test]
fn what_is_no_message_ends_the_server_with_a_sentence() {
    for (bytes, sentence) in [
        (
            &b"Content-Length: 9\r\n\r\n{garbage}"[..],
            "what is no message",
        ),
        (b"Content-Length: 2\r\n\r\n[]", "what is no message"),
        (
            b"hello\r\n\r\n",
            "expected `Content-Length: …`, found `hello`",
        ),
        (
            b"Content-Length: 99999999999999999\r\n\r\n",
            "a message needs a `Content-Length`",
        ),
        (
            b"Content-Type: x\r\n\r\n",
            "a message needs a `Content-Length`",
        ),
        (b"\xFF\x00\n\n", "expected `Content-Length: …`"),
    ] {
        let mut editor = Editor::raw(&[]);
        editor.send_bytes(bytes);
        let (status, said) = editor.ended();
        assert!(said.contains(sentence), "{sentence}: {said}");
        assert!(said.contains("help: "), "{said}");
        assert_eq!(status, 2);
    }
}

#[test]
fn what_is_not_known_is_answered_and_changes_nothing() {
    let mut editor = Editor::start(&[]);
    let answer = editor.answer("textDocument/unheardOf", json!({}));
    assert_eq!(answer["error"]["code"], -32601, "{answer}");
    let answer = editor.answer("textDocument/hover", json!({"a": 1}));
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    editor.notify("workspace/unheardOf", json!({}));
    editor.notify("textDocument/didChange", json!({"a": 1}));
    editor.notify("textDocument/didOpen", json!([]));
    // A change and an end of what was never opened.
    editor.retype("never.yaml", 4, "wsgen: 2");
    let document = json!({"uri": editor.uri("never.yaml")});
    editor.notify("textDocument/didClose", json!({"textDocument": document}));
    editor.open("chat.yaml", SPEC);
    assert!(editor.diagnostics("chat.yaml", 1).is_empty());
    assert_eq!(editor.end(), 0);
}

#[test]
fn before_the_handshake_nothing_is_served() {
    let mut editor = Editor::raw(&[]);
    let answer = editor.answer("shutdown", json!(null));
    assert_eq!(answer["error"]["code"], -32002, "{answer}");
}

#[test]
fn a_call_with_a_target_that_is_not_there_is_wrong() {
    let mut editor = Editor::raw(&["--target", "ngnix"]);
    let (status, said) = editor.ended();
    assert_eq!(status, 2);
    assert!(said.contains("did you mean `nginx`?"), "{said}");
}
