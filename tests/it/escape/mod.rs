//! What a user writes arrives: hundreds of hostile texts through each writer into the real programs and back, byte by byte.

use wsgen::emit::Part::{Regex, Static, Text, Word};
use wsgen::emit::Tok;
use wsgen::emit::lang::{haproxy, nginx};

use crate::live::{self, Running};
use crate::programs;
pub(crate) use texts::texts;

mod texts;

#[test]
fn nginx_reads_back_what_was_written() {
    for program in programs::present(&programs::NGINX) {
        let port = live::port();
        let texts = texts();
        let mut maps = String::new();
        let mut locations = String::new();
        for (i, text) in texts.iter().enumerate() {
            let literal = nginx::text(text);
            let pair = nginx::token(&[Static("$request_method|"), Text(text)]);
            let key = nginx::token(&[Static("~^"), Regex(text), Static("\\z")]);
            // `location` reads %XX-decoded paths; a dot segment or a `//` would be normalised before it looks.
            let path = nginx::token(&[Static("/p/"), Word(text)]);
            if unwritable(text, [&literal, &pair, &key, &path]) {
                continue;
            }
            maps.push_str(&format!(
                "map $v{i} $hit{i} {{ default 0; {} 1; }}\n",
                key.as_str()
            ));
            locations.push_str(&format!(
                "location = /t{i} {{ set $v{i} {t}; add_header X-Text {t}; add_header X-Pair {}; add_header X-Hit $hit{i}; return 200 {t}; }}\n",
                pair.as_str(),
                t = literal.as_str(),
            ));
            if is_plain_path(text) {
                locations.push_str(&format!(
                    "location = {} {{ return 200 p{i}; }}\n",
                    path.as_str()
                ));
            }
        }
        let file = format!(
            "worker_processes 1;\nevents {{ }}\nhttp {{\naccess_log off; default_type text/plain; merge_slashes off;\n\
             geo ${} {{ default \"$\"; }}\nvariables_hash_max_size 8192; map_hash_bucket_size 4096;\n{maps}\
             server {{ listen 127.0.0.1:{port}; \n{locations}}}\n}}\n",
            nginx::DOLLAR
        );
        let running = Running::start(&program, &file);
        for (i, text) in texts
            .iter()
            .enumerate()
            .filter(|(_, text)| is_writable(text))
        {
            let got = running.get(&format!("/t{i}"), &[]);
            let seen = format!("{} {text:?}", program.name);
            assert_eq!(text_of(&got.body), *text, "body, {seen}");
            assert_eq!(
                got.header("X-Pair"),
                Some(format!("GET|{text}").as_str()),
                "pair, {seen}"
            );
            // NGINX tries no regular expression of a `map` on an empty value.
            let hit = if text.is_empty() { "0" } else { "1" };
            assert_eq!(got.header("X-Hit"), Some(hit), "regex, {seen}");
            // NGINX sends no header with an empty value.
            let header = (!text.is_empty()).then_some(text.as_str());
            assert_eq!(got.header("X-Text"), header, "header, {seen}");
            if is_plain_path(text) {
                let got = running.get(&format!("/p/{}", percent(text)), &[]);
                assert_eq!(text_of(&got.body), format!("p{i}"), "location, {seen}");
            }
        }
    }
}

#[test]
fn haproxy_reads_back_what_was_written() {
    for program in programs::present(&programs::HAPROXY) {
        let port = live::port();
        let texts: Vec<String> = texts().into_iter().filter(|t| !t.is_empty()).collect();
        assert!(
            haproxy::word("").refusal().is_some(),
            "HAProxy has no empty word"
        );
        let mut rules = String::new();
        for (i, text) in texts.iter().enumerate() {
            let word = haproxy::word(text);
            let fmt = haproxy::fmt(text);
            let pair = haproxy::token(&[Static("%[method]|"), Text(text)]);
            let key = haproxy::token(&[Static("^"), Regex(text), Static("$")]);
            if unwritable(text, [&word, &fmt, &pair, &key]) {
                continue;
            }
            rules.push_str(&format!(
                " acl t{i} path -m str -- /t{i}\n acl w{i} path -m str -- /w{i}\n\
                 \x20http-request set-var-fmt(txn.v) {f} if t{i}\n\
                 \x20acl a{i} var(txn.v) -m str -- {w}\n acl r{i} var(txn.v) -m reg -- {r}\n\
                 \x20http-request return status 200 content-type text/plain string miss if t{i} !a{i}\n\
                 \x20http-request return status 200 content-type text/plain string miss if t{i} !r{i}\n\
                 \x20http-request return status 200 content-type text/plain lf-string {f} hdr X-Text {f} hdr X-Pair {p} if t{i}\n\
                 \x20http-request return status 200 content-type text/plain string {w} if w{i}\n",
                f = fmt.as_str(),
                w = word.as_str(),
                p = pair.as_str(),
                r = key.as_str(),
            ));
        }
        let file = format!(
            "global\n maxconn 100\ndefaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n\
             frontend f\n bind 127.0.0.1:{port}\n{rules}"
        );
        let running = Running::start(&program, &file);
        for (i, text) in texts
            .iter()
            .enumerate()
            .filter(|(_, text)| is_writable(text))
        {
            let seen = format!("{} {text:?}", program.name);
            let got = running.get(&format!("/t{i}"), &[]);
            assert_eq!(text_of(&got.body), *text, "lf-string, {seen}");
            assert_eq!(got.header("X-Text"), Some(text.as_str()), "header, {seen}");
            assert_eq!(
                got.header("X-Pair"),
                Some(format!("GET|{text}").as_str()),
                "pair, {seen}"
            );
            let got = running.get(&format!("/w{i}"), &[]);
            assert_eq!(text_of(&got.body), *text, "string, {seen}");
        }
    }
}

#[test]
fn nginx_takes_the_longest_token_and_no_longer_one() {
    for program in programs::present(&programs::NGINX) {
        let longest = (1..5000)
            .take_while(|&n| nginx::text(&"a ".repeat(n)).refusal().is_none())
            .last()
            .expect("short ones are taken");
        let file = |text: &str| {
            format!(
                "events {{ }}\nhttp {{\nserver {{ listen 127.0.0.1:8080; location / {{ return 200 {text}; }} }} }}\n"
            )
        };
        let token = nginx::text(&"a ".repeat(longest));
        programs::check(&program, &[("nginx.conf", &file(token.as_str()))])
            .expect("it is accepted");
        let longer = format!("\"{}\"", "a ".repeat(longest + 2));
        let said = programs::check(&program, &[("nginx.conf", &file(&longer))])
            .expect_err("it is too long");
        assert!(said.contains("too long parameter"), "{said}");
    }
}

/// What every writer must write: all but control characters and the characters kept for marks.
fn is_writable(text: &str) -> bool {
    text.chars()
        .all(|c| c == '\t' || !(c.is_ascii_control() || ('\u{F8F0}'..='\u{F8F3}').contains(&c)))
}

/// Whether the text has to be refused; then every token must be, and otherwise none.
fn unwritable<const N: usize>(text: &str, tokens: [&Tok; N]) -> bool {
    let refused = !is_writable(text);
    for token in tokens {
        assert_eq!(
            token.refusal().is_some(),
            refused,
            "{text:?} as {:?}",
            token.as_str()
        );
    }
    refused
}

/// Whether NGINX looks up the path as it was sent.
fn is_plain_path(text: &str) -> bool {
    !text.split('/').any(|segment| matches!(segment, "." | ".."))
}

fn percent(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
