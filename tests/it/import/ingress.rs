//! Kubernetes Ingress: what becomes of each annotation and field, and of what we render ourselves.

use wsgen::compile::{self, Input, Options, World};
use wsgen::import::{self, Dialect, Fate, Import};
use wsgen::targets;

use super::foreign::{check, differences, fates, fuzz};
use crate::bless::root;

fn read(text: &str) -> Import {
    import::import(Input::new("ingress.yaml", text), None, &import::Nothing)
}

/// An Ingress with these annotations, in the words after the prefix, and one path.
fn ingress(annotations: &[(&str, &str)], path: &str, kind: &str) -> Import {
    let annotations: String = annotations
        .iter()
        .map(|(name, value)| format!("    nginx.ingress.kubernetes.io/{name}: {value:?}\n"))
        .collect();
    read(&format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: x\n  annotations:\n    a/b: c\n{annotations}spec:\n  rules:\n    - host: a.example\n      \
         http:\n        paths:\n          - path: {path:?}\n            pathType: {kind}\n            backend: {{ service: {{ name: app, port: {{ number: 80 }} }} }}\n"
    ))
}

#[test]
fn what_applications_advise_becomes_a_spec_with_an_account() {
    for name in ["socketio-ingress", "mattermost-ingress"] {
        let (text, done) = check(name, "ingress.yaml", Dialect::Ingress);
        let mut annotations: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|it| it.contains(".io/") && it.contains(": ") && !it.starts_with(['#', '-']))
            .collect();
        annotations.retain(|it| {
            !it.starts_with("apiVersion")
                && it.split(':').next().is_some_and(|key| key.contains('/'))
        });
        let told = |line: &&&str| {
            let key = line.split(':').next().unwrap_or("");
            done.account
                .entries()
                .iter()
                .filter(|it| it.text.starts_with(&format!("{key}: ")))
                .count()
                != 1
        };
        let missing: Vec<_> = annotations.iter().filter(told).collect();
        assert!(missing.is_empty(), "{name}: {missing:?}");
        assert!(annotations.len() > 5, "{name}");
    }
}

/// Settings that differ in every example, and why.
const ALWAYS: &[(&str, &str)] = &[
    ("log.format", "the controller's log is text"),
    (
        "runtime.max_connections",
        "a matter of the controller's ConfigMap",
    ),
    ("runtime.files", "a matter of the controller's ConfigMap"),
    ("runtime.drain", "a matter of the controller's ConfigMap"),
    ("timeouts.head", "the controller's own 60 s"),
    ("source.files", "an Ingress names a Secret"),
    (
        "tls.hsts",
        "the controller sends it by itself, with subdomains",
    ),
    ("keepalive", "the controller keeps 320"),
    ("on_loss", "how losses are told is no matter of an Ingress"),
    ("target `ingress`", "the rooms of Kubernetes are written"),
    ("target `gateway`", "the rooms of Kubernetes are written"),
    (
        "websocket: off",
        "the controller passes WebSockets on every path",
    ),
    ("timeouts.idle", "one time for answers and their pauses"),
    ("timeouts.response", "one time for answers and their pauses"),
    ("timeouts.connect", "written on the route"),
    (
        "stream",
        "a route that streams is known by `proxy-buffering`",
    ),
    ("servers", "an Ingress names a Service"),
    ("hosts", "the hosts of a certificate are those of the rules"),
    ("balance", "the controller knows no connections"),
    ("upstream `live-2`", "the controller balances by route"),
    ("upstream: live", "the controller balances by route"),
];

/// Settings that the controller cannot keep: the route is closed (all clients are refused) or the setting is gone, which rendering said.
const CANNOT: &[&str] = &[
    "clients",
    "origins",
    "only",
    "websocket.idle",
    "limits",
    "retries",
    "passive",
    "health",
    "max_connections",
    "stickiness",
    "auth",
    "redact",
    "listener `plain` port",
    "address",
    "public_port",
    "respond",
    "`nowhere`",
    "upstream: none",
    "request_headers",
    "response_headers",
    "rewrite",
    "compression",
    "methods",
    "trusted_proxies",
    "max_duration",
    "slow_start",
    "cors",
    "spread",
    "upstream: shared",
    "`shared-2`",
    "host",
];

