//! Rates: `600/min`.

use std::fmt;
use std::str::FromStr;

/// The time a rate counts over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Per {
    /// `…/s`
    Second,
    /// `…/min`
    Minute,
    /// `…/h`
    Hour,
}

impl Per {
    /// The length of the period in seconds.
    pub const fn secs(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
        }
    }
}

/// A rate: `10/s`, `600/min`, `1000/h`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Rate {
    /// How many in each period; at least 1.
    pub count: u32,
    /// The period.
    pub per: Per,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unfit = || {
            format!(
                "`{text}` is not a rate: write a whole number of at least 1 with `/s`, `/min` or `/h`, such as `10/s`"
            )
        };
        let (count, per) = text.split_once('/').ok_or_else(unfit)?;
        let per = [Per::Second, Per::Minute, Per::Hour]
            .into_iter()
            .find(|p| p.name() == per)
            .ok_or_else(unfit)?;
        if !count.bytes().all(|b| b.is_ascii_digit()) {
            return Err(unfit());
        }
        match count.parse() {
            Ok(count @ 1..) => Ok(Self { count, per }),
            _ => Err(unfit()),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.per.name())
    }
}

scalar!(
    Rate,
    "Rate",
    "A rate: a whole number with `/s`, `/min` or `/h`",
    r"^[1-9][0-9]*/(s|min|h)$",
    ["10/s", "600/min", "1000/h"],
    false
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_parse_and_print_back() {
        assert_eq!(
            "600/min".parse::<Rate>().expect("rate").to_string(),
            "600/min"
        );
        for text in ["0/s", "10", "10/day", "-1/s", "+1/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
