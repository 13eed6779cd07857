//! What is offered under the cursor, and what the text becomes when it is taken.

use serde_json::{Value, json};

use super::SPEC;
use super::editor::{Editor, applied};

/// What is offered, in the order of an editor: the text, and the items.
#[track_caller]
fn offered(marked: &str) -> (String, Vec<Value>) {
    let mut editor = Editor::raw(&[]);
    let snippets =
        json!({"textDocument": {"completion": {"completionItem": {"snippetSupport": true}}}});
    editor.request("initialize", json!({"capabilities": snippets}));
    editor.notify("initialized", json!({}));
    let (text, mut answer) = editor.ask("textDocument/completion", marked, json!({}));
    let Value::Array(mut items) = answer["result"].take() else {
        return (text, Vec::new());
    };
    items.sort_by_key(|item| item["sortText"].as_str().map(str::to_owned));
    (text, items)
}

fn labels(items: &[Value]) -> Vec<&str> {
    items
        .iter()
        .filter_map(|item| item["label"].as_str())
        .collect()
}

/// The text after an item is taken.
#[track_caller]
fn taken(marked: &str, label: &str) -> String {
    let (text, items) = offered(marked);
    let item = items.iter().find(|item| item["label"] == label);
    let item = item.unwrap_or_else(|| panic!("no `{label}` of {:?}", labels(&items)));
    applied(&text, &json!([item["textEdit"]]))
}

#[test]
fn keys_that_are_not_there_yet() {
    // An empty line in a route, at its end and between its keys; half a key; the same in braces.
    for marked in [
        SPEC.to_owned() + "    ‸\n",
        SPEC.to_owned() + "    ‸",
        SPEC.replace("    path:", "    ‸\n    path:"),
        SPEC.replace("    path:", "    str‸\n    path:"),
        SPEC.replace('\n', "\r\n")
            .replace("    path:", "    str‸\r\n    path:"),
    ] {
        let (_, items) = offered(&marked);
        let labels = labels(&items);
        assert!(
            labels.contains(&"stream") && labels.contains(&"when"),
            "{labels:?}"
        );
        assert!(
            !labels.contains(&"host") && !labels.contains(&"upstream"),
            "{labels:?}"
        );
        assert!(!labels.contains(&"listeners"), "{labels:?}");
    }
    let marked = SPEC.replace("idle: 1h,", "idle: 1h, pi‸");
    let (_, items) = offered(&marked);
    assert!(labels(&items).contains(&"ping") && !labels(&items).contains(&"idle"));
    assert_eq!(
        taken(&SPEC.replace("    path:", "    str‸\n    path:"), "stream"),
        SPEC.replace("    path:", "    stream: \n    path:")
    );
    // A key that has its colon keeps it.
    assert_eq!(
        taken(
            &SPEC.replace("    path:", "    me‸: [GET]\n    path:"),
            "methods"
        ),
        SPEC.replace("    path:", "    methods: [GET]\n    path:")
    );
    let (_, top) = offered("wsgen: 1\n‸\n");
    assert_eq!(labels(&top)[..2], ["name", "listeners"]);
}

#[test]
fn what_is_required_comes_first_with_its_meaning() {
    let (_, items) = offered(&SPEC.replace("upstreams:", "upstreams:\n  new:\n    ‸"));
    assert_eq!(items[0]["label"], "servers");
    assert_eq!(items[0]["detail"], "required");
    let doc = items[0]["documentation"]["value"].as_str().expect("a text");
    assert!(doc.contains("an address each"), "{doc}");
}