#[test]
fn what_we_render_comes_back_but_for_what_the_controller_cannot_say() {
    let target = targets::by_id("ingress").expect("the target is there");
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(root().join("examples")).expect("examples") {
        let path = entry.expect("an entry").path();
        let stem = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let spec = std::fs::read_to_string(&path).expect("it can be read");
        let room = "targets: { ingress: { controller: nginx, on_loss: warn } }\n";
        let inputs = vec![
            Input::new("spec.yaml", spec.as_str()),
            Input::new("room.yaml", room),
        ];
        let compiled = compile::compile(inputs, World::EMPTY);
        let rendered = compile::render(&compiled, target, Options::default());
        let file = rendered
            .files
            .iter()
            .find(|it| it.path.to_string_lossy().ends_with(".yaml"));
        let done = read(&file.expect("an ingress.yaml").text);
        assert_eq!(fates(&done, Fate::Lost), [""; 0], "{stem}");
        assert_eq!(fates(&done, Fate::Unknown), [""; 0], "{stem}");
        for change in differences(&spec, &done) {
            let known = ALWAYS.iter().any(|it| change.contains(it.0))
                || CANNOT.iter().any(|it| change.contains(it));
            if !known {
                wrong.push(format!("{stem}: {change}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_the_controller_does_by_itself_is_written() {
    let done = ingress(&[], "/", "Prefix");
    let spec = done.spec.expect("a spec");
    for says in [
        "timeouts: { connect: 5s, response: 1m, idle: 1m }",
        "websocket: { idle: 1m }",
        "limits: { body: 1MiB }",
        "after: [connect, timeout]",
        "drain: { timeout: 4m }",
    ] {
        assert!(spec.contains(says), "{says}\n{spec}");
    }
    let remarks: Vec<&str> = done
        .account
        .remarks
        .diags
        .iter()
        .map(|it| it.code.as_str())
        .collect();
    assert_eq!(remarks, ["import::short-idle"]);
}

#[test]
fn paths_are_what_the_controller_takes() {
    let route = |annotations: &[(&str, &str)], path: &str, kind: &str| {
        let done = ingress(annotations, path, kind);
        let spec = done.spec.unwrap_or_default();
        let lines = spec
            .lines()
            .map(str::trim)
            .filter(|it| it.starts_with("path:") || it.starts_with("rewrite:"));
        lines.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(route(&[], "/ws/", "Prefix"), "path: /ws");
    assert_eq!(route(&[], "/ws", "Exact"), "path: { exact: /ws }");
    assert_eq!(
        route(
            &[("rewrite-target", "/$2")],
            "/app(/|$)(.*)",
            "ImplementationSpecific"
        ),
        "path: /app rewrite: { strip_prefix: on }"
    );
    assert_eq!(
        route(&[("rewrite-target", "/")], "/app", "Prefix"),
        "path: { regex: \"(?i)/app.*\" } rewrite: { path: / }"
    );
    assert_eq!(
        route(
            &[("use-regex", "true")],
            "/room/[0-9]+$",
            "ImplementationSpecific"
        ),
        "path: { regex: \"(?i)/room/[0-9]+\" }"
    );
    // NGINX's own `^` is the first one's only.
    for (path, whole) in [
        ("/a|/b", "(?i)(?:/a.*|(?:/.*)?/b.*)"),
        (r"/a\$", r"(?i)/a\\$.*"),
    ] {
        assert_eq!(
            route(&[("use-regex", "true")], path, "ImplementationSpecific"),
            format!("path: {{ regex: \"{whole}\" }}")
        );
    }
    assert_eq!(route(&[], "/app(/|$)(.*)", "ImplementationSpecific"), "");
}

#[test]
fn a_canary_is_a_share_or_a_condition() {
    let two = |canary: &str| {
        let one = |name: &str, annotations: &str| {
            format!(
                "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: {name}\n  annotations: {{{annotations}}}\nspec:\n  rules:\n    - host: a.example\n      \
                 http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: {name}, port: {{number: 80}}}}}}}}]}}\n"
            )
        };
        let text = format!("{}{}", one("next", canary), one("app", ""));
        read(&text).spec.expect("a spec")
    };
    let prefix = "nginx.ingress.kubernetes.io/";
    let spec = two(&format!(
        "{prefix}canary: 'true', {prefix}canary-weight: '20'"
    ));
    assert!(spec.contains("split: { app: 80, next: 20 }"), "{spec}");
    let spec = two(&format!(
        "{prefix}canary: 'true', {prefix}canary-by-header: X-Next"
    ));
    assert!(
        spec.contains("when: { headers: { X-Next: always } }"),
        "{spec}"
    );
}

#[test]
fn a_canary_whose_pattern_no_spec_says_is_lost_alone() {
    let text = |name: &str, annotations: &str| {
        format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: {name}\n  annotations: {{{annotations}}}\nspec:\n  rules:\n    - host: a.example\n      \
             http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: {name}, port: {{number: 80}}}}}}}}]}}\n"
        )
    };
    let prefix = "nginx.ingress.kubernetes.io/";
    let canary = format!(
        "{prefix}canary: 'true', {prefix}canary-by-header: X-Next, {prefix}canary-by-header-pattern: '^(?=a)'"
    );
    let done = read(&format!("{}{}", text("next", &canary), text("app", "")));
    let spec = done.spec.as_ref().expect("a spec");
    assert!(!spec.contains("upstream: next"), "{spec}");
    assert!(!fates(&done, Fate::Lost).is_empty());
}

