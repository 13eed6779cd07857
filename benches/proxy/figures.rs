//! Every figure: what is done, on how many connections, and what the proxy's part of it may be.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::backend::Backend;
use crate::client::Target;
use crate::load::{self, Seen, Work};
use crate::measure;
use crate::options::Options;
use crate::programs::{BENCH_CORE, Program, Started};
use crate::routing;
use crate::spec::{self, Shape, Tls};
use crate::table::{Goal, Row, Table};
use crate::tunnels;

/// Programs that no goal is about get fewer rounds.
const ROUNDS_OF_OTHERS: usize = 3;

/// Requests per second of the open loop: about a quarter of what one worker can do.
const RATE: u64 = 10_000;

/// What is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// CPU time per operation.
    Cpu,
    /// The time below which 999 of 1000 lie.
    Tail,
}

struct Figure {
    id: &'static str,
    title: &'static str,
    work: fn() -> Work,
    connections: usize,
    tls: bool,
    workers: usize,
    what: What,
    /// At most so many times what the program has.
    goals: &'static [(&'static str, f64)],
}

const FIGURES: [Figure; 8] = [
    Figure {
        id: "tunnel-new-tls",
        title: "new wss tunnel, CPU",
        work: || Work::Open,
        connections: 16,
        tls: true,
        workers: 1,
        what: What::Cpu,
        goals: &[("nginx", 0.6), ("haproxy", 0.6)],
    },
    Figure {
        id: "message-plain",
        title: "64-byte message, CPU",
        work: || Work::Echo(64),
        connections: 128,
        tls: false,
        workers: 1,
        what: What::Cpu,
        goals: &[("nginx", 1.0)],
    },
    Figure {
        id: "message-tls",
        title: "64-byte message over TLS, CPU",
        work: || Work::Echo(64),
        connections: 128,
        tls: true,
        workers: 1,
        what: What::Cpu,
        goals: &[("nginx", 0.85)],
    },
    Figure {
        id: "message-16k",
        title: "16 KiB message, CPU",
        work: || Work::Echo(16 * 1024),
        connections: 64,
        tls: false,
        workers: 1,
        what: What::Cpu,
        goals: &[("nginx", 0.15), ("haproxy", 0.45)],
    },
    Figure {
        id: "request-plain",
        title: "small request, CPU",
        work: || Work::get("/"),
        connections: 64,
        tls: false,
        workers: 1,
        what: What::Cpu,
        goals: &[("nginx", 1.05), ("haproxy", 1.0)],
    },
    Figure {
        id: "request-tls",
        title: "small request over TLS, CPU",
        work: || Work::get("/"),
        connections: 64,
        tls: true,
        workers: 1,
        what: What::Cpu,
        goals: &[("nginx", 0.95)],
    },
    Figure {
        id: "answer-64k",
        title: "64 KiB answer, CPU",
        work: || Work::get("/64k"),
        connections: 32,
        tls: false,
        workers: 1,
        what: What::Cpu,
        goals: &[("nginx", 0.75)],
    },
    Figure {
        id: "request-tail",
        title: "small request, p99.9, two workers",
        work: || Work::get("/"),
        connections: 64,
        tls: false,
        workers: 2,
        what: What::Tail,
        goals: &[("nginx", 1.0)],
    },
];

/// What every figure needs.
pub(crate) struct Bench<'a> {
    pub(crate) options: &'a Options,
    pub(crate) programs: Vec<Program>,
    pub(crate) backend: Backend,
    pub(crate) tls: Tls,
}

impl Bench<'_> {
    /// Where a client goes.
    pub(crate) fn target(&self, program: &Started, tls: bool) -> Result<Target, String> {
        Ok(Target {
            port: match tls {
                true => program.ports.secure,
                false => program.ports.plain,
            },
            tls: match tls {
                true => Some(self.tls.client(b"http/1.1")?),
                false => None,
            },
        })
    }

    /// How long a window and what runs before it take.
    pub(crate) fn times(&self) -> (Duration, Duration) {
        (self.options.warm, self.options.window)
    }

    /// Leaves a core to the one worker, or everything to everybody.
    pub(crate) fn place(&self, workers: usize) {
        let cores = if workers == 1 { BENCH_CORE } else { "0,1" };
        measure::pin(&[std::process::id(), self.backend.pid()], cores);
    }
}

