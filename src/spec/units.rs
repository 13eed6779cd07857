//! The values that carry a unit: durations, sizes, rates, addresses, client ranges, status ranges. No bare number has a unit.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

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

/// Where a server listens: `host:port`, `10.0.0.7:80`, `[::1]:80` or `unix:/run/app.sock`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Address {
    /// A host name, resolved by the proxy.
    Name {
        /// The host name, lower case, without a trailing dot.
        host: String,
        /// The TCP port.
        port: u16,
    },
    /// A literal address.
    Ip {
        /// The address.
        ip: IpAddr,
        /// The TCP port.
        port: u16,
    },
    /// A Unix domain socket.
    Unix {
        /// The absolute path of the socket.
        path: String,
    },
}

impl Address {
    /// The port, if the address has one.
    pub const fn port(&self) -> Option<u16> {
        match self {
            Self::Name { port, .. } | Self::Ip { port, .. } => Some(*port),
            Self::Unix { .. } => None,
        }
    }

    /// The host name, if the address has to be looked up.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name { host, .. } => Some(host),
            Self::Ip { .. } | Self::Unix { .. } => None,
        }
    }
}

/// Whether `text` is a host name: dot-separated labels of letters, digits, `-` and `_`, at most 253 bytes.
pub fn is_host_name(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unfit = |why: String| format!("`{text}` is not an address: {why}");
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') && !path.contains(|c: char| c.is_control()) {
                Ok(Self::Unix {
                    path: path.to_owned(),
                })
            } else {
                Err(unfit(
                    "a Unix socket needs an absolute path, such as `unix:/run/app.sock`".to_owned(),
                ))
            };
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            let host = rest.split('/').next().unwrap_or(rest);
            let port = if scheme == "https" || scheme == "wss" {
                443
            } else {
                80
            };
            let plain = if host.contains(':') {
                host.to_owned()
            } else {
                format!("{host}:{port}")
            };
            return Err(unfit(format!(
                "it is a URL; write `{plain}`, and `tls` on the upstream for TLS"
            )));
        }
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, port) = rest
                .split_once(']')
                .ok_or_else(|| unfit("the `]` is missing".to_owned()))?;
            let port = port
                .strip_prefix(':')
                .ok_or_else(|| unfit(format!("a port is missing, such as `[{host}]:80`")))?;
            let ip: Ipv6Addr = host
                .parse()
                .map_err(|_| unfit(format!("`{host}` is not an IPv6 address")))?;
            (Err(IpAddr::V6(ip)), port)
        } else if let Some((host, port)) = text.rsplit_once(':') {
            if host.contains(':') {
                return Err(unfit(
                    "an IPv6 address needs brackets and a port, such as `[::1]:80`".to_owned(),
                ));
            }
            (
                host.parse::<std::net::Ipv4Addr>()
                    .map_or(Ok(host), |ip| Err(IpAddr::V4(ip))),
                port,
            )
        } else {
            return Err(unfit(format!("a port is missing, such as `{text}:80`")));
        };
        let port = match port.parse::<u16>() {
            Ok(number @ 1..) if number.to_string() == port => number,
            _ => return Err(unfit(format!("`{port}` is not a port from 1 to 65535"))),
        };
        match host {
            Err(ip) => Ok(Self::Ip { ip, port }),
            Ok(host)
                if is_host_name(host) && !host.bytes().all(|b| b.is_ascii_digit() || b == b'.') =>
            {
                Ok(Self::Name {
                    host: host.trim_end_matches('.').to_ascii_lowercase(),
                    port,
                })
            }
            Ok(host) => Err(unfit(format!(
                "`{host}` is neither a host name nor an IP address"
            ))),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { host, port } => write!(f, "{host}:{port}"),
            Self::Ip {
                ip: IpAddr::V4(ip),
                port,
            } => write!(f, "{ip}:{port}"),
            Self::Ip {
                ip: IpAddr::V6(ip),
                port,
            } => write!(f, "[{ip}]:{port}"),
            Self::Unix { path } => write!(f, "unix:{path}"),
        }
    }
}

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

