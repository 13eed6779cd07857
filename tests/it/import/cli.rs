//! The command: what goes where, what is never written over, what it says of files that are no configuration.

use crate::cli::Cli;

const SMALL: &str = "server {\n    listen 80;\n    client_max_body_size 0;\n    location / {\n        proxy_pass http://127.0.0.1:3000;\n    }\n}\n";

#[test]
fn the_spec_goes_to_stdout_and_the_account_to_stderr() {
    let done = Cli::new("import nginx.conf")
        .file("nginx.conf", SMALL)
        .run()
        .status(0);
    assert!(done.stdout.contains("wsgen: 1\n"), "{}", done.stdout);
    assert!(done.stderr.contains("5 directives: "), "{}", done.stderr);
    assert!(done.stderr.contains("nginx.conf:5:9"), "{}", done.stderr);
}

#[test]
fn what_it_writes_the_other_commands_read() {
    let done = Cli::new("import nginx.conf --out spec.yaml --report account.json --format json")
        .file("nginx.conf", SMALL)
        .run()
        .status(0);
    let account = done.scratch.read("account.json");
    let account: serde_json::Value = serde_json::from_str(&account).expect("JSON");
    assert_eq!(account["from"], "nginx");
    assert_eq!(account["directives"].as_array().map(Vec::len), Some(5));
    let spec = done.scratch.read("spec.yaml");
    Cli::new("fmt --check spec.yaml")
        .bytes("spec.yaml", spec.as_bytes())
        .run()
        .status(0);
    Cli::new("render spec.yaml --target nginx")
        .bytes("spec.yaml", spec.as_bytes())
        .run()
        .status(0);
}

#[test]
fn what_is_imported_stays_whatever_is_asked_for() {
    for call in [
        "import nginx.conf --out spec.yaml --report nginx.conf",
        "import nginx.conf --out nginx.conf --force",
        "import nginx.conf --out spec.yaml --report ./nginx.conf --force",
        "import nginx.conf --out new.yaml --report new.yaml",
        "import nginx.conf --out spec.yaml --report mine.txt",
    ] {
        let done = Cli::new(call)
            .file("nginx.conf", SMALL)
            .file("mine.txt", "mine\n")
            .run()
            .status(2);
        assert_eq!(done.scratch.read("nginx.conf"), SMALL, "{call}");
        assert_eq!(done.scratch.read("mine.txt"), "mine\n", "{call}");
        assert!(!done.scratch.path().join("spec.yaml").exists(), "{call}");
        assert!(!done.scratch.path().join("new.yaml").exists(), "{call}");
    }
}

#[test]
fn a_spec_that_is_there_stays() {
    let done = Cli::new("import nginx.conf --out spec.yaml")
        .file("nginx.conf", SMALL)
        .file("spec.yaml", "mine\n")
        .run()
        .status(2);
    assert_eq!(done.scratch.read("spec.yaml"), "mine\n");
    assert!(done.stderr.contains("--force"), "{}", done.stderr);
    let done = Cli::new("import nginx.conf --out spec.yaml --force")
        .file("nginx.conf", SMALL)
        .file("spec.yaml", "mine\n")
        .run()
        .status(0);
    assert!(done.scratch.read("spec.yaml").contains("wsgen: 1"));
}

#[test]
fn something_lost_is_a_finding_and_nothing_written_is_wrong() {
    Cli::new("import nginx.conf")
        .file(
            "nginx.conf",
            "server { listen 80; userid on; location / { proxy_pass http://app:1; } }\n",
        )
        .run()
        .status(1);
    let done = Cli::new("import nginx.conf --out spec.yaml")
        .file("nginx.conf", "server { listen 80; root /srv; }\n")
        .run()
        .status(2);
    assert!(
        done.stderr
            .contains("nothing in nginx.conf becomes a route"),
        "{}",
        done.stderr
    );
    assert!(!done.scratch.path().join("spec.yaml").exists());
    let done = Cli::new("import nginx.conf")
        .file("nginx.conf", "server {\n    listen 80\n}\n")
        .run()
        .status(2);
    assert!(
        done.stderr.contains("`listen` is not ended"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("nginx.conf:2:"), "{}", done.stderr);
    assert_eq!(done.stdout, "");
}

#[test]
fn what_is_no_configuration_is_said_in_a_sentence() {
    let said = |done: crate::cli::Done, text: &str| {
        assert!(done.stderr.contains(text), "{}", done.stderr);
        assert_eq!((done.status, done.stdout.as_str()), (2, ""));
    };
    said(
        Cli::new("import not-there.conf").run(),
        "`not-there.conf` cannot be read",
    );
    said(Cli::new("import .").run(), "is a folder");
    said(
        Cli::new("import a.conf")
            .bytes("a.conf", b"\x7fELF\x00\xff\xfe")
            .run(),
        "is not UTF-8",
    );
    said(
        Cli::new("import a.conf")
            .bytes("a.conf", "x".repeat((16 << 20) + 1).as_bytes())
            .run(),
        "larger than 16 MiB",
    );
    said(
        Cli::new("import a.conf").file("a.conf", "hello\n").run(),
        "looks like no configuration that is known",
    );
    said(
        Cli::new("import a.conf --report -")
            .file("a.conf", SMALL)
            .run(),
        "would both go to standard output",
    );
}

#[test]
fn includes_are_followed_beside_the_file_and_a_missing_one_is_told() {
    let done = Cli::new("import etc/nginx.conf")
        .file(
            "etc/nginx.conf",
            "events { worker_connections 1024; }\nhttp {\n    include conf.d/*.conf;\n    include missing.conf;\n    include none/*.conf;\n}\n",
        )
        .file("etc/conf.d/b.conf", SMALL)
        .file("etc/conf.d/a.conf", "client_header_timeout 7s;\n")
        .run()
        .status(1);
    assert!(done.stdout.contains("head: 7s"), "{}", done.stdout);
    assert!(
        done.stderr.contains("2 files read in its place"),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.contains("the file cannot be read"),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.contains("etc/conf.d/b.conf:5:9"),
        "{}",
        done.stderr
    );
    let done = Cli::new("import a.conf")
        .file(
            "a.conf",
            &format!("include /dev/null; include /**; include /*/*/*/*.conf; {SMALL}"),
        )
        .run()
        .status(1);
    assert!(done.stderr.contains("it is not a file"), "{}", done.stderr);
    let refused = done.stderr.matches("the pattern names too much").count();
    assert_eq!(refused, 2, "{}", done.stderr);
    let done = Cli::new("import a.conf")
        .file("a.conf", "http { include a.conf; }\n")
        .run()
        .status(2);
    assert!(done.stderr.contains("in a circle"), "{}", done.stderr);
}
