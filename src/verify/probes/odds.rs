//! Whether counts fit shares: exactly where servers take turns, within a chi-square bound where chance decides.

/// Turns: each count is its share, but for a round that has just begun.
pub(super) fn in_turn(counts: &[usize], weights: &[u32]) -> Result<(), String> {
    let fits = |(count, wanted): (usize, f64)| (count as f64 - wanted).abs() <= 3.0 + wanted / 10.0;
    judge(counts, weights, |all| all.into_iter().all(fits))
}

/// Chance: the chi-square statistic is one that fair dice exceed once in about 100,000 runs.
pub(super) fn by_chance(counts: &[usize], weights: &[u32]) -> Result<(), String> {
    judge(counts, weights, |all| {
        let statistic: f64 = all
            .iter()
            .filter(|(_, wanted)| *wanted > 0.0)
            .map(|(count, wanted)| (*count as f64 - wanted).powi(2) / wanted)
            .sum();
        let only = all
            .iter()
            .all(|(count, wanted)| *wanted > 0.0 || *count == 0);
        let live = weights.iter().filter(|weight| **weight > 0).count();
        only && statistic <= bound(live.saturating_sub(1))
    })
}

/// A hash: shares are those of points on a ring, nearly right only.
pub(super) fn by_hash(counts: &[usize], weights: &[u32]) -> Result<(), String> {
    let fits = |(count, wanted): (usize, f64)| {
        (wanted * 0.5 - 3.0..=wanted * 1.6 + 3.0).contains(&(count as f64))
    };
    judge(counts, weights, |all| all.into_iter().all(fits))
}

fn judge(
    counts: &[usize],
    weights: &[u32],
    fits: impl FnOnce(Vec<(usize, f64)>) -> bool,
) -> Result<(), String> {
    let (sent, sum): (usize, u32) = (counts.iter().sum(), weights.iter().sum());
    let wanted = weights
        .iter()
        .map(|weight| sent as f64 * f64::from(*weight) / f64::from(sum.max(1)));
    let all: Vec<(usize, f64)> = counts.iter().copied().zip(wanted).collect();
    if fits(all) {
        return Ok(());
    }
    let texts: Vec<String> = counts.iter().map(ToString::to_string).collect();
    Err(format!("{} of {sent} requests", texts.join(", ")))
}

/// The value that chi-square with so many degrees of freedom exceeds once in 100,000 times (Wilson and Hilferty).
fn bound(freedom: usize) -> f64 {
    const DEVIATIONS: f64 = 4.265;
    let freedom = freedom.max(1) as f64;
    let part = 2.0 / (9.0 * freedom);
    freedom * (1.0 - part + DEVIATIONS * part.sqrt()).powi(3)
}

#[cfg(test)]
mod tests {
    use super::{bound, by_chance, by_hash, in_turn};

    #[test]
    fn fair_counts_fit_and_others_do_not() {
        assert!(in_turn(&[60, 40], &[3, 2]).is_ok() && in_turn(&[50, 50], &[3, 2]).is_err());
        assert!(by_chance(&[230, 170], &[3, 2]).is_ok());
        assert!(by_chance(&[200, 200], &[3, 1]).is_err());
        assert!(by_chance(&[99, 1], &[1, 0]).is_err() && by_chance(&[99, 0], &[1, 0]).is_ok());
        assert!(by_hash(&[65, 35], &[3, 1]).is_ok() && by_hash(&[50, 50], &[3, 1]).is_err());
        // From a table: 19.5 and 39.3.
        assert!((18.0..22.0).contains(&bound(1)) && (38.0..41.0).contains(&bound(9)));
    }
}
