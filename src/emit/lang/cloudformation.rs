//! How CloudFormation templates spell a string, as YAML and as JSON.

use super::{Form, Lang, Unfit, escape, quoted, shared};
use crate::emit::Tok;

/// The language of templates in YAML. Forms: `remark` (the text of a comment).
pub static CLOUDFORMATION_YAML: Lang = Lang {
    id: "alb",
    word: write_yaml,
    forms: &[Form {
        name: "remark",
        write: shared::remark,
    }],
    comment: "#",
    name: write_name,
    inert,
    escape: |text, out| escape(write_yaml, text, out),
};

/// The language of templates in JSON.
pub static CLOUDFORMATION_JSON: Lang = Lang {
    id: "alb-json",
    word: write_json,
    forms: &[],
    comment: "",
    name: write_name,
    inert,
    escape: |text, out| escape(write_json, text, out),
};

/// A user's text as a string of a template in YAML.
pub fn yaml(user: &str) -> Tok {
    Tok::by(write_yaml, user)
}

/// A user's text as a string of a template in JSON.
pub fn json(user: &str) -> Tok {
    Tok::by(write_json, user)
}

fn write_yaml(text: &str, out: &mut String) -> Result<(), Unfit> {
    refuse_reference(text)?;
    quoted::yaml(text, out)
}

fn write_json(text: &str, out: &mut String) -> Result<(), Unfit> {
    refuse_reference(text)?;
    quoted::json(text, out)
}

/// CloudFormation replaces `{{resolve:…}}` in every string by a secret or a parameter of the account, and has no escape for it.
fn refuse_reference(text: &str) -> Result<(), Unfit> {
    if text.contains("{{resolve:") {
        return Err(Unfit(
            "CloudFormation would replace `{{resolve:` by a value of the account".to_owned(),
        ));
    }
    Ok(())
}

/// A logical id: letters and digits.
fn write_name(text: &str, out: &mut String) -> Result<(), Unfit> {
    shared::name(
        text,
        |b| b.is_ascii_alphanumeric(),
        "a CloudFormation template",
        out,
    )
}

/// Nothing is interpolated in a template's string.
fn inert(text: &str, out: &mut String) {
    out.push_str(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_to_secrets_are_refused() {
        for text in ["{{resolve:ssm:x}}", "a {{resolve:secretsmanager:x}} b"] {
            assert!(yaml(text).refusal().is_some() && json(text).refusal().is_some());
        }
        assert_eq!(yaml("{{ a }}").as_str(), "\"{{ a }}\"");
        assert_eq!(json("no").as_str(), "\"no\"");
    }
}
