//! "Did you mean": the known name that is closest to an unknown one.

/// The closest of the known names, if it is close enough to be meant.
pub fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .map(|candidate| (similarity(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(ratio, _)| *ratio >= 0.6)
        // The first of equals wins, so that the answer is the same on every run.
        .fold(None, |best: Option<(f32, &str)>, this| {
            if best.is_none_or(|best| this.0 > best.0) {
                Some(this)
            } else {
                best
            }
        })
        .map(|(_, candidate)| candidate)
}

fn similarity(a: &str, b: &str) -> f32 {
    similar::TextDiff::from_chars(a, b).ratio()
}

/// Whether a text can name a listener, an upstream, a route and the like: a letter, then letters, digits, `-` and `_`, 63 in all.
pub fn is_name(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_slip_is_found_and_a_stranger_is_not() {
        let known = ["upstream", "websocket", "timeouts", "redirect"];
        assert_eq!(closest("websockt", known.into_iter()), Some("websocket"));
        assert_eq!(closest("Upstreams", known.into_iter()), Some("upstream"));
        assert_eq!(closest("cheese", known.into_iter()), None);
    }
}
