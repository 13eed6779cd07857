//! Sizes: `64KiB`.

use std::fmt;
use std::str::FromStr;

/// A size in bytes: `64KiB`, `1MiB`, `2GiB` (1024-based), `10kB`, `10MB`, `1GB` (1000-based), `512B`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Size {
    bytes: u64,
}

impl Size {
    /// A size of whole bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self { bytes }
    }

    /// The size in bytes.
    pub const fn as_bytes(self) -> u64 {
        self.bytes
    }
}

const SIZE_UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1000),
    ("B", 1),
];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unfit = |why: String| format!("`{text}` is not a size: {why}");
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        if unit.is_empty() && !number.is_empty() {
            return Err(unfit(format!(
                "a number needs a unit, such as `{number}KiB` or `{number}B`"
            )));
        }
        let unit = if unit == "KB" { "kB" } else { unit };
        let Some((_, factor)) = SIZE_UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(unfit("write a whole number with `B`, `KiB`, `MiB`, `GiB`, `kB`, `MB` or `GB`, such as `64KiB`".to_owned()));
        };
        let bytes = number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(*factor))
            .filter(|n| *n <= 1 << 50)
            .ok_or_else(|| {
                unfit(
                    "write a whole number with its unit, such as `64KiB`, up to 1024 TiB"
                        .to_owned(),
                )
            })?;
        match bytes {
            0 => Err(unfit(
                "a limit of zero has no meaning; write `off` where there shall be none".to_owned(),
            )),
            bytes => Ok(Self { bytes }),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, factor) = SIZE_UNITS
            .iter()
            .find(|(_, factor)| self.bytes != 0 && self.bytes.is_multiple_of(*factor))
            .unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.bytes / factor)
    }
}

scalar!(
    Size,
    "Size",
    "A size: a whole number with `B`, `KiB`, `MiB`, `GiB`, `kB`, `MB` or `GB`",
    r"^[0-9]+(B|[KMG]iB|[kKMG]B)$",
    ["64KiB", "1MiB", "10MB"],
    false
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_parse_and_print_back() {
        assert_eq!("64KiB".parse::<Size>().expect("size").as_bytes(), 65536);
        assert_eq!("10MB".parse::<Size>().expect("size").as_bytes(), 10_000_000);
        assert_eq!("10MB".parse::<Size>().expect("size").to_string(), "10MB");
        assert!("64".parse::<Size>().expect_err("bare").contains("64KiB"));
    }
}