#[test]
fn numbers_without_bound_are_read() {
    let most = "9999999999999999999";
    for (note, multiplier) in [("limit-rps", "7"), ("limit-rpm", most)] {
        let notes = [(note, most), ("limit-burst-multiplier", multiplier)];
        let spec = ingress(&notes, "/", "Prefix").spec.expect("a spec");
        assert!(spec.contains("burst: 100000"), "{spec}");
    }
    let path = "spec: {rules: [{host: a.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: NAME, port: {number: 80}}}}]}}]}";
    let one = |name: &str, notes: &str| {
        let path = path.replace("NAME", name);
        format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: {name}, annotations: {{{notes}}}}}\n{path}\n"
        )
    };
    let prefix = "nginx.ingress.kubernetes.io/canary";
    for (weight, total, split) in [
        (
            "4000000000000000000",
            "16000000000000000000",
            "app: 75, next: 25",
        ),
        (most, "100", "app: 1, next: 100"),
    ] {
        let notes = format!(
            "{prefix}: 'true', {prefix}-weight: '{weight}', {prefix}-weight-total: '{total}'"
        );
        let text = one("app", "") + &one("next", &notes);
        let spec = read(&text).spec.expect("a spec");
        assert!(spec.contains(split), "{spec}");
    }
}

#[test]
fn a_document_may_begin_on_the_line_of_its_mark() {
    let one = "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: NAME}, spec: {rules: [{host: NAME.example, http: {paths: \
               [{path: /, pathType: Prefix, backend: {service: {name: NAME, port: {number: 80}}}}]}}]}}";
    let text = format!(
        "--- {}\n---\t{}\n--- # the third\n{}\n",
        one.replace("NAME", "a"),
        one.replace("NAME", "b"),
        one.replace("NAME", "c")
    );
    let input = Input::new("ingress.yaml", &text);
    let done = import::import(input, Some(Dialect::Ingress), &import::Nothing);
    let spec = done.spec.expect("a spec");
    for host in ["a.example", "b.example", "c.example"] {
        assert!(spec.contains(host), "{spec}");
    }
    for entry in done.account.entries() {
        let there = done.sources.slice(entry.at);
        assert!(!there.trim().is_empty(), "{entry:?}");
    }
}

#[test]
fn an_alias_that_is_a_regex_is_told_as_left_out() {
    let done = ingress(
        &[("server-alias", "b.example, ~^c[0-9]+\\.example$")],
        "/",
        "Prefix",
    );
    assert!(done.spec.expect("a spec").contains("b.example"));
    let mut entries = done.account.entries().iter();
    let alias = entries.find(|it| it.text.contains("server-alias"));
    let alias = alias.expect("an entry");
    assert_eq!(alias.fate, Fate::Changed);
    assert!(alias.says[0].contains("`~^c[0-9]+"), "{alias:?}");
}

#[test]
fn a_canary_is_guarded_as_its_main_ingress_is() {
    let folder = root().join("tests/it/import/configurations/mattermost-ingress");
    let text = std::fs::read_to_string(folder.join("ingress.yaml")).expect("a configuration");
    let spec = read(&text).spec.expect("a spec");
    let mut parts = spec.split("- name: ");
    let canary = parts.find(|it| it.starts_with("mattermost-canary"));
    let canary = canary.expect("the canary's route");
    assert!(canary.contains("clients: { allow: [10.0.0.0/8"), "{spec}");
    assert!(!canary.contains("listeners: [plain"), "{spec}");
}

#[test]
fn what_is_no_ingress_is_told() {
    for (text, says) in [
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n",
            "no object of kind `Ingress`",
        ),
        (
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: x\n",
            "",
        ),
        (
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: {{ .Values.x }}}\nspec: {}\n",
            "template of Helm",
        ),
        (
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: x}\nspec: {}\n",
            "nothing in ingress.yaml becomes a route",
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
fn a_fault_in_a_later_document_is_told_at_its_line() {
    let done = read(
        "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n---\napiVersion: v1\nkind: Ingress\nmetadata: {name: [}\n",
    );
    let span = done
        .report
        .diags
        .iter()
        .find_map(|it| match it.labels.first()?.place {
            wsgen::diag::Place::Span(span) => Some(span),
            _ => None,
        });
    let span = span.expect("a place");
    assert_eq!(done.sources.line_col(span.file, span.start).0, 7);
}

#[test]
fn no_change_of_a_file_makes_it_panic() {
    let seeds: Vec<_> = ["socketio-ingress", "mattermost-ingress"]
        .iter()
        .map(|name| {
            root()
                .join("tests/it/import/configurations")
                .join(name)
                .join("ingress.yaml")
        })
        .collect();
    let words = "--- kind: Ingress List items: [ ] { } : - | > & * ! ' \" \t nginx.ingress.kubernetes.io/canary: rewrite-target: /$1 use-regex: (.*) ( [ \
                 path: host: pathType: Exact backend: service: port: number: 99999 -1 0 true é metadata: annotations: spec: tls: \n";
    fuzz(&seeds, words, Dialect::Ingress);
}
