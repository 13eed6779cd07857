//! Medians, quartiles, and times in buckets.

use std::time::Duration;

/// A value at a part of a sorted list, 0.5 being the median; not a number where the list is empty.
pub(crate) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|it| it.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() {
        return f64::NAN;
    }
    let at = part * (sorted.len() - 1) as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * (at - low as f64)
}

/// The middle value.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Times, each to one part in sixty-four.
#[derive(Clone)]
pub(crate) struct Times {
    counts: Vec<u32>,
    total: u64,
}

const STEPS: u64 = 64;

impl Times {
    pub(crate) fn new() -> Self {
        Self {
            counts: vec![0; (STEPS * 40) as usize],
            total: 0,
        }
    }

    /// Adds one.
    pub(crate) fn add(&mut self, time: Duration) {
        // Tenths of a microsecond.
        let value = (time.as_nanos() / 100) as u64 + STEPS;
        let power = u64::from(value.ilog2() - STEPS.ilog2());
        let at = power * STEPS + (value >> power) - STEPS;
        let last = self.counts.len() - 1;
        self.counts[(at as usize).min(last)] += 1;
        self.total += 1;
    }

    /// The time below which this part lies, in microseconds.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let wanted = (part * self.total as f64).ceil() as u64;
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted && seen > 0 {
                let (power, step) = (at as u64 / STEPS, at as u64 % STEPS);
                return (((STEPS + step + 1) << power) - STEPS) as f64 / 10.0;
            }
        }
        f64::NAN
    }
}