/// Measures what is asked for, and shows it.
///
/// # Errors
/// What cannot be measured on this machine.
#[allow(clippy::print_stderr, clippy::print_stdout)]
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let mut programs = Vec::new();
    for id in &options.programs {
        match Program::find(id) {
            Some(program) => programs.push(program),
            None => eprintln!("{id} is not here: run tests/programs/install"),
        }
    }
    let bench = Bench {
        options,
        programs,
        backend: Backend::start().map_err(|why| format!("no backend: {why}"))?,
        tls: Tls::new()?,
    };
    // Before this process is kept on one core.
    let machine = measure::machine();
    let titles = bench.programs.iter();
    let mut table = Table::new(titles.map(|it| (it.id.clone(), it.title())).collect());
    memory(&bench, &mut table)?;
    for workers in [1, 2] {
        let asked: Vec<&Figure> = FIGURES
            .iter()
            .filter(|it| it.workers == workers && options.wants(it.id))
            .collect();
        if asked.is_empty() {
            continue;
        }
        bench.place(workers);
        let shape = Shape {
            workers,
            ..Shape::USUAL
        };
        let started = start_all(&bench, shape)?;
        for figure in asked {
            eprintln!("{} …", figure.id);
            let row = interleaved(&bench, figure, &started)?;
            table.add(row);
        }
    }
    routing::against_ten(&bench, &mut table)?;
    reloads(&bench, &mut table)?;
    steady(&bench, &mut table)?;
    table.note(format!(
        "{} rounds of {} ms, interleaved (3 for programs without a goal), {} tunnels, on {}",
        options.rounds,
        options.window.as_millis(),
        held(options),
        machine
    ));
    println!("{}", table.markdown());
    if options.write {
        table.write()?;
    }
    Ok(())
}

fn start_all(bench: &Bench<'_>, shape: Shape) -> Result<Vec<Started>, String> {
    bench
        .programs
        .iter()
        .map(|program| program.start(shape, &bench.backend, &bench.tls))
        .collect()
}

fn interleaved(bench: &Bench<'_>, figure: &Figure, started: &[Started]) -> Result<Row, String> {
    let work = (figure.work)();
    let mut seen: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut ratios: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for round in 0..bench.options.rounds {
        let mut own = f64::NAN;
        for (program, running) in bench.programs.iter().zip(started) {
            let measured = program.id == "proxy"
                || round < ROUNDS_OF_OTHERS
                || ["nginx", "haproxy"].contains(&program.id.as_str());
            if !measured {
                continue;
            }
            let target = bench.target(running, figure.tls)?;
            let processes = running.processes();
            let window = load::closed(
                &target,
                &work,
                figure.connections,
                &processes,
                bench.times(),
            )
            .map_err(|why| format!("{} with {}: {why}", figure.id, program.title()))?;
            running.truncate();
            let value = of(&window, figure.what);
            if program.id == "proxy" {
                own = value;
            } else {
                ratios.entry(&program.id).or_default().push(own / value);
            }
            seen.entry(&program.id).or_default().push(value);
        }
    }
    let mut row = Row::new(figure.title, "µs");
    for (id, values) in &seen {
        row.value(id, values);
    }
    for (id, values) in &ratios {
        row.ratio(id, values);
    }
    for (id, bound) in figure.goals {
        row.goals.push(Goal::Ratio {
            program: (*id).to_owned(),
            bound: *bound,
        });
    }
    Ok(row)
}

fn of(seen: &Seen, what: What) -> f64 {
    match what {
        What::Cpu => seen.cpu,
        What::Tail => seen.times.quantile(0.999),
    }
}

/// How many tunnels fit into what the machine lets one process open.
fn held(options: &Options) -> usize {
    options
        .tunnels
        .min(measure::descriptors().saturating_sub(400) / 2)
}

