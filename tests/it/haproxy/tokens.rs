//! Tokens and keys: who gets in, and what a server then sees.

use super::each_with;
use crate::live::Stub;
use crate::live::must::*;

/// Set by cargo for every test, and handed on to the program: a secret that both sides know.
const VARIABLE: &str = "CARGO_MANIFEST_DIR";

fn base64url(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let three = [
            chunk[0],
            *chunk.get(1).unwrap_or(&0),
            *chunk.get(2).unwrap_or(&0),
        ];
        let number = three
            .iter()
            .fold(0u32, |all, byte| all << 8 | u32::from(*byte));
        for place in 0..=chunk.len() {
            text.push(char::from(
                SIGNS[(number >> (18 - 6 * place) & 63) as usize],
            ));
        }
    }
    text
}

fn token(header: &str, claims: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let head = format!(
        "{}.{}",
        base64url(header.as_bytes()),
        base64url(claims.as_bytes())
    );
    let signature = sign(head.as_bytes());
    format!("{head}.{}", base64url(&signature))
}

fn hs256(claims: &str) -> String {
    let secret = std::env::var(VARIABLE).expect("cargo sets it");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    token(r#"{"alg":"HS256","typ":"JWT"}"#, claims, |bytes| {
        ring::hmac::sign(&key, bytes).as_ref().to_vec()
    })
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}

