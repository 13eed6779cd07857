//! What code scanning services know a line by when others move above it: the `primaryLocationLineHash` that GitHub computes.

use std::collections::HashMap;

/// How many characters from a line's start count; spaces and tabs do not.
const BLOCK: usize = 100;
/// The base of the polynomial.
const BASE: u64 = 37;
/// Stands behind the last character of the text.
const END: u64 = 65535;

/// For each line (the first is 0) the hash of its beginning, and which one of that hash it is.
pub(super) fn of(text: &str) -> Vec<String> {
    let (mut units, mut starts) = (Vec::with_capacity(text.len() + 1), Vec::new());
    let (mut at_start, mut after_cr) = (true, false);
    for unit in text.encode_utf16().map(u64::from).chain([END]) {
        let is = |c: char| unit == u64::from(u32::from(c));
        if is(' ') || is('\t') || after_cr && is('\n') {
            after_cr = false;
            continue;
        }
        after_cr = is('\r');
        if at_start {
            starts.push(units.len());
        }
        at_start = is('\n') || after_cr;
        units.push(if after_cr { u64::from(b'\n') } else { unit });
    }
    let mut seen: HashMap<u64, u32> = HashMap::new();
    starts
        .into_iter()
        .map(|start| {
            let hash = (start..start + BLOCK).fold(0_u64, |hash, at| {
                let unit = units.get(at).copied().unwrap_or(0);
                hash.wrapping_mul(BASE).wrapping_add(unit)
            });
            let count = seen.entry(hash).or_default();
            *count += 1;
            format!("{hash:x}:{count}")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::of;

    /// Values that GitHub's own computation gives.
    #[test]
    fn lines_have_the_hashes_that_github_gives_them() {
        assert_eq!(of(""), ["c129715d7a2bc9a3:1"]);
        assert_eq!(
            of(" a\nb\n  \t\tc\n d"),
            [
                "271789c17abda88f:1",
                "54703d4cd895b18:1",
                "180aee12dab6264:1",
                "a23a3dc5e078b07b:1"
            ]
        );
        let breaks = [
            "e9496ae3ebfced30:1",
            "fb7c023a8b9ccb3f:1",
            "ce8ba1a563dcdaca:1",
            "e20e36e16fcb0cc8:1",
            "b3edc88f2938467e:1",
            "c8e28b0b4002a3a0:1",
            "c129715d7a2bc9a3:1",
        ];
        let text = " hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n";
        assert_eq!(of(text), breaks);
        assert_eq!(of(&text.replace('\n', "\r")), breaks);
        assert_eq!(of(&text.replace('\n', "\r\n")), breaks);
        let many = of(&"Lorem ipsum dolor sit amet.\n".repeat(10));
        assert_eq!(many[5], "a7f2ff13bc495cf2:6");
        assert_eq!(many[7], "a9cf91f7bbf1862b:1");
    }
}
