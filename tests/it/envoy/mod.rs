//! Envoy: what is rendered, and that the real program reads every text back as it was written.

mod accepted;
mod answers;
mod behind;
mod closed;
mod odd;
mod refusing;

use wsgen::compile::{self, Input, NoFiles, Options, World};
use wsgen::spec::params::Params;
use wsgen::targets;

use crate::live::{Client, Running, port};
use crate::programs;

/// Every parameter has the same value.
struct Fixed;

impl Params for Fixed {
    fn get(&self, _: &str) -> Option<String> {
        Some("example.com".to_owned())
    }
}

/// The file; `None` where the spec has faults, or a text cannot be written.
fn written(spec: &str) -> Option<String> {
    let world = World {
        params: &Fixed,
        files: &NoFiles,
    };
    let compiled = compile::compile(vec![Input::new("spec.yaml", spec)], world);
    compiled.gateway.as_ref()?;
    let target = targets::by_id("envoy").expect("it is a target");
    let out = compile::render(&compiled, target, Options::default());
    out.files.first().map(|file| file.text.clone())
}

fn conf(spec: &str) -> String {
    written(spec).unwrap_or_else(|| panic!("{spec}"))
}

fn quoted(text: &str) -> String {
    serde_json::to_string(&text.replace("${", "$${")).expect("a text is JSON")
}

/// By hand, then mixtures of pieces; the same on every run.
fn texts() -> Vec<String> {
    const HAND: [&str; 34] = [
        "x",
        "no",
        "1e3",
        "12:30",
        "~",
        "a: b",
        "a #b",
        "- x",
        "&a *b",
        "!!str x",
        "'",
        "\"",
        "\\",
        "end\\",
        "\\n",
        "%",
        "%%",
        "100%",
        "a%20b",
        "%REQ(x-a)%",
        "%%REQ(x-a)%%",
        "%ENVIRONMENT(HOME)%",
        "%UNKNOWN%",
        "$host ${HOME}",
        "{}",
        "[x]",
        "é",
        "日本",
        "two words",
        "\\1 $1",
        "]]--",
        "\") os.exit() (\"",
        "{{ x }}",
        "|",
    ];
    let mut texts: Vec<String> = HAND.iter().map(|text| (*text).to_owned()).collect();
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..60 {
        let count = random.usize(2..6);
        let text: String = (0..count)
            .map(|_| HAND[random.usize(..HAND.len())])
            .collect();
        texts.push(text);
    }
    texts
}

/// Bodies and headers come back as they were written: nothing was read as a format, a script, or YAML.
#[test]
fn envoy_reads_every_text_back() {
    let Some(program) = programs::require(programs::ENVOY[0]) else {
        return;
    };
    let texts = texts();
    let at = port();
    let mut spec = format!(
        "wsgen: 1\nlisteners: {{ plain: {{ port: {at}, address: 127.0.0.1 }} }}\nroutes:\n"
    );
    for (number, text) in texts.iter().enumerate() {
        let text = quoted(text);
        spec.push_str(&format!(
            "  - {{ name: r{number}, path: {{ exact: /t{number} }}, respond: {{ status: 200, body: {text} }}, response_headers: {{ set: {{ X-Text: {text} }} }}, error_pages: {{ 404: {{ respond: {{ body: {text} }} }} }} }}\n"
        ));
    }
    let _run = Running::start_with(&program, &[("envoy.yaml", &conf(&spec))]);
    let client = Client::new((std::net::Ipv4Addr::LOCALHOST, at).into());
    for (number, text) in texts.iter().enumerate() {
        let answer = client.try_get(&format!("/t{number}"), &[("x-a", "injected")]);
        let answer = answer.unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(answer.text(), *text);
        assert_eq!(answer.header("x-text"), Some(text.trim()), "{text}");
    }
}

/// What a header cannot hold is refused at its place, never written.
#[test]
fn lines_do_not_break_out_of_headers() {
    for text in ["a\nb", "a\r\nX: y", "a\u{0}b", "\u{F8F0}21\u{F8F3}"] {
        let spec = format!(
            "wsgen: 1\nroutes:\n  - {{ name: r, path: /, respond: {{ status: 200 }}, response_headers: {{ set: {{ X-Text: {} }} }} }}\n",
            quoted(text)
        );
        assert_eq!(written(&spec), None, "{text:?}");
    }
}

