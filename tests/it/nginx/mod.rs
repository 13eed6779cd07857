//! NGINX: what is rendered, what the real program says to it, and what it then does.

mod accepted;
mod answers;
mod guards;
mod headers;
mod hostile;
mod routing;
mod sockets;
mod tls;
mod upstreams;

use wsgen::compile::{self, Input, Options, World};
use wsgen::diag::Report;
use wsgen::targets::{self, Layout};

use crate::live::{Running, Stub, port};
use crate::programs::{Program, require};

/// The versions that a file is rendered for, and the program that judges it.
pub(crate) const VERSIONS: [(&str, &str); 2] = [("1.22", "nginx-1.22"), ("1.31", "nginx-1.31")];

/// The main file for a version, and the findings; panics where the spec has faults.
pub(crate) fn rendered(
    spec: &str,
    version: &str,
    layout: Layout,
) -> (Result<String, String>, Report) {
    match tried(spec, version, layout) {
        Ok(out) => out,
        Err(report) => panic!("{spec}\n{report:#?}"),
    }
}

/// The same; `Err` holds the faults of the spec.
pub(crate) fn tried(
    spec: &str,
    version: &str,
    layout: Layout,
) -> Result<(Result<String, String>, Report), Report> {
    let spec = match spec.contains("targets:") {
        true => spec.replacen(
            "nginx: {",
            &format!("nginx: {{ version: \"{version}\", "),
            1,
        ),
        false => format!("{spec}\ntargets: {{ nginx: {{ version: \"{version}\" }} }}\n"),
    };
    let compiled = compile::compile(vec![Input::new("spec.yaml", spec.as_str())], World::EMPTY);
    let target = targets::by_id("nginx").expect("it is a target");
    if compiled.gateway.is_none() {
        return Err(compiled.report);
    }
    let set = compile::for_target(&compiled, "nginx", World::EMPTY);
    let compiled = set.unwrap_or(compiled);
    let options = Options {
        layout,
        ..Options::default()
    };
    let out = compile::render(&compiled, target, options);
    Ok(match out.files.first() {
        Some(file) => (Ok(file.text.clone()), out.report),
        None => (Err(format!("{:#?}", out.report)), out.report),
    })
}

/// The complete file; panics where there is none.
pub(crate) fn conf(spec: &str, version: &str) -> String {
    match rendered(spec, version, Layout::Full).0 {
        Ok(text) => text,
        Err(why) => panic!("{spec}\n{why}"),
    }
}

/// NGINX of one version with what a spec says; `PORT` in it is the first listener's.
pub(crate) struct Gate {
    pub(crate) run: Running,
    pub(crate) version: &'static str,
}

impl std::ops::Deref for Gate {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.run
    }
}

impl Gate {
    /// Starts a spec; `@name` in it is a stub's address.
    pub(crate) fn start(at: &At, spec: &str, stubs: &[&Stub], files: &[(&str, &str)]) -> Gate {
        let text = conf(&filled(spec, stubs), at.version);
        if let Some(folder) = std::env::var_os("WSGEN_SHOW") {
            let name = format!(
                "{}-{}.conf",
                std::thread::current()
                    .name()
                    .unwrap_or("x")
                    .replace(':', "_"),
                at.version
            );
            let _ = std::fs::write(std::path::Path::new(&folder).join(name), &text);
        }
        let mut all = vec![("nginx.conf", text.as_str())];
        all.extend_from_slice(files);
        Gate {
            run: Running::start_with(&at.program, &all),
            version: at.version,
        }
    }

    /// Whether the version has what came with 1.29.
    pub(crate) fn is_new(&self) -> bool {
        self.version == "1.31"
    }
}

/// A version and its program.
pub(crate) struct At {
    pub(crate) version: &'static str,
    pub(crate) program: Program,
}

/// Runs a test on each version that is here, side by side.
#[track_caller]
pub(crate) fn each(test: impl Fn(&At) + Sync) {
    let name = std::thread::current().name().unwrap_or("test").to_owned();
    std::thread::scope(|scope| {
        let threads: Vec<_> = VERSIONS
            .iter()
            .filter_map(|(version, program)| {
                let program = require(program)?;
                let at = At { version, program };
                let test = &test;
                let thread = std::thread::Builder::new().name(name.clone());
                Some((
                    *version,
                    thread
                        .spawn_scoped(scope, move || test(&at))
                        .expect("a thread"),
                ))
            })
            .collect();
        for (version, thread) in threads {
            if let Err(why) = thread.join() {
                let said = why
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| why.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                    .unwrap_or_default();
                panic!("nginx {version}: {said}");
            }
        }
    });
}

/// One plain listener `main`, no log, and what else is given.
pub(crate) fn plain(rest: &str) -> String {
    format!("wsgen: 1\nlisteners: {{ main: {{ port: PORT, address: 127.0.0.1 }} }}\n{rest}")
}

fn filled(spec: &str, stubs: &[&Stub]) -> String {
    let mut text = spec.to_owned();
    while text.contains("PORT") {
        text = text.replacen("PORT", &port().to_string(), 1);
    }
    for (name, stub) in ["@a", "@b", "@c", "@d"].iter().zip(stubs) {
        text = text.replace(name, &stub.address().to_string());
    }
    text
}
