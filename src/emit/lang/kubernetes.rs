//! How Kubernetes manifests spell a string: YAML that readers of 1.1 and 1.2 take alike, and no number where a string is meant.

use super::{Form, Lang, Unfit, escape, quoted, shared};
use crate::emit::Tok;

/// The language of manifests and of Helm values.
///
/// Forms: `name` (a bare identifier), `remark` (the text of a comment).
pub static KUBERNETES: Lang = Lang {
    id: "kubernetes",
    word: write_word,
    forms: &[
        Form {
            name: "name",
            write: write_name,
        },
        Form {
            name: "remark",
            write: shared::remark,
        },
    ],
    comment: "#",
    name: write_name,
    inert: |text, out| out.push_str(text),
    escape: |text, out| escape(write_word, text, out),
};

/// A text as one scalar.
pub fn word(text: &str) -> Tok {
    Tok::by(write_word, text)
}

fn write_word(text: &str, out: &mut String) -> Result<(), Unfit> {
    quoted::yaml(text, out)
}

fn write_name(text: &str, out: &mut String) -> Result<(), Unfit> {
    shared::name(
        text,
        |b| b.is_ascii_alphanumeric() || b"_.-".contains(&b),
        "a manifest",
        out,
    )
}
