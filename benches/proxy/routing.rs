//! Ten thousand routes beside ten: the proxy against itself, each request to the next route.

use std::rc::Rc;

use crate::client::request;
use crate::figures::Over;
use crate::load::{self, Work};
use crate::run::Bench;
use crate::spec::Shape;
use crate::table::{Goal, Row, Table};

/// How many routes are many.
const MANY: usize = 10_000;

/// How much more a request may cost.
const BOUND: f64 = 1.1;

/// Measures both in turn.
///
/// # Errors
/// One does not start, or an answer was none that was expected.
#[allow(clippy::print_stderr)]
pub(crate) fn against_ten(bench: &Bench<'_>, table: &mut Table) -> Result<(), String> {
    let Some(proxy) = bench.programs.iter().find(|it| it.id == "proxy") else {
        return Ok(());
    };
    if !bench.options.wants("routes") {
        return Ok(());
    }
    eprintln!("routes …");
    bench.place(1);
    let start = |routes| {
        let shape = Shape {
            routes,
            ..Shape::USUAL
        };
        let running = proxy.start(shape, &bench.backend, &bench.tls)?;
        // As many different requests for both, so that the bench's own memory costs the same.
        let requests = (0..MANY)
            .map(|number| {
                let number = (number * 7919) % routes;
                request(
                    &format!("h{}.example.com", number / 10),
                    &format!("/p{number}"),
                )
            })
            .collect();
        Ok::<_, String>((running, Work::Ask(Rc::new(requests))))
    };
    let few = start(10)?;
    let many = start(MANY)?;
    let (mut costs, mut ratios) = ([Vec::new(), Vec::new()], Vec::new());
    for _ in 0..bench.options.rounds {
        let mut round = [f64::NAN; 2];
        for (at, (running, work)) in [&few, &many].into_iter().enumerate() {
            let target = bench.target(running, Over::Plain)?;
            let seen = load::closed(&target, work, 64, &running.processes(), bench.times())
                .map_err(|why| format!("routes: {why}"))?;
            running.truncate();
            round[at] = seen.cpu;
            costs[at].push(seen.cpu);
        }
        ratios.push(round[1] / round[0]);
    }
    let ratio = crate::stat::median(&ratios);
    let mut row = Row::new("10,000 routes against 10, CPU", "");
    row.text = Some(format!(
        "{:.1} µs against {:.1} µs a request: {ratio:.2}",
        crate::stat::median(&costs[1]),
        crate::stat::median(&costs[0])
    ));
    row.goals.push(Goal::Holds {
        text: format!("≤ {BOUND} × of 10"),
        holds: ratio <= BOUND,
    });
    table.add(row);
    Ok(())
}
