//! Query parameters: finding, removing and setting them by their decoded names.

/// The decoded value of the first parameter of this name; one without `=` is empty.
pub(crate) fn value(query: &str, name: &str) -> Option<String> {
    values(query, name).next()
}

/// The decoded values of every parameter of this name.
pub(crate) fn values(query: &str, name: &str) -> impl Iterator<Item = String> {
    pairs(query)
        .filter(move |(known, _)| decoded(known) == name)
        .map(|(_, value)| decoded(value))
}

/// The query without every parameter of these names.
pub(crate) fn without(query: &str, names: &[&str]) -> String {
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| {
            let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
            !names.contains(&decoded(name).as_str())
        })
        .collect();
    kept.join("&")
}

/// The query with this parameter at its end, encoded.
pub(crate) fn with(query: &str, name: &str, value: &str) -> String {
    let separator = if query.is_empty() { "" } else { "&" };
    format!("{query}{separator}{}={}", encode(name), encode(value))
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

pub(crate) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            digits
                .bytes()
                .all(|b| b.is_ascii_hexdigit())
                .then_some(digits)
        });
        match (
            bytes[at],
            digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()),
        ) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 3;
            }
            (b'+', _) => {
                decoded.push(b' ');
                at += 1;
            }
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~[]:/,@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::{value, with, without};

    #[test]
    fn parameters_go_by_decoded_names() {
        assert_eq!(value("a=1&b=%32&b=3", "b").as_deref(), Some("2"));
        assert_eq!(value("flag&x=", "flag").as_deref(), Some(""));
        assert_eq!(value("a%5B%5D=x+y", "a[]").as_deref(), Some("x y"));
        assert_eq!(value("%zz=1", "%zz").as_deref(), Some("1"));
        assert_eq!(without("a=1&%61=2&b", &["a"]), "b");
        assert_eq!(with(&without("v=1", &["v"]), "v", "a b&c"), "v=a%20b%26c");
    }
}
