//! Every rule is held to its page: the bad block raises exactly this rule on the marked line, the good block nothing.

mod reach;

use std::collections::HashMap;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use wsgen::compile::Compiled;
use wsgen::diag::{Marks, Report};
use wsgen::rules::{self, ALL, Disk, FileAccess, Rule};

use crate::routes::compiled;
use crate::specs::{blocks, marked};

/// 2026-05-24
const NOW: i64 = 1_779_580_800;

/// The files that the pages speak of.
struct Shelf(HashMap<&'static str, Vec<u8>>);

impl FileAccess for Shelf {
    fn bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0
            .get(path)
            .cloned()
            .ok_or_else(|| "no such file".to_owned())
    }
}

fn certificate(names: &[&str], until: (i32, u8), key: &KeyPair) -> Vec<u8> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until.0, until.1, 1);
    params
        .self_signed(key)
        .expect("a certificate")
        .pem()
        .into_bytes()
}

fn shelf() -> Shelf {
    let (key, other) = (
        KeyPair::generate().expect("a key"),
        KeyPair::generate().expect("a key"),
    );
    let edwards = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let names = ["example.com", "www.example.com"];
    let pem = |key: &KeyPair| key.serialize_pem().into_bytes();
    Shelf(HashMap::from([
        ("/etc/ssl/site.crt", certificate(&names, (2030, 1), &key)),
        ("/etc/ssl/site.key", pem(&key)),
        ("/etc/ssl/old.crt", certificate(&names, (2026, 5), &key)),
        ("/etc/ssl/old.key", pem(&key)),
        ("/etc/ssl/soon.crt", certificate(&names, (2026, 6), &key)),
        ("/etc/ssl/other.key", pem(&other)),
        (
            "/etc/ssl/edwards.crt",
            certificate(&["*.example.com"], (2030, 1), &edwards),
        ),
        ("/etc/ssl/edwards.key", pem(&edwards)),
        ("/etc/ssl/sec1.key", sec1(&key)),
        ("/etc/ssl/other-sec1.key", sec1(&other)),
        ("/etc/ssl/empty.crt", Vec::new()),
        (
            "/etc/ssl/locked.key",
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
                .to_vec(),
        ),
        ("/run/keys/jwt.key", vec![b'k'; 64]),
        ("/run/keys/short.key", b"correct horse\n".to_vec()),
    ]))
}

/// The key as OpenSSL's older commands write it: PKCS#8 without its envelope.
fn sec1(key: &KeyPair) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let der = key.serialize_der();
    let inner = der
        .windows(6)
        .position(|at| at[0] == 0x30 && at[2..] == [2, 1, 1, 4])
        .expect("an ECPrivateKey inside");
    let der = &der[inner..inner + 2 + usize::from(der[inner + 1])];
    let mut pem = b"-----BEGIN EC PRIVATE KEY-----\n".to_vec();
    for three in der.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| {
            bits << 8 | u32::from(*three.get(at).unwrap_or(&0))
        });
        for digit in 0..4 {
            pem.push(match digit <= three.len() {
                true => DIGITS[(bits >> (18 - 6 * digit) & 63) as usize],
                false => b'=',
            });
        }
    }
    pem.extend(b"\n-----END EC PRIVATE KEY-----\n");
    pem
}

fn found(compiled: &Compiled, report: &Report) -> Vec<(u32, String)> {
    let marks = Marks::new(Some(&compiled.tree), &compiled.sources);
    let mut found: Vec<_> = report
        .diags
        .iter()
        .map(|diag| {
            let span = marks.main(diag);
            (
                compiled.sources.line_col(span.file, span.start).0,
                format!("{} {}", diag.level.word(), diag.code),
            )
        })
        .collect();
    found.sort();
    found
}

/// Everything that is found in a spec: line, level and code.
fn lint(text: &str, files: Option<&Shelf>) -> Vec<(u32, String)> {
    let compiled = compiled(text);
    assert!(
        compiled.gateway.is_some(),
        "{text}\n{:#?}",
        compiled.report.diags
    );
    let mut report = match files {
        Some(files) => rules::lint_files(&compiled, Disk { files, now: NOW }),
        None => rules::lint(&compiled),
    };
    report.extend(compiled.report.clone());
    found(&compiled, &report)
}

/// The codes alone.
fn codes(text: &str) -> Vec<String> {
    lint(text, None)
        .into_iter()
        .map(|(line, code)| format!("{line} {}", code.replace("lint::", "")))
        .collect()
}

