//! Where a server listens: `app.internal:8080`, `unix:/run/app.sock`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

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

#[cfg(test)]
mod tests {
    use super::*;

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
