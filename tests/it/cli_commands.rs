//! `init`, `explain`, `routes`, `test`, `targets`, `completions`, `man` as people call them.

use crate::cli::Cli;

const APPS: [&str; 8] = [
    "chat", "socketio", "phoenix", "rails", "signalr", "graphql", "sse", "llm",
];

fn starter(app: &str) -> String {
    Cli::new("init --app")
        .arg(app)
        .run()
        .status(0)
        .stderr("")
        .stdout
}

/// A call with the chat starter as `spec.yaml`.
fn chat(args: &str) -> Cli {
    Cli::new(args).bytes("spec.yaml", starter("chat").as_bytes())
}

#[test]
fn every_starter_lints_clean_passes_its_tests_and_renders_everywhere() {
    for app in APPS {
        let spec = starter(app);
        let call = |args: &str| {
            Cli::new(args)
                .bytes("spec.yaml", spec.as_bytes())
                .run()
                .status(0)
        };
        call("lint spec.yaml --deny warnings").stdout("");
        call("test spec.yaml").stdout("");
        call("render spec.yaml --target all --out out");
    }
}

#[test]
fn init_never_overwrites() {
    let done = Cli::new("init --out spec.yaml")
        .file("spec.yaml", "mine")
        .run()
        .status(2)
        .stderr_has("is already there");
    assert_eq!(done.file("spec.yaml"), "mine");
    let done = Cli::new("init --out a/b.yaml")
        .run()
        .status(0)
        .stdout("")
        .stderr_has("wrote a/b.yaml");
    assert_eq!(done.file("a/b.yaml"), starter("chat"));
    Cli::new("init --app chta")
        .run()
        .status(2)
        .stderr_has("chat");
}

#[test]
fn a_field_is_explained_with_default_reason_support_and_place() {
    Cli::new("explain websocket.idle")
        .run()
        .status(0)
        .stdout_has("routes.*.websocket.idle\n\nCloses the tunnel")
        .stdout_has("left out: 1h, longer than any usual ping")
        .stdout_has("feature timeout.websocket_idle")
        .stdout_has("  nginx: ");
    chat("explain routes.websocket.idle spec.yaml")
        .run()
        .status(0)
        .stdout_has("written at\n  spec.yaml:")
        .stdout_has(": 1h\n");
    Cli::new("explain idle")
        .run()
        .status(0)
        .stdout_has("routes.*.stream.idle");
    Cli::new("explain websocket.idel")
        .run()
        .status(2)
        .stdout("")
        .stderr_has("did you mean `websocket.idle`?");
}

#[test]
fn losses_features_and_codes_are_explained() {
    Cli::new("explain nginx::drain.spread")
        .run()
        .status(0)
        .stdout_has("nginx: unsupported")
        .stdout_has("accept: [{loss: \"nginx::drain.spread\"");
    Cli::new("explain drain.spread")
        .run()
        .status(0)
        .stdout_has("feature drain.spread")
        .stdout_has("runtime.drain.spread\n");
    Cli::new("explain spec::unknown-key")
        .run()
        .status(0)
        .stdout_has("Nothing is ignored silently");
    Cli::new("explain spec::unknown-kye")
        .run()
        .status(2)
        .stderr_has("did you mean `spec::unknown-key`?");
    Cli::new("explain nginx::drain.spred")
        .run()
        .status(2)
        .stderr_has("did you mean `nginx::drain.spread`?");
    Cli::new("explain ngnix::drain.spread")
        .run()
        .status(2)
        .stderr_has("did you mean `nginx::drain.spread`?");
    Cli::new("explain proxy::drain.spread")
        .run()
        .status(0)
        .stdout_has("proxy: exact");
    Cli::new("explain defaults")
        .run()
        .status(0)
        .stdout_has("defaults\n\n");
}

#[test]
fn a_line_is_explained_by_what_it_causes() {
    let spec = starter("chat");
    let line = spec
        .lines()
        .position(|line| line.contains("idle: 1h"))
        .expect("it is there")
        + 1;
    chat(&format!("explain spec.yaml:{line}"))
        .run()
        .status(0)
        .stdout_has("proxy_read_timeout 1h;")
        .stdout_has("if this were left out\n  routes.*.websocket.idle: 1h");
    let line = spec
        .lines()
        .position(|line| line.trim() == "websocket:")
        .expect("it is there")
        + 1;
    chat(&format!("explain spec.yaml:{line}"))
        .run()
        .status(0)
        .stdout_has("left out here")
        .stdout_has("max_duration: off, a tunnel may live for days");
    chat("explain spec.yaml:1 -t nginx")
        .run()
        .status(0)
        .stdout_has("nothing comes from an empty line or a comment");
    for what in ["spec.yaml", "spec.yaml:", "spec.yaml:x", "spec.yaml:-1"] {
        chat(&format!("explain {what}")).run().status(2).stderr_has(
            "names no line\n  help: write the line's number behind the file: `spec.yaml:5`",
        );
    }
    chat("explain spec.yaml:999")
        .run()
        .status(2)
        .stderr_has("lines");
}

