//! HAProxy's durations and sizes, and the same in the words of the language.

use crate::spec::units::{Dur, Size};

/// A duration in milliseconds; a bare number is milliseconds. `None` for what is none, and for zero, which means no limit.
pub(super) fn millis(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let millis = match &text[digits..] {
        "us" => number / 1000,
        "" | "ms" => number,
        "s" => number.checked_mul(1000)?,
        "m" => number.checked_mul(60_000)?,
        "h" => number.checked_mul(3_600_000)?,
        "d" => number.checked_mul(86_400_000)?,
        _ => return None,
    };
    Some(millis).filter(|it| *it > 0 && *it <= 36_500 * 86_400_000)
}

/// Milliseconds as a duration of the language.
pub(super) fn duration(millis: u64) -> String {
    Dur::from_millis(millis).to_string()
}

/// A duration as one of the language.
pub(super) fn time(text: &str) -> Option<String> {
    millis(text).map(duration)
}

/// A duration of the language in milliseconds.
pub(super) fn millis_of(text: &str) -> Option<u64> {
    text.parse::<Dur>().ok().map(Dur::as_millis)
}

/// A size in bytes: `16384`, `64k`, `1m`.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    match &text[digits..] {
        "" => Some(number),
        "k" | "K" => number.checked_mul(1 << 10),
        "m" | "M" => number.checked_mul(1 << 20),
        "g" | "G" => number.checked_mul(1 << 30),
        _ => None,
    }
}

/// Bytes as a size of the language.
pub(super) fn size(bytes: u64) -> String {
    Size::from_bytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::{bytes, time};

    #[test]
    fn a_bare_number_is_milliseconds() {
        assert_eq!(time("86400").as_deref(), Some("1m26s400ms"));
        assert_eq!(time("1h").as_deref(), Some("1h"));
        assert_eq!((time("0"), time("1h30m"), time("x")), (None, None, None));
        assert_eq!((bytes("64k"), bytes("1x")), (Some(65_536), None));
    }
}
