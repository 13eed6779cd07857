//! What annotations hold: seconds, NGINX's sizes, lists, switches.

use crate::spec::units::{Dur, Size};

/// Whole seconds, with or without `s`, as a duration of the language.
pub(super) fn seconds(text: &str) -> Option<String> {
    let count: u64 = text.trim().trim_end_matches('s').parse().ok()?;
    (count > 0 && count < 3_000_000_000).then(|| Dur::from_secs(count).to_string())
}

/// A size as NGINX writes it, in bytes: `8m`, `512k`, `0`.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let count: u64 = text[..digits].parse().ok()?;
    match &text[digits..] {
        "" => Some(count),
        "k" => count.checked_mul(1 << 10),
        "m" => count.checked_mul(1 << 20),
        "g" => count.checked_mul(1 << 30),
        _ => None,
    }
}

/// Bytes as a size of the language.
pub(super) fn size(bytes: u64) -> String {
    Size::from_bytes(bytes).to_string()
}

/// Words between commas.
pub(super) fn list(text: &str) -> Vec<String> {
    let words = text.split(',').map(str::trim).filter(|it| !it.is_empty());
    words.map(str::to_owned).collect()
}

/// A client range, an address alone among them.
pub(super) fn ranges(text: &str) -> Option<Vec<String>> {
    let ranges = list(text);
    let fine = ranges
        .iter()
        .all(|it| it.parse::<crate::spec::units::ClientRange>().is_ok());
    (fine && !ranges.is_empty()).then_some(ranges)
}

/// NGINX's variable as what a hash is computed from.
pub(super) fn hash(text: &str) -> Option<serde_json::Value> {
    let name = text
        .trim()
        .trim_start_matches("${")
        .trim_start_matches('$')
        .trim_end_matches('}');
    Some(match name {
        "remote_addr" | "binary_remote_addr" | "the_real_ip" => {
            serde_json::json!({ "source": true })
        }
        "request_uri" | "uri" => serde_json::json!({ "path": true }),
        "host" | "http_host" => serde_json::json!({ "header": "Host" }),
        name => {
            let (kind, rest) = name.split_once('_')?;
            if rest.is_empty()
                || !rest
                    .bytes()
                    .all(|it| it.is_ascii_alphanumeric() || it == b'_')
            {
                return None;
            }
            match kind {
                "http" => serde_json::json!({ "header": header(rest) }),
                "cookie" => serde_json::json!({ "cookie": rest }),
                "arg" => serde_json::json!({ "query": rest }),
                _ => return None,
            }
        }
    })
}

/// `x_user` as `X-User`.
fn header(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let mut chars = word.chars();
        chars.next().map_or(String::new(), |first| {
            first.to_ascii_uppercase().to_string() + chars.as_str()
        })
    });
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::{bytes, hash, seconds};

    #[test]
    fn values_are_what_nginx_takes_them_for() {
        assert_eq!(seconds("3600").as_deref(), Some("1h"));
        assert_eq!((seconds("0"), seconds("1h")), (None, None));
        assert_eq!(
            (bytes("8m"), bytes("0"), bytes("x")),
            (Some(8 << 20), Some(0), None)
        );
        assert_eq!(
            hash("$http_x_user"),
            Some(serde_json::json!({ "header": "X-User" }))
        );
        assert_eq!(hash("$upstream_addr"), None);
    }
}
