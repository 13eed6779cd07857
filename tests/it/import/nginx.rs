//! What NGINX does and a reader of its text gets wrong easily: who is refused, which prefix counts, what an include brings in.

use wsgen::compile::Input;
use wsgen::import::{self, Fate, Folder, Import};

use super::nginx;

/// One file to include.
struct One(&'static str, &'static str);

impl Folder for One {
    fn include(&self, pattern: &str) -> Result<Vec<Input>, String> {
        if pattern == self.0 {
            Ok(vec![Input::new(self.0, self.1)])
        } else {
            Err("it is not there".to_owned())
        }
    }
}

fn with(file: One, text: &str) -> Import {
    import::import(Input::new("nginx.conf", text), None, &file)
}

fn spec(done: &Import) -> &str {
    done.spec
        .as_deref()
        .unwrap_or_else(|| panic!("no spec: {:#?}", done.report.diags))
}

/// The fate of the first directive that begins so, and what is said of it.
fn fate(done: &Import, begins: &str) -> (Fate, String) {
    let entries = done.account.entries();
    let entry = entries.iter().find(|it| it.text.starts_with(begins));
    let entry = entry.unwrap_or_else(|| panic!("no `{begins}`"));
    (entry.fate, entry.says.join("; "))
}

#[test]
fn a_place_that_refuses_everybody_never_opens() {
    for text in [
        "server { listen 80; deny all; location / { proxy_pass http://a:1; } }",
        "server { listen 80; location / { deny 10.0.0.1; deny all; proxy_pass http://a:1; } }",
        "server { listen 80; location / { allow unix:; deny all; proxy_pass http://a:1; } }",
        "server { listen 80; location / { deny all; allow 10.0.0.0/8; proxy_pass http://a:1; } }",
        "server { listen 80; deny all; location / { rewrite ^/a /b permanent; proxy_pass http://a:1; } }",
        "server { listen 80; location / { deny all; try_files $uri @a; } location @a { proxy_pass http://a:1; } }",
        "server { listen 80; location / { try_files $uri @a; } location @a { deny all; proxy_pass http://a:1; } }",
    ] {
        let done = nginx(text);
        let spec = spec(&done);
        assert!(spec.contains("status: 403"), "{text}\n{spec}");
        assert!(!spec.contains("upstream"), "{text}\n{spec}");
        assert_eq!(fate(&done, "deny all").0, Fate::Kept, "{text}");
    }
    let done = nginx(
        "server { listen 80; deny all; location / { allow 10.0.0.0/8; deny all; proxy_pass http://a:1; } }",
    );
    let spec = spec(&done);
    assert!(spec.contains("allow: [10.0.0.0/8]"), "{spec}");
    assert!(!spec.contains("403"), "{spec}");
}

#[test]
fn an_allowed_range_below_a_wider_refusal_is_told() {
    let done = nginx(
        "server { listen 80; location / { allow 10.0.0.1; deny 10.0.0.0/8; proxy_pass http://a:1; } }",
    );
    assert!(spec(&done).contains("deny: [10.0.0.0/8]"));
    assert_eq!(fate(&done, "allow").0, Fate::Changed);
    let done = nginx(
        "server { listen 80; location / { allow 10.0.0.1; deny 192.168.0.0/16; proxy_pass http://a:1; } }",
    );
    assert_eq!(fate(&done, "allow").0, Fate::Kept);
}

#[test]
fn a_jump_to_itself_ends() {
    let done = nginx(
        "server { listen 80; location / { set $wg_to @a; } location @a { set $wg_to @a; } location /b { proxy_pass http://b:1; } }",
    );
    assert!(spec(&done).contains("/b"));
}

#[test]
fn the_longest_prefix_counts_where_some_of_them_stop_regexes() {
    let done = nginx(
        "server { listen 80; location ^~ /a/ { proxy_pass http://one:1; } location ^~ /a/b/ { proxy_pass http://two:1; } \
         location /a/b/c/ { proxy_pass http://three:1; } location /z/ { proxy_pass http://four:1; } \
         location ~ \\.php$ { return 404; } }",
    );
    let spec = spec(&done);
    let at = |path: &str| {
        spec.find(path)
            .unwrap_or_else(|| panic!("no `{path}` in\n{spec}"))
    };
    assert!(at("/a/b/c/.*") < at("/a/b/.*"), "{spec}");
    assert!(at("/a/b/.*") < at("/a/.*"), "{spec}");
    assert!(at("/a/.*") < at("php"), "{spec}");
    assert!(spec.contains("path: /z/"), "{spec}");
    assert_eq!(fate(&done, "location /a/b/c/").0, Fate::Changed);
    assert_eq!(fate(&done, "location ^~ /a/b/").0, Fate::Kept);
}

#[test]
fn included_parameters_of_a_proxy_are_read() {
    let text = "server { listen 80; location / { include proxy_params; proxy_pass http://a:1; } }";
    let done = with(
        One("proxy_params", "proxy_set_header X-Site \"here\";\n"),
        text,
    );
    assert!(spec(&done).contains("X-Site: here"), "{}", spec(&done));
    assert_eq!(fate(&nginx(text), "include").0, Fate::Lost);
    let done = nginx(&text.replace("proxy_params", "/etc/nginx/fastcgi_params"));
    assert_eq!(fate(&done, "include").0, Fate::Kept);
}

#[test]
fn a_file_included_in_a_table_holds_its_entries() {
    let done = with(
        One(
            "origins.map",
            "https://a.example 1;\nhttps://b.example 1;\n",
        ),
        "map $http_origin $ok { default 0; include origins.map; }\n\
         server { listen 80; location / { proxy_pass http://a:1; } }",
    );
    let entries = done.account.entries();
    let strange: Vec<_> = entries
        .iter()
        .filter(|it| it.fate == Fate::Unknown || it.text.starts_with("https://"))
        .collect();
    assert!(strange.is_empty(), "{strange:#?}");
    let (kept, says) = fate(&done, "include");
    assert_eq!(
        (kept, says.as_str()),
        (Fate::Kept, "1 file read in its place")
    );
    assert!(
        !fate(&done, "map").1.contains("1 file"),
        "{:?}",
        fate(&done, "map")
    );
}

#[test]
fn braces_in_a_headers_value_stay_braces() {
    let done = nginx(
        "server { listen 80; location / { proxy_set_header X-Meta '{\"s\":\"$scheme\"}'; proxy_pass http://a:1; } }",
    );
    let spec = spec(&done);
    assert!(spec.contains("{{") && spec.contains("}}"), "{spec}");
}
