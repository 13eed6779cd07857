//! Logical ids: made of what they name and nothing else, so that they stay when something else comes or goes.

use rustc_hash::FxHashMap as HashMap;

/// Ids that are given out, and what each was given for.
#[derive(Debug, Default)]
pub(super) struct Ids {
    given: HashMap<String, String>,
}

impl Ids {
    /// The id for a thing: its words in camel case. `whole` tells the thing from every other one; where two would have one id, the
    /// later gets its hash behind.
    pub(super) fn id(&mut self, words: &str, whole: &str) -> String {
        let id = camel(words);
        let taken = self.given.get(&id).is_some_and(|by| by != whole);
        let id = match taken {
            true => format!("{id}{}", hash(whole)),
            false => id,
        };
        self.given.insert(id.clone(), whole.to_owned());
        id
    }

    /// Whether the id is given out.
    pub(super) fn is_taken(&self, id: &str) -> bool {
        self.given.contains_key(id)
    }
}

/// `old-docs` as `OldDocs`: logical ids have letters and digits only.
pub(super) fn camel(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut up = true;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(if up { c.to_ascii_uppercase() } else { c });
            up = false;
        } else {
            up = true;
        }
    }
    if !out.starts_with(|c: char| c.is_ascii_alphabetic()) {
        out.insert(0, 'N');
    }
    out
}

/// A name in camel case, other than that of every other name: its hash stands behind unless it is words in lower case with the
/// separator between.
pub(super) fn named(name: &str, separator: char) -> String {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    match name.split(separator).all(is_word) {
        true => camel(name),
        false => format!("{}{}", camel(name), hash(name)),
    }
}

/// Six digits of a text.
pub(super) fn hash(text: &str) -> String {
    format!("{:06X}", fnv(text) >> 40)
}

/// A number for a text: FNV-1a, the same in every version.
pub(super) fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_words_and_apart() {
        let mut ids = Ids::default();
        assert_eq!(ids.id("old-docs rule", "a"), "OldDocsRule");
        assert_eq!(
            ids.id("old_docs rule", "b"),
            format!("OldDocsRule{}", hash("b"))
        );
        assert_eq!(ids.id("old-docs rule", "a"), "OldDocsRule");
        assert_eq!(named("old-docs", '-'), "OldDocs");
        assert_eq!(
            named("old_docs", '-'),
            format!("OldDocs{}", hash("old_docs"))
        );
        assert_ne!(named("a-b.c", '.'), named("a.b-c", '.'));
        assert_eq!(camel("7up"), "N7up");
        assert_eq!(camel("é"), "N");
    }
}
