//! The reference proxy beside the real programs, each with the file that wsgen renders from one spec: CPU time per operation from the
//! scheduler's own account, bytes per tunnel from the proportional set size. `tests/programs/install && cargo bench --bench proxy`;
//! after `--`: `--write` puts the table into README, `--only tunnel,http` chooses figures, `--rounds 10`, `--programs nginx,haproxy`,
//! `--smoke` shows within seconds that everything runs.

mod backend;
mod client;
mod figures;
mod h2;
mod load;
mod measure;
mod options;
mod programs;
mod routing;
mod run;
mod spec;
mod stat;
mod table;
mod tunnels;

use std::process::ExitCode;

use options::Options;

#[allow(clippy::print_stderr)]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, port] = arguments.as_slice()
        && first == backend::ARGUMENT
    {
        return backend::run(port);
    }
    let options = match Options::read(&arguments) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    match run::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}
