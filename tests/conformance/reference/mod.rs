//! Every program beside the reference proxy: the same requests to each, and what becomes of them is the same (the answer, the upstream,
//! what its server saw, what the client saw), or a loss that the program's report tells of that route explains the difference.
//!
//! `WSGEN_CASE` and `WSGEN_PROGRAM` choose cases and programs, as they do for the suite.

mod requests;
mod view;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use wsgen::compile::{self, Compiled, Options};
use wsgen::ir::{Feature, Gateway, Subject};
use wsgen::targets;
use wsgen::verify::ask::Ask;
use wsgen::verify::judge::Losses;
use wsgen::verify::lab::{Job, Lab, NoLab};
use wsgen::verify::probe::Setup;
use wsgen::verify::run;

use crate::cases::{Case, compiled};
use crate::differential::{self, Dice};
use crate::programs::{PROXY, Program, present, servers};
use view::View;

/// Cases that are compared at once: most of each is waiting for programs to start.
const AT_ONCE: usize = 4;

/// Specs made by chance.
const CHANCES: u64 = 8;

/// Families of which one request shows nothing, or a different thing each time.
const UNSEEN: [&str; 23] = [
    "balance",
    "drain",
    "health",
    "limit.connections",
    "limit.listener_connections",
    "limit.requests",
    "listener.http2",
    "listener.http3",
    "listener.tcp_keepalive",
    "log",
    "metrics",
    "runtime",
    "timeout",
    "tls.acme",
    "tls.profile",
    "upstream.keepalive",
    "upstream.max_connections",
    "upstream.resolve",
    "upstream.slow_start",
    "upstream.split",
    "upstream.tcp_keepalive",
    "upstream.weights",
    "websocket.over_http2",
];

/// What differs for another reason than a loss: program, case, what it is about, why.
const KNOWN: [(&str, &str, &str, &str); 2] = [
    (
        "nginx",
        "stickiness.cookie",
        "Client(\"set-cookie\")",
        "the case's room for NGINX takes the stickiness of `desk` off",
    ),
    (
        "nginx",
        "error_pages",
        "Client(\"allow\")",
        "a page in place of 405 has none of its lines: the contract promises `Allow` on a 405",
    ),
];

fn is_known(line: &str, (program, case, about, _): &(&str, &str, &str, &str)) -> bool {
    line.starts_with(&format!("{case}: {program}")) && line.contains(about)
}

/// Whether a request shows what becomes of a feature.
fn is_shown(feature: Feature) -> bool {
    let id = feature.id();
    UNSEEN
        .iter()
        .all(|family| id != *family && !id.starts_with(&format!("{family}.")))
}

/// Losses that show only where a case goes to the edge: a head of usual size, a server that is there.
const AT_EDGES: [&str; 4] = [
    "limit.head",
    "limit.body",
    "upstream.response_head",
    "upstream.servers",
];

