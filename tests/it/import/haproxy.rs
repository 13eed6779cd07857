//! `haproxy.cfg`: what becomes of each directive, and of what we render ourselves.

use wsgen::compile::{self, Input, Options, World};
use wsgen::import::{self, Dialect, Fate, Import};
use wsgen::targets;

use super::foreign::{check, differences, every_line, fates, fuzz};
use crate::bless::root;

fn read(text: &str) -> Import {
    import::import(
        Input::new("haproxy.cfg", text),
        Some(Dialect::Haproxy),
        &import::Nothing,
    )
}

#[test]
fn what_applications_advise_becomes_a_spec_with_an_account() {
    for name in ["socketio-haproxy", "mattermost-haproxy"] {
        let (text, done) = check(name, "haproxy.cfg", Dialect::Haproxy);
        let lines: Vec<u32> = (1..)
            .zip(text.lines())
            .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
            .map(|(number, _)| number)
            .collect();
        assert_eq!(every_line(&done), lines, "{name}");
    }
}

/// What is not the same where our own file is imported, and why.
const DIFFERENT: &[(&str, &str, &str)] = &[
    (
        "api-site-ws",
        "timeouts.idle",
        "`timeout server` is one time for the answer's head and for its pauses",
    ),
    (
        "cluster",
        "on_loss",
        "how losses are told is no matter of HAProxy",
    ),
    (
        "health",
        "on_loss",
        "how losses are told is no matter of HAProxy",
    ),
    (
        "socketio",
        "stream",
        "HAProxy passes every answer on as it comes: nothing says which route streams",
    ),
    (
        "socketio",
        "timeouts.idle",
        "`timeout server` is one time for the answer's head and for its pauses",
    ),
    (
        "sse",
        "stream",
        "HAProxy passes every answer on as it comes: nothing says which route streams",
    ),
    (
        "sse",
        "timeouts.idle",
        "`timeout server` is one time for the answer's head and for its pauses",
    ),
    (
        "tenants",
        "hosts",
        "the hosts of a certificate stand in its file: the spec names those of the routes",
    ),
    (
        "tenants",
        "on_loss",
        "how losses are told is no matter of HAProxy",
    ),
    (
        "tls",
        "hosts",
        "the hosts of a certificate stand in its file: the spec names those of the routes",
    ),
    (
        "jwt-rate-limit",
        "",
        "a token is checked by a dozen rules that no guard is read from: the route is closed",
    ),
];

