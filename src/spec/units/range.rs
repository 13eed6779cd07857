//! Ranges: of clients, `10.0.0.0/8`, and of statuses, `500-599`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// A range of client addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct ClientRange {
    /// The range as it was written, host bits included.
    written: IpNet,
}

impl ClientRange {
    /// The range with its host bits cleared.
    pub fn net(self) -> IpNet {
        self.written.trunc()
    }

    /// Whether bits below the prefix length were set, as in `10.1.2.3/8`.
    pub fn has_host_bits(self) -> bool {
        self.written != self.written.trunc()
    }

    /// Whether every address of its family is inside: `0.0.0.0/0` or `::/0`.
    pub fn is_everyone(self) -> bool {
        self.written.prefix_len() == 0
    }
}

impl From<IpNet> for ClientRange {
    fn from(written: IpNet) -> Self {
        Self { written }
    }
}

impl FromStr for ClientRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map(|written| Self { written })
            .map_err(|_| format!("`{text}` is not a client range: write an address or a range, such as `10.0.0.0/8` or `::1`"))
    }
}

impl fmt::Display for ClientRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let net = self.net();
        if net.prefix_len() == net.max_prefix_len() {
            write!(f, "{}", net.addr())
        } else {
            write!(f, "{net}")
        }
    }
}

/// One status code or a range of them: `200`, `500-599`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct StatusRange {
    /// The first status of the range, 100 to 599.
    pub first: u16,
    /// The last status of the range, included.
    pub last: u16,
}

impl FromStr for StatusRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unfit = || {
            format!(
                "`{text}` is not a status or a range of them: write `200` or `500-599`, from 100 to 599"
            )
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let parse = |s: &str| s.parse::<u16>().ok().filter(|n| (100..=599).contains(n));
        match (parse(first), parse(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
            _ => Err(unfit()),
        }
    }
}

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

scalar!(
    ClientRange,
    "ClientRange",
    "A client address or a range of them",
    r"^[0-9a-fA-F:.]+(/[0-9]{1,3})?$",
    ["10.0.0.0/8", "::1"],
    false
);

scalar!(
    StatusRange,
    "StatusRange",
    "A status or a range of them, from 100 to 599",
    r"^[1-5][0-9]{2}(-[1-5][0-9]{2})?$",
    ["500-599"],
    true
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_parse_and_print_back() {
        let range: ClientRange = "10.1.2.3/8".parse().expect("range");
        assert!(range.has_host_bits());
        assert_eq!(range.to_string(), "10.0.0.0/8");
        assert_eq!("500-599".parse::<StatusRange>().expect("range").last, 599);
        assert!("600".parse::<StatusRange>().is_err());
    }
}