#[test]
fn a_token_has_to_be_good() {
    let server = Stub::start("a");
    let pair = rcgen::KeyPair::generate().expect("ring makes keys");
    let spec = format!(
        r#"
wsgen: 1
listeners: {{ web: {{ port: $PORT, address: 127.0.0.1 }} }}
upstreams: {{ app: {{ servers: ["{}"] }} }}
auth:
  members:
    jwt:
      keys: {{ hs256: {{ env: {VARIABLE} }} }}
      issuer: https://id.example
      audience: [chat, web]
      token: [bearer, {{ query: token }}, {{ cookie: session }}, subprotocol]
      pass: {{ X-User: sub }}
      strip: true
  signed: {{ jwt: {{ keys: {{ es256: {{ file: pub.pem }} }} }} }}
  unset: {{ jwt: {{ keys: {{ hs256: {{ env: WSGEN_NO_SUCH_VARIABLE }} }} }} }}
routes:
  - {{ name: members, path: /members, upstream: app, auth: members, websocket: true, response_headers: {{ set: {{ X-Sub: {{ from: {{ claim: sub }} }} }} }} }}
  - {{ name: signed, path: /signed, upstream: app, auth: signed }}
  - {{ name: unset, path: /unset, upstream: app, auth: unset }}
"#,
        server.address()
    );
    let public = pair.public_key_pem();
    each_with(&spec, &[("pub.pem", &public)], |run| {
        let (soon, past) = (now() + 600, now() - 600);
        let good = hs256(&format!(
            r#"{{"iss":"https://id.example","aud":"chat","sub":"anna","exp":{soon}}}"#
        ));
        let status = |token: &str| {
            run.get("/members", &[("Authorization", &format!("Bearer {token}"))])
                .status
        };
        assert_eq!(status(&good), 200);
        let listed = hs256(&format!(
            r#"{{"iss":"https://id.example","aud":["x","web"],"exp":{soon}}}"#
        ));
        assert_eq!(status(&listed), 200);
        // The first four of a list are looked at.
        for (list, expected) in [
            (r#"["a","b","c","web"]"#, 200),
            (r#"["a","b","c","d","web"]"#, 401),
        ] {
            let long = hs256(&format!(
                r#"{{"iss":"https://id.example","aud":{list},"exp":{soon}}}"#
            ));
            assert_eq!(status(&long), expected, "{list}");
        }
        let leeway = hs256(&format!(
            r#"{{"iss":"https://id.example","aud":"chat","exp":{}}}"#,
            now() - 10
        ));
        assert_eq!(status(&leeway), 200);
        // The first sign: the last one of a signature holds bits that say nothing.
        let (signed, signature) = good.rsplit_once('.').expect("three parts");
        let other = if signature.starts_with('A') { "B" } else { "A" };
        let forged = format!("{signed}.{other}{}", &signature[1..]);
        for (why, bad) in [
            (
                "expired",
                hs256(&format!(
                    r#"{{"iss":"https://id.example","aud":"chat","exp":{past}}}"#
                )),
            ),
            (
                "never expires",
                hs256(r#"{"iss":"https://id.example","aud":"chat"}"#),
            ),
            (
                "too early",
                hs256(&format!(
                    r#"{{"iss":"https://id.example","aud":"chat","exp":{soon},"nbf":{soon}}}"#
                )),
            ),
            (
                "issuer",
                hs256(&format!(
                    r#"{{"iss":"https://evil.example","aud":"chat","exp":{soon}}}"#
                )),
            ),
            (
                "audience",
                hs256(&format!(
                    r#"{{"iss":"https://id.example","aud":"other","exp":{soon}}}"#
                )),
            ),
            (
                "listed audience",
                hs256(&format!(
                    r#"{{"iss":"https://id.example","aud":["x","chat2"],"exp":{soon}}}"#
                )),
            ),
            (
                "alg none",
                token(
                    r#"{"alg":"none"}"#,
                    &format!(r#"{{"iss":"https://id.example","aud":"chat","exp":{soon}}}"#),
                    |_| Vec::new(),
                ),
            ),
            ("signature", forged),
            ("empty", String::new()),
            ("nonsense", "a.b.c".to_owned()),
        ] {
            assert_eq!(status(&bad), 401, "{why}");
        }
        let none = run.get("/members", &[]);
        assert_eq!(
            (none.status, none.header("www-authenticate")),
            (401, Some("Bearer"))
        );
        assert!(
            run.websocket("/members", &[])
                .err()
                .is_some_and(|it| it.status == 401)
        );
        let seen = run.get(
            "/members",
            &[
                ("Authorization", &format!("Bearer {good}")),
                ("X-User", "root"),
            ],
        );
        assert_eq!(seen.header("x-sub"), Some("anna"));
        assert_eq!(seen.seen().headers.all("x-user"), ["anna"]);
        let without = run.get(
            "/members",
            &[
                ("Authorization", &format!("Bearer {listed}")),
                ("X-User", "root"),
            ],
        );
        assert_eq!(
            without.seen().header("x-user").unwrap_or_default(),
            "",
            "a missing claim is not the client's to give"
        );
        assert_eq!(
            run.get(&format!("/members?a=1&token={good}&b=2"), &[])
                .seen()
                .target,
            "/members?a=1&b=2"
        );
        assert_eq!(
            run.get(&format!("/members?token={good}"), &[])
                .seen()
                .target,
            "/members"
        );
        assert_eq!(
            run.get("/members", &[("Cookie", &format!("session={good}"))])
                .status,
            200
        );
        let offered = format!("bearer, {good}, chat");
        let tunnel = run.websocket("/members", &[("Sec-WebSocket-Protocol", &offered)]);
        tunnel.expect("upgraded").echo("x");
        let seen = server.requests_to("/members");
        let seen = seen
            .iter()
            .rev()
            .find(|it| it.is_websocket())
            .expect("a handshake");
        assert_eq!(seen.header("sec-websocket-protocol"), Some("chat"));

        let key = ring::signature::EcdsaKeyPair::from_pkcs8(
            &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            &pair.serialize_der(),
            &ring::rand::SystemRandom::new(),
        );
        let key = key.expect("a P-256 key");
        let es256 = |alg: &str| {
            token(
                &format!(r#"{{"alg":"{alg}"}}"#),
                &format!(r#"{{"exp":{soon}}}"#),
                |bytes| {
                    key.sign(&ring::rand::SystemRandom::new(), bytes)
                        .expect("signed")
                        .as_ref()
                        .to_vec()
                },
            )
        };
        let signed = |token: &str| {
            run.get("/signed", &[("Authorization", &format!("Bearer {token}"))])
                .status
        };
        assert_eq!(signed(&es256("ES256")), 200);
        assert_eq!(signed(&es256("HS256")), 401);
        assert_eq!(signed(&good), 401);
        let empty = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"");
        let forged = token(
            r#"{"alg":"HS256"}"#,
            &format!(r#"{{"exp":{soon}}}"#),
            |bytes| ring::hmac::sign(&empty, bytes).as_ref().to_vec(),
        );
        let unset = run.get("/unset", &[("Authorization", &format!("Bearer {forged}"))]);
        assert_eq!(unset.status, 401, "no secret, no entry");
    });
}

#[test]
fn a_key_has_to_be_on_the_list() {
    let server = Stub::start("a");
    let spec = format!(
        r#"
wsgen: 1
listeners: {{ web: {{ port: $PORT, address: 127.0.0.1 }} }}
upstreams: {{ app: {{ servers: ["{}"] }} }}
auth:
  listed: {{ api_key: {{ keys: {{ file: keys.txt }}, from: [{{ header: apikey }}, {{ query: apikey }}, {{ cookie: apikey }}], strip: true }} }}
  single: {{ api_key: {{ keys: {{ env: {VARIABLE} }}, from: [{{ header: apikey }}] }} }}
routes:
  - {{ name: listed, path: /listed, upstream: app, auth: listed }}
  - {{ name: single, path: /single, upstream: app, auth: single }}
"#,
        server.address()
    );
    each_with(
        &spec,
        &[("keys.txt", "# keys\none\n\ntwo words\n")],
        |run| {
            let status = |path: &str, key: &str| run.get(path, &[("apikey", key)]).status;
            assert_eq!(
                ["one", "two words", "two", "# keys", "on"].map(|key| status("/listed", key)),
                [200, 200, 401, 401, 401]
            );
            assert_eq!(run.get("/listed", &[]).status, 401);
            assert_eq!(
                run.get("/listed", &[("apikey", "one")])
                    .seen()
                    .header("apikey"),
                None
            );
            assert_eq!(
                run.get("/listed?x=1&apikey=one", &[]).seen().target,
                "/listed?x=1"
            );
            assert_eq!(
                run.get("/listed", &[("Cookie", "a=b; apikey=one; c=d")])
                    .seen()
                    .header("cookie"),
                Some("a=b; c=d")
            );
            let secret = std::env::var(VARIABLE).expect("cargo sets it");
            assert_eq!(status("/single", &secret), 200);
            assert_eq!(
                [status("/single", &secret[1..]), status("/single", "x")],
                [401, 401]
            );
        },
    );
}
