//! Behind trusted proxies: in which forms their list names the client, and what becomes of a list that cannot be read.

use std::net::Ipv4Addr;

use super::conf;
use crate::live::must::*;
use crate::live::{Client, Running, port};
use crate::programs;

/// One address is denied, another alone is allowed, the proxy's own is neither denied nor in the way.
#[test]
fn the_client_is_never_taken_for_the_proxy_before_it() {
    holds("");
}

/// Where a route of the listener forwards, the list is written anew for its server: what is refused is the list as it came.
#[test]
fn nor_where_a_route_forwards() {
    holds("upstreams: { app: { servers: [\"127.0.0.1:9\"] } }\n");
}

fn holds(upstreams: &str) {
    let Some(program) = programs::require(programs::ENVOY[0]) else {
        return;
    };
    let (at, admin) = (port(), port());
    let route = match upstreams {
        "" => "",
        _ => "  - { name: app, path: /app, upstream: app }\n",
    };
    let spec = format!(
        r#"
wsgen: 1
{upstreams}listeners: {{ web: {{ port: {at}, address: 127.0.0.1, trusted_proxies: [127.0.0.1, 127.0.0.8/29] }} }}
routes:
  - {{ name: denied, path: /denied, clients: {{ deny: [1.2.3.0/24, "2001:db8::/32"] }}, respond: {{ status: 200 }} }}
  - {{ name: allowed, path: /allowed, clients: {{ allow: [127.0.0.0/8] }}, respond: {{ status: 200 }} }}
{route}targets: {{ envoy: {{ admin_port: {admin} }} }}
"#
    );
    let _run = Running::start_with(&program, &[("envoy.yaml", &conf(&spec))]);
    let proxy = Client::new((Ipv4Addr::LOCALHOST, at).into());
    let stranger = Client::new((Ipv4Addr::LOCALHOST, at).into()).source([127, 0, 0, 3].into());
    let status = |client: &Client, path: &str, list: &str| {
        client.get(path, &[("X-Forwarded-For", list)]).status
    };
    for (list, denied, allowed) in [
        ("1.2.3.4", 403, 403),
        ("1.2.3.4:5678", 403, 403),
        ("::ffff:1.2.3.4", 403, 403),
        ("[::ffff:1.2.3.4]:5678", 403, 403),
        ("6.6.6.6, 1.2.3.4:5678, 127.0.0.9:1", 403, 403),
        ("1.2.3.4:1,127.0.0.9:1,127.0.0.9:2,127.0.0.9:3", 403, 403),
        ("2001:db8::1", 403, 403),
        ("[2001:db8::1]", 403, 403),
        ("[2001:db8::1]:5678", 403, 403),
        ("7.7.7.7:1", 200, 403),
        ("unknown, 7.7.7.7", 200, 403),
        ("127.0.0.9", 200, 200),
        ("127.0.0.1", 200, 200),
        // The client cannot be read.
        ("unknown", 400, 400),
        ("1.2.3.4, unknown", 400, 400),
        ("1.2.3.4, unknown, 127.0.0.9", 400, 400),
        ("127.0.0.1, unknown", 400, 400),
        ("1.2.3.4, 127.0.0.999", 400, 400),
        ("::ffff:102:304", 400, 400),
        ("1:2:3", 400, 400),
        ("_hidden", 400, 400),
        ("1.2.3.4,", 400, 400),
    ] {
        let seen = [
            status(&proxy, "/denied", list),
            status(&proxy, "/allowed", list),
        ];
        assert_eq!(seen, [denied, allowed], "{list}");
        // What a stranger says counts for nothing.
        let seen = [
            status(&stranger, "/denied", list),
            status(&stranger, "/allowed", list),
        ];
        assert_eq!(seen, [200, 200], "{list} from a stranger");
    }
    assert_eq!(proxy.get("/allowed", &[]).status, 200);
}
