//! Durations: `1h30m`.

use std::fmt;
use std::str::FromStr;

/// A duration: `250ms`, `5s`, `2m`, `1h30m`, `365d`. Never zero, never a bare number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Dur {
    millis: u64,
}

impl Dur {
    /// A duration of whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis }
    }

    /// A duration of whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self {
            millis: secs * 1000,
        }
    }

    /// The duration in milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.millis
    }

    /// The duration in seconds, rounded up.
    pub const fn as_secs_ceil(self) -> u64 {
        self.millis.div_ceil(1000)
    }

    /// Whether the duration is a whole number of seconds.
    pub const fn is_whole_secs(self) -> bool {
        self.millis.is_multiple_of(1000)
    }
}

const DUR_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];
const DUR_MAX: u64 = 36_500 * 86_400_000;

impl FromStr for Dur {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unfit = |why: &str| format!("`{text}` is not a duration: {why}");
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            let help = if text.trim_start_matches('0').is_empty() {
                "a limit of zero has no meaning; write `off` where there shall be none".to_owned()
            } else {
                format!("a number needs a unit, such as `{text}s` or `{text}ms`")
            };
            return Err(unfit(&help));
        }
        let mut rest = text;
        let mut total: u64 = 0;
        let mut last = usize::MAX;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at(digits);
            let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, tail) = tail.split_at(letters);
            let place = DUR_UNITS.iter().position(|(name, _)| *name == unit);
            let (Some(place), false) = (place, number.is_empty()) else {
                return Err(unfit(
                    "write whole numbers with `ms`, `s`, `m`, `h` or `d`, such as `1h30m`",
                ));
            };
            if last != usize::MAX && place <= last {
                return Err(unfit(
                    "write the larger unit first and each unit once, such as `1h30m`",
                ));
            }
            last = place;
            total = number
                .parse::<u64>()
                .ok()
                .and_then(|n| n.checked_mul(DUR_UNITS[place].1))
                .and_then(|n| total.checked_add(n))
                .filter(|n| *n <= DUR_MAX)
                .ok_or_else(|| {
                    unfit("it is longer than 100 years; write `off` where there shall be no limit")
                })?;
            rest = tail;
        }
        match total {
            0 if text.is_empty() => Err(unfit(
                "write a whole number with `ms`, `s`, `m`, `h` or `d`, such as `5s`",
            )),
            0 => Err(unfit(
                "a limit of zero has no meaning; write `off` where there shall be none",
            )),
            millis => Ok(Self { millis }),
        }
    }
}

impl fmt::Display for Dur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.millis;
        // 90s stays 90s for people only below two minutes; above, the larger units read better.
        for (name, size) in DUR_UNITS {
            let count = rest / size;
            if count > 0 {
                write!(f, "{count}{name}")?;
                rest %= size;
            }
        }
        if self.millis == 0 {
            f.write_str("0s")
        } else {
            Ok(())
        }
    }
}

scalar!(
    Dur,
    "Duration",
    "A duration: whole numbers with `ms`, `s`, `m`, `h` or `d`",
    r"^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
    ["5s", "250ms", "1h30m", "365d"],
    false
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_parse_and_print_back() {
        for text in ["250ms", "5s", "2m", "1h30m", "365d", "1d2h3m4s5ms"] {
            assert_eq!(text.parse::<Dur>().expect(text).to_string(), text);
        }
        assert_eq!("90s".parse::<Dur>().expect("90s").to_string(), "1m30s");
        for (text, says) in [
            ("60", "`60s`"),
            ("0", "`off`"),
            ("0s", "`off`"),
            ("1.5s", "whole numbers"),
            ("30m1h", "larger unit first"),
            ("", "such as"),
            ("1h1h", "once"),
            ("99999999999999999999d", "100 years"),
            ("5 s", "whole numbers"),
        ] {
            let error = text.parse::<Dur>().expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
