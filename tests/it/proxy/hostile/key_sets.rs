//! Key sets as publishers have them: keys of all kinds beside the one that counts, keys for something else, tokens that play one against another.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::{Site, line};

const SPEC: &str = "\
wsgen: 1
listeners: { web: { port: PORT, address: 127.0.0.1 } }
upstreams: { app: { servers: [\"SERVER\"] } }
auth: { members: { jwt: { keys: { jwks: { file: FOLDER/keys.json, algorithms: [rs256, es256] } } } } }
routes: [{ name: all, upstream: app, auth: members }]
";

/// A pair of ES256.
struct Pair {
    key: EncodingKey,
    /// What a set has of it, without an id.
    public: Value,
}

fn pair() -> Pair {
    let pem = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    let key = EncodingKey::from_ec_pem(pem.as_bytes()).expect("a key");
    let public = Jwk::from_encoding_key(&key, Algorithm::ES256).expect("a key");
    let mut public = serde_json::to_value(public).expect("JSON");
    let fields = public.as_object_mut().expect("an object");
    fields.retain(|name, _| ["kty", "crv", "x", "y"].contains(&name.as_str()));
    Pair { key, public }
}

/// The key with more fields.
fn with(public: &Value, more: &Value) -> Value {
    let mut public = public.clone();
    let fields = public.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    public
}

fn token(algorithm: Algorithm, id: Option<&str>, key: &EncodingKey) -> String {
    let header = Header {
        kid: id.map(str::to_owned),
        ..Header::new(algorithm)
    };
    let claims = json!({ "sub": "ann", "exp": 9_000_000_000_u64 });
    encode(&header, &claims, key).expect("a token")
}

/// What each of these tokens gets before a set of these keys.
fn statuses(keys: &[Value], tokens: &[&str]) -> Vec<String> {
    let set = json!({ "keys": keys }).to_string();
    let site = Site::with(SPEC, &[("keys.json", &set)], &[]);
    let status = |token: &&str| {
        let said = site.raw(format!(
            "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        ));
        line(&said).split(' ').nth(1).unwrap_or_default().to_owned()
    };
    tokens.iter().map(status).collect()
}

/// A token is good by the key that it names, and by no other one's algorithm.
#[test]
fn a_token_is_good_by_the_key_that_it_names() {
    let (own, other) = (pair(), pair());
    let secret = b"0123456789abcdef0123456789abcdef";
    let shared = EncodingKey::from_secret(secret);
    let public = own.public["x"].as_str().expect("a text");
    let es256 = Algorithm::ES256;
    let named = token(es256, Some("a"), &own.key);
    let (_, rest) = named.split_once('.').expect("a head");
    let (claims, _) = rest.split_once('.').expect("claims");
    let keys = [
        with(&own.public, &json!({ "kid": "a", "alg": "ES256" })),
        json!({ "kty": "oct", "kid": "o", "k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY" }),
    ];
    let came = statuses(
        &keys,
        &[
            &named,
            &token(es256, None, &own.key),
            &token(es256, Some("b"), &own.key),
            &token(es256, Some("o"), &own.key),
            &token(es256, Some("a"), &other.key),
            &token(es256, None, &other.key),
            // A shared secret that everybody can read, and a public key as one.
            &token(Algorithm::HS256, Some("o"), &shared),
            &token(Algorithm::HS256, Some("a"), &shared),
            &token(
                Algorithm::HS256,
                Some("a"),
                &EncodingKey::from_secret(public.as_bytes()),
            ),
            // `{"alg":"none","kid":"a"}`
            &format!("eyJhbGciOiJub25lIiwia2lkIjoiYSJ9.{claims}."),
        ],
    );
    let (good, bad) = ("200", "401");
    assert_eq!(came, [good, good, bad, bad, bad, bad, bad, bad, bad, bad]);
}

/// RFC 7517 §5: what nobody here understands is passed over, and the rest of the set counts.
#[test]
fn one_odd_key_closes_no_door() {
    let own = pair();
    let good = with(
        &own.public,
        &json!({ "kid": "a", "alg": "ES256", "use": "sig" }),
    );
    let named = token(Algorithm::ES256, Some("a"), &own.key);
    for odd in [
        json!({ "kty": "new", "kid": "n" }),
        json!({ "kty": "EC", "crv": "secp256k1", "x": "AAAA", "y": "AAAA", "kid": "n" }),
        json!({ "kty": "EC", "crv": "P-256", "x": "?", "y": "?", "kid": "n" }),
        json!({ "kty": "OKP", "crv": "X25519", "x": "AAAA", "use": "enc" }),
        json!({ "kty": "RSA", "alg": "RSA-OAEP", "n": "AQAB", "e": "AQAB", "use": "enc" }),
        json!({ "kty": "RSA", "kid": "n" }),
        json!({ "kid": 7 }),
        json!({}),
        json!("a word"),
        json!(null),
    ] {
        let came = statuses(&[odd.clone(), good.clone()], &[&named]);
        assert_eq!(came, ["200"], "beside {odd}");
    }
}

/// RFC 7517 §4.2 to §4.4: a key says what it is for.
#[test]
fn a_key_for_something_else_opens_nothing() {
    let own = pair();
    let named = token(Algorithm::ES256, Some("a"), &own.key);
    for (says, wanted) in [
        (json!({ "kid": "a" }), "200"),
        (json!({ "kid": "a", "use": "sig" }), "200"),
        (json!({ "kid": "a", "key_ops": ["verify"] }), "200"),
        (json!({ "kid": "a", "alg": "ES256" }), "200"),
        (json!({}), "200"),
        (json!({ "kid": "a", "use": "enc" }), "401"),
        (json!({ "kid": "a", "use": "other" }), "401"),
        (json!({ "kid": "a", "key_ops": ["deriveKey"] }), "401"),
        (json!({ "kid": "a", "key_ops": [] }), "401"),
        (json!({ "kid": "a", "alg": "ES384" }), "401"),
        (json!({ "kid": "a", "alg": "ECDH-ES" }), "401"),
        (json!({ "kid": "a", "alg": "none" }), "401"),
        (json!({ "kid": "b" }), "401"),
    ] {
        let came = statuses(&[with(&own.public, &says)], &[&named]);
        assert_eq!(came, [wanted], "{says}");
    }
    assert_eq!(statuses(&[], &[&named]), ["401"]);
    let two = [
        with(&pair().public, &json!({ "kid": "a" })),
        with(&own.public, &json!({ "kid": "a" })),
    ];
    assert_eq!(statuses(&two, &[&named]), ["200"], "one id for two keys");
}
