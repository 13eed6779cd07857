//! Many routes that overlap, many requests at their borders: every program does the same with each, and that is what the
//! contract's own router says.
//!
//! The cases look at one feature at a time; here it is the order of routes that is asked for, over hosts, paths and
//! conditions at once. `WSGEN_SEED=n` starts elsewhere, `WSGEN_FUZZ=n` takes more specs.

use std::fmt::Write as _;

use wsgen::compile::{self, Compiled, Input, Options, World};
use wsgen::diag::{Diag, Level};
use wsgen::targets;
use wsgen::verify::ask::Ask;
use wsgen::verify::lab::{Job, Lab};
use wsgen::verify::probe::{Miss, Setup};
use wsgen::verify::run;

use crate::programs::{Program, present, servers};

/// Specs that each program gets.
const SPECS: usize = 10;
/// Requests for each of them.
const REQUESTS: usize = 150;

#[test]
fn every_program_routes_as_the_contract_does() {
    let programs = present(&servers());
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first: u64 = number("WSGEN_SEED").unwrap_or(1);
    let specs = number("WSGEN_FUZZ").map_or(SPECS, |more: u64| more as usize);
    let faults: Vec<String> = std::thread::scope(|scope| {
        let each: Vec<_> = programs
            .iter()
            .map(|program| scope.spawn(move || routed(program, first, specs)))
            .collect();
        each.into_iter()
            .flat_map(|one| {
                one.join()
                    .unwrap_or_else(|why| std::panic::resume_unwind(why))
            })
            .collect()
    });
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// What a program did otherwise. A spec of which its report says that something of its routing is lost is not asked for: what
/// is lost is seen by the cases.
fn routed(program: &Program, first: u64, specs: usize) -> Vec<String> {
    let found = program.found();
    let target = targets::by_id(found.program.target()).expect("a program has a target");
    let mut faults = Vec::new();
    let mut asked = 0;
    for seed in first..first + 12 * specs as u64 {
        if asked == specs {
            break;
        }
        let mut dice = Dice(seed);
        let text = spec(&mut dice);
        let Some(compiled) = good(&text) else {
            continue;
        };
        let gateway = run::gateway_for(&compiled, found).expect("it is a gateway");
        let rendered = compile::render_gateway(&gateway, target, Options::default(), &|at| {
            compiled.place(at)
        });
        let lost = |diag: &Diag| diag.level != Level::Note && is_about_routing(&diag.code);
        if rendered.files.is_empty() || rendered.report.diags.iter().any(lost) {
            continue;
        }
        asked += 1;
        let job = Job {
            gateway: &gateway,
            target,
            found,
            written: &rendered.files,
            keep: false,
            patch: None,
            original: None,
        };
        let lab = Lab::open(&job, Setup::default())
            .unwrap_or_else(|why| panic!("{}, seed {seed}: {why:?}\n{text}", program.name));
        let ask = lab
            .gateway
            .routes
            .iter()
            .find_map(|route| lab.asker().good(route.id))
            .expect("a route can be reached");
        for _ in 0..REQUESTS {
            let ask = request(&mut dice, &ask);
            if let Err(miss) = lab.behaves(&ask) {
                let said = match miss {
                    Miss::Broken(it) => format!("{} → {}, not {}", it.sent, it.came, it.promised),
                    Miss::Unseen(why) => why,
                };
                faults.push(format!(
                    "{}, WSGEN_SEED={seed}: {said}\n{text}",
                    program.name
                ));
                break;
            }
        }
    }
    assert_eq!(
        asked, specs,
        "{}: too few specs route exactly",
        program.name
    );
    faults
}

/// Whether a finding's code names a feature that decides what becomes of a request.
fn is_about_routing(code: &str) -> bool {
    const FAMILIES: [&str; 8] = [
        "host",
        "path",
        "route",
        "when",
        "websocket",
        "redirect",
        "respond",
        "listener",
    ];
    // What is lost of a handshake, and of these by a Worker, a header and the way to it, is not where a request goes.
    const BESIDE: [&str; 2] = ["worker::host.regex", "worker::websocket.only"];
    let feature = code.split("::").nth(1).unwrap_or_default();
    let beside = feature == "websocket.upgrade" || BESIDE.contains(&code);
    !beside && FAMILIES.contains(&feature.split('.').next().unwrap_or_default())
}

pub(crate) fn good(text: &str) -> Option<Compiled> {
    let compiled = compile::compile(vec![Input::new("spec.yaml", text)], World::EMPTY);
    compiled.gateway.is_some().then_some(compiled)
}

/// The same on every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

pub(crate) fn spec(dice: &mut Dice) -> String {
    const HOSTS: [&str; 7] = [
        "",
        "",
        "host: a.example, ",
        "host: [a.example, b.example], ",
        "host: '*.example', ",
        "host: '*.b.example', ",
        r"host: { regex: 'x[0-9]+\.b\.example' }, ",
    ];
    const PATHS: [&str; 9] = [
        "path: /",
        "path: /",
        "path: /a",
        "path: /a/b",
        "path: /a/",
        "path: { exact: /a }",
        "path: { exact: /a/b/ }",
        "path: { regex: '/a/[0-9]+(/x)?' }",
        "path: [/b, /a/c]",
    ];
    const CONDITIONS: [&str; 10] = [
        "",
        "",
        "",
        "",
        ", when: { methods: [POST, DELETE] }",
        ", when: { upgrade: true }",
        ", when: { headers: { X-Kind: one } }",
        ", when: { headers: { X-Kind: { present: false } } }",
        ", when: { query: { v: '1' } }",
        ", when: { query: { v: { present: true } }, methods: [GET] }",
    ];
    const MORE: [&str; 5] = [
        "",
        "",
        ", websocket: true",
        ", websocket: { only: true }",
        ", methods: [GET, PUT]",
    ];
    let mut text =
        String::from("wsgen: 1\nname: crowd\nlisteners: { web: { port: 80 } }\nupstreams:\n");
    let routes = 6 + dice.below(8);
    for n in 0..routes {
        let _ = writeln!(text, "  u{n}: {{ servers: [\"u{n}.internal:8080\"] }}");
    }
    text.push_str("routes:\n");
    // Few kinds of conditions and answers in each spec: some program cannot do one of them, and is asked for the others.
    let conditions = ["", "", dice.of(&CONDITIONS), dice.of(&CONDITIONS)];
    let answers = dice.below(3);
    for n in 0..routes {
        let (host, path) = (dice.of(&HOSTS), dice.of(&PATHS));
        let (condition, more) = (dice.of(&conditions), dice.of(&MORE));
        let action = match dice.below(8) {
            0 if answers == 0 => format!(", respond: {{ status: {} }}", 410 + n),
            1 if answers == 1 => {
                ", redirect: { to: 'https://elsewhere.example/', status: 302 }".to_owned()
            }
            _ => format!(", upstream: u{n}{more}"),
        };
        let _ = writeln!(
            text,
            "  - {{ name: r{n}, {host}{path}{condition}{action} }}"
        );
    }
    text
}

/// So many requests near the routes of a lab.
pub(crate) fn requests(dice: &mut Dice, lab: &Lab) -> Vec<Ask> {
    let asker = lab.asker();
    let some = lab.gateway.routes.iter();
    let some = some
        .filter_map(|route| asker.good(route.id))
        .next()
        .expect("a route can be reached");
    (0..REQUESTS).map(|_| request(dice, &some)).collect()
}

/// A request somewhere near the routes.
fn request(dice: &mut Dice, some: &Ask) -> Ask {
    const HOSTS: [&str; 8] = [
        "a.example",
        "b.example",
        "c.example",
        "q.b.example",
        "x1.b.example",
        "w.x1.b.example",
        "example",
        "other.test",
    ];
    const PATHS: [&str; 16] = [
        "/", "/a", "/a/", "/ab", "/a/b", "/a/b/", "/a/b/c", "/a/17", "/a/17/x", "/a/17/y", "/A",
        "/b", "/b/x", "/%61/b", "/b/../a", "/a//b",
    ];
    let mut ask = some
        .again()
        .host(dice.of(&HOSTS))
        .path(dice.of(&PATHS))
        .method(dice.of(&["GET", "GET", "GET", "POST", "PUT", "DELETE"]));
    ask.request.headers.clear();
    ask.request.query = None;
    ask.request.upgrade = None;
    if let kind @ ("one" | "two" | "one, two") = dice.of(&["", "", "one", "two", "one, two"]) {
        ask = ask.header("X-Kind", kind);
    }
    if let value @ ("1" | "2" | "%31") = dice.of(&["", "", "1", "2", "%31"]) {
        ask = ask.query("v", value);
    }
    match dice.below(4) {
        0 => ask.websocket(),
        _ => ask,
    }
}
