//! What processes cost: CPU time from the scheduler's account, which is exact to nanoseconds and includes the loopback's work in the
//! kernel, and memory as the proportional set size.

use std::fs;
use std::process::{Command, Stdio};

/// CPU time of all threads, in nanoseconds.
pub(crate) fn cpu(processes: &[u32]) -> u64 {
    processes.iter().map(|pid| of_process(*pid)).sum()
}

fn of_process(pid: u32) -> u64 {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return 0;
    };
    threads
        .filter_map(|thread| {
            let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        })
        .sum()
}

/// Memory in bytes.
pub(crate) fn memory(processes: &[u32]) -> f64 {
    let of = |pid: &u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()
    };
    processes.iter().filter_map(of).sum::<f64>() * 1024.0
}

/// Keeps processes on cores, such as `0` or `0,1`; where that cannot be done, they stay anywhere.
pub(crate) fn pin(processes: &[u32], cores: &str) {
    for pid in processes {
        let _ = Command::new("taskset")
            .args(["-a", "-c", "-p", cores, &pid.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

/// How many descriptors a process may have.
pub(crate) fn descriptors() -> usize {
    let text = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(1024)
}

/// The machine in one line.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |rest| {
            rest.trim_matches([' ', '\t', ':'])
        });
    let system = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release: Vec<&str> = system.trim().split('.').take(2).collect();
    format!("{cores} cores of {model}, Linux {}", release.join("."))
}
