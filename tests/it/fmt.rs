//! `wsgen fmt`: what it changes, what it keeps, and that it changes no meaning.

use std::path::{Path, PathBuf};

use wsgen::compile::{self, Input, World};

use crate::bless::root;
use crate::cli::Cli;

fn laid_out(text: &str) -> String {
    Cli::new("fmt -").stdin(text).run().status(0).stdout
}

const ROUGH: &str = "\
# yaml-language-server: $schema=wsgen.schema.json
# The chat of the shop.

routes:
- name: 'socket'   # the socket


  path:   /ws
  # who may come
  host: [a.example,   'b.example']
  upstream: chat
  websocket: {idle: 1h,origins: [ 'https://a.example' ]}
  request_headers:
      set:
          X-Note: 'say \"hi\"'
          X-Long: >-
              one
              two
          # nothing else is set
- {name: rest, path: /, respond: {status: 404, body: \"no\\n\"}}
upstreams:
    chat: {servers: ['10.0.0.1:80', \"10.0.0.2:80\"]}
# the version
wsgen: 1
name:   \"shop\"
log: off   
# the end
";

const SMOOTH: &str = "\
# yaml-language-server: $schema=wsgen.schema.json
# The chat of the shop.

# the version
wsgen: 1
name: shop

upstreams:
  chat: { servers: [\"10.0.0.1:80\", \"10.0.0.2:80\"] }

routes:
  - name: socket  # the socket

    path: /ws
    # who may come
    host: [a.example, b.example]
    upstream: chat
    websocket: { idle: 1h, origins: [\"https://a.example\"] }
    request_headers:
      set:
        X-Note: 'say \"hi\"'
        X-Long: >-
          one
          two
        # nothing else is set
  - { name: rest, path: /, respond: { status: 404, body: \"no\\n\" } }

log: off
# the end
";

#[test]
fn a_rough_spec_becomes_smooth() {
    assert_eq!(laid_out(ROUGH), SMOOTH);
    assert_eq!(laid_out(SMOOTH), SMOOTH);
}

#[test]
fn a_file_is_replaced_and_a_check_replaces_nothing() {
    let done = Cli::new("fmt --check spec.yaml")
        .bytes("spec.yaml", ROUGH.as_bytes())
        .run()
        .status(1)
        .stdout_has("-- {name: rest")
        .stdout_has("+  - { name: rest");
    assert_eq!(
        std::fs::read_to_string(done.scratch.path().join("spec.yaml")).expect("it is there"),
        ROUGH
    );
    let done = Cli::new("fmt spec.yaml")
        .bytes("spec.yaml", ROUGH.as_bytes())
        .run()
        .status(0)
        .stdout("");
    assert_eq!(
        std::fs::read_to_string(done.scratch.path().join("spec.yaml")).expect("it is there"),
        SMOOTH
    );
    Cli::new("fmt --check spec.yaml")
        .bytes("spec.yaml", SMOOTH.as_bytes())
        .run()
        .status(0)
        .stdout("");
}

#[test]
fn what_is_no_yaml_stays_as_it_is() {
    for (text, said) in [
        ("routes: [\n", "spec.yaml"),
        (
            "{ wsgen: 1 }\n",
            "it is no mapping of keys below each other",
        ),
        ("? a\n: b\n", "is written over several lines"),
        ("a: 1\n---\nb: 2\n", "a second document"),
    ] {
        let done = Cli::new("fmt spec.yaml")
            .bytes("spec.yaml", text.as_bytes())
            .run()
            .status(2)
            .stdout("")
            .stderr_has(said);
        assert_eq!(
            std::fs::read_to_string(done.scratch.path().join("spec.yaml")).expect("it is there"),
            text
        );
    }
    Cli::new("fmt nothing.yaml")
        .run()
        .status(2)
        .stderr_has("nothing.yaml");
}

/// Text that keeps its empty lines keeps them wherever it goes; a block of text as an item is laid out as one below a key is.
#[test]
fn blocks_of_text_keep_their_ends() {
    for (rough, smooth) in [
        (
            "routes:\n  - respond:\n        body: |+\n            hello\n\n\nname: x\nlog: off\n",
            "name: x\n\nroutes:\n  - respond:\n      body: |+\n        hello\n\n\nlog: off\n",
        ),
        (
            "routes:\n- respond: { body: x }\n  error_pages: { 502: { respond: { body: gone } } }\n  name: >+\n   folded\n   text\nname: x\n",
            "name: x\n\nroutes:\n  - respond: { body: x }\n    error_pages: { 502: { respond: { body: gone } } }\n    name: >\n      folded\n      text\n",
        ),
        (
            "name: x\nroutes:\n- methods:\n   - |\n     GET\n   - >-   # why\n     HEAD\n   - |2-\n       POST\n",
            "name: x\n\nroutes:\n  - methods:\n      - |\n        GET\n      - >-   # why\n        HEAD\n      - |2-\n          POST\n",
        ),
    ] {
        assert_eq!(laid_out(rough), smooth);
        assert_eq!(laid_out(smooth), smooth);
    }
}

#[test]
fn lines_end_as_they_did() {
    let windows = ROUGH.replace('\n', "\r\n");
    assert_eq!(laid_out(&windows), SMOOTH.replace('\n', "\r\n"));
}

/// What is left as it is says which line is at fault.
#[test]
fn a_refusal_names_its_line() {
    Cli::new("fmt -")
        .stdin("name: x\n? a\n: b\n")
        .run()
        .status(2)
        .stderr_has("[<stdin>:2:");
}

#[test]
fn anchors_stay_before_what_uses_them() {
    let text = "\
x-times: &times { response: 5s }  # ours
wsgen: 1
routes:
  - { name: a, path: /, respond: {} , timeouts: *times }
upstreams:
  u: &u
    servers: [10.0.0.1:80]
  v: *u
";
    let laid = laid_out(text);
    assert_eq!(
        laid,
        text.replace("{} , timeouts", "{}, timeouts")
            .replace("wsgen: 1\nroutes", "wsgen: 1\n\nroutes")
            .replace("\nupstreams", "\n\nupstreams")
            .replacen("# ours\nwsgen", "# ours\n\nwsgen", 1)
    );
}

#[test]
fn what_people_start_from_is_laid_out() {
    for app in [
        "chat", "socketio", "phoenix", "rails", "signalr", "graphql", "sse", "llm",
    ] {
        let text = Cli::new("init --app").arg(app).run().status(0).stdout;
        assert_eq!(laid_out(&text), text, "{app}");
    }
    for entry in std::fs::read_dir(root().join("examples")).expect("the examples are there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|it| it == "yaml") {
            let text = std::fs::read_to_string(&path).expect("UTF-8");
            assert_eq!(laid_out(&text), text, "{}", path.display());
        }
    }
}

#[test]
fn the_order_names_every_key_of_the_language() {
    let schema: serde_json::Value =
        serde_json::from_str(&Cli::new("schema").run().status(0).stdout).expect("JSON");
    let mut known: Vec<&str> = schema["properties"]
        .as_object()
        .expect("keys")
        .keys()
        .map(String::as_str)
        .collect();
    let mut named = wsgen::spec::yaml::format::ORDER.to_vec();
    known.sort_unstable();
    named.sort_unstable();
    assert_eq!(known, named);
}

#[test]
fn an_alias_as_a_key_stays_apart_from_its_colon() {
    let text = "x-name: &name app\nwsgen: 1\nupstreams: { *name : { servers: [10.0.0.1:80] } }\n";
    let laid = laid_out(text);
    assert!(laid.contains("{ *name : { servers"), "{laid}");
}

/// Every spec of the repository.
fn specs() -> Vec<PathBuf> {
    let mut specs = Vec::new();
    for folder in ["examples", "tests/conformance/cases", "tests/it"] {
        collect(&root().join(folder), &mut specs);
    }
    assert!(specs.len() > 100, "{}", specs.len());
    specs
}

fn collect(folder: &Path, specs: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("golden") {
            collect(&path, specs);
        } else if path.extension().is_some_and(|it| it == "yaml")
            && std::fs::read_to_string(&path).is_ok_and(|text| text.contains("wsgen: 1"))
        {
            specs.push(path);
        }
    }
}

#[test]
fn the_layout_is_stable_and_means_the_same_for_every_spec() {
    for path in specs() {
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        let Some(once) = format(&text) else { continue };
        assert_eq!(format(&once).as_ref(), Some(&once), "{}", path.display());
        let gateway = |text: &str| {
            let compiled = compile::compile(vec![Input::new("spec.yaml", text)], World::EMPTY);
            compiled
                .gateway
                .map(|gateway| serde_json::to_string(&gateway).expect("JSON"))
        };
        assert_eq!(gateway(&text), gateway(&once), "{}", path.display());
    }
}

/// Mutations of real specs: what is laid out is stable, what cannot be is refused, and nothing panics.
#[test]
fn mutations_are_laid_out_or_refused() {
    let mut random = fastrand::Rng::with_seed(7);
    let pieces = [
        "\n", "  ", "# c\n", "- ", ": ", "{", "}", "[", "]", "\"", "'", "&a ", "*a", "|\n  x\n",
        "x: 1\n", "\t", "é", "\r\n", "? ", "---\n",
    ];
    let mut laid = 0;
    for path in specs().iter().take(60) {
        let text = std::fs::read_to_string(path).expect("UTF-8");
        for _ in 0..8 {
            let mut text = text.clone();
            for _ in 0..random.usize(1..4) {
                let mut at = random.usize(0..text.len());
                while !text.is_char_boundary(at) {
                    at -= 1;
                }
                if random.bool() {
                    text.insert_str(at, pieces[random.usize(0..pieces.len())]);
                } else {
                    text.remove(at);
                }
            }
            if let Some(once) = format(&text) {
                laid += 1;
                assert_eq!(
                    format(&once).as_ref(),
                    Some(&once),
                    "{}\n{text}",
                    path.display()
                );
            }
        }
    }
    assert!(laid > 50, "{laid}");
}

/// `None` where the text is refused; a text that would mean something else is never one of those.
fn format(text: &str) -> Option<String> {
    let mut sources = wsgen::source::Sources::new();
    let file = sources.add("spec.yaml".to_owned(), text.to_owned());
    let mut report = wsgen::diag::Report::new();
    let laid = wsgen::spec::yaml::format::format(&sources, file, &mut report);
    let mistake = report
        .diags
        .iter()
        .any(|diag| diag.title.contains("would mean something else"));
    assert!(!mistake, "{text}");
    laid
}
