//! What NGINX says per location or per server and a spec once for an upstream: nobody gets what only a neighbour has.

use wsgen::import::{Fate, Import};

use super::nginx;

/// Whether a route says so.
fn route_says(done: &Import, route: &str, says: &str) -> bool {
    let spec = done.spec.as_deref().expect("there is a spec");
    let begin = spec.find(&format!("- name: {route}\n"));
    let rest = &spec[begin.unwrap_or_else(|| panic!("no route {route}\n{spec}")) + 2..];
    let end = rest.find("- name: ").unwrap_or(rest.len());
    rest[..end].contains(says)
}

/// Fates and what is said of all directives that begin so.
fn fates(done: &Import, begins: &str) -> Vec<(Fate, String)> {
    let entries = done.account.entries().iter();
    entries
        .filter(|it| it.text.starts_with(begins))
        .map(|it| (it.fate, it.says.join("; ")))
        .collect()
}

/// What stands in the location `/first/` and in `/`, both for one upstream of two servers; read in this order.
fn two_locations(first: &str, site: &str) -> Import {
    nginx(&format!(
        "upstream grafana {{ server 10.0.0.2:3000; server 10.0.0.3:3000; }}\n\
         server {{ listen 80; server_name g.example.com;\n\
         location /first/ {{ {first} proxy_pass http://grafana; }}\n\
         location / {{ {site} proxy_pass http://grafana; }} }}"
    ))
}

#[test]
fn a_location_without_host_leaves_its_neighbours_theirs() {
    for host in ["$host", "$http_host", "$host:$server_port"] {
        let host = format!("proxy_set_header Host {host};");
        let done = two_locations("", &host);
        let spec = done.spec.as_deref().unwrap_or_default();
        assert!(spec.contains("host_header: { set: grafana }"), "{spec}");
        assert!(route_says(&done, "site", "host_header: preserve"), "{spec}");
        assert!(!route_says(&done, "first", "host_header"), "{spec}");

        let done = two_locations(&host, "");
        let spec = done.spec.as_deref().unwrap_or_default();
        let own = "host_header: { set: grafana }";
        assert_eq!(spec.matches("host_header").count(), 1, "{spec}");
        assert!(route_says(&done, "site", own), "{spec}");
    }
}

#[test]
fn a_location_that_tries_once_is_not_tried_again() {
    for quiet in ["proxy_next_upstream off;", "proxy_next_upstream_tries 1;"] {
        let done = two_locations("", quiet);
        let spec = done.spec.as_deref().unwrap_or_default();
        assert!(route_says(&done, "site", "retries: off"), "{spec}");
        assert!(!route_says(&done, "first", "retries"), "{spec}");

        let done = two_locations(quiet, "");
        let spec = done.spec.as_deref().unwrap_or_default();
        assert_eq!(spec.matches("retries").count(), 1, "{spec}");
        assert!(
            route_says(&done, "site", "retries: { attempts: 1"),
            "{spec}"
        );
    }
}

#[test]
fn a_ceiling_for_heads_that_neighbours_get_too_is_told() {
    let done = two_locations("", "proxy_buffer_size 128k;");
    let (fate, says) = &fates(&done, "proxy_buffer_size")[0];
    assert_eq!(*fate, Fate::Changed);
    assert!(says.contains("its other routes"), "{says}");
}

#[test]
fn what_a_server_has_alone_is_told() {
    for (own, common) in [
        (
            "max_fails=3 fail_timeout=30s",
            "max_fails=1 fail_timeout=10s",
        ),
        ("max_fails=0", "max_fails=1 fail_timeout=10s"),
    ] {
        let done = nginx(&format!(
            "upstream node {{ server 10.0.0.2:80; server 10.0.0.3:80 {own}; }}\n\
             server {{ listen 80; location / {{ proxy_pass http://node; }} }}"
        ));
        let servers = fates(&done, "server 10.");
        assert_eq!(servers[0].0, Fate::Kept);
        assert_eq!(servers[1].0, Fate::Changed);
        assert!(servers[1].1.contains(common), "{}", servers[1].1);
    }
    for own in ["max_conns=5", "slow_start=30s"] {
        let done = nginx(&format!(
            "upstream node {{ server 10.0.0.2:80; server 10.0.0.3:80 {own}; }}\n\
             server {{ listen 80; location / {{ proxy_pass http://node; }} }}"
        ));
        let servers = fates(&done, "server 10.");
        assert_eq!(servers[0].0, Fate::Changed, "{own}");
        assert!(servers[0].1.contains(own), "{}", servers[0].1);
        assert_eq!(servers[1].0, Fate::Kept, "{own}");
    }
    let same = nginx(
        "upstream node { server 10.0.0.2:80 max_fails=3; server 10.0.0.3:80 max_fails=3; }\n\
         server { listen 80; location / { proxy_pass http://node; } }",
    );
    assert!(
        fates(&same, "server 10.")
            .iter()
            .all(|it| it.0 == Fate::Kept)
    );
}
