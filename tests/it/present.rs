//! The real programs are here where they must be, and their own check of a file is believed.

use crate::programs::{HAPROXY, NGINX, check, present, require};

#[test]
fn what_must_be_here_is_here() {
    let required = std::env::var("WSGEN_REQUIRE").unwrap_or_default();
    for name in required
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        require(name);
    }
}

#[test]
fn a_clean_file_passes_and_a_warning_fails() {
    for nginx in present(&NGINX) {
        let site = "    server { listen 127.0.0.1:9; server_name a; return 204; }\n";
        let file = |sites: &str| {
            format!("user www-data;\npid /run/nginx.pid;\nevents {{}}\nhttp {{\n{sites}}}\n")
        };
        let verdict = |text: &str| check(&nginx, &[("nginx.conf", text)]);
        verdict(&file(site)).expect("a clean file");
        let said = verdict(&file(&site.repeat(2))).expect_err("a warning");
        assert!(said.contains("conflicting server name"), "{said}");
        let said = verdict(&file("    stick;\n")).expect_err("an unknown directive");
        assert!(said.contains("/nginx.conf:5"), "{said}");
    }
    for haproxy in present(&HAPROXY) {
        let file = |rules: &str| {
            format!(
                "global\n  user nobody-at-all\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  \
                 timeout server 1s\nfrontend f\n  bind 127.0.0.1:9\n{rules}"
            )
        };
        let verdict = |rules: &str| check(&haproxy, &[("haproxy.cfg", &file(rules))]);
        verdict("  http-request return status 204\n").expect("a clean file");
        let said =
            verdict("  use_backend b if TRUE\n  http-request return status 204\nbackend b\n");
        assert!(said.expect_err("a warning").contains("/haproxy.cfg:11"));
        verdict("  nonsense\n").expect_err("an unknown word");
    }
}
