//! Takes the figures: the programs in turn, round by round, and a row of the table from what was seen.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::backend::Backend;
use crate::client::Target;
use crate::figures::{FIGURES, Figure, Over, What};
use crate::load::{self, Seen};
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

/// What every figure needs.
pub(crate) struct Bench<'a> {
    pub(crate) options: &'a Options,
    pub(crate) programs: Vec<Program>,
    pub(crate) backend: Backend,
    pub(crate) tls: Tls,
}

impl Bench<'_> {
    /// Where a client goes.
    pub(crate) fn target(&self, program: &Started, over: Over) -> Result<Target, String> {
        let (port, tls) = match over {
            Over::Plain => (program.ports.plain, None),
            Over::Tls => (program.ports.secure, Some(self.tls.client(b"http/1.1")?)),
            Over::Http2 => (program.ports.secure, Some(self.tls.client(b"h2")?)),
        };
        Ok(Target { port, tls })
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
            if !measured || figure.without.contains(&program.id.as_str()) {
                continue;
            }
            let target = bench.target(running, figure.over)?;
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
    for (over, bound, names) in [
        (
            Over::Plain,
            1.5 * 1024.0,
            [
                "idle tunnel, memory",
                "idle tunnel after a 16 KiB message, memory",
            ],
        ),
        (
            Over::Tls,
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
            let target = bench.target(&running, over)?;
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
    let target = bench.target(&running, Over::Plain)?;
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
            let target = bench.target(running, Over::Plain)?;
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