#[test]
fn routes_shows_the_order_and_the_reasons() {
    let spec = starter("graphql");
    let call = |args: &str| Cli::new(args).bytes("spec.yaml", spec.as_bytes());
    call("routes spec.yaml").run().status(0).stdout(
        "
           host         path       conditions  route          action
        1  example.com  =/graphql  upgrade     subscriptions  subscriptions, websocket
        2  example.com  =/graphql              queries        api
        ",
    );
    call("routes spec.yaml")
        .arg("POST https://example.com/graphql")
        .run()
        .status(0)
        .stdout_has("  route     queries (spec.yaml:")
        .stdout_has("  not       subscriptions: it takes only upgrade requests");
    call("routes spec.yaml")
        .arg("POST")
        .run()
        .status(2)
        .stdout("")
        .stderr_has("error: ");
}

#[test]
fn tests_of_the_spec_pass_or_say_what_came() {
    chat("test spec.yaml")
        .run()
        .status(0)
        .stdout("")
        .stderr("3 passed\n");
    let spec = starter("chat").replace("route: site", "route: socket");
    Cli::new("test spec.yaml")
        .bytes("spec.yaml", spec.as_bytes())
        .run()
        .status(1)
        .stdout_has("test::failed")
        .stderr("2 passed, 1 failed\n");
}

#[test]
fn a_test_that_expects_nothing_fails() {
    Cli::new("test -")
        .stdin("wsgen: 1\nroutes: [{ path: /, respond: {} }]\ntests: [{ request: 'GET http://x/', expect: {} }]\n")
        .run()
        .status(1)
        .stdout_has("this test expects nothing")
        .stderr("0 passed, 1 failed\n");
}

#[test]
fn the_matrix_comes_in_three_forms() {
    Cli::new("targets")
        .run()
        .status(0)
        .stdout_has("websocket.upgrade")
        .stdout_has("nginx");
    Cli::new("targets --target nginx,haproxy")
        .run()
        .status(0)
        .stdout_has("NGINX 1.22 to 1.31")
        .stdout_has("      unsupported: clients stay on HTTP/2")
        .stdout_has("HAProxy 2.6 to");
    Cli::new("targets --target ngnix")
        .run()
        .status(2)
        .stderr_has("did you mean `nginx`?");
    Cli::new("targets --target nginx --format md")
        .run()
        .status(2)
        .stderr_has("the other formats hold every target");
    Cli::new("targets --format md")
        .run()
        .status(0)
        .stdout_has("## nginx")
        .stdout_has("| `websocket.upgrade` ");
    let json = Cli::new("targets --format json").run().status(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert!(
        json["features"]
            .as_array()
            .is_some_and(|all| all.len() > 100)
    );
}

#[test]
fn shells_and_manuals_are_served() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        Cli::new("completions")
            .arg(shell)
            .run()
            .status(0)
            .stdout_has("wsgen")
            .stderr("");
    }
    Cli::new("man")
        .run()
        .status(0)
        .stdout_has(".TH wsgen 1")
        .stdout_has("render");
    Cli::new("man render")
        .run()
        .status(0)
        .stdout_has(".TH wsgen-render 1");
    Cli::new("man rendr")
        .run()
        .status(2)
        .stderr_has("did you mean `render`?");
}

#[test]
fn every_code_of_the_compiler_is_explained() {
    let mut unknown = Vec::new();
    for file in sources(&crate::bless::root().join("src")) {
        let text = std::fs::read_to_string(&file).expect("a source file");
        let text = text.split("#[cfg(test)]").next().unwrap_or(&text);
        for piece in text.split('"').filter(|piece| {
            ["yaml::", "spec::", "test::"]
                .iter()
                .any(|kind| piece.starts_with(kind))
        }) {
            let is_code = piece.split_once("::").is_some_and(|(_, name)| {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
            });
            if is_code && wsgen::diag::codes::meaning(piece).is_none() {
                unknown.push(format!("{}: {piece}", file.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}

fn sources(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs")
            && path.file_name().is_some_and(|name| name != "tests.rs")
        {
            files.push(path);
        }
    }
    files
}