#[test]
fn every_program_does_what_the_reference_proxy_does() {
    let wanted = std::env::var("WSGEN_CASE").ok();
    let is_shown = |name: &str| Feature::by_id(name).is_some_and(is_shown);
    let cases: Vec<Case> = Case::all()
        .into_iter()
        .filter(|case| is_shown(&case.name))
        .filter(|case| wanted.as_ref().is_none_or(|word| case.name.contains(word)))
        .collect();
    let mut looks: Vec<Look> = cases.into_iter().map(Look::at).collect();
    if wanted.is_none() {
        looks.extend((1..=CHANCES).map(Look::by_chance));
    }
    let Some(proxy) = present(&PROXY).pop() else {
        return;
    };
    let programs = newest();
    let next = AtomicUsize::new(0);
    let faults: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(look) = looks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = look.compared(&proxy, &programs, None);
                    faults.lock().expect("nobody panics with it").extend(found);
                }
            });
        }
    });
    let mut faults = faults.into_inner().expect("nobody panics with it");
    faults.sort();
    let seen = |known| faults.iter().any(|line| is_known(line, known));
    let is_here = |name: &str| programs.iter().any(|it| it.name.starts_with(name));
    let stale = KNOWN.iter().filter(|it| is_here(it.0) && !seen(it));
    let stale: Vec<String> = stale
        .filter(|_| wanted.is_none())
        .map(|known| format!("no longer seen: {known:?}"))
        .collect();
    faults.retain(|line| !KNOWN.iter().any(|known| is_known(line, known)));
    faults.extend(stale);
    assert!(
        faults.is_empty(),
        "{} differences that no loss explains:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// The newest of each target's programs, but the reference itself.
fn newest() -> Vec<Program> {
    let mut all = present(&servers());
    if let Ok(word) = std::env::var("WSGEN_PROGRAM") {
        all.retain(|program| program.name.contains(&word));
    }
    let key = |program: &Program| program.found().program.target();
    let mut last: Vec<Program> = Vec::new();
    for program in all {
        match last.last_mut() {
            Some(before) if key(before) == key(&program) => *before = program,
            _ => last.push(program),
        }
    }
    last.retain(|program| key(program) != "proxy");
    last
}

/// A spec, and the requests that each program gets with it.
struct Look {
    name: String,
    compiled: Box<dyn Fn(&str) -> Compiled + Send + Sync>,
    requests: Box<Making>,
}

/// Makes the requests for a lab, the same for each program.
type Making = dyn Fn(&Lab) -> Vec<Ask> + Send + Sync;

/// Changes what a program loads: how a difference is planted.
type Patch<'a> = Option<&'a (dyn Fn(&str) -> String + Sync)>;

impl Look {
    fn at(case: Case) -> Look {
        Look {
            name: case.name.clone(),
            compiled: Box::new(move |target| case.compiled(target, "")),
            requests: Box::new(requests::all),
        }
    }

    /// Routes that overlap, and requests at their borders.
    fn by_chance(seed: u64) -> Look {
        let text = (0..)
            .map(|more| differential::spec(&mut Dice(seed + 1000 * more)))
            .find(|text| differential::good(text).is_some());
        let text = text.expect("a spec without errors");
        let lenient = text.clone();
        Look {
            name: format!("seed {seed}"),
            compiled: Box::new(move |target| compiled("chance", &lenient, target)),
            requests: Box::new(move |lab| differential::requests(&mut Dice(seed), lab)),
        }
    }

    /// What differs, a line each.
    fn compared(&self, proxy: &Program, programs: &[Program], patch: Patch<'_>) -> Vec<String> {
        let (ours, _) = match self.views(proxy, None) {
            Ok(views) => views,
            Err(why) => return vec![format!("{}: {}: {why}", self.name, proxy.name)],
        };
        let mut faults = Vec::new();
        for program in programs {
            let (theirs, losses) = match self.views(program, patch) {
                Ok(views) => views,
                Err(why) => {
                    faults.push(format!("{}: {}: {why}", self.name, program.name));
                    continue;
                }
            };
            for (ours, theirs) in ours.iter().zip(&theirs) {
                let told: Vec<&Told> = losses
                    .iter()
                    .filter(|loss| loss.on.is_empty() || !loss.on.is_disjoint(&theirs.on))
                    .filter(|loss| is_shown(loss.feature))
                    .filter(|loss| {
                        let id = loss.feature.id();
                        id == self.name || !AT_EDGES.contains(&id)
                    })
                    .collect();
                for (aspect, difference) in ours.view.differences(&theirs.view) {
                    if !told.iter().any(|loss| aspect.is_of(loss.feature)) {
                        faults.push(format!(
                            "{}: {}: {}: {difference}",
                            self.name, program.name, ours.says
                        ));
                    }
                }
            }
        }
        faults
    }
}

/// A loss, and what it is told of; nothing is the gateway.
struct Told {
    feature: Feature,
    on: BTreeSet<String>,
}

/// A request, and what became of it.
struct Sent {
    says: String,
    view: View,
    /// What has to do with it: its listener, its route, and what that one leads to.
    on: BTreeSet<String>,
}

impl Look {
    /// What becomes of each request, and what the report tells.
    fn views(&self, program: &Program, patch: Patch<'_>) -> Result<(Vec<Sent>, Vec<Told>), String> {
        let found = program.found();
        let target = found.program.target();
        let compiled = (self.compiled)(target);
        let target = targets::by_id(target).expect("a program has a target");
        let gateway = run::gateway_for(&compiled, found).expect("it is a gateway");
        let rendered = compile::render_gateway(&gateway, target, Options::default(), &|at| {
            compiled.place(at)
        });
        let job = Job {
            gateway: &gateway,
            target,
            found,
            written: &rendered.files,
            keep: false,
            patch,
            original: None,
        };
        let setup = Setup {
            error_pages: self.name.starts_with("error_pages"),
            ..Setup::default()
        };
        let lab = Lab::open(&job, setup).map_err(|why| match why {
            NoLab::Program(why, _) => why.to_string(),
            other => format!("{other:?}"),
        })?;
        let losses = Losses::of(target, &lab.gateway);
        let told = losses.all().iter().map(|loss| Told {
            feature: loss.used.feature,
            on: match loss.used.on {
                Subject::Gateway => BTreeSet::new(),
                on => BTreeSet::from([name(on)]),
            },
        });
        let told = told.collect();
        let sent = (self.requests)(&lab)
            .iter()
            .map(|ask| Sent {
                says: ask.says(),
                on: around(&lab.gateway, &lab, ask),
                view: View::of(&lab, ask),
            })
            .collect();
        Ok((sent, told))
    }
}

fn name(subject: Subject<'_>) -> String {
    let (kind, name) = subject.name();
    format!("{kind} {name}")
}

/// What decides about a request: any route, where none takes it.
fn around(gateway: &Gateway, lab: &Lab, ask: &Ask) -> BTreeSet<String> {
    let mut on = BTreeSet::from([name(Subject::Listener(gateway.listener(ask.listener)))]);
    let outcome = lab.asker().outcome(ask);
    let entry = outcome.and_then(|it| it.entry);
    let routes = gateway.routes.iter();
    for route in routes.filter(|route| entry.is_none_or(|it| it.route == route.id)) {
        on.insert(name(Subject::Route(route)));
        for share in route.shares() {
            let upstream = gateway.upstream(share.upstream.value);
            on.insert(name(Subject::Upstream(upstream)));
        }
        if let Some(auth) = gateway.auth_of(route) {
            on.insert(name(Subject::Auth(auth)));
        }
    }
    on
}

#[test]
fn a_planted_difference_is_seen() {
    let cases = Case::all();
    let case = cases.into_iter().find(|case| case.name == "path.prefix");
    let look = Look::at(case.expect("the case is there"));
    let (Some(proxy), Some(program)) = (present(&PROXY).pop(), present(&["nginx-1.31"]).pop())
    else {
        return;
    };
    let patch = |text: &str| text.replace("$remote_addr;", "192.0.2.1;");
    let seen = look.compared(&proxy, &[program], Some(&patch));
    assert!(
        seen.iter().any(|line| line.contains("x-forwarded-for")),
        "{seen:#?}"
    );
}