#[test]
fn words_switches_and_names() {
    for (from, to, wanted) in [
        (
            "9000] }",
            "9000], balance: ‸ }",
            &["round_robin", "least_connections", "random", "hash"][..],
        ),
        ("upstream: chat", "upstream: ‸", &["chat"]),
        ("upstream: chat", "upstream: \"c‸\"", &["chat"]),
        ("upstream: chat", "split: { ‸ }", &["chat"]),
        (
            "upstream: chat",
            "upstream: chat\n    forwarded: ‸",
            &["on", "off"],
        ),
        (
            "    host:",
            "    when: { listeners: [‸] }\n    host:",
            &["plain"],
        ),
        ("127.0.0.1 }", "127.0.0.1, redirect: ‸ }", &["plain"]),
        (
            "path: /ws",
            "redirect: { status: ‸ }",
            &["301", "302", "307", "308"],
        ),
        (
            "upstream: chat",
            "upstream: chat\n    retries: { after: [conn‸",
            &["connect", "timeout"],
        ),
    ] {
        let marked = SPEC.replace(from, to);
        let (_, items) = offered(&marked);
        let labels = labels(&items);
        assert!(
            wanted.iter().all(|word| labels.contains(word)),
            "{to}: {labels:?}"
        );
    }
    assert_eq!(
        taken(&SPEC.replace("upstream: chat", "upstream: ‸"), "chat"),
        SPEC
    );
    assert_eq!(
        taken(&SPEC.replace("upstream: chat", "upstream:‸"), "chat"),
        SPEC
    );
    assert_eq!(
        taken(&SPEC.replace("upstream: chat", "upstream: c‸x"), "chat"),
        SPEC
    );
    let named = SPEC.replace("  chat: {", "  \"on\": {");
    for (from, to) in [
        ("upstream: chat", "upstream: ‸"),
        ("upstream: chat", "split: { ‸ }"),
    ] {
        let after = taken(&named.replace(from, to), "on");
        let place = to.split('‸').next().expect("a start");
        assert!(after.contains(&format!("{place}\"on\"")), "{after}");
    }
    let hash = taken(&SPEC.replace("9000] }", "9000], balance: ‸ }"), "hash");
    assert!(hash.contains("balance: { hash: $0 } }"), "{hash}");
}

#[test]
fn names_come_from_the_whole_text_though_a_line_of_it_is_broken() {
    let marked = SPEC.replace("    websocket: {", "    auth: ‸\n    websocket: {")
        + "auth:\n  members: { basic: { file: x } }\n";
    let (_, items) = offered(&marked);
    assert_eq!(labels(&items)[0], "members");
    let broken = SPEC
        .replace("listeners:", "listeners: [")
        .replace("upstream: chat", "upst‸");
    let (_, items) = offered(&broken);
    assert!(labels(&items).contains(&"upstream"), "{:?}", labels(&items));
}

#[test]
fn a_new_route_and_examples() {
    let route = taken(&(SPEC.to_owned() + "  - ‸\n"), "route");
    assert!(
        route.ends_with(
            "  - name: ${1:name}\nhost: ${2:example.com}\npath: ${3:/}\nupstream: ${4:upstream}\n"
        ),
        "{route}"
    );
    let (_, items) = offered(&(SPEC.to_owned() + "  - ‸\n"));
    assert!(labels(&items).contains(&"host"));
    let (_, items) = offered(&SPEC.replace("idle: 1h", "idle: ‸"));
    assert!(labels(&items).contains(&"1h"), "{:?}", labels(&items));
    assert_eq!(
        items
            .iter()
            .find(|item| item["label"] == "1h")
            .expect("it is there")["detail"],
        "default"
    );
    // An editor that takes no places to fill in is offered none.
    let mut editor = Editor::start(&[]);
    let (_, answer) = editor.ask(
        "textDocument/completion",
        &(SPEC.to_owned() + "  - ‸\n"),
        json!({}),
    );
    assert!(!answer.to_string().contains("$"), "{answer}");
}

#[test]
fn nothing_where_nothing_belongs() {
    for marked in [
        SPEC.replace("wsgen: 1", "wsgen: 1 # ‸"),
        SPEC.replace("wsgen: 1", "# rou‸\nwsgen: 1"),
        SPEC.replace(
            "path: /ws",
            "path: /ws\n    error_pages: { 502: { respond: { body: \"a b‸\" } } }",
        ),
        "services:\n  ‸\n".to_owned(),
    ] {
        let (_, items) = offered(&marked);
        assert_eq!(labels(&items), [""; 0], "{marked}");
    }
}
