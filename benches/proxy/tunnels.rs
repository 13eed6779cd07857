//! Tunnels that are held open: what an idle one keeps, and what a hundred reloads do to them.

use std::time::Duration;

use crate::client::Target;
use crate::load;
use crate::measure;
use crate::programs::Started;

/// How long a program may take to give memory back.
const REST: Duration = Duration::from_millis(1500);

/// The size of the message that may leave a buffer behind.
const LONG: usize = 16 * 1024;

/// Bytes per tunnel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    /// Nothing has passed yet.
    pub(crate) fresh: f64,
    /// A message of 16 KiB has passed through each.
    pub(crate) used: f64,
}

/// Opens tunnels on a program that was just started.
///
/// # Errors
/// One could not be opened, or lost its message.
pub(crate) fn memory(program: &Started, target: &Target, count: usize) -> Result<Kept, String> {
    let processes = program.processes();
    load::run(async {
        // What is set up once is none of a tunnel's.
        let some = load::tunnels(target, count.min(20)).await?;
        drop(some);
        tokio::time::sleep(REST).await;
        let before = measure::memory(&processes);
        let mut tunnels = load::tunnels(target, count).await?;
        tokio::time::sleep(REST).await;
        let grown = || (measure::memory(&processes) - before) / count as f64;
        let fresh = grown();
        let alive = load::through(&mut tunnels, LONG).await;
        if alive < count {
            return Err(format!("{} of {count} tunnels were lost", count - alive));
        }
        tokio::time::sleep(REST).await;
        Ok(Kept {
            fresh,
            used: grown(),
        })
    })?
}

/// What reloads did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlived {
    /// Tunnels that were there.
    pub(crate) tunnels: usize,
    /// Tunnels that carry no message any more.
    pub(crate) lost: usize,
    /// Memory after the first tenth of the reloads, and after the last one, in bytes.
    pub(crate) memory: (f64, f64),
}

/// Reloads a program that holds tunnels; `spec` makes the file for a turn.
///
/// # Errors
/// A reload failed.
pub(crate) fn reloads(
    count: usize,
    reloads: usize,
    program: &mut Started,
    target: &Target,
    spec: impl Fn(usize, &Started) -> Result<(String, String), String>,
) -> Result<Outlived, String> {
    load::run(async {
        let mut tunnels = load::tunnels(target, count).await?;
        let mut early = 0.0;
        for turn in 1..=reloads {
            let (name, text) = spec(turn, program)?;
            program.reload(&text, &name)?;
            // Clients go on with their own work meanwhile.
            tokio::time::sleep(Duration::from_millis(5)).await;
            if turn == reloads.div_ceil(10) {
                tokio::time::sleep(REST).await;
                early = measure::memory(&program.processes());
            }
        }
        tokio::time::sleep(REST).await;
        let late = measure::memory(&program.processes());
        let alive = load::through(&mut tunnels, 64).await;
        Ok(Outlived {
            tunnels: count,
            lost: count - alive,
            memory: (early, late),
        })
    })?
}
