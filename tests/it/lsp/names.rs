//! Definitions, references, renames and the outline.

use serde_json::{Value, json};

use super::SPEC;
use super::editor::{Editor, applied, range};

/// A spec in which every kind of name is defined and used.
pub(super) const NAMED: &str = "\
wsgen: 1
listeners:
  plain: { port: 8080, address: 127.0.0.1, redirect: secure }
  secure: { port: 8443, address: 127.0.0.1, tls: { certificates: [site] } }
certificates:
  site: { hosts: [example.com], cert: site.crt, key: site.key }
upstreams:
  chat: { servers: [10.0.0.1:9000] }
  canary: { servers: [10.0.0.2:9000] }
auth:
  members: { forward: { upstream: chat, path: /verify } }
routes:
  - name: socket
    host: example.com
    path: /ws
    split: { chat: 9, canary: 1 }
    auth: members
    when: { listeners: [secure] }
    limits: { requests: { rate: 10/s, bucket: shared } }
    websocket: { idle: 1h, origins: [https://example.com] }
  - host: example.com
    path: /b
    upstream: \"chat\"
    limits: { requests: { rate: 10/s, bucket: shared } }
targets:
  nginx:
    set: { routes.socket.websocket.idle: 30m }
tests:
  - request: WS wss://example.com/ws
    expect: { route: socket }
  - request: GET https://example.com/b
    expect: { route: b, upstream: chat }
";

fn lines(locations: &Value) -> Vec<u64> {
    let all = locations.as_array().expect("a list");
    all.iter()
        .map(|it| it["range"]["start"]["line"].as_u64().expect("a line"))
        .collect()
}

#[test]
fn every_kind_of_name_leads_to_its_definition_and_its_uses() {
    for (from, to, defined, uses) in [
        (
            "redirect: secure",
            "redirect: sec‸ure",
            "3:2-3:8",
            &[2, 3, 17][..],
        ),
        ("[site]", "[s‸ite]", "5:2-5:6", &[3, 5]),
        (
            "forward: { upstream: chat",
            "forward: { upstream: ch‸at",
            "7:2-7:6",
            &[7, 10, 15, 22, 31],
        ),
        ("chat: 9", "chat‸: 9", "7:2-7:6", &[7, 10, 15, 22, 31]),
        ("\"chat\"", "\"‸chat\"", "7:2-7:6", &[7, 10, 15, 22, 31]),
        ("auth: members", "auth: ‸members", "10:2-10:9", &[10, 16]),
        (
            "route: socket",
            "route: socket‸",
            "12:10-12:16",
            &[12, 26, 29],
        ),
        (
            "routes.socket",
            "routes.soc‸ket",
            "12:10-12:16",
            &[12, 26, 29],
        ),
        ("  canary: {", "  ca‸nary: {", "8:2-8:8", &[8, 15]),
        (
            "bucket: shared",
            "bucket: sha‸red",
            "18:46-18:52",
            &[18, 23],
        ),
    ] {
        let marked = NAMED.replacen(from, to, 1);
        let mut editor = Editor::start(&[]);
        let (_, answer) = editor.ask("textDocument/definition", &marked, json!({}));
        assert_eq!(range(&answer["result"]), defined, "{to}");
        let (_, answer) = editor.ask(
            "textDocument/references",
            &marked,
            json!({"context": {"includeDeclaration": true}}),
        );
        assert_eq!(lines(&answer["result"]), uses, "{to}");
        let (_, answer) = editor.ask("textDocument/documentHighlight", &marked, json!({}));
        assert_eq!(lines(&answer["result"]), uses, "{to}");
        let (_, answer) = editor.ask(
            "textDocument/references",
            &marked,
            json!({"context": {"includeDeclaration": false}}),
        );
        assert!(
            lines(&answer["result"]).len() < uses.len() || to.contains("bucket"),
            "{to}"
        );
    }
    // A route whose name is made from its path.
    let mut editor = Editor::start(&[]);
    let (_, answer) = editor.ask(
        "textDocument/definition",
        &NAMED.replace("route: b", "route: b‸"),
        json!({}),
    );
    assert_eq!(range(&answer["result"]), "20:4-20:4");
}

#[test]
fn a_rename_edits_every_place_and_the_spec_means_the_same() {
    for (from, to, old, places) in [
        ("  chat: {", "  ch‸at: {", "chat", 5),
        ("route: socket", "route: soc‸ket", "socket", 3),
        ("[site]", "[si‸te]", "site", 2),
        ("auth: members", "auth: mem‸bers", "members", 2),
        ("[secure]", "[‸secure]", "secure", 3),
        ("bucket: shared", "bucket: shared‸", "shared", 2),
        (
            "{ routes.socket.websocket.idle",
            "{ \"routes.soc‸ket.websocket.idle\"",
            "socket",
            3,
        ),
    ] {
        let mut editor = Editor::start(&[]);
        let marked = NAMED.replacen(from, to, 1);
        let (_, answer) = editor.ask("textDocument/prepareRename", &marked, json!({}));
        assert_eq!(answer["result"]["placeholder"], old);
        let (text, answer) = editor.ask(
            "textDocument/rename",
            &marked,
            json!({"newName": "a-new_1"}),
        );
        let edits = &answer["result"]["changes"][editor.uri("spec.yaml")];
        assert_eq!(edits.as_array().map(Vec::len), Some(places), "{answer}");
        let renamed = applied(&text, edits);
        assert_eq!(renamed.matches("a-new_1").count(), places);
        // No name is missing: the findings are those of before.
        let codes = |editor: &mut Editor, version, text: &str| -> Vec<String> {
            editor.retype("spec.yaml", version, text);
            let told = editor.diagnostics("spec.yaml", version);
            super::editor::codes(&told)
                .into_iter()
                .map(str::to_owned)
                .collect()
        };
        let before = codes(&mut editor, 5, &text);
        assert_eq!(codes(&mut editor, 6, &renamed), before, "{renamed}");
    }
}

#[test]
fn a_rename_that_would_not_hold_is_refused_with_a_sentence() {
    let refused = |marked: &str, new: &str| {
        let mut editor = Editor::start(&[]);
        let (_, answer) = editor.ask("textDocument/rename", marked, json!({"newName": new}));
        answer["error"]["message"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    };
    let chat = NAMED.replacen("  chat: {", "  ch‸at: {", 1);
    for (new, sentence) in [
        ("canary", "there is a upstream `canary` already"),
        ("a b", "`a b` is no name"),
        ("", "`` is no name"),
        ("1a", "is no name"),
        ("a: {x", "is no name"),
        ("off", "means something else"),
        ("null", "means something else"),
    ] {
        let said = refused(&chat, new);
        assert!(
            said.contains(&sentence.replace("a upstream", "an upstream")),
            "{new}: {said}"
        );
    }
    assert!(refused(&NAMED.replace("route: b", "route: ‸b"), "x").contains("write `name: b`"));
    assert!(refused(&NAMED.replace("path: /b", "path: /‸b"), "x").contains("no name of the spec"));
    assert!(
        refused(&SPEC.replace("upstream: chat", "upstream: ‸chatt"), "x")
            .contains("no upstream `chatt` is defined")
    );
    // `accept` does not say which of two things of one name it means.
    let twice = SPEC.replace("name: socket", "name: ‸chat")
        + "accept:\n  - { loss: \"nginx::log.fields\", because: x, at: chat }\n";
    assert!(refused(&twice, "x").contains("several things"));
    // Escapes in a key hide where the name in it stands.
    for key in [
        r#""routes.\x73ocket.websocket.idle""#,
        r#""rout\x65s.socket.websocket.idle""#,
    ] {
        let escaped = NAMED
            .replace("routes.socket.websocket.idle", key)
            .replace("name: socket", "name: soc‸ket");
        assert!(refused(&escaped, "x").contains("an escape"));
    }
    // An anchor's value that is a name here and something else there.
    let shared = SPEC
        .replace("wsgen: 1", "wsgen: 1\nname: &n chat")
        .replace("upstream: chat", "upstream: *n")
        .replace("  chat:", "  ch‸at:");
    assert!(refused(&shared, "x").contains("an alias"));
}

#[test]
fn an_alias_is_renamed_at_its_anchor() {
    let marked = SPEC
        .replace("wsgen: 1", "wsgen: 1\nx-name: &n chat")
        .replace("upstream: chat", "upstream: *n")
        .replace("  chat:", "  ch‸at:");
    let mut editor = Editor::start(&[]);
    let (text, answer) = editor.ask(
        "textDocument/rename",
        &marked,
        json!({"newName": "conversation"}),
    );
    let renamed = applied(&text, &answer["result"]["changes"][editor.uri("spec.yaml")]);
    assert!(
        renamed.contains("x-name: &n conversation")
            && renamed.contains("\n  conversation:")
            && renamed.contains("upstream: *n"),
        "{renamed}"
    );
    editor.retype("spec.yaml", 7, &renamed);
    assert!(editor.diagnostics("spec.yaml", 7).is_empty());
}

#[test]
fn the_outline_has_every_thing_with_a_name() {
    let mut editor = Editor::start(&[]);
    editor.open("spec.yaml", NAMED);
    let document = json!({"uri": editor.uri("spec.yaml")});
    let outline = editor.request(
        "textDocument/documentSymbol",
        json!({"textDocument": document}),
    );
    let mut seen = Vec::new();
    for block in outline.as_array().expect("a list") {
        let children = block["children"].as_array().cloned().unwrap_or_default();
        for child in &children {
            let inside = |at: &Value, of: &Value| {
                let key = |at: &Value| (at["line"].as_u64(), at["character"].as_u64());
                key(&of["start"]) <= key(&at["start"]) && key(&at["end"]) <= key(&of["end"])
            };
            assert!(inside(&child["range"], &block["range"]), "{child}");
            assert!(inside(&child["selectionRange"], &child["range"]), "{child}");
            seen.push(format!(
                "{}.{}",
                block["name"].as_str().expect("a name"),
                child["name"].as_str().expect("a name")
            ));
        }
    }
    assert_eq!(
        seen,
        [
            "listeners.plain",
            "listeners.secure",
            "certificates.site",
            "upstreams.chat",
            "upstreams.canary",
            "auth.members",
            "routes.socket",
            "routes./b",
            "targets.nginx",
            "tests.WS wss://example.com/ws",
            "tests.GET https://example.com/b",
        ]
    );
}