macro_rules! scalar {
    ($type:ident, $name:literal, $about:literal, $pattern:literal, [$($example:literal),+], $number:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "{} such as `{}`", $about, [$($example),+][0])
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }

                    fn visit_u64<E: de::Error>(self, number: u64) -> Result<$type, E> {
                        number.to_string().parse().map_err(E::custom)
                    }

                    fn visit_i64<E: de::Error>(self, number: i64) -> Result<$type, E> {
                        number.to_string().parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let text = json_schema!({ "type": "string", "pattern": $pattern });
                let mut schema = if $number {
                    json_schema!({ "anyOf": [text, { "type": "integer", "minimum": 100, "maximum": 599 }] })
                } else {
                    text
                };
                schema.insert("description".to_owned(), $about.into());
                schema.insert("examples".to_owned(), serde_json::json!([$($example),+]));
                schema
            }
        }
    };
}

scalar!(
    Dur,
    "Duration",
    "A duration: whole numbers with `ms`, `s`, `m`, `h` or `d`",
    r"^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
    ["5s", "250ms", "1h30m", "365d"],
    false
);
scalar!(
    Size,
    "Size",
    "A size: a whole number with `B`, `KiB`, `MiB`, `GiB`, `kB`, `MB` or `GB`",
    r"^[0-9]+(B|[KMG]iB|[kKMG]B)$",
    ["64KiB", "1MiB", "10MB"],
    false
);
scalar!(
    Rate,
    "Rate",
    "A rate: a whole number with `/s`, `/min` or `/h`",
    r"^[1-9][0-9]*/(s|min|h)$",
    ["10/s", "600/min", "1000/h"],
    false
);
scalar!(
    Address,
    "Address",
    "Where a server listens: host and port, or a Unix socket",
    r"^(unix:/.*|\[[0-9a-fA-F:.]+\]:[0-9]+|[^:/]+:[0-9]+)$",
    [
        "app.internal:8080",
        "10.0.0.7:80",
        "[::1]:80",
        "unix:/run/app.sock"
    ],
    false
);
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

    #[test]
    fn sizes_rates_and_ranges() {
        assert_eq!("64KiB".parse::<Size>().expect("size").as_bytes(), 65536);
        assert_eq!("10MB".parse::<Size>().expect("size").as_bytes(), 10_000_000);
        assert_eq!("10MB".parse::<Size>().expect("size").to_string(), "10MB");
        assert!("64".parse::<Size>().expect_err("bare").contains("64KiB"));
        assert_eq!(
            "600/min".parse::<Rate>().expect("rate").to_string(),
            "600/min"
        );
        for text in ["0/s", "10", "10/day", "-1/s", "+1/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        let range: ClientRange = "10.1.2.3/8".parse().expect("range");
        assert!(range.has_host_bits());
        assert_eq!(range.to_string(), "10.0.0.0/8");
        assert_eq!("500-599".parse::<StatusRange>().expect("range").last, 599);
        assert!("600".parse::<StatusRange>().is_err());
    }

    #[test]
    fn addresses() {
        for text in [
            "app.internal:8080",
            "10.0.0.7:80",
            "[::1]:80",
            "unix:/run/app.sock",
        ] {
            assert_eq!(text.parse::<Address>().expect(text).to_string(), text);
        }
        for (text, says) in [
            ("app", "`app:80`"),
            ("http://app/x", "`app:80`"),
            ("wss://app", "`app:443`"),
            ("::1", "brackets"),
            ("app:0", "port"),
            ("app:99999", "port"),
            ("app:080", "port"),
            ("a b:80", "neither"),
            ("256.1.1.1:80", "neither"),
            ("unix:app", "absolute"),
        ] {
            let error = text.parse::<Address>().expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