#[allow(clippy::print_stderr)]
fn memory(bench: &Bench<'_>, table: &mut Table) -> Result<(), String> {
    if !bench.options.wants("memory") {
        return Ok(());
    }
    bench.place(1);
    let count = held(bench.options);
    for (tls, bound, names) in [
        (
            false,
            1.5 * 1024.0,
            [
                "idle tunnel, memory",
                "idle tunnel after a 16 KiB message, memory",
            ],
        ),
        (
            true,
            11.0 * 1024.0,
            [
                "idle wss tunnel, memory",
                "idle wss tunnel after a 16 KiB message, memory",
            ],
        ),
    ] {
        eprintln!("{} …", names[0]);
        let mut rows = names.map(|name| Row::new(name, "B"));
        for program in &bench.programs {
            let running = program.start(Shape::USUAL, &bench.backend, &bench.tls)?;
            let target = bench.target(&running, tls)?;
            let kept = tunnels::memory(&running, &target, count)
                .map_err(|why| format!("{}: {why}", program.title()))?;
            rows[0].value(&program.id, &[kept.fresh]);
            rows[1].value(&program.id, &[kept.used]);
        }
        for mut row in rows {
            row.ratios_of_values();
            row.goals.push(Goal::Value { bound });
            table.add(row);
        }
    }
    Ok(())
}

#[allow(clippy::print_stderr)]
fn reloads(bench: &Bench<'_>, table: &mut Table) -> Result<(), String> {
    let Some(proxy) = bench.programs.iter().find(|it| it.id == "proxy") else {
        return Ok(());
    };
    if !bench.options.wants("reload") {
        return Ok(());
    }
    eprintln!("reload …");
    bench.place(1);
    let mut running = proxy.start(Shape::USUAL, &bench.backend, &bench.tls)?;
    let target = bench.target(&running, false)?;
    let next = |turn, running: &Started| {
        let shape = Shape {
            turn,
            ..Shape::USUAL
        };
        let text = shape.spec(running.ports, bench.backend.port, &bench.tls);
        let files = spec::files(text, "proxy")?;
        let main = files.into_iter().next();
        main.ok_or_else(|| "no file for the proxy".to_owned())
    };
    let lived = tunnels::reloads(
        held(bench.options),
        bench.options.reloads,
        &mut running,
        &target,
        next,
    )?;
    let (early, late) = lived.memory;
    let mut row = Row::new("tunnels lost over reloads", "");
    row.text = Some(format!(
        "{} of {} lost over {} reloads; {:.1} MB after the first tenth, {:.1} MB at the end",
        lived.lost,
        lived.tunnels,
        bench.options.reloads,
        early / 1e6,
        late / 1e6
    ));
    row.goals.push(Goal::Holds {
        text: "none lost, at most 5 % more memory".to_owned(),
        holds: lived.lost == 0 && late <= early * 1.05,
    });
    table.add(row);
    Ok(())
}

/// The open loop: no goal, but a tail that a closed loop hides.
#[allow(clippy::print_stderr)]
fn steady(bench: &Bench<'_>, table: &mut Table) -> Result<(), String> {
    if !bench.options.wants("open-loop") {
        return Ok(());
    }
    eprintln!("open-loop …");
    bench.place(1);
    let started = start_all(bench, Shape::USUAL)?;
    let mut rows = [(0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")].map(|(part, name)| {
        let title = format!("{} requests/s at fixed times, {name}", RATE);
        (
            part,
            Row::new(&title, "µs"),
            BTreeMap::<&str, Vec<f64>>::new(),
        )
    });
    for _ in 0..bench.options.rounds.min(ROUNDS_OF_OTHERS) {
        for (program, running) in bench.programs.iter().zip(&started) {
            let target = bench.target(running, false)?;
            let seen = load::open(&target, RATE, 64, &running.processes(), bench.times())
                .map_err(|why| format!("open-loop with {}: {why}", program.title()))?;
            running.truncate();
            for (part, _, values) in &mut rows {
                values
                    .entry(&program.id)
                    .or_default()
                    .push(seen.times.quantile(*part));
            }
        }
    }
    for (_, mut row, values) in rows {
        for (id, values) in &values {
            row.value(id, values);
        }
        row.ratios_of_values();
        table.add(row);
    }
    Ok(())
}
