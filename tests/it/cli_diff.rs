//! `diff` as people call it: the meaning, what each target makes of it, the text; git; comments on pull requests.

use std::path::PathBuf;

use serde_json::Value;

use crate::bless;
use crate::cli::Cli;

fn starter() -> String {
    Cli::new("init --app chat").run().status(0).stdout
}

/// A call with the chat starter as `spec.yaml`.
fn chat(args: &str) -> Cli {
    Cli::new(args).bytes("spec.yaml", starter().as_bytes())
}

/// Two specs, compared.
fn compare(old: &str, new: &str, args: &str) -> Cli {
    Cli::new("diff old.yaml new.yaml")
        .args(args)
        .bytes("old.yaml", old.as_bytes())
        .bytes("new.yaml", new.as_bytes())
}

const SMALL: &str = "\
wsgen: 1
upstreams:
  a: { servers: [10.0.0.1:80] }
  b: { servers: [10.0.0.2:80] }
routes:
  - { name: one, host: x.example, path: /one, upstream: a, websocket: { idle: 1m } }
  - { name: two, host: x.example, path: { regex: /t.* }, upstream: b }
  - { name: three, host: x.example, path: { regex: /th.* }, upstream: b }
";

#[test]
fn specs_are_compared_by_what_they_render() {
    let old = starter();
    let new = old.replace("idle: 1h", "idle: 2h");
    let call = |args: &str| {
        Cli::new(args)
            .bytes("old.yaml", old.as_bytes())
            .bytes("new.yaml", new.as_bytes())
    };
    call("diff old.yaml old.yaml -t nginx")
        .run()
        .status(0)
        .stdout("");
    call("diff old.yaml new.yaml -t nginx")
        .run()
        .status(1)
        .stdout_has("--- a/nginx/nginx.conf\n+++ b/nginx/nginx.conf\n@@ ")
        .stdout_has("\n-            proxy_read_timeout 1h;\n")
        .stdout_has("\n+            proxy_read_timeout 2h;\n");
    call("diff old.yaml new.yaml -t nginx --color always")
        .run()
        .status(1)
        .stdout_has("\x1b[32m+ ");
    call("diff old.yaml new.yaml -t nginx --format markdown")
        .run()
        .status(1)
        .stdout_has("<details><summary>NGINX: connections are drained</summary>\n\n")
        .stdout_has("```diff\n--- a/nginx/nginx.conf\n");
    call("diff old.yaml missing.yaml")
        .run()
        .status(2)
        .stdout("");
    call("diff git:HEAD:x.yaml new.yaml")
        .run()
        .status(2)
        .stderr_has("error: ");
    let spread = format!("{old}\nruntime: {{ drain: {{ spread: 10s }} }}\n");
    call("diff old.yaml spread.yaml -t nginx")
        .bytes("spread.yaml", spread.as_bytes())
        .run()
        .status(1)
        .stdout_has("new loss: drain.spread of gateway: tunnels end together")
        .stdout_has("not rendered: what stands there stays as it is");
}

#[test]
fn what_git_does_not_have_is_said() {
    let scratch = chat("lint spec.yaml").run().scratch;
    let git = |args: &str| {
        let done = std::process::Command::new("git")
            .args(["-c", "user.name=x", "-c", "user.email=x@example.com"])
            .args(args.split(' '))
            .current_dir(scratch.path())
            .output()
            .expect("git runs");
        assert!(done.status.success(), "{args}");
    };
    let call = |args: &str| {
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_wsgen"))
            .args(args.split(' '))
            .current_dir(scratch.path())
            .env("GIT_CEILING_DIRECTORIES", std::env::temp_dir())
            .output()
            .expect("wsgen runs");
        assert_eq!(done.status.code(), Some(2), "{args}");
        String::from_utf8(done.stderr).expect("UTF-8")
    };
    git("init -q .");
    let stderr = call("diff git:HEAD spec.yaml");
    assert!(
        stderr.contains("the git repository has no commit yet\n  help: commit"),
        "{stderr}"
    );
    git("add .");
    git("commit -q -m one");
    git("mv spec.yaml new.yaml");
    for (args, said) in [
        (
            "diff git:nope new.yaml",
            "git knows no commit `nope`\n  help: `git log",
        ),
        (
            "diff git:HEAD new.yaml",
            "git has no `new.yaml` at `HEAD`\n  help: it was `spec.yaml` there: write `git:HEAD:spec.yaml`",
        ),
        ("diff git:HEAD:x.yaml new.yaml", "write `git:HEAD:OLD-NAME`"),
        ("diff git:HEAD: new.yaml", "`git:HEAD:` names no file"),
    ] {
        let stderr = call(args);
        assert!(stderr.contains(said), "{args}: {stderr}");
    }
    std::fs::remove_dir_all(scratch.path().join(".git")).expect("it can go");
    let stderr = call("diff git:HEAD new.yaml");
    assert!(stderr.contains("is in no git repository"), "{stderr}");
}

