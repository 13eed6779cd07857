//! What is told of the place under the pointer.

use serde_json::{Value, json};

use super::SPEC;
use super::editor::{Editor, range};

#[track_caller]
fn hover(editor: &mut Editor, marked: &str) -> Value {
    let (_, mut answer) = editor.ask("textDocument/hover", marked, json!({}));
    assert_eq!(answer.get("error"), None);
    answer["result"].take()
}

#[track_caller]
fn told(marked: &str) -> String {
    let mut editor = Editor::start(&[]);
    let hover = hover(&mut editor, marked);
    hover["contents"]["value"]
        .as_str()
        .unwrap_or_else(|| panic!("nothing: {marked}"))
        .to_owned()
}

#[test]
fn a_field_has_its_meaning_type_default_and_support() {
    let mut editor = Editor::start(&[]);
    let hover = hover(&mut editor, &SPEC.replace("{ idle: 1h", "{ id‸le: 1h"));
    assert_eq!(range(&hover), "10:17-10:21");
    assert_eq!(hover["contents"]["kind"], "markdown");
    let said = hover["contents"]["value"].as_str().expect("a text");
    for part in [
        "**`routes.*.websocket.idle`**: a duration",
        "Closes the tunnel after this long with no byte in either direction",
        "Left out: 1h, ",
        "`timeout.websocket_idle`: a tunnel is closed",
        "- exact: ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // Every target is answered for, and only those that somebody named.
    for target in wsgen::targets::ALL {
        assert!(said.contains(target.id()), "{}: {said}", target.id());
    }
    let mut editor = Editor::start(&["--target", "nginx"]);
    let (_, answer) = editor.ask(
        "textDocument/hover",
        &SPEC.replace("idle: 1h", "idle: 1‸h"),
        json!({}),
    );
    let said = answer["result"]["contents"]["value"]
        .as_str()
        .expect("a text");
    assert!(
        said.contains("nginx") && !said.contains("haproxy"),
        "{said}"
    );
}

#[test]
fn what_is_inherited_is_the_field_itself() {
    let said = told("wsgen: 1\ndefaults:\n  route:\n    timeouts: { id‸le: 5s }\n");
    assert!(said.starts_with("**`routes.*.timeouts.idle`**"), "{said}");
}

#[test]
fn a_word_says_what_it_means() {
    let said = told(&SPEC.replace("9000] }", "9000], balance: least_conn‸ections }"));
    assert!(
        said.starts_with("`least_connections`: To the server with the fewest"),
        "{said}"
    );
}

#[test]
fn a_name_shows_what_it_is() {
    for marked in [
        SPEC.replace("upstream: chat", "upstream: ch‸at"),
        SPEC.replace("  chat: {", "  chat‸: {"),
    ] {
        let said = told(&marked);
        assert!(said.starts_with("upstream **chat**, used once"), "{said}");
        assert!(
            said.contains("```yaml\nchat: { servers: [10.0.0.1:9000, 10.0.0.2:9000] }\n```"),
            "{said}"
        );
    }
    let said = told(&SPEC.replace("upstream: chat", "upstream: ch‸t"));
    assert!(said.contains("it is defined nowhere"), "{said}");
}

#[test]
fn a_finding_says_where_to_read_on() {
    let mut editor = Editor::start(&[]);
    let unused = SPEC.replace("routes:", "  id‸le: { servers: [10.0.0.3:9000] }\nroutes:");
    editor.open("spec.yaml", &unused.replace('‸', ""));
    editor.diagnostics("spec.yaml", 1);
    let position = json!({"line": 5, "character": 4});
    let document = json!({"uri": editor.uri("spec.yaml")});
    let hover = editor.request(
        "textDocument/hover",
        json!({"textDocument": document, "position": position}),
    );
    let said = hover["contents"]["value"].as_str().expect("a text");
    assert!(
        said.contains("`wsgen explain lint::unused-name` says more"),
        "{said}"
    );
}

#[test]
fn a_broken_text_is_told_of_as_far_as_it_can_be_read() {
    // A key half typed below, and one above.
    let below = SPEC
        .replace("upstream: chat", "upstream: chat\n    webso")
        .replace("host:", "ho‸st:");
    assert!(told(&below).starts_with("**`routes.*.host`**"));
    let above = SPEC
        .replace("listeners:", "listeners: [\nlist")
        .replace("idle", "id‸le");
    assert!(told(&above).starts_with("**`routes.*.websocket.idle`**"));
}

#[test]
fn there_is_nothing_to_say_of_comments_and_of_other_files() {
    let mut editor = Editor::start(&[]);
    assert_eq!(
        hover(&mut editor, &SPEC.replace("wsgen: 1", "wsgen: 1 # rou‸tes")),
        json!(null)
    );
    assert_eq!(hover(&mut editor, "services:\n  rou‸tes: 1\n"), json!(null));
    // Past the end of everything.
    editor.open("spec.yaml", SPEC);
    let document = json!({"uri": editor.uri("spec.yaml")});
    let position = json!({"line": 4_000_000_000_u32, "character": 4_000_000_000_u32});
    let hover = editor.request(
        "textDocument/hover",
        json!({"textDocument": document, "position": position}),
    );
    assert_eq!(hover, json!(null));
}
