//! NGINX's values in the words of a spec: durations, sizes, text with variables.

use serde_json::{Value, json};

use crate::ir::regex::check;
use crate::spec::units::{Dur, Size};

/// A duration as NGINX writes it: a number of seconds, or numbers with units. `None` where it is none, or zero, which NGINX takes
/// for "at once".
pub fn duration(text: &str) -> Option<Dur> {
    const UNITS: [(&str, u64); 8] = [
        ("ms", 1),
        ("s", 1000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
        ("w", 604_800_000),
        ("M", 2_592_000_000),
        ("y", 31_536_000_000),
    ];
    let mut millis = 0_u64;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = &rest[..letters];
        rest = rest[letters..].trim_start();
        let factor = match unit {
            "" => 1000,
            unit => UNITS.iter().find(|(name, _)| *name == unit)?.1,
        };
        millis = millis.checked_add(number.checked_mul(factor)?)?;
    }
    // More than a thousand years is no duration that anybody means.
    (millis > 0 && millis < 31_536_000_000_000).then(|| Dur::from_millis(millis))
}

/// A size: a number of bytes, or with `k`, `m` or `g`. Zero is zero.
pub(super) fn size(text: &str) -> Option<Size> {
    let lower = text.to_ascii_lowercase();
    let (number, factor) = match lower.strip_suffix(['k', 'm', 'g']) {
        Some(number) => (
            number,
            match lower.as_bytes().last() {
                Some(b'k') => 1_u64 << 10,
                Some(b'm') => 1 << 20,
                _ => 1 << 30,
            },
        ),
        None => (lower.as_str(), 1),
    };
    let number: u64 = number.parse().ok()?;
    Some(Size::from_bytes(number.checked_mul(factor)?))
}

/// A part of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    /// As it is.
    Text(String),
    /// A variable, by name.
    Var(String),
}

/// A text with its variables.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut found: Vec<Piece> = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        let after = &rest[dollar + 1..];
        let (name, end) = match after.strip_prefix('{') {
            Some(inner) => {
                let end = inner.find('}').unwrap_or(0);
                (&inner[..end], end + 2)
            }
            None => {
                let end = after
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        plain.push_str(&rest[..dollar]);
        if name.is_empty() {
            plain.push('$');
            rest = after;
            continue;
        }
        if !plain.is_empty() {
            found.push(Piece::Text(std::mem::take(&mut plain)));
        }
        found.push(Piece::Var(name.to_owned()));
        rest = after.get(end..).unwrap_or("");
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        found.push(Piece::Text(plain));
    }
    found
}

/// Whether a text has a variable.
pub(super) fn has_variable(text: &str) -> bool {
    pieces(text)
        .iter()
        .any(|piece| matches!(piece, Piece::Var(_)))
}

/// A header's value as a spec says it; `None` where it needs a variable that the language has no word for.
pub(super) fn header_value(parts: &[Piece]) -> Option<Value> {
    match parts {
        [] => Some("".into()),
        [Piece::Text(text)] => Some(text.as_str().into()),
        [Piece::Var(name)] if source(name).is_some() => {
            source(name).map(|from| json!({ "from": from }))
        }
        parts => {
            let mut template = String::new();
            for part in parts {
                match part {
                    Piece::Text(text) => {
                        template.push_str(&text.replace('{', "{{").replace('}', "}}"))
                    }
                    Piece::Var(name) => {
                        template.push('{');
                        template.push_str(fact(name)?);
                        template.push('}');
                    }
                }
            }
            Some(json!({ "template": template }))
        }
    }
}

/// One fact of a request.
fn source(variable: &str) -> Option<Value> {
    Some(match variable {
        "remote_addr" | "binary_remote_addr" => "client_ip".into(),
        "request_id" => "request_id".into(),
        "scheme" => "scheme".into(),
        "host" => "host".into(),
        "ssl_client_s_dn" => "tls_subject".into(),
        name => {
            if let Some(name) = name.strip_prefix("arg_") {
                json!({ "query": name })
            } else if let Some(name) = name.strip_prefix("cookie_") {
                json!({ "cookie": name })
            } else if let Some(name) = name.strip_prefix("http_") {
                json!({ "header": header_name(name) })
            } else {
                return None;
            }
        }
    })
}

/// A fact that may stand in a template.
fn fact(variable: &str) -> Option<&'static str> {
    Some(match variable {
        "scheme" => "scheme",
        "host" | "http_host" => "host",
        "server_port" => "port",
        "request_method" => "method",
        "uri" | "document_uri" => "path",
        "args" | "query_string" => "query",
        "request_uri" => "uri",
        "remote_addr" => "client_ip",
        "request_id" => "request_id",
        _ => return None,
    })
}

/// `x_real_ip` as people write it: `X-Real-Ip`.
pub(super) fn header_name(variable: &str) -> String {
    let words: Vec<String> = variable
        .split('_')
        .map(|word| {
            let mut chars = word.chars();
            chars.next().map_or_else(String::new, |first| {
                first.to_uppercase().chain(chars).collect()
            })
        })
        .collect();
    words.join("-")
}

/// NGINX's regex, which may match anywhere, as one that is anchored at both ends; `path` where it is one over a path.
///
/// # Errors
/// What RE2 has no word for.
pub(super) fn anchored(regex: &str, nocase: bool, path: bool) -> Result<String, String> {
    let mut text = crate::import::regex::anchored(regex, path);
    if nocase {
        text.insert_str(0, "(?i)");
    }
    check(&text).map(|()| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_read_as_nginx_reads_them() {
        let shown = |text| duration(text).map(|dur| dur.to_string());
        assert_eq!(shown("86400").as_deref(), Some("1d"));
        assert_eq!(shown("1h 30m").as_deref(), Some("1h30m"));
        assert_eq!(shown("500ms").as_deref(), Some("500ms"));
        assert_eq!(shown("0"), None);
        assert_eq!(shown("1.5s"), None);
        let shown = |text| size(text).map(|size| size.to_string());
        assert_eq!(shown("1m").as_deref(), Some("1MiB"));
        assert_eq!(shown("1G").as_deref(), Some("1GiB"));
        assert_eq!(shown("x"), None);
    }

    #[test]
    fn regexes_are_anchored() {
        assert_eq!(
            anchored("^/(a|b)$", true, true).as_deref(),
            Ok("(?i)/(a|b)")
        );
        assert!(anchored("^(?!/a)", false, true).is_err());
    }

    #[test]
    fn variables_are_facts_or_nothing() {
        assert_eq!(header_value(&pieces("a b")), Some("a b".into()));
        assert_eq!(
            header_value(&pieces("$remote_addr")),
            Some(json!({ "from": "client_ip" }))
        );
        assert_eq!(
            header_value(&pieces("${scheme}://$host{")),
            Some(json!({ "template": "{scheme}://{host}{{" }))
        );
        assert_eq!(header_value(&pieces("$connection")), None);
        assert_eq!(pieces("5$"), [Piece::Text("5$".to_owned())]);
    }
}
