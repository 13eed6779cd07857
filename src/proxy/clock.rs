//! Milliseconds since the proxy started, as atomics can hold them.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds since the first call, from 1: 0 is free to mean "never".
pub(crate) fn now() -> u64 {
    START.elapsed().as_millis() as u64 + 1
}

/// How often times are looked at.
pub(crate) const TICK: Duration = Duration::from_millis(100);

static SOON: AtomicU64 = AtomicU64::new(0);

/// Notes that times are being looked at; the time.
pub(crate) fn tick() -> u64 {
    let now = now();
    SOON.store(now + TICK.as_millis() as u64, Relaxed);
    now
}

/// When times are looked at next: the end of the present at no cost, for what is counted in more than one tick.
pub(crate) fn soon() -> u64 {
    SOON.load(Relaxed)
}

/// A duration of the spec.
pub(crate) fn of(duration: crate::ir::Dur) -> Duration {
    Duration::from_millis(duration.as_millis())
}