#[test]
fn files_are_compared_with_what_would_be_rendered() {
    let text = chat("render spec.yaml -t nginx").run().status(0).stdout;
    chat("diff spec.yaml -t nginx --out out")
        .bytes("out/nginx.conf", text.as_bytes())
        .run()
        .status(0)
        .stdout("");
    chat("diff spec.yaml -t nginx --out out")
        .bytes("out/nginx.conf", b"other\n")
        .run()
        .status(1)
        .stdout_has("-other\n");
    chat("diff spec.yaml -t nginx")
        .run()
        .status(2)
        .stderr_has("--out");
}

#[test]
fn the_meaning_is_in_the_words_of_the_spec() {
    let cases: [(&str, &str, &str); 12] = [
        (
            "idle: 1m",
            "idle: 1h",
            "route `one`: websocket.idle: 1m → 1h\n",
        ),
        (
            "websocket: { idle: 1m }",
            "timeouts: { response: 5s }",
            "route `one`: websocket: idle 1m, tokens websocket, methods GET → off\n",
        ),
        (
            "websocket: { idle: 1m }",
            "websocket: { idle: 1m }, timeouts: { response: 5s, connect: 2s }",
            "route `one`: timeouts.response: 1m → 5s\n",
        ),
        (
            "websocket: { idle: 1m }",
            "websocket: { idle: 1m }, timeouts: { connect: 2s }",
            "route `one`: timeouts.connect: none → 2s\n",
        ),
        (
            "a: { servers: [10.0.0.1:80] }",
            "a: { servers: [10.0.0.1:80, { address: 10.0.0.9:80, weight: 5 }] }",
            "upstream `a`: servers: +10.0.0.9:80 (weight 5)\n",
        ),
        (
            "a: { servers: [10.0.0.1:80] }",
            "a: { servers: [10.0.0.1:80], balance: { hash: { source: true } } }",
            "upstream `a`: balance: round_robin → hash source\n",
        ),
        (
            "a: { servers: [10.0.0.1:80] }",
            "a: { servers: [10.0.0.1:80], limits: { response_head: 128KiB } }",
            "upstream `a`: limits.response_head: 64KiB → 128KiB\n",
        ),
        (
            "name: one",
            "name: uno",
            "route `uno`: renamed, it was `one`\n",
        ),
        ("path: /one", "path: [/one, /1]", "route `one`: path: +/1\n"),
        (
            "{ name: two, host: x.example, path: { regex: /t.* }, upstream: b }",
            "{ name: two, host: x.example, path: { regex: /t.* }, redirect: { to: 'https://y.example/' } }",
            "route `two`: redirect: off → to (url https://y.example/), status 302\n",
        ),
        (
            "  - { name: two, host: x.example, path: { regex: /t.* }, upstream: b }\n",
            "",
            "route `two`: gone: host x.example, path ~/t.*, upstream b\n",
        ),
        (
            "upstream: a,",
            "upstream: a, request_headers: { set: { X-Host: { from: host } } },",
            "route `one`: request_headers: +set X-Host: <host>\n",
        ),
    ];
    for (from, to, said) in cases {
        let new = SMALL.replace(from, to);
        assert_ne!(new, SMALL, "{from}");
        compare(SMALL, &new, "-t nginx,haproxy")
            .run()
            .status(1)
            .stdout_has(said);
        // And back: nothing is forgotten in the other direction.
        let back = compare(&new, SMALL, "-t nginx,haproxy --format json")
            .run()
            .status(1)
            .stdout;
        let back: Value = serde_json::from_str(&back).expect("JSON");
        assert_ne!(back["changes"], serde_json::json!([]), "{from}");
    }
}

