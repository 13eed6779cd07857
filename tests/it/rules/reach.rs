//! The proof of unreachable routes against the engine that walks the table.

use wsgen::request::{Request, Router};
use wsgen::rules;

use crate::routes::compiled;

/// What the rule calls unreachable, no request of the engine reaches.
#[test]
fn no_request_reaches_an_unreachable_route() {
    const HOSTS: &[&str] = &[
        "",
        "host: a.x",
        "host: [a.x, b.x]",
        "host: '*.x'",
        "host: {regex: '(a|b)\\.x'}",
        "host: {regex: '[a-z]+\\.x'}",
        "host: every",
    ];
    const PATHS: &[&str] = &[
        "/",
        "/p",
        "/p/",
        "/p/q",
        "{exact: /p}",
        "{exact: /p/q}",
        "{regex: '/p(/.*)?'}",
        "{regex: '/p/.*'}",
        "{regex: '/(p|q)'}",
        "{regex: '/[a-z]'}",
        "{regex: '.*'}",
        "[/p, /q]",
    ];
    const WHENS: &[&str] = &[
        "",
        "",
        "",
        "when: {upgrade: on}",
        "when: {upgrade: off}",
        "when: {methods: [GET]}",
        "when: {headers: {X: '1'}}",
        "when: {headers: {X: {present: on}}}",
        "when: {headers: {X: {regex: '[0-9]'}}}",
    ];
    let mut random = fastrand::Rng::with_seed(5);
    let (mut dead, mut reached) = (0, 0);
    for _ in 0..400 {
        let mut text = "wsgen: 1\nupstreams: { a: {servers: ['a:1']} }\nroutes:\n".to_owned();
        let routes = random.usize(2..6);
        for number in 0..routes {
            text.push_str(&format!("- name: r{number}\n  upstream: a\n"));
            text.push_str(&format!("  path: {}\n", PATHS[random.usize(..PATHS.len())]));
            for line in [
                HOSTS[random.usize(..HOSTS.len())],
                WHENS[random.usize(..WHENS.len())],
            ] {
                if !line.is_empty() {
                    text.push_str(&format!("  {line}\n"));
                }
            }
        }
        let compiled = compiled(&text);
        let gateway = compiled.gateway.as_ref().expect("a gateway");
        let titles: Vec<String> = rules::lint(&compiled)
            .diags
            .into_iter()
            .filter(|diag| diag.code == "lint::unreachable-route")
            .map(|diag| diag.title)
            .collect();
        let router = Router::new(gateway);
        let mut seen = vec![false; routes];
        for host in ["a.x", "b.x", "c.x", "a.b.x", "1.x", "x"] {
            for path in [
                "/", "/p", "/p/", "/p/q", "/p/q/r", "/px", "/q", "/z", "/q/q",
            ] {
                for method in ["GET", "PUT"] {
                    for header in [None, Some("1"), Some("x")] {
                        for upgrade in [false, true] {
                            let url = format!("http://{host}{path}");
                            let mut request =
                                Request::new(method, upgrade, &url).expect("a request");
                            if let Some(value) = header {
                                request.add_header("X", value);
                            }
                            let outcome = router.outcome(&request).expect("a listener");
                            if let Some(entry) = outcome.entry {
                                seen[entry.route.index()] = true;
                            }
                        }
                    }
                }
            }
        }
        for (number, seen) in seen.iter().enumerate() {
            let told = titles.contains(&format!("no request reaches route r{number}"));
            assert!(!(told && *seen), "r{number} is reached:\n{text}");
            dead += usize::from(told);
            reached += usize::from(*seen);
        }
    }
    assert!(dead > 50 && reached > 500, "{dead} dead, {reached} reached");
}
