//! `wsgen graph`: what stands in the picture, and that no user's text is a mark in it.

use std::process::{Command, Stdio};

use crate::cli::Cli;

const SPEC: &str = "\
wsgen: 1
name: graph
listeners:
  plain: { port: 80, redirect: secure }
  secure: { port: 443, tls: { certificates: [site] } }
certificates:
  site: { hosts: [x.example], cert: /c.pem, key: /k.pem }
upstreams:
  a: { servers: [10.0.0.1:80, { address: 10.0.0.2:80, backup: true }], stickiness: { cookie: { name: node } } }
  b: { servers: [10.0.0.3:80] }
  door: { servers: [10.0.0.4:80] }
auth:
  who: { forward: { upstream: door, path: /check } }
routes:
  - { name: one, host: x.example, path: /one, upstream: a, auth: who, websocket: { idle: 1m, ping: 20s } }
  - { name: two, host: x.example, path: /two, split: { a: 9, b: 1 } }
";

fn draw(args: &str) -> String {
    Cli::new("graph spec.yaml")
        .args(args)
        .bytes("spec.yaml", SPEC.as_bytes())
        .run()
        .status(0)
        .stdout
}

#[test]
fn a_request_is_followed_from_the_listener_to_the_server() {
    let text = draw("-t nginx");
    for said in [
        "flowchart LR\n",
        "n0([\"<b>plain</b><br/>http, port 80\"])",
        "n2[\"<b>one</b><br/>x.example<br/>/one<br/>websocket, idle 1m<br/>◆ forward who<br/>✕ nginx\"]",
        "n4[[\"<b>a</b><br/>in turn<br/>sticky by cookie node\"]]",
        "n0 -.->|\"301\"| n1\n",
        "n1 --> n2\n",
        "n3 -->|\"9\"| n4\n",
        "n3 -->|\"1\"| n5\n",
        "n2 -.->|\"asks\"| n6\n",
        "|\"backup\"|",
        "class n2 lost\n",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    assert!(
        !text.contains("n0 --> "),
        "the redirecting listener reaches no route:\n{text}"
    );
    let dot = draw("-t nginx --format dot");
    for said in [
        "digraph \"graph\" {",
        "n1 -> n2;",
        "n0 -> n1 [style=dashed, label=\"301\"];",
        "tooltip=\"nginx: websocket.ping: ",
    ] {
        assert!(dot.contains(said), "{said}\n{dot}");
    }
}

#[test]
fn a_route_alone_brings_what_it_needs() {
    let text = draw("-t haproxy --route two");
    assert!(
        text.contains("<b>two</b>") && text.contains("<b>b</b>"),
        "{text}"
    );
    assert!(
        !text.contains("<b>one</b>") && !text.contains("<b>door</b>"),
        "{text}"
    );
    Cli::new("graph spec.yaml --route tow")
        .bytes("spec.yaml", SPEC.as_bytes())
        .run()
        .status(2)
        .stdout("")
        .stderr_has("there is no route `tow`\n  help: did you mean `two`?");
}

#[test]
fn a_users_text_is_no_mark() {
    let regex = "path: { regex: '/[a-z]+\"<i>&`#;.*' }";
    let spec = SPEC.replace("path: /one", regex);
    assert_ne!(spec, SPEC);
    let draw = |format: &str| {
        let call = Cli::new("graph spec.yaml --format").arg(format);
        call.bytes("spec.yaml", spec.as_bytes())
            .run()
            .status(0)
            .stdout
    };
    for (format, said) in [
        ("mermaid", "#34;#60;i#62;#38;#96;#35;#59;"),
        ("dot", "\\\"<i>&`#;"),
        ("svg", "&quot;&lt;i&gt;&amp;`#;"),
    ] {
        let text = draw(format);
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn the_svg_is_well_formed_and_needs_nothing_else() {
    let folder = crate::bless::root().join("examples");
    for entry in std::fs::read_dir(folder).expect("the examples are there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|it| it != "yaml") {
            continue;
        }
        let spec = std::fs::read_to_string(path).expect("UTF-8");
        let svg = Cli::new("graph spec.yaml --format svg")
            .bytes("spec.yaml", spec.as_bytes())
            .run()
            .status(0)
            .stdout;
        assert!(svg.contains("prefers-color-scheme: dark"));
        assert_eq!(
            svg.matches("http").count(),
            svg.matches("http://www.w3.org/2000/svg").count() + told_urls(&svg),
            "something is fetched"
        );
        let mut python = Command::new("python3")
            .args([
                "-c",
                "import sys, xml.dom.minidom as m; m.parseString(sys.stdin.buffer.read())",
            ])
            .stdin(Stdio::piped())
            .spawn()
            .expect("Python runs");
        std::io::Write::write_all(&mut python.stdin.take().expect("piped"), svg.as_bytes())
            .expect("it is read");
        assert!(python.wait().expect("it ends").success(), "{svg}");
    }
}

/// How often a URL or a scheme stands in text that is shown, which fetches nothing.
fn told_urls(svg: &str) -> usize {
    let shown = svg
        .split('>')
        .filter_map(|part| part.split_once('<').map(|(text, _)| text));
    shown.map(|text| text.matches("http").count()).sum()
}