#[test]
fn what_we_render_comes_back_with_the_same_meaning() {
    let target = targets::by_id("haproxy").expect("the target is there");
    let mut wrong = Vec::new();
    let mut needless: Vec<_> = DIFFERENT.iter().collect();
    for entry in std::fs::read_dir(root().join("examples")).expect("examples") {
        let path = entry.expect("an entry").path();
        let stem = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let spec = std::fs::read_to_string(&path).expect("it can be read");
        let compiled = compile::compile(vec![Input::new("spec.yaml", spec.as_str())], World::EMPTY);
        let rendered = compile::render(&compiled, target, Options::default());
        let file = rendered
            .files
            .iter()
            .find(|it| it.path.to_string_lossy().ends_with(".cfg"));
        let done = read(&file.expect("a haproxy.cfg").text);
        if stem != "jwt-rate-limit" {
            assert_eq!(fates(&done, Fate::Lost), [""; 0], "{stem}");
        }
        let changes = differences(&spec, &done);
        for change in &changes {
            let reason = |it: &&(&str, &str, &str)| it.0 == stem && change.contains(it.1);
            if !DIFFERENT.iter().any(|it| reason(&it)) {
                wrong.push(format!("{stem}: {change}"));
            }
            needless.retain(|it| !reason(it));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        needless.is_empty(),
        "differences that are gone: {needless:?}"
    );
}

const HEAD: &str = "defaults\n  mode http\n  timeout client 30s\n  timeout server 20s\n";

#[test]
fn the_first_rule_that_fits_stays_the_first() {
    let done = read(&format!(
        "{HEAD}frontend f\n  bind :80\n  acl admin path_beg /admin/\n  acl host hdr(host) -i a.example\n  use_backend deny if admin\n  \
         use_backend a if host\n  default_backend b\nbackend deny\n  http-request return status 403\nbackend a\n  server s 10.0.0.1:80\n\
         backend b\n  server s 10.0.0.2:80\n"
    ));
    let spec = done.spec.clone().expect("a spec");
    let compiled = compile::compile(vec![Input::new("spec", spec.as_str())], World::EMPTY);
    let gateway = compiled.gateway.expect("a gateway");
    let router = wsgen::request::Router::new(&gateway);
    let refused = |url: &str| {
        let request = wsgen::request::Request::parse(&format!("GET {url}")).expect("a request");
        router.outcome(&request).expect("an outcome").status == Some(403)
    };
    // The host is more specific than the path's rule above it: without a route of its own, `/admin/` would be open there.
    assert!(refused("http://a.example/admin/x"), "{spec}");
    assert!(refused("http://b.example/admin/x"), "{spec}");
    assert!(!refused("http://a.example/x"), "{spec}");
}

#[test]
fn a_socket_finds_websocket_on_whatever_route_the_language_asks_first() {
    for rule in [
        "hdr(host) -i ws.example.com",
        "hdr_beg(host) -i ws.",
        "path_beg /chat/",
        "hdr(x-a) 1 } { hdr(x-b) 2",
    ] {
        for (first, sockets) in [("ws", true), ("deny", false)] {
            let done = read(&format!(
                "{HEAD}frontend f\n  bind :80\n  acl is_ws hdr(Upgrade) -i websocket\n  use_backend {first} if is_ws\n  \
                 use_backend ws if {{ {rule} }}\n  default_backend pages\nbackend ws\n  timeout tunnel 1h\n  server s 10.0.0.1:80\n\
                 backend deny\n  http-request return status 403\nbackend pages\n  server s 10.0.0.2:80\n"
            ));
            let spec = done.spec.clone().expect("a spec");
            let compiled = compile::compile(vec![Input::new("spec", spec.as_str())], World::EMPTY);
            let gateway = compiled.gateway.expect("a gateway");
            let router = wsgen::request::Router::new(&gateway);
            for url in ["ws://ws.example.com/chat/x", "ws://a.example/x"] {
                let request = wsgen::request::Request::parse(&format!("WS {url}"));
                let mut request = request.expect("a request");
                for (name, value) in [("x-a", "1"), ("x-b", "2")] {
                    request.headers.push((name.to_owned(), value.to_owned()));
                }
                let outcome = router.outcome(&request).expect("an outcome");
                assert_eq!(outcome.tunnel, sockets, "{rule}: {url}: {spec}");
                assert_eq!(outcome.status == Some(403), !sockets, "{url}: {spec}");
            }
        }
    }
}

#[test]
fn servers_with_and_without_tls_are_not_one_upstream() {
    for (one, two, is_tls) in [
        ("", "ssl verify none", false),
        ("ssl verify none", "", true),
        (
            "ssl verify none",
            "ssl verify required ca-file /etc/ca.pem",
            true,
        ),
    ] {
        let (one, two) = (
            format!("server w1 10.0.0.21:80 check {one}"),
            format!("server w2 10.0.0.22:443 {two}"),
        );
        let done = read(&format!(
            "{HEAD}listen f\n  bind :80\n  {}\n  {}\n",
            one.trim_end(),
            two.trim_end()
        ));
        assert_eq!(fates(&done, Fate::Lost), [two.trim_end()]);
        let spec = done.spec.clone().expect("a spec");
        assert!(!spec.contains("10.0.0.22"), "{spec}");
        assert_eq!(spec.contains("tls: { verify: off }"), is_tls, "{spec}");
        let entries = done.account.entries();
        let helps: Vec<&String> = entries.iter().flat_map(|it| &it.helps).collect();
        assert!(
            helps.iter().any(|it| it.contains("two upstreams")),
            "{helps:?}"
        );
    }
}

#[test]
fn what_haproxy_has_no_more_is_known_by_name() {
    for (line, instead, guards) in [
        (
            "reqrep ^([^\\ ]*)\\ /a/(.*) \\1\\ /\\2",
            "http-request replace-path",
            false,
        ),
        ("reqidel ^X-A:", "http-request del-header", false),
        ("rspadd X-A:\\ b", "http-response set-header", false),
        ("reqideny ^X-A:", "http-request deny", true),
        ("block if { src 10.0.0.1 }", "http-request deny", true),
        ("clitimeout 5000", "timeout client", false),
    ] {
        let done = with(&format!("  {line}\n"), "");
        assert_eq!(fates(&done, Fate::Lost), [line]);
        let lost = done.account.entries().iter().find(|it| it.text == line);
        let lost = lost.expect("an entry");
        assert!(lost.says[0].contains("HAProxy 2.1"), "{:?}", lost.says);
        assert!(lost.helps[0].contains(instead), "{:?}", lost.helps);
        assert_eq!(remarked(&done, "import::lost-guard"), guards, "{line}");
    }
}

/// A frontend with these lines in front of one backend with those.
fn with(front: &str, back: &str) -> Import {
    read(&format!(
        "{HEAD}frontend f\n  bind :80\n{front}  default_backend b\nbackend b\n{back}  server s 10.0.0.1:80\n"
    ))
}

fn remarked(done: &Import, code: &str) -> bool {
    let remarks = &done.account.remarks.diags;
    remarks.iter().any(|it| it.code == code)
}

#[test]
fn of_two_guards_of_a_kind_both_hold() {
    for (front, back, says) in [
        (
            "  http-request deny if !{ src 10.0.0.0/8 }\n",
            "  http-request deny if !{ src 10.1.0.0/16 }\n",
            "allow: [10.1.0.0/16]",
        ),
        (
            "  http-request deny if !{ src 10.0.0.0/16 }\n",
            "  http-request deny if !{ src 10.1.0.0/16 }\n",
            "status: 403",
        ),
        (
            "  http-request deny status 405 if !{ method GET HEAD }\n",
            "  http-request deny status 405 if !{ method GET POST }\n",
            "methods: [GET]",
        ),
        (
            "  http-request deny status 413 if { req.body_size gt 1024 }\n",
            "  http-request deny status 413 if { req.body_size gt 4096 }\n",
            "body: 1KiB",
        ),
    ] {
        let done = with(front, back);
        let spec = done.spec.expect("a spec");
        assert!(spec.contains(says), "{spec}");
    }
    let done = read(&format!(
        "userlist u\n  user a insecure-password a\nuserlist v\n  user b insecure-password b\n{HEAD}frontend f\n  bind :80\n  \
         http-request auth if !{{ http_auth(u) }}\n  default_backend b\nbackend b\n  http-request auth if !{{ http_auth(v) }}\n  server s 10.0.0.1:80\n"
    ));
    let lost = fates(&done, Fate::Lost);
    assert!(
        lost.contains(&"http-request auth if !{ http_auth(v) }"),
        "{lost:?}"
    );
    assert!(remarked(&done, "import::lost-guard"));
}

#[test]
fn what_a_converter_or_an_operator_changes_is_not_asked_without_it() {
    for question in [
        "src,ipmask(24) 10.1.2.0",
        "src backend.internal",
        "url_param(id),mod(10) 1",
        "cook(a),length 1",
        "req.hdr(upgrade),length 9",
        "req.hdr(host),field(2,.) example",
        "dst_port ge 1024",
        "dst_port 1024:2048",
        "ssl_fc -m found",
        "hdr(x-env) -m reg ^a(?=b)",
        "hdr_reg(host) ^(?=b)",
    ] {
        let rule = format!("http-request deny if {{ {question} }}");
        let done = with(&format!("  {rule}\n"), "");
        assert!(done.spec.is_some(), "{question}: {:#?}", done.report.diags);
        assert_eq!(fates(&done, Fate::Lost), [rule.as_str()], "{question}");
        assert!(remarked(&done, "import::lost-guard"), "{question}");
    }
    for (question, says) in [
        ("url_param(id) -i x", "regex: \"(?i)x\""),
        ("cook(id) -i x", "id=(?:(?i)x)"),
        ("dst_port eq 80", "status: 403"),
        ("hdr(x-env) -m reg ^a|^b", "(?:a.*|b.*)"),
        ("path_reg /ws|/socket.io", ".*(?:/ws|/socket.io).*"),
        (
            "hdr_reg(host) ^\\\\D+[.]example[.]com$",
            "(?i)\\\\D+[.]example[.]com",
        ),
    ] {
        let done = with(&format!("  http-request deny if {{ {question} }}\n"), "");
        let spec = done.spec.expect("a spec");
        assert!(spec.contains(says), "{question}: {spec}");
    }
}

#[test]
fn a_condition_that_is_left_out_is_told() {
    for rule in [
        "http-request set-header X-Forwarded-For %[src] if { path_beg /a/ }",
        "http-response set-header Strict-Transport-Security max-age=31536000 if { path_beg /a/ }",
        "http-request set-var(txn.x) src if { path_beg /a/ }",
    ] {
        let done = with(&format!("  {rule}\n"), "");
        let changed = fates(&done, Fate::Changed);
        assert!(changed.contains(&rule), "{rule}: {changed:?}");
    }
}

#[test]
fn an_order_that_is_not_compared_is_lost() {
    let rules: String = (0..301)
        .map(|at| format!("  use_backend b if {{ path_beg /r{at}/ }}\n  http-request set-header X-A {at} if {{ path_beg /r{at}/ }}\n"))
        .collect();
    let done = with(&rules, "");
    assert_eq!(fates(&done, Fate::Lost), ["frontend f"]);
}

#[test]
fn times_that_haproxy_takes_by_itself_are_written() {
    let done = read(&format!(
        "{HEAD}listen f\n  bind :80\n  server s 10.0.0.1:80\n"
    ));
    let spec = done.spec.expect("a spec");
    assert!(spec.contains("websocket: { idle: 20s }"), "{spec}");
    assert!(
        spec.contains("timeouts: { response: 20s, idle: 20s }"),
        "{spec}"
    );
    assert!(
        spec.contains("timeouts: { head: 30s, keepalive: 30s }"),
        "{spec}"
    );
    let remarks: Vec<&str> = done
        .account
        .remarks
        .diags
        .iter()
        .map(|it| it.code.as_str())
        .collect();
    assert!(remarks.contains(&"import::short-idle"), "{remarks:?}");
}

#[test]
fn what_no_spec_says_is_lost_at_its_place_and_a_slip_is_unknown() {
    let done = read(&format!(
        "{HEAD}frontend f\n  bind :80\n  optoin httplog\n  timeout clinet 5s\n  http-request lua.x\n  http-request deny if {{ src -f /etc/bad.lst }}\n  \
         use_backend %[req.hdr(host)]\n  default_backend b\nbackend b\n  server s 10.0.0.1:80 chekc\n  server t \"$HOST:80\"\n"
    ));
    assert_eq!(
        fates(&done, Fate::Lost),
        [
            "http-request lua.x",
            "http-request deny if { src -f /etc/bad.lst }",
            "use_backend %[req.hdr(host)]",
            "server t \"$HOST:80\""
        ]
    );
    assert_eq!(
        fates(&done, Fate::Unknown),
        ["optoin httplog", "timeout clinet 5s", "chekc"]
    );
    let says: Vec<&str> = done
        .account
        .entries()
        .iter()
        .flat_map(|it| &it.says)
        .map(String::as_str)
        .collect();
    assert!(
        says.contains(&"perhaps a typo of `timeout client`"),
        "{says:?}"
    );
    assert!(says.contains(&"perhaps a typo of `check`"), "{says:?}");
    let remarks: Vec<&str> = done
        .account
        .remarks
        .diags
        .iter()
        .map(|it| it.code.as_str())
        .collect();
    assert!(remarks.contains(&"import::lost-guard"), "{remarks:?}");
}

#[test]
fn what_is_no_haproxy_cfg_is_told_at_its_line() {
    for (text, says) in [
        ("frontend f\n  bind ':80\n", "does not end on its line"),
        ("bind :80\nfrontend f\n", "before the first section"),
        ("backend b\n  server s 10.0.0.1:80\n", "no frontend"),
        (
            "frontend f\n  mode tcp\n  bind :25\n",
            "nothing in haproxy.cfg becomes a route",
        ),
    ] {
        let done = read(text);
        assert!(done.spec.is_none(), "{text}");
        let titles: Vec<&str> = done
            .report
            .diags
            .iter()
            .map(|it| it.title.as_str())
            .collect();
        assert!(titles.iter().any(|it| it.contains(says)), "{titles:?}");
    }
}

#[test]
fn no_change_of_a_file_makes_it_panic() {
    let mut seeds = Vec::new();
    for name in ["socketio-haproxy", "mattermost-haproxy"] {
        seeds.push(
            root()
                .join("tests/it/import/configurations")
                .join(name)
                .join("haproxy.cfg"),
        );
    }
    for name in ["api-site-ws", "jwt-rate-limit", "tenants"] {
        seeds.push(root().join(format!("tests/it/golden/{name}/haproxy/haproxy.cfg")));
    }
    let words = "if unless { } ! !{ acl frontend backend listen defaults from path_beg hdr(host) -i -m reg ( \\ ' \" $ ${X} %[ % or || 0 :::80 server \
                 bind use_backend http-request deny return redirect set-header set-var(txn.a) str(x) bool(true) src 10.0.0.0/8 é \n";
    fuzz(&seeds, words, Dialect::Haproxy);
}
