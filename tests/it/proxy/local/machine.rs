//! What a machine lacks by itself: rights to ports, certificates, a folder; and what is said of it.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::{Call, arrived, free};
use crate::cli::Cli;

const SPEC: &str = "wsgen: 1
listeners:
  plain: { port: PLAIN, redirect: secure }
  secure: { port: SECURE, public_port: 443, tls: { certificates: [site], hsts: 365d } }
certificates:
  site: { hosts: [example.com, \"*.example.com\"], cert: /nowhere/site.crt, key: /nowhere/site.key }
upstreams:
  web: { servers: [\"web.invalid:8081\"] }
routes:
  - { name: site, host: [example.com, www.example.com], upstream: web }
";

/// A port below 1024 whose place above 8000 is free.
fn low(from: u16) -> u16 {
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", port + 8000)).is_ok();
    (from..1024).find(free).expect("some are free")
}

#[test]
fn low_ports_move_up_and_clients_are_sent_there() {
    let (plain, secure) = (low(600), low(800));
    let text = SPEC
        .replace("PLAIN", &plain.to_string())
        .replace("SECURE", &secure.to_string());
    let proxy = Call::new(&text).args("--local").start();
    let (from, to) = (plain + 8000, secure + 8000);
    let answer = proxy.plain(from).try_get("/a?b", &[]).expect("an answer");
    let wanted = format!("https://localhost:{to}/a?b");
    assert_eq!(answer.header("location"), Some(&*wanted));
    for host in ["localhost", "www.example.com.localhost", "www.example.com"] {
        let answer = proxy
            .secure(host, to)
            .try_get("/x", &[])
            .expect("an answer");
        assert_eq!(answer.header("strict-transport-security"), None);
        assert_eq!(arrived(&answer)["target"], "/x", "{host}");
    }
    let says = proxy.says();
    for told in [
        format!("listener plain     port {plain} is {from} here"),
        format!("listener secure    port {secure} is {to} here"),
        format!("http://localhost:{from}/  redirects to secure"),
        format!("https://localhost:{to}/"),
        format!("https://www.example.com.localhost:{to}/"),
        "echo servers for web.invalid:8081, which do not answer".to_owned(),
        "certificates site  made by a new authority".to_owned(),
        "1  example.com      /     site   web".to_owned(),
    ] {
        assert!(says.contains(&told), "{told}\n{says}");
    }
    // Only this machine gets in.
    let any = std::net::TcpListener::bind(("127.0.0.2", to));
    assert!(any.is_ok(), "it listens on more than the loopback address");
}

#[test]
fn ports_that_meet_are_told() {
    let (plain, secure) = (low(650), low(850));
    let text = SPEC
        .replace("PLAIN", &plain.to_string())
        .replace("SECURE", &(plain + 8000).to_string());
    let (status, says) = Call::new(&text).args("--local").ends();
    assert_eq!(status, 2, "{says}");
    assert!(
        says.contains("listener secure and listener plain meet on port"),
        "{says}"
    );
    assert!(says.contains("spec.yaml:4:19"), "{says}");
    // Addresses of another machine come together here; those of the two families do not.
    let two = |one: &str, other: &str, port: u16| {
        format!(
            "wsgen: 1\nlisteners:\n  one: {{ port: {port}, address: \"{one}\" }}\n  other: {{ port: {port}, address: \"{other}\" }}\n\
             upstreams: {{ app: {{ servers: [\"app.invalid:1\"] }} }}\nroutes: [{{ name: app, upstream: app }}]\n"
        )
    };
    let (status, says) = Call::new(&two("10.0.0.1", "10.0.0.2", free()))
        .args("--local --check")
        .ends();
    assert_eq!(status, 2, "{says}");
    assert!(
        says.contains("listener other and listener one meet on port"),
        "{says}"
    );
    let (status, says) = Call::new(&two("127.0.0.1", "::1", low(700)))
        .args("--local --check")
        .ends();
    assert_eq!(status, 0, "{says}");
    // The call decides.
    let proxy = Call::new(&text)
        .args(&format!("--local --port plain={}", free()))
        .start();
    drop(proxy);
    let (status, says) = Call::new(&text)
        .args(&format!("--local --port secured={secure}"))
        .ends();
    assert_eq!(status, 2, "{says}");
    assert!(
        says.contains("no listener `secured`") && says.contains("did you mean `secure`?"),
        "{says}"
    );
    let (status, says) = Call::new(&text)
        .args("--local --upstream wep=127.0.0.1:1")
        .ends();
    assert_eq!(status, 2, "{says}");
    assert!(
        says.contains("no upstream `wep`") && says.contains("did you mean `web`?"),
        "{says}"
    );
    let (status, says) = Call::new(&text).args("--upstream web=echo").ends();
    assert_eq!(status, 2, "{says}");
    assert!(says.contains("add `--local`"), "{says}");
    Cli::new("proxy spec.yaml --port secure=0").run().status(2);
    Cli::new("proxy spec.yaml --upstream web=http://a")
        .run()
        .status(2);
}

#[test]
fn the_authority_is_kept_private_and_renewed() {
    let text = SPEC.replace("PLAIN", "80").replace("SECURE", "443");
    let args = || format!("--local --port plain={} --port secure={}", free(), free());
    let proxy = Call::new(&text).args(&args()).start();
    assert!(proxy.says().contains("a new authority"), "{}", proxy.says());
    for name in ["authority.pem", "ca.pem"] {
        let mode = std::fs::metadata(proxy.cached(name))
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let mode = std::fs::metadata(proxy.cached(""))
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    let read =
        |proxy: &super::Proxy| std::fs::read_to_string(proxy.cached("ca.pem")).expect("readable");
    let first = read(&proxy);
    let leaves = |proxy: &super::Proxy| {
        let all = std::fs::read_dir(proxy.cached("")).expect("readable");
        let mut names: Vec<String> = all
            .map(|it| {
                it.expect("readable")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    };
    let files = leaves(&proxy);
    let proxy = proxy.again(&args());
    assert_eq!(read(&proxy), first, "the authority is another one");
    assert_eq!(
        leaves(&proxy),
        files,
        "something was made anew, or something is left over"
    );
    assert!(
        !proxy.says().contains("a new authority"),
        "{}",
        proxy.says()
    );
    // One that ends next week, and one that is no authority at all.
    let mut short = rcgen::CertificateParams::default();
    short.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    short.not_after =
        (std::time::SystemTime::now() + std::time::Duration::from_secs(7 * 86400)).into();
    let key = rcgen::KeyPair::generate().expect("a key");
    let short = key.serialize_pem() + &short.self_signed(&key).expect("a certificate").pem();
    std::fs::write(proxy.cached("authority.pem"), short).expect("it can be written");
    let proxy = proxy.again(&args());
    let second = read(&proxy);
    assert_ne!(second, first);
    assert!(proxy.says().contains("a new authority"), "{}", proxy.says());
    std::fs::write(proxy.cached("authority.pem"), "nothing").expect("it can be written");
    let proxy = proxy.again(&args());
    assert_ne!(read(&proxy), second);
    let port = proxy.after("secure  https://localhost:");
    let port = port.trim_end_matches('/').parse().expect("a port");
    arrived(
        &proxy
            .secure("localhost", port)
            .try_get("/", &[])
            .expect("an answer"),
    );
}

#[test]
fn trust_is_told_in_commands() {
    let home = crate::scratch::Scratch::new("trust");
    let run = |cache: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_wsgen"))
            .args(["proxy", "--trust"])
            .env_clear()
            .env("XDG_CACHE_HOME", cache)
            .output()
            .expect("the binary under test starts");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let cache = home.path().join("a b");
    let (status, said, _) = run(&cache.to_string_lossy());
    assert_eq!(status, Some(0));
    let file = cache.join("wsgen/ca.pem");
    assert!(file.exists());
    let quoted = format!("'{}'", file.display());
    for told in [
        format!("curl --cacert {quoted} "),
        format!("NODE_EXTRA_CA_CERTS={quoted} "),
        format!("-i {quoted}"),
        "SHA-256 ".to_owned(),
        "To forget it".to_owned(),
    ] {
        assert!(said.contains(&told), "{told}\n{said}");
    }
    // A cache that cannot be: nothing is promised.
    let (status, said, why) = run("/dev/null");
    assert_eq!((status, said.as_str()), (Some(2), ""));
    assert!(why.contains("no cache folder"), "{why}");
}

#[test]
fn a_start_fits_the_terminal_and_can_be_silent() {
    let routes: String = (0..50)
        .map(|at| format!("  - {{ name: a-route-with-a-rather-long-name-{at}, path: /some/rather/long/path/{at}, upstream: app, websocket: {{ origins: same_host }} }}\n"))
        .collect();
    let text = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: 80 }} }}\nupstreams: {{ app: {{ servers: [\"app.invalid:1\"] }} }}\nroutes:\n{routes}"
    );
    let args = || format!("--local --port web={}", free());
    let proxy = Call::new(&text).args(&args()).env("COLUMNS", "72").start();
    let says = proxy.says();
    assert!(
        says.contains("and 30 more: `wsgen routes spec.yaml` shows them"),
        "{says}"
    );
    assert!(
        says.lines().all(|line| line.chars().count() <= 72),
        "{says}"
    );
    assert!(!says.contains('\u{1b}'), "{says}");
    let bright = Call::new(&text)
        .args(&args())
        .args("--color always")
        .start();
    assert!(
        bright.says().contains("\u{1b}[1mRoutes"),
        "{}",
        bright.says()
    );
    let port = free();
    let silent = Call::new(&text).args(&format!("--local --quiet --port web={port}"));
    let silent = silent.start_where(|_| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        TcpStream::connect(address).is_ok()
    });
    assert_eq!(silent.says(), "");
}
