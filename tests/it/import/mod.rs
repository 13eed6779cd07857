//! `wsgen import`: what people run becomes a spec, and every directive has a fate.

mod cli;
mod foreign;
mod fuzz;
mod haproxy;
mod haproxy_original;
mod ingress;
mod nginx;
mod nginx_shared;
mod original;
mod round_trip;

use std::fs;
use std::path::{Path, PathBuf};

use wsgen::compile::{self, Input, Options, World};
use wsgen::import::{self, Fate, Folder, Import, account};
use wsgen::targets;

use crate::bless::{self, root};

/// The files beside a configuration.
pub(crate) struct Beside(pub(crate) PathBuf);

impl Folder for Beside {
    fn include(&self, pattern: &str) -> Result<Vec<Input>, String> {
        fs::read(self.0.join(pattern))
            .map(|bytes| {
                vec![Input {
                    name: pattern.to_owned(),
                    bytes,
                }]
            })
            .map_err(|why| why.to_string())
    }
}

/// An import of a text of NGINX's.
pub(crate) fn nginx(text: &str) -> Import {
    import::import(Input::new("nginx.conf", text), None, &import::Nothing)
}

/// The configurations after the published advice of applications, a folder each.
fn configurations() -> Vec<PathBuf> {
    let folder = root().join("tests/it/import/configurations");
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the configurations are there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| original(path).is_some())
        .collect();
    found.sort();
    assert!(found.len() >= 7, "only {} configurations", found.len());
    found
}

/// The configuration in a folder: all but what the import made of it.
fn original(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| !path.ends_with("spec.yaml") && !path.ends_with("account.txt"))
}

fn done(folder: &Path) -> Import {
    let path = original(folder).expect("a configuration");
    let name = path.file_name().expect("a name").to_string_lossy();
    let bytes = fs::read(&path).expect("it can be read");
    let input = Input {
        name: name.into_owned(),
        bytes,
    };
    import::import(input, None, &Beside(folder.to_owned()))
}

#[test]
fn what_applications_advise_becomes_a_spec_with_an_account() {
    let mut stale = Vec::new();
    for folder in configurations() {
        let done = done(&folder);
        assert!(
            !done.report.has_errors(),
            "{}: {:#?}",
            folder.display(),
            done.report.diags
        );
        let spec = done.spec.as_deref().expect("a spec");
        let said = account::human(&done.account, &done.sources, false, 100);
        stale.extend(bless::fresh(&folder.join("spec.yaml"), spec).err());
        stale.extend(bless::fresh(&folder.join("account.txt"), &said).err());
    }
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}

#[test]
fn what_is_imported_compiles_and_renders() {
    for folder in configurations() {
        let spec = done(&folder).spec.expect("a spec");
        let compiled = compile::compile(vec![Input::new("spec.yaml", spec)], World::EMPTY);
        assert!(
            !compiled.report.has_errors(),
            "{:#?}",
            compiled.report.diags
        );
        let target = targets::by_id("nginx").expect("the target is there");
        let rendered = compile::render(&compiled, target, Options::default());
        assert!(
            !rendered.files.is_empty(),
            "{}: {:#?}",
            folder.display(),
            rendered.report.diags
        );
    }
}

#[test]
fn every_directive_has_a_place_in_the_account() {
    for folder in configurations() {
        let path = original(&folder).expect("a configuration");
        if path.extension().is_none_or(|end| end != "conf") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("it can be read");
        let counted = directives(&text);
        let done = done(&folder);
        let mut told: Vec<u32> = done
            .account
            .entries()
            .iter()
            .map(|entry| done.sources.line_col(entry.at.file, entry.at.start).0)
            .collect();
        told.sort_unstable();
        assert_eq!(told, counted, "{}: lines of directives", folder.display());
    }
}

/// The lines on which directives begin, as a reader of its own sees them: one a line, tables of `map` left out.
fn directives(text: &str) -> Vec<u32> {
    let mut lines = Vec::new();
    let mut table = false;
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line == "}" {
            table = false;
            continue;
        }
        if table {
            continue;
        }
        lines.push(number);
        table = line.starts_with("map ");
    }
    lines
}

#[test]
fn a_directive_that_nobody_asks_for_is_lost_and_a_slip_is_unknown() {
    let done = nginx(
        "server {\n  listen 80;\n  userid on;\n  proxy_raed_timeout 1h;\n  frobnicate yes;\n  location / { proxy_pass http://app:1; }\n}\n",
    );
    let fate = |line: &str| {
        let entry = done
            .account
            .entries()
            .iter()
            .find(|entry| entry.text.starts_with(line))
            .expect("an entry");
        (entry.fate, entry.says.join("; "))
    };
    assert_eq!(
        fate("userid"),
        (Fate::Lost, "wsgen has no word for it".to_owned())
    );
    assert_eq!(
        fate("proxy_raed"),
        (
            Fate::Unknown,
            "perhaps a typo of `proxy_read_timeout`".to_owned()
        )
    );
    assert_eq!(
        fate("frobnicate"),
        (
            Fate::Unknown,
            "no directive of this name is known".to_owned()
        )
    );
    assert!(!done.is_whole());
}

#[test]
fn what_a_subrequest_answers_is_passed_on_and_no_name_is_no_host() {
    let done = nginx(
        "server {\n  listen 80;\n  server_name _;\n  location = /auth { internal; proxy_pass http://10.0.0.9:9000/verify; }\n  \
         location / {\n    auth_request /auth;\n    auth_request_set $user $upstream_http_x_user;\n    \
         proxy_set_header X-User $user;\n    proxy_pass http://10.0.0.1:80;\n  }\n}\n",
    );
    let spec = done.spec.as_deref().expect("a spec");
    assert!(spec.contains("path: /verify, pass: [X-User]"), "{spec}");
    assert!(!spec.contains("host:"), "{spec}");
    let lost: Vec<_> = done
        .account
        .entries()
        .iter()
        .filter(|entry| entry.fate >= Fate::Lost)
        .collect();
    assert!(lost.is_empty(), "{lost:#?}");
}
