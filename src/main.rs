//! Arguments in, exit status out; nothing else.

mod cmd;

fn main() -> std::process::ExitCode {
    cmd::run(std::env::args_os())
}