#[test]
fn pages_are_true() {
    let shelf = shelf();
    let mut faults = Vec::new();
    for rule in ALL {
        let blocks = blocks(rule.page);
        let [(_, bad), (_, good)] = blocks.as_slice() else {
            faults.push(format!("{}: {} blocks", rule.id, blocks.len()));
            continue;
        };
        let files = rule.reads_files.then_some(&shelf);
        let expected = marked(bad);
        if expected.len() != 1
            || expected[0].1 != format!("{} lint::{}", rule.level.word(), rule.id)
        {
            faults.push(format!("{}: marks {expected:?}", rule.id));
        }
        let raised = lint(bad, files);
        if raised != expected {
            faults.push(format!(
                "{}: bad raises {raised:?}, not {expected:?}",
                rule.id
            ));
        }
        let raised = lint(good, files);
        if !raised.is_empty() {
            faults.push(format!("{}: good raises {raised:?}", rule.id));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn pages_have_one_form() {
    let mut faults = Vec::new();
    for rule in ALL {
        let page = rule.page;
        let headings: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with('#') && !line.starts_with("# yaml"))
            .take(4)
            .collect();
        let title = format!("# {}", rule.id);
        let wanted = [
            title.as_str(),
            "## What it finds",
            "## Why it matters",
            "## What to do",
        ];
        if headings != wanted {
            faults.push(format!("{}: {headings:?}", rule.id));
        }
        let lines = page.lines().count();
        if !(20..=60).contains(&lines)
            || rule.summary().is_empty()
            || !rule.summary().ends_with('.')
        {
            faults.push(format!("{}: {lines} lines, {:?}", rule.id, rule.summary()));
        }
        if Rule::by_id(rule.id).is_none_or(|known| known.page != page) {
            faults.push(format!("{} is not found by its id", rule.id));
        }
    }
    let mut ids: Vec<&str> = ALL.iter().map(|rule| rule.id).collect();
    ids.dedup();
    assert!(ids.is_sorted() && ids.len() == ALL.len(), "{ids:?}");
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

const TWO: &str =
    "wsgen: 1\nupstreams: { a: {servers: ['a:1']}, b: {servers: ['b:1']} }\nroutes:\n";

fn two(routes: &str) -> Vec<String> {
    codes(&format!("{TWO}{routes}"))
}

#[test]
fn patterns_of_other_programs_are_no_paths() {
    for path in ["/ws/*", "/ws/**", "/*", "/a/*/b", "/x/*.js", "/room/:id"] {
        let text = format!("- {{ path: \"{path}\", split: {{a: 1, b: 1}} }}\n");
        assert_eq!(two(&text), ["4 warning wildcard-in-path"], "{path}");
    }
    for path in ["/v1/rooms:join", "/:", "/a:b/c"] {
        let text = format!("- {{ path: \"{path}\", split: {{a: 1, b: 1}} }}\n");
        assert_eq!(two(&text), [""; 0], "{path}");
    }
}

#[test]
fn unreachable_routes_are_proved_and_only_those() {
    let dead = |line: u32| vec![format!("{line} error unreachable-route")];
    // A regex that is a prefix in disguise takes what a prefix takes; the rewrite keeps the other rule quiet.
    let rewritten = "rewrite: {regex: {to: '/$1'}}";
    for (regex, prefix) in [("/ws(/.*)?", "/ws"), ("/ws/(.*)", "/ws/x"), ("(.*)", "/")] {
        assert_eq!(
            two(&format!(
                "- {{ path: {{regex: '{regex}'}}, upstream: a, {rewritten} }}\n- {{ path: {prefix}, upstream: b }}\n"
            )),
            dead(5),
            "{regex}"
        );
    }
    assert_eq!(
        two(&format!(
            "- {{ path: {{regex: '/ws/(.*)'}}, upstream: a, {rewritten} }}\n- {{ path: /ws, upstream: b }}\n"
        )),
        [""; 0]
    );
    // A regex of few texts behind exact paths.
    assert_eq!(
        two(
            "- { path: [{exact: /a}, {exact: /b}], upstream: a }\n- { path: {regex: '/(a|b)'}, upstream: b }\n"
        ),
        dead(5)
    );
    // Two that share all requests between them.
    assert_eq!(
        two(
            "- { path: /, when: {upgrade: on}, upstream: a }\n- { path: /, when: {upgrade: off}, upstream: b }\n- { name: third, path: /, upstream: b }\n"
        ),
        dead(6)
    );
    // Conditions that say less go before those that say more only if they are as many.
    assert_eq!(
        two(
            "- { path: /, when: {headers: {X: {present: on}}}, upstream: a }\n- { path: /, when: {headers: {X: '1'}}, upstream: b }\n"
        ),
        dead(5)
    );
    assert_eq!(
        two(
            "- { path: /, when: {clients: [10.0.0.0/8]}, upstream: a }\n- { path: /, when: {clients: [10.1.0.0/16]}, upstream: b }\n"
        ),
        dead(5)
    );
    // A host that lies inside others.
    assert_eq!(
        two(
            "- { host: '*.x.y', upstream: a }\n- { host: {regex: '[a-z]+\\.x\\.y'}, upstream: b }\n"
        ),
        dead(5)
    );
    assert_eq!(
        two(
            "- { host: [a.x, b.x], upstream: a }\n- { host: {regex: '(a|b)\\.x'}, path: /p, upstream: b }\n"
        ),
        dead(5)
    );
    for fine in [
        "- { path: /a, upstream: a }\n- { path: /, upstream: b }\n",
        "- { host: x, upstream: a }\n- { upstream: b }\n",
        "- { path: /, when: {methods: [GET]}, upstream: a }\n- { path: /, upstream: b }\n",
        "- { path: /, when: {methods: [GET]}, upstream: a }\n- { path: /, when: {methods: [GET, PUT]}, upstream: b }\n",
        "- { path: /, when: {upgrade: on}, upstream: a }\n- { path: /, upstream: b }\n",
        "- { host: a.x, path: /q, upstream: a }\n- { host: {regex: '(a|b)\\.x'}, path: /p, upstream: b }\n",
        "- { host: {regex: '[a-z]*\\.x\\.y'}, upstream: b }\n- { host: '*.x.y', upstream: a }\n",
        "- { path: [/a, /a/b], upstream: a }\n- { path: /b, upstream: b }\n",
    ] {
        assert_eq!(two(fine), [""; 0], "{fine}");
    }
    // One path of several, and a route that no listener serves.
    assert_eq!(
        two(
            "- { path: [/a, /b], upstream: a }\n- name: second\n  path:\n  - /c\n  - /b\n  upstream: b\n"
        ),
        dead(8)
    );
    assert_eq!(
        codes(
            "wsgen: 1\nlisteners: { one: {port: 1, redirect: two}, two: {port: 2} }\nupstreams: { a: {servers: ['a:1']} }\n\
             routes:\n- { path: /, upstream: a }\n- { path: /x, when: {listeners: [one]}, upstream: a }\n"
        ),
        [""; 0]
    );
}

#[test]
fn ambiguity_has_a_witness_of_its_own() {
    let two_regexes = |first: &str, second: &str, more: &str| {
        two(&format!(
            "- {{ path: {{regex: '{first}'}}, upstream: a }}\n- {{ path: {{regex: '{second}'}}, upstream: b{more} }}\n"
        ))
    };
    let told = vec!["5 warning ambiguous-routes".to_owned()];
    assert_eq!(two_regexes("/[a-z]+/1", "/room/[0-9]+", ""), told);
    assert_eq!(two_regexes("/(a|b)/x.*y", "/[a-c]/xy", ""), told);
    for (first, second, more) in [
        ("/a/[0-9]+", "/b/[0-9]+", ""),
        ("/a/[0-9]+", "/a/[a-z]+", ""),
        ("/a/[0-9]+", "/a/[0-9a-z]+", ", host: x"),
    ] {
        assert_eq!(
            two_regexes(first, second, more),
            [""; 0],
            "{first} {second}"
        );
    }
    // Conditions that exclude each other.
    assert_eq!(
        two(
            "- { path: {regex: '/a/[0-9]+'}, when: {headers: {X: a}}, upstream: a }\n- { path: {regex: '/a/[0-9a-z]+'}, when: {headers: {X: b}}, upstream: b }\n"
        ),
        [""; 0]
    );
}

#[test]
fn findings_are_allowed_line_by_line_with_a_reason() {
    let socket = |comment: &str| {
        two(&format!(
            "- {{ path: /x, upstream: b }}\n- path: /\n  upstream: a\n  websocket: on{comment}\n"
        ))
    };
    assert_eq!(socket(""), ["7 warning websocket-without-origin-check"]);
    assert_eq!(
        socket(" # wsgen: allow(websocket-without-origin-check) no cookies here"),
        [""; 0]
    );
    assert_eq!(
        socket(" # wsgen: allow(websocket-without-origin-check)"),
        [
            "7 warning allow-unused",
            "7 warning websocket-without-origin-check"
        ]
    );
    assert_eq!(
        socket(" # wsgen: allow(websocket-without-origin) no cookies here"),
        [
            "7 warning allow-unused",
            "7 warning websocket-without-origin-check"
        ]
    );
    // Rules that read files did not run, so that nobody can say that they find nothing.
    assert_eq!(
        two(
            "- { path: /x, upstream: b } # wsgen: allow(key-mismatch) later\n- { path: /, upstream: a }\n"
        ),
        [""; 0]
    );
}

#[test]
fn what_defaults_bring_is_told_once() {
    assert_eq!(
        two(
            "- { path: /x, upstream: b, stream: on }\n- { path: /, upstream: a, stream: on }\ndefaults: { route: { compression: on } }\n"
        ),
        ["6 warning compression-on-stream"]
    );
}

#[test]
fn certificates_on_disk_are_read() {
    let shelf = shelf();
    let with = |hosts: &str, cert: &str, key: &str| {
        let text = format!(
            "wsgen: 1\ncertificates:\n  site:\n    hosts: [{hosts}]\n    cert: /etc/ssl/{cert}\n    key: /etc/ssl/{key}\n\
             listeners: {{ s: {{port: 443, tls: {{certificates: [site]}}}} }}\nupstreams: {{ a: {{servers: ['a:1']}} }}\n\
             routes:\n- {{ upstream: a }}\n"
        );
        let found = lint(&text, Some(&shelf)).into_iter();
        found
            .map(|(line, code)| format!("{line} {}", code.replace("lint::", "")))
            .collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(
        with("a.example.com, b.example.com", "edwards.crt", "edwards.key"),
        none
    );
    assert_eq!(with("'*.example.com'", "edwards.crt", "edwards.key"), none);
    assert_eq!(
        with("example.com", "edwards.crt", "edwards.key"),
        ["4 error host-not-covered"]
    );
    assert_eq!(with("example.com", "site.crt", "sec1.key"), none);
    assert_eq!(
        with("example.com", "site.crt", "other-sec1.key"),
        ["6 error key-mismatch"]
    );
    assert_eq!(
        with("a.example.com", "edwards.crt", "site.key"),
        ["6 error key-mismatch"]
    );
    assert_eq!(
        with("example.com", "empty.crt", "empty.crt"),
        ["5 error certificate-missing", "6 error certificate-missing"]
    );
    assert_eq!(
        with("example.com", "site.crt", "locked.key"),
        ["6 error certificate-missing"]
    );
    assert_eq!(
        with("example.com", "soon.crt", "site.key"),
        ["5 warning certificate-expired"]
    );
}

#[test]
fn ten_thousand_routes_are_linted_in_little_time() {
    let mut text = "wsgen: 1\nupstreams: { a: {servers: ['a:1']} }\nroutes:\n".to_owned();
    for number in 0..10_000 {
        let host = number / 10;
        let path = if number % 10 == 0 {
            format!("{{regex: '/p{number}/[0-9]+'}}")
        } else {
            format!("/p{number}")
        };
        text.push_str(&format!(
            "- {{ name: r{number}, host: h{host}.example.com, path: {path}, upstream: a, websocket: {{origins: same_host}} }}\n"
        ));
    }
    let compiled = compiled(&text);
    let start = std::time::Instant::now();
    let report = rules::lint(&compiled);
    let took = start.elapsed();
    assert!(report.is_empty(), "{:?}", report.diags.first());
    // A debug build on a busy machine; anything quadratic takes minutes.
    assert!(took.as_secs() < 60, "{took:?}");
}

/// Nothing is compared with everything else, whatever the shape of the spec. Comparing everything takes many minutes.
#[test]
fn ten_thousand_routes_of_one_host_are_linted_in_little_time() {
    let shapes: [fn(u32) -> String; 4] = [
        |n| format!("path: {{regex: '/r{n}/[0-9]+'}}"),
        |n| format!("path: {{regex: '/(a|b|c|d){n}'}}"),
        |n| format!("path: /, when: {{headers: {{X: 'v{n}'}}}}"),
        |n| format!("host: {{regex: '(a|b|c){n}\\.x'}}, path: /p"),
    ];
    for shape in shapes {
        let mut text = "wsgen: 1\nupstreams: { a: {servers: ['a:1']} }\nroutes:\n".to_owned();
        for number in 0..10_000 {
            text.push_str(&format!(
                "- {{ name: r{number}, {}, upstream: a }}\n",
                shape(number)
            ));
        }
        let compiled = compiled(&text);
        let start = std::time::Instant::now();
        rules::lint(&compiled);
        let took = start.elapsed();
        assert!(took.as_secs() < 60, "{took:?}: {}", shape(0));
    }
}