const SPEC: &str = r"
wsgen: 1
listeners:
  plain: { port: 80, redirect: secure }
  secure: { port: 443, tls: { certificates: [site] } }
certificates: { site: { hosts: [example.com], cert: /etc/ssl/site.crt, key: /etc/ssl/site.key } }
upstreams:
  chat:
    servers: [chat1.internal:8443, chat2.internal:8443, { address: spare.internal:8443, backup: true }]
    health: { http: { path: /health } }
    passive: { errors: 3 }
    tls: { ca: /etc/ssl/internal.pem }
routes:
  - { name: socket, host: example.com, path: /ws, upstream: chat, websocket: { origins: [https://example.com] }, limits: { body: 1MiB } }
  - { name: api, host: example.com, path: /api, upstream: chat, rewrite: { strip_prefix: true }, limits: { requests: { rate: 10/s } } }
  - { name: site, host: example.com, path: /, upstream: chat, request_headers: { set: { X-Share: '100%' } } }
";

/// The mistakes that people make by hand, each at the line that does it right.
#[test]
fn what_goes_wrong_by_hand_is_right_here() {
    let text = conf(SPEC);
    for (line, why) in [
        (
            "max_connections: 1000000000",
            "the 1025th tunnel would hang",
        ),
        ("use_remote_address: true", "clients would say who they are"),
        (
            "match_typed_subject_alt_names",
            "any certificate of the authority would be good",
        ),
        ("path_separated_prefix: \"/ws\"", "`/wsx` would be taken"),
        (
            "ignore_port_in_host_matching: true",
            "`example.com:8443` would be 404",
        ),
        ("value: \"100%%\"", "a percent sign would start a format"),
        (
            "max_ejection_percent: 100",
            "of three servers none would ever be ejected",
        ),
        (
            "key: sec-websocket-key",
            "sockets over HTTP/2 would have no key",
        ),
        (
            "no_traffic_interval: 5s",
            "an unused cluster would be asked once a minute",
        ),
        (
            "overprovisioning_factor: 1000000",
            "backup servers would get a share early",
        ),
        (
            "healthy_panic_threshold: {value: 0}",
            "dead servers would be asked",
        ),
        (
            "pattern: {regex: \"^/api/*\"}",
            "`/api/x` would become `//x`",
        ),
        ("timeout: 0s", "long answers would be cut"),
        ("per_try_timeout: 60s", "nothing would bound the head"),
        (
            "max_dynamic_descriptors: 100000",
            "the 21st client would free the first",
        ),
        (
            "require_client_certificate: false",
            "Envoy would warn of an insecure default",
        ),
        (
            "normalize_path: true",
            "dot segments would reach other routes",
        ),
        (
            "prefix: x-envoy-",
            "clients could steer retries and time-outs",
        ),
    ] {
        assert!(text.contains(line), "{line}: {why}\n{text}");
    }
    // Frames would count as a body: the filter sleeps on tunnels.
    let tunnel = text.split("- name: socket\n").nth(1).expect("the entry");
    assert!(!tunnel.contains("wsgen.body"), "{tunnel}");
}

/// What a version does not know is not written for it.
#[test]
fn versions_get_what_they_know() {
    let at = |version: &str| {
        conf(&format!(
            "{SPEC}targets: {{ envoy: {{ version: \"{version}\" }} }}\n"
        ))
    };
    let (old, new) = (at("1.36"), at("1.40"));
    assert!(new.contains("body_size_limit"));
    assert!(!old.contains("body_size_limit") && old.contains("filters.http.buffer"));
    let within = |version: &str| {
        conf(&format!(
            "wsgen: 1\nroutes: [{{ name: own, when: {{ clients: [10.0.0.0/8] }}, respond: {{ body: own }} }}]\n\
             targets: {{ envoy: {{ version: \"{version}\", on_loss: warn }} }}\n"
        ))
    };
    let (old, new) = (within("1.37"), within("1.38"));
    assert!(
        new.contains("WITHOUT_PORT(8)") && !new.contains("closed:"),
        "{new}"
    );
    assert!(
        !old.contains("WITHOUT_PORT(8)") && old.contains("closed:"),
        "{old}"
    );
}
