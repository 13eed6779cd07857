//! Guards and people who want past them: two tokens for one, tokens of another kind, names that are guessed, headers that only a guard may set.

use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use wsgen::verify::keyring::basic;
use wsgen::verify::stub::{Answer, Stub};

use super::{Site, line, soon};

const TOKENS: &str = "\
wsgen: 1
listeners: { web: { port: PORT, address: 127.0.0.1, http2: on } }
upstreams: { app: { servers: [\"SERVER\"] } }
auth:
  members:
    jwt:
      keys: { hs256: { env: KEY } }
      issuer: me
      audience: [app, other]
      token: [bearer, { query: token }, { cookie: session }, subprotocol]
      pass: { X-User: sub }
  keys: { api_key: { keys: { file: FOLDER/keys.txt }, from: [{ header: apikey }, { query: apikey }] } }
routes:
  - { name: keyed, path: /keyed, upstream: app, auth: keys }
  - { name: all, upstream: app, auth: members, websocket: true }
";

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn signed(header: &Header, claims: &Value) -> String {
    encode(header, claims, &EncodingKey::from_secret(KEY.as_bytes())).expect("a token")
}

fn good(sub: &str) -> Value {
    json!({ "sub": sub, "iss": "me", "aud": "app", "exp": 9_000_000_000_u64 })
}

fn tokens() -> Site {
    let env = [("KEY".to_owned(), KEY.to_owned())];
    Site::with(TOKENS, &[("keys.txt", "first\nsecond\n")], &env)
}

fn status(site: &Site, path: &str, lines: &str) -> String {
    let said = site.raw(format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\n{lines}Connection: close\r\n\r\n"
    ));
    line(&said).split(' ').nth(1).unwrap_or_default().to_owned()
}

/// Of two tokens the guard could read one, and the server the other.
#[test]
fn one_place_holds_one_token() {
    let site = tokens();
    let token = signed(&Header::default(), &good("ann"));
    // Unsigned, as nobody needs a key for.
    let forged = format!(
        "{}.eyJzdWIiOiJyb290In0.AAAA",
        token.split('.').next().expect("a head")
    );
    let (one, two) = (&token, &forged);
    for (path, lines, wanted) in [
        ("/", format!("Authorization: Bearer {one}\r\n"), "200"),
        (
            "/",
            format!("Authorization: Bearer {one}\r\nAuthorization: Bearer {one}\r\n"),
            "200",
        ),
        (
            "/",
            format!("Authorization: Bearer {one}\r\nAuthorization: Bearer {two}\r\n"),
            "401",
        ),
        (
            "/",
            format!("Authorization: Bearer {two}\r\nAuthorization: Bearer {one}\r\n"),
            "401",
        ),
        (
            "/",
            format!("Cookie: session={one}; session={two}\r\n"),
            "401",
        ),
        (
            "/",
            format!("Cookie: session={one}\r\nCookie: session={two}\r\n"),
            "401",
        ),
        (
            "/",
            format!("Cookie: session={one}; other={two}\r\n"),
            "200",
        ),
        (
            "/",
            format!("Sec-WebSocket-Protocol: bearer, {one}, chat\r\n"),
            "200",
        ),
        (
            "/",
            format!("Sec-WebSocket-Protocol: bearer, {one}, access_token, {two}\r\n"),
            "401",
        ),
        (&format!("/?token={one}"), String::new(), "200"),
        (&format!("/?token={one}&token={two}"), String::new(), "401"),
        (
            &format!("/?token={one}&%74oken={two}"),
            String::new(),
            "401",
        ),
        ("/keyed", "apikey: first\r\n".to_owned(), "200"),
        (
            "/keyed",
            "apikey: first\r\napikey: third\r\n".to_owned(),
            "401",
        ),
        ("/keyed?apikey=first&apikey=third", String::new(), "401"),
        ("/keyed", "apikey: firs\r\n".to_owned(), "401"),
    ] {
        assert_eq!(status(&site, path, &lines), wanted, "{path} {lines}");
    }
}

#[test]
fn a_token_is_of_the_kind_that_the_spec_names() {
    let site = tokens();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("a clock")
        .as_secs();
    let with = |name: &str, value: Value| {
        let mut claims = good("ann");
        claims[name] = value;
        signed(&Header::default(), &claims)
    };
    let critical = Header {
        crit: Some(vec!["b64".to_owned()]),
        ..Header::default()
    };
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4iLCJpc3MiOiJtZSIsImF1ZCI6ImFwcCJ9.";
    for (name, token, wanted) in [
        ("good", signed(&Header::default(), &good("ann")), "200"),
        (
            "a list of audiences",
            with("aud", json!(["x", "other"])),
            "200",
        ),
        ("no list of audiences", with("aud", json!([])), "401"),
        ("another audience", with("aud", json!(["x"])), "401"),
        ("another issuer", with("iss", json!("you")), "401"),
        ("a list of issuers", with("iss", json!(["you"])), "401"),
        ("just over", with("exp", json!(now - 10)), "200"),
        ("over", with("exp", json!(now - 60)), "401"),
        ("over, in words", with("exp", json!("9000000000")), "401"),
        ("soon", with("nbf", json!(now + 10)), "200"),
        ("not yet", with("nbf", json!(now + 60)), "401"),
        (
            "another algorithm",
            signed(&Header::new(Algorithm::HS384), &good("ann")),
            "401",
        ),
        ("no algorithm", unsigned.to_owned(), "401"),
        ("critical", signed(&critical, &good("ann")), "401"),
        ("empty", String::new(), "401"),
    ] {
        let lines = format!("Authorization: Bearer {token}\r\nX-User: root\r\n");
        assert_eq!(status(&site, "/", &lines), wanted, "{name}");
    }
    let seen = site.stub.requests();
    assert!(
        seen.iter().all(|it| it.headers.all("x-user") == ["ann"]),
        "{seen:?}"
    );
    // A claim that is not there leaves no room for the client's.
    let mut nobody = good("ann");
    nobody["sub"] = Value::Null;
    let token = signed(&Header::default(), &nobody);
    let lines = format!("Authorization: Bearer {token}\r\nX-User: root\r\n");
    assert_eq!(status(&site, "/", &lines), "200");
    let last = site.stub.requests().pop().expect("it arrived");
    assert_eq!(last.header("x-user"), None);
}

const PASSWORDS: &str = "\
wsgen: 1
listeners: { web: { port: PORT, address: 127.0.0.1 } }
upstreams: { app: { servers: [\"SERVER\"] } }
auth: { staff: { basic: { file: FOLDER/htpasswd, realm: staff } } }
routes:
  - { name: open, path: /open, respond: { status: 200, body: open } }
  - { name: all, upstream: app, auth: staff }
";

/// bcrypt is slow on purpose: who guesses takes no thread from the others, nor the memory, nor the turn of who knows.
#[test]
fn guessing_passwords_holds_nobody_up() {
    let hash = bcrypt::hash("right", 8).expect("a hash");
    let site = Site::with(PASSWORDS, &[("htpasswd", &format!("ann:{hash}\n"))], &[]);
    let lines =
        |name: &str, password: &str| format!("Authorization: {}\r\n", basic((name, password)));
    let known = || lines("ann", "right");
    assert_eq!(status(&site, "/", &known()), "200");
    let twice = format!("{}Authorization: Basic eDp5\r\n", known());
    assert_eq!(status(&site, "/", &twice), "401");
    let said: Vec<String> = std::thread::scope(|scope| {
        let site = &site;
        let guess = |number: usize| {
            let lines = lines("ann", &format!("wrong{number}"));
            scope.spawn(move || status(site, "/", &lines))
        };
        let guesses: Vec<_> = (0..200).map(guess).collect();
        std::thread::sleep(Duration::from_millis(100));
        let start = Instant::now();
        assert_eq!(status(site, "/open", ""), "200");
        assert_eq!(status(site, "/", &known()), "200");
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "{:?}",
            start.elapsed()
        );
        guesses
            .into_iter()
            .map(|it| it.join().expect("an answer"))
            .collect()
    });
    let count = |status: &str| said.iter().filter(|it| *it == status).count();
    assert_eq!(count("401") + count("503"), 200, "{said:?}");
    assert!(count("503") > 20, "nobody was sent away: {said:?}");
}

/// A name that is not there is refused as slowly as one that is.
#[test]
fn names_are_not_told_by_time() {
    let hash = bcrypt::hash("right", 9).expect("a hash");
    let site = Site::with(PASSWORDS, &[("htpasswd", &format!("ann:{hash}\n"))], &[]);
    let time = |name: &str| {
        let start = Instant::now();
        for _ in 0..3 {
            let lines = format!("Authorization: {}\r\n", basic((name, "wrong")));
            assert_eq!(status(&site, "/", &lines), "401");
        }
        start.elapsed()
    };
    let (there, not) = (time("ann"), time("bob"));
    assert!(not * 3 > there, "{there:?} {not:?}");
    // The password of the stand-in opens nothing.
    let lines = format!("Authorization: {}\r\n", basic(("bob", "right")));
    assert_eq!(status(&site, "/", &lines), "401");
}

/// The authority judges what the server gets, and what it says nobody else can say.
#[test]
fn an_authority_sees_the_path_that_is_served() {
    let authority = Stub::try_start("authority").expect("a port is free");
    let spec = format!(
        "wsgen: 1
listeners: {{ web: {{ port: PORT, address: 127.0.0.1 }} }}
upstreams: {{ app: {{ servers: [\"SERVER\"] }}, sso: {{ servers: [\"{}\"] }} }}
auth: {{ sso: {{ forward: {{ upstream: sso, path: /verify, send: [Cookie, X-Forwarded-Uri], pass: [X-User, X-Role] }} }} }}
routes: [{{ name: all, upstream: app, auth: sso }}]
",
        authority.address()
    );
    let site = Site::start(&spec);
    let roles = Answer::status(200)
        .header("X-Role", "reader")
        .header("X-Role", "writer");
    authority.answer("/verify", roles);
    let lines = "X-User: root\r\nX-Role: root\r\nX-Forwarded-Uri: /open\r\nX-Forwarded-Method: HEAD\r\nConnection: x-user, x-role\r\n";
    assert_eq!(status(&site, "/open/..;/%2e%2e//admin?x=1", lines), "200");
    let seen = site.stub.requests().pop().expect("it arrived");
    assert_eq!(seen.target, "/open/admin?x=1");
    assert_eq!(seen.headers.all("x-user"), [""; 0]);
    assert_eq!(seen.headers.all("x-role"), ["reader", "writer"]);
    let asked = authority.requests().pop().expect("it was asked");
    assert_eq!(asked.headers.all("x-forwarded-uri"), ["/open/admin?x=1"]);
    assert_eq!(asked.headers.all("x-forwarded-method"), ["GET"]);
    // One that switches protocols has said nothing.
    authority.answer("/verify", Answer::status(101));
    assert_eq!(status(&site, "/", ""), "503");
    authority.stop();
    assert!(soon(Duration::from_secs(2), || status(&site, "/", "") == "503"));
}

/// An empty secret is what everybody knows.
#[test]
fn an_empty_secret_is_refused() {
    let spec = TOKENS
        .replace("PORT", "8080")
        .replace("SERVER", "127.0.0.1:9")
        .replace("FOLDER/keys.txt", "keys.txt");
    for (key, keys, said) in [
        (KEY, "k1\n", None),
        (
            "",
            "k1\n",
            Some("the environment variable KEY is empty, and no secret"),
        ),
        (" \n", "k1\n", Some("is empty, and no secret")),
        (KEY, "\n", Some("keys.txt is empty, and no secret")),
    ] {
        let done = crate::cli::Cli::new("proxy --check spec.yaml")
            .env("KEY", key)
            .bytes("spec.yaml", spec.as_bytes())
            .bytes("keys.txt", keys.as_bytes())
            .run();
        match said {
            None => done.status(0),
            Some(said) => done.status(2).stderr_has(said),
        };
    }
}

/// `strip`: whatever the guard has read at a place, the server reads nothing there, though it stood there twice.
#[test]
fn a_token_that_is_stripped_is_gone() {
    let env = [("KEY".to_owned(), KEY.to_owned())];
    let spec = TOKENS.replace(
        "pass: { X-User: sub }",
        "pass: { X-User: sub }\n      strip: true",
    );
    let site = Site::with(&spec, &[("keys.txt", "first\n")], &env);
    let token = signed(&Header::default(), &good("ann"));
    for (path, lines) in [
        (
            "/".to_owned(),
            format!("Sec-WebSocket-Protocol: bearer, {token}, chat\r\n"),
        ),
        (
            "/".to_owned(),
            format!("Sec-WebSocket-Protocol: bearer, {token}, chat, bearer, {token}\r\n"),
        ),
        (
            "/".to_owned(),
            format!(
                "Sec-WebSocket-Protocol: bearer, {token}\r\nSec-WebSocket-Protocol: chat, access_token, {token}\r\n"
            ),
        ),
        (
            format!("/?token={token}&a=b&%74oken={token}"),
            "Sec-WebSocket-Protocol: chat\r\n".to_owned(),
        ),
    ] {
        assert_eq!(status(&site, &path, &lines), "200", "{path} {lines}");
        let seen = site.stub.requests().pop().expect("it arrived");
        assert_eq!(
            seen.headers.all("sec-websocket-protocol"),
            ["chat"],
            "{lines}"
        );
        assert!(!seen.target.contains(&token), "{}", seen.target);
        assert_eq!(seen.header("x-user"), Some("ann"));
    }
}
