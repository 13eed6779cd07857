//! A finished file on a machine that has neither its certificates nor its names nor its ports: what has to be swapped
//! before the program can judge it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::live::Authority;
use crate::live::must::*;
use crate::programs::{self, Program};

/// [`programs::check`] of a file as a user would install it. Only what the machine would have to provide is swapped:
/// listening addresses become loopback ones with high ports, server names that would be looked up become 127.0.0.1,
/// and each absolute path of a PEM file leads to one made on the spot. All else is judged as it stands.
pub(crate) fn check(program: &Program, files: &[(&str, &str)]) -> Result<(), String> {
    let mut made = BTreeMap::new();
    let swapped: Vec<(&str, String)> = files
        .iter()
        .map(|(name, text)| (*name, swap(program, text, &mut made)))
        .collect();
    let swapped = swapped.iter().map(|(name, text)| (*name, text.as_str()));
    // NGINX looks beside its main file, HAProxy in the directory that it was started in.
    let main = files
        .first()
        .and_then(|(name, _)| Path::new(name).parent())
        .filter(|_| program.is_nginx());
    let beside = |name: &str| {
        main.map_or(name.into(), |main| {
            main.join(name).to_string_lossy().into_owned()
        })
    };
    let made: Vec<(String, String)> = made
        .into_iter()
        .map(|(name, text)| (beside(&name), text))
        .collect();
    let made = made
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    let all: Vec<(&str, &str)> = swapped.chain(made).collect();
    programs::check(program, &all)
}

/// The text with everything swapped; the PEM files it then needs, relative to its own directory, go to `made`.
pub(crate) fn swap(program: &Program, text: &str, made: &mut BTreeMap<String, String>) -> String {
    static LISTEN: LazyLock<Regex> =
        LazyLock::new(|| regex(r"(?m)((?:^|[{;])\s*listen\s+)(\S+?:)?(\d+)\b([^;\n]*)"));
    static NGINX_SERVER: LazyLock<Regex> = LazyLock::new(|| {
        regex(r"(?m)((?:^|[{;])\s*server\s+)[A-Za-z][\w.-]*(:\d+)?((?:\s[^;\n]*)?;)")
    });
    static HAPROXY_SERVER: LazyLock<Regex> =
        LazyLock::new(|| regex(r"(?m)^(\s*server\s+\S+\s+)[A-Za-z][\w.-]*(:\d+)(.*)$"));
    static PEM: LazyLock<Regex> = LazyLock::new(|| {
        regex(r#"(jwt_verify\([^)]*)?(/[\w./-]+\.(?:pem|crt|cer|key|pub|txt))\b"#)
    });

    let mut text = text.to_owned();
    if program.is_nginx() {
        let listen = |found: &Captures<'_>| {
            // A second loopback address keeps IPv6 listeners apart where the machine has no IPv6.
            let six = found
                .get(2)
                .is_some_and(|address| address.as_str().starts_with('['));
            let address = if six { "127.0.0.2" } else { "127.0.0.1" };
            let port: u32 = found[3].parse().unwrap_or(0);
            let port = if port < 10_000 { port + 20_000 } else { port };
            format!(
                "{}{address}:{port}{}",
                &found[1],
                found[4]
                    .replace(" ipv6only=on", "")
                    .replace(" ipv6only=off", "")
            )
        };
        text = LISTEN.replace_all(&text, listen).into_owned();
        let server = |found: &Captures<'_>| match found[3].contains(" resolve") {
            true => found[0].to_owned(),
            false => format!(
                "{}127.0.0.1{}{}",
                &found[1],
                found.get(2).map_or("", |port| port.as_str()),
                &found[3]
            ),
        };
        text = NGINX_SERVER.replace_all(&text, server).into_owned();
    } else {
        let server = |found: &Captures<'_>| match found[3].contains("init-addr") {
            true => found[0].to_owned(),
            false => format!("{}127.0.0.1{}{}", &found[1], &found[2], &found[3]),
        };
        text = HAPROXY_SERVER.replace_all(&text, server).into_owned();
    }
    let pem = |found: &Captures<'_>| {
        let path = format!("pem{}", &found[2]);
        let key = found.get(1).map_or("", |call| call.as_str());
        made.entry(path.clone()).or_insert_with(|| {
            if key.is_empty() {
                PAIR.clone()
            } else {
                PUBLIC.clone()
            }
        });
        format!("{key}{path}")
    };
    PEM.replace_all(&text, pem).into_owned()
}

/// One for all: a certificate, its key and its authority in one file serve in every place.
static PAIR: LazyLock<String> = LazyLock::new(|| {
    let authority = Authority::new();
    authority
        .issue(&["example.com", "*.example.com", "localhost"])
        .joined()
        + &authority.pem()
});

static PUBLIC: LazyLock<String> = LazyLock::new(|| {
    let key = rcgen::KeyPair::generate().expect("ring makes keys");
    key.public_key_pem()
});

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is fixed text")
}

#[test]
fn a_finished_file_is_judged_without_its_machine() {
    let nginx = r#"
user www-data;
events {}
http {
    upstream u { server chat.internal:8080 weight=3; server 10.0.0.2:80; }
    server {
        listen 443 ssl;
        listen [::]:443 ssl ipv6only=on;
        listen 10.1.1.1:8443 ssl;
        server_name example.com;
        ssl_certificate /etc/ssl/site.pem;
        ssl_certificate_key /etc/ssl/site.key;
        location / { proxy_pass http://u; }
    }
}
"#;
    for program in programs::present(&programs::NGINX) {
        check(&program, &[("etc/nginx.conf", nginx)]).expect("a clean file");
        check(
            &program,
            &[("nginx.conf", &nginx.replace("weight=3", "weight=x"))],
        )
        .expect_err("a bad weight");
    }
    let haproxy = r#"
global
  user haproxy
defaults
  mode http
  timeout connect 1s
  timeout client 1s
  timeout server 1s
frontend f
  bind :443 ssl crt /etc/ssl/site.pem alpn h2,http/1.1
  bind [::]:443 v6only ssl crt /etc/ssl/site.pem ca-file /etc/ssl/ca.crt verify required
  http-request deny unless { http_auth_bearer,jwt_verify(txn.alg,"/etc/k/pub.pem") -m int 1 }
  default_backend b
backend b
  server s1 chat.internal:8080 check
"#;
    for program in programs::present(&programs::HAPROXY) {
        check(&program, &[("haproxy.cfg", haproxy)]).expect("a clean file");
        check(
            &program,
            &[("haproxy.cfg", &haproxy.replace("check", "chek"))],
        )
        .expect_err("an unknown word");
    }
}
