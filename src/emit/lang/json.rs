//! How plain JSON spells a string.

use super::{Lang, escape, quoted};
use crate::emit::Tok;

/// JSON whose strings mean nothing but themselves.
pub static JSON: Lang = Lang {
    id: "json",
    word: quoted::json,
    forms: &[],
    comment: "",
    name: quoted::json,
    inert: |text, out| out.push_str(text),
    escape: |text, out| escape(quoted::json, text, out),
};

/// A text as a JSON string.
pub fn word(text: &str) -> Tok {
    Tok::by(quoted::json, text)
}
