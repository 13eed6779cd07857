//! When an end is in time: not before its limit, and how long after it.

use std::time::Duration;

use crate::ir::Dur;

/// Part of a limit.
pub(super) fn part(limit: Dur, percent: u64) -> Duration {
    Duration::from_millis(limit.as_millis() * percent / 100)
}

/// How long an end is waited for: machines are busy.
pub(super) fn most(limit: Dur) -> Duration {
    part(limit, 150) + Duration::from_millis(1500)
}

/// Whether an end came at its time: never before, with a grace after. `Err` says what came.
pub(super) fn within(limit: Dur, ended: Option<Duration>) -> Result<(), String> {
    // A program's clock may tick a little early.
    let least = part(limit, 90);
    match ended {
        None => Err(format!(
            "it was still open after {:.1} s",
            most(limit).as_secs_f64()
        )),
        Some(after) if after < least => Err(format!("it ended after {:.2} s", after.as_secs_f64())),
        Some(_) => Ok(()),
    }
}
