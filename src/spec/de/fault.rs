//! serde's complaints in our words, on their way up to a place.

use std::fmt;

use serde::de;

use crate::source::Loc;

/// A located fault on its way up.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: Option<Loc>,
    pub(super) title: String,
}

impl Fault {
    pub(super) fn new(at: Loc, title: impl Into<String>) -> Self {
        Self {
            at: Some(at),
            title: title.into(),
        }
    }

    /// The innermost place wins.
    pub(super) fn or_at(mut self, at: Loc) -> Self {
        self.at.get_or_insert(at);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<M: fmt::Display>(title: M) -> Self {
        Self {
            at: None,
            title: title.to_string(),
        }
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format_args!(
            "expected {expected}, found {}",
            found_words(found)
        ))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format_args!(
            "expected {expected}, found {}",
            found_words(found)
        ))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!(
            "unknown key `{field}`, expected {}",
            list(expected)
        ))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("`{variant}` is none of {}", list(expected)))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format_args!("the key `{field}` is missing"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::custom(format_args!("the key `{field}` is written twice"))
    }
}

fn found_words(found: de::Unexpected<'_>) -> String {
    match found {
        de::Unexpected::Bool(true) => "`on`".into(),
        de::Unexpected::Bool(false) => "`off`".into(),
        de::Unexpected::Unsigned(number) => format!("the number {number}"),
        de::Unexpected::Signed(number) => format!("the number {number}"),
        de::Unexpected::Float(number) => format!("the number {number}"),
        de::Unexpected::Str(text) => format!("`{text}`"),
        de::Unexpected::Unit => "nothing".into(),
        de::Unexpected::Seq => "a list".into(),
        de::Unexpected::Map | de::Unexpected::StructVariant => "a mapping".into(),
        other => other.to_string(),
    }
}

pub(super) fn list(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => "nothing".into(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}
