//! Names that the Kubernetes API takes: lower case, digits and `-`, at most 63 signs.

/// The longest name of a Service, which is a DNS label.
const LONGEST: usize = 63;

/// A name put together from names of the spec. Two that differ there differ here.
pub(in crate::targets) fn name(parts: &[&str]) -> String {
    let written = parts.join("-");
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let mut name: String = written
        .chars()
        .map(|c| match c.to_ascii_lowercase() {
            c if c.is_ascii() && fits(c as u8) => c,
            _ => '-',
        })
        .collect();
    if name == written && name.len() <= LONGEST && !name.ends_with('-') {
        return name;
    }
    let mark = format!("-{:06x}", hash(&written) & 0xff_ffff);
    name.truncate(LONGEST - mark.len());
    name.push_str(&mark);
    name
}

/// FNV-1a: the same everywhere, and short.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// Whether a text is a name of an object: labels of lower-case letters, digits and `-` with dots between, at most 253 signs.
pub(in crate::targets) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// Whether a text is one label.
pub(in crate::targets) fn is_label(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty()
        && text.len() <= LONGEST
        && text.bytes().all(fits)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_and_differ_where_the_spec_differs() {
        assert_eq!(name(&["chat", "socket"]), "chat-socket");
        let long = "x".repeat(63);
        let names = [
            name(&["chat", "a_b"]),
            name(&["chat", "a-b"]),
            name(&["chat", "A-b"]),
            name(&["chat", &long, "1"]),
            name(&["chat", &long, "2"]),
            name(&["chat", "a-"]),
        ];
        for (n, one) in names.iter().enumerate() {
            assert!(is_label(one), "{one}");
            assert!(!names[n + 1..].contains(one), "{one}");
        }
    }
}