#[test]
fn a_route_that_is_asked_earlier_is_said() {
    let two = "  - { name: two, host: x.example, path: { regex: /t.* }, upstream: b }\n";
    let new = SMALL.replace(two, "") + two;
    let done = compare(SMALL, &new, "-t nginx").run().status(1);
    let meaning = done
        .stdout
        .split("\n\n")
        .next()
        .unwrap_or_default()
        .to_owned();
    assert_eq!(
        meaning,
        "route `three`: asked before route `two` now, after it until now"
    );
}

#[test]
fn a_spec_that_is_only_written_otherwise_means_the_same() {
    let new = SMALL.replace("  - { name: one, host: x.example, path: /one, upstream: a, websocket: { idle: 1m } }", "  # a socket\n  - name: one\n    path: [\"/one\"]\n    host: X.example\n    websocket:\n      idle: 60s\n    upstream: a");
    assert_ne!(new, SMALL);
    compare(SMALL, &new, "").run().status(0).stdout("");
}

#[test]
fn every_target_says_what_becomes_of_open_connections() {
    let new = SMALL.replace("10.0.0.2:80", "10.0.0.3:80");
    let all = "-t nginx,haproxy,traefik,envoy,caddy,worker,proxy --format json --set x=1";
    let all = all.trim_end_matches(" --set x=1");
    let open = |new: &str| {
        let text = compare(SMALL, new, all).run().status(1).stdout;
        let compared: Value = serde_json::from_str(&text).expect("JSON");
        let targets = compared["targets"].as_array().expect("a list").clone();
        targets
            .iter()
            .map(|it| {
                format!(
                    "{} {}",
                    it["target"].as_str().unwrap_or_default(),
                    it["rollout"]["open"].as_str().unwrap_or("none")
                )
            })
            .collect::<Vec<_>>()
    };
    let worker = |list: Vec<String>| {
        list.into_iter()
            .filter(|it| !it.starts_with("worker"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        worker(open(&new)),
        [
            "nginx drained",
            "haproxy drained",
            "traefik kept",
            "envoy drained",
            "caddy drained",
            "proxy kept"
        ]
    );
    // Traefik reads its static file at the start alone; a route that is gone takes its tunnels along.
    let new = format!("{SMALL}listeners: {{ other: {{ port: 8081 }} }}\n");
    let new = new.replace("name: one", "name: uno");
    let done = worker(open(&new));
    assert!(done.contains(&"traefik cut".to_owned()), "{done:?}");
    assert!(done.contains(&"proxy drained".to_owned()), "{done:?}");
    compare(SMALL, &new, "-t nginx")
        .run()
        .status(1)
        .stdout_has("nobody listens any more on :80\nnew ports: :8081\n");
}

#[test]
fn a_target_that_does_more_than_before_is_told() {
    let lossy = SMALL.replace("idle: 1m", "idle: 1m, ping: 10s");
    compare(&lossy, SMALL, "-t nginx,haproxy")
        .run()
        .status(1)
        .stdout_has("2 targets change, 2 get something back")
        .stdout_has("no longer lost: websocket.ping")
        .stdout_has("rendered, which it was not before");
    compare(SMALL, &lossy, "-t nginx,haproxy")
        .run()
        .status(1)
        .stdout_has("2 targets change, 2 lose something");
    compare(SMALL, &lossy.replace("ping: 10s", "ping: soon"), "-t nginx")
        .run()
        .status(2)
        .stdout("")
        .stderr_has("soon");
}

#[test]
fn a_comment_stays_within_its_size_and_says_what_is_cut() {
    let routes = |from: usize| {
        (from..from + 900)
            .map(|number| {
                format!(
                    "  - {{ name: r{number}, host: h{number}.example, path: /p, upstream: a }}\n"
                )
            })
            .collect::<String>()
    };
    let old = format!(
        "wsgen: 1\nupstreams: {{ a: {{ servers: [10.0.0.1:80] }} }}\nroutes:\n{}",
        routes(0)
    );
    let new = format!(
        "wsgen: 1\nupstreams: {{ a: {{ servers: [10.0.0.1:80] }} }}\nroutes:\n{}",
        routes(5000)
    );
    let text = compare(&old, &new, "--format markdown")
        .run()
        .status(1)
        .stdout;
    assert!(text.len() < 60_000, "{}", text.len());
    assert!(text.len() > 40_000, "{}", text.len());
    assert!(
        text.contains(" more changes, cut here\n"),
        "{}",
        &text[..2_000]
    );
    assert!(
        text.contains("more lines of `nginx/nginx.conf` are cut: `wsgen diff` shows them all.")
    );
    assert_eq!(
        text.matches("<details>").count(),
        text.matches("</details>").count()
    );
    assert_eq!(text.matches("```").count() % 2, 0);
    let again = compare(&old, &new, "--format markdown").run().stdout;
    assert_eq!(text, again);
}

#[test]
fn a_users_text_is_no_markdown() {
    let new = SMALL.replace(
        "upstream: a,",
        "upstream: a, request_headers: { set: { X-A: '<img>*_[x](y)' } },",
    );
    let text = compare(SMALL, &new, "--format markdown -t haproxy")
        .run()
        .status(1)
        .stdout;
    let meaning = text.split("<details>").next().unwrap_or_default();
    assert!(
        meaning.contains(r"+set X-A: \<img\>\*\_\[x\](y)"),
        "{meaning}"
    );
    // Backquotes of a value, one or a pair, open no code in which the rest would stand as it is.
    let new = new.replace("<img>*_[x](y)", "`@team <img>` `");
    let text = compare(SMALL, &new, "--format markdown -t haproxy")
        .run()
        .status(1)
        .stdout;
    let meaning = text.split("<details>").next().unwrap_or_default();
    assert!(
        meaning.contains(r"+set X-A: \`\@team \<img\>\` \`"),
        "{meaning}"
    );
}

#[test]
fn the_whole_is_as_it_was_looked_at() {
    let old = starter();
    let new = old.replace("idle: 1h", "idle: 2h") + "\nruntime: { drain: { spread: 10s } }\n";
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/diff");
    let mut stale = Vec::new();
    for (name, args) in [
        ("human.txt", "-t nginx,haproxy,proxy"),
        ("markdown.md", "-t nginx,haproxy,proxy --format markdown"),
    ] {
        let text = compare(&old, &new, args).run().status(1).stdout;
        stale.extend(bless::fresh(&folder.join(name), &text).err());
    }
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}

/// Who wrote 24h is not told of 1d.
#[test]
fn times_and_sizes_are_told_as_they_are_written() {
    let old = SMALL.replace("idle: 1m", "idle: 24h, max_message: 1024KiB");
    let new = SMALL.replace("idle: 1m", "idle: 1500m, max_message: 2MiB");
    compare(&old, &new, "-t proxy")
        .run()
        .status(1)
        .stdout_has("websocket.idle: 24h → 1500m")
        .stdout_has("websocket.max_message: 1024KiB → 2MiB");
    let inherited = "defaults: { route: { timeouts: { response: 90s } } }\n";
    compare(SMALL, &format!("{SMALL}{inherited}"), "-t proxy")
        .run()
        .status(1)
        .stdout_has("timeouts.response: 1m → 90s");
}

/// A path behind `git:REV:` begins where the call is made, as the help says.
#[test]
fn a_path_in_git_begins_in_the_current_folder() {
    let scratch = crate::scratch::Scratch::new("git-path");
    scratch.write("spec.yaml", SMALL);
    scratch.write("sub/spec.yaml", SMALL.replace("1m", "2m"));
    scratch.git(".", &["init", "-q"]);
    scratch.git(".", &["add", "."]);
    scratch.git(".", &["commit", "-q", "-m", "specs"]);
    let call = |old: &str| {
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_wsgen"))
            .args(["diff", old, "spec.yaml", "-t", "proxy"])
            .current_dir(scratch.path().join("sub"))
            .output();
        done.expect("the binary under test starts").status.code()
    };
    assert_eq!(call("git:HEAD:spec.yaml"), Some(0));
    assert_eq!(call("git:HEAD:../spec.yaml"), Some(1));
    let help = Cli::new("diff --help").run().stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        help.contains("PATH is relative to the current folder"),
        "{help}"
    );
}
