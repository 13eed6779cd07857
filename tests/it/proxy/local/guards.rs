//! Guards whose keys this machine does not have: each stays shut, and what was told lets a person in.

use std::process::Command;

use wsgen::verify::stub::Stub;

use super::{Call, Proxy, arrived, free};

/// The line for a shell that was told for an entry of `auth`.
#[track_caller]
fn told(proxy: &Proxy, auth: &str) -> String {
    let says = proxy.says();
    let at = says.find(&format!("auth {auth} "));
    let at = at.unwrap_or_else(|| panic!("{auth}\n{says}"));
    let line = says[at..]
        .lines()
        .find(|line| line.trim().starts_with("curl"));
    line.unwrap_or_else(|| panic!("{auth}\n{says}"))
        .trim()
        .to_owned()
}

/// What a stand-in says that came of it.
#[track_caller]
fn run(line: &str) -> serde_json::Value {
    let output = Command::new("sh")
        .args(["-c", &format!("{line} -sS")])
        .output();
    let output = output.expect("a shell");
    let (said, why) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{line}: {said}{why}"))
}

#[test]
fn every_guard_stays_shut_and_what_is_told_opens_it() {
    let web = free();
    let entries = [
        (
            "hs256",
            "jwt: { keys: { hs256: { env: WSGEN_NO_SUCH } }, issuer: \"https://id.example\", audience: [chat, web], pass: { X-User: sub, X-Team: team } }",
        ),
        (
            "hs512",
            "jwt: { keys: { hs512: { file: /nowhere/key } }, token: [{ query: token }, bearer], strip: true }",
        ),
        (
            "rs256",
            "jwt: { keys: { rs256: { file: /nowhere/id.pem } }, token: [{ cookie: session }] }",
        ),
        (
            "rs512",
            "jwt: { keys: { rs512: { file: /nowhere/id.pem } }, token: [{ header: X-Token }] }",
        ),
        (
            "es384",
            "jwt: { keys: { es384: { file: /nowhere/id.pem } } }",
        ),
        (
            "jwks",
            "jwt: { keys: { jwks: { url: \"https://id.invalid/keys\", algorithms: [rs256] } } }",
        ),
        (
            "jwksfile",
            "jwt: { keys: { jwks: { file: /nowhere/keys.json, algorithms: [rs384, es256] } } }",
        ),
        ("basic", "basic: { file: /nowhere/htpasswd, realm: staff }"),
        (
            "keys",
            "api_key: { keys: { file: /nowhere/keys }, from: [{ query: key }, { header: X-Key }] }",
        ),
        (
            "envkeys",
            "api_key: { keys: { env: WSGEN_NO_SUCH }, from: [{ header: X-Key }] }",
        ),
        (
            "sso",
            "forward: { upstream: sso, path: /verify, send: [Cookie], pass: [X-User] }",
        ),
        (
            "sso2",
            "forward: { upstream: sso2, path: /verify, send: [Authorization] }",
        ),
    ];
    let mut text = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: {web} }} }}\nupstreams:\n  app: {{ servers: [\"app.invalid:1\"] }}\n  sso: {{ servers: [\"sso.invalid:1\"] }}\n  sso2: {{ servers: [\"sso2.invalid:1\"] }}\nauth:\n"
    );
    let mut routes = "routes:\n".to_owned();
    for (name, entry) in entries {
        text += &format!("  {name}: {{ {entry} }}\n");
        routes += &format!(
            "  - {{ name: {name}, path: /{name}, upstream: app, auth: {name}, websocket: {{ origins: same_host }} }}\n"
        );
    }
    let proxy = Call::new(&(text + &routes)).args("--local").start();
    let client = proxy.plain(web);
    let mut lines = Vec::new();
    for (name, _) in entries {
        let path = format!("/{name}");
        for headers in [
            &[][..],
            &[
                ("Authorization", "Bearer a.b.c"),
                ("Cookie", "session=x"),
                ("X-Key", "x"),
            ],
        ] {
            let refused = client.try_get(&path, headers).expect("an answer");
            assert_eq!(refused.status, 401, "{name}");
        }
        let line = told(&proxy, name);
        let said = run(&line);
        let target = said["target"]
            .as_str()
            .unwrap_or_else(|| panic!("{name}: {said}"));
        assert_eq!(target.split('?').next(), Some(&*path), "{name}");
        if ["hs256", "sso"].contains(&name) {
            let headers = said["headers"].as_array().expect("a list");
            assert!(
                headers.iter().any(|it| it == "x-user: local"),
                "{name}: {said:#}"
            );
        }
        lines.push(line);
    }
    // After a reload, and at the next start, the same still opens them.
    proxy.signal("HUP");
    proxy.wait("reloaded\n");
    lines.iter().for_each(|line| drop(run(line)));
    let key = std::fs::read_to_string(proxy.cached("key")).expect("it is there");
    assert!(!proxy.log().contains(&key), "a key is in the log");
    let _again = proxy.again("--local");
    lines.iter().for_each(|line| drop(run(line)));
}

/// What is there is used: nothing is made beside it.
#[test]
fn keys_that_are_there_stay() {
    let web = free();
    let service = Stub::try_start("sso").expect("a port is free");
    let text = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: {web} }} }}\nupstreams: {{ app: {{ servers: [\"app.invalid:1\"] }}, sso: {{ servers: [\"{}\"] }} }}\n\
         auth:\n  keys: {{ api_key: {{ keys: {{ env: OWN_KEYS }}, from: [{{ header: X-Key }}] }} }}\n  sso: {{ forward: {{ upstream: sso }} }}\n\
         routes:\n  - {{ name: app, path: /app, upstream: app, auth: keys }}\n  - {{ name: sso, path: /sso, upstream: app, auth: sso }}\n",
        service.address()
    );
    let proxy = Call::new(&text)
        .args("--local")
        .env("OWN_KEYS", "one-of-mine")
        .start();
    assert!(!proxy.says().contains("Guards"), "{}", proxy.says());
    let key = |key: &str| {
        proxy
            .plain(web)
            .try_get("/app", &[("X-Key", key)])
            .expect("an answer")
            .status
    };
    assert_eq!((key("one-of-mine"), key("other")), (200, 401));
    arrived(&proxy.plain(web).try_get("/sso", &[]).expect("an answer"));
    assert_eq!(service.requests().len(), 1);
}

#[test]
fn a_client_certificate_is_asked_for_and_made() {
    let secure = free();
    let text = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: {secure}, tls: {{ certificates: [site], client_auth: {{ ca: /nowhere/ca.pem, mode: require }} }} }} }}\n\
         certificates: {{ site: {{ hosts: [example.com], acme: {{ challenge: http }} }} }}\n\
         upstreams: {{ app: {{ servers: [\"app.invalid:1\"] }} }}\nroutes: [{{ name: app, host: example.com, upstream: app }}]\n"
    );
    let proxy = Call::new(&text).args("--local").start();
    assert!(
        proxy.secure("localhost", secure).try_get("/", &[]).is_err(),
        "it asks for no certificate"
    );
    let line = proxy.says();
    let line = line
        .lines()
        .find(|line| line.contains("--cert "))
        .expect("a line")
        .trim()
        .to_owned();
    assert_eq!(run(&line)["stands_in"], true);
}

#[test]
fn ranges_that_this_machine_is_not_in_are_told() {
    let web = free();
    let text = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: {web}, proxy_protocol: true }} }}\nupstreams: {{ app: {{ servers: [\"app.invalid:1\"] }} }}\n\
         routes: [{{ name: app, upstream: app, clients: {{ allow: [10.0.0.0/8] }} }}]\n"
    );
    let proxy = Call::new(&text).args("--local").start();
    assert_eq!(
        proxy
            .plain(web)
            .try_get("/", &[])
            .expect("an answer")
            .status,
        403
    );
    let says = proxy.says();
    assert!(
        says.contains("route app     its `clients` refuse this machine: 403"),
        "{says}"
    );
    assert!(says.contains("no PROXY protocol"), "{says}");
}
