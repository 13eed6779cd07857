//! Milliseconds since the proxy started, as atomics can hold them.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds since the first call, from 1: 0 is free to mean "never".
pub(super) fn now() -> u64 {
    START.elapsed().as_millis() as u64 + 1
}

/// A duration of the spec.
pub(super) fn of(duration: crate::ir::Dur) -> Duration {
    Duration::from_millis(duration.as_millis())
}
