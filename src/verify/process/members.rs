//! Which processes of a group live.

use std::process::Command;
use std::time::Duration;

/// How long a listing may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The living processes of a group. A zombie that waits for its new parent is not one, unless threads of it live on: they
/// keep its sockets open.
pub fn members(group: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return listed(group);
    };
    let group = group.to_string();
    let processes = entries.flatten().filter_map(|entry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // After the name in parentheses: state, parent, group; the 18th is the number of threads.
        let words: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
        let is_zombie = *words.first()? == "Z" && *words.get(17)? == "1";
        let alive = *words.get(2)? == group && !is_zombie;
        alive.then(|| entry.file_name().to_string_lossy().parse().ok())?
    });
    processes.collect()
}

/// The same where there is no `/proc`.
fn listed(group: u32) -> Vec<u32> {
    let mut ps = Command::new("ps");
    ps.args(["-A", "-o", "pid=,pgid=,stat="]);
    let Ok((_, said)) = crate::verify::command::run(&mut ps, PATIENCE) else {
        return Vec::new();
    };
    let group = group.to_string();
    said.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (pid, of, state) = (words.next()?, words.next()?, words.next()?);
            (of == group && !state.starts_with('Z')).then(|| pid.parse().ok())?
        })
        .collect()
}
