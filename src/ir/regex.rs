//! Regexes of a spec: RE2 syntax that every target's engine reads alike, and the matcher that `wsgen routes` uses.

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ast::{
    Ast, ClassSet, ClassSetItem, Flag, Flags, FlagsItemKind, GroupKind, HexLiteralKind, Literal,
    LiteralKind, RepetitionKind, RepetitionRange, parse::ParserBuilder,
};

/// Whether a regex is RE2 syntax, and if not, why. Lookaround and backreferences are not, nor what only one engine knows.
///
/// # Errors
/// A sentence that says what is not RE2 syntax and, where known, what to write instead.
pub fn check(text: &str) -> Result<(), String> {
    if text.chars().any(char::is_control) {
        return Err("a control character has no place in a regex".to_owned());
    }
    let ast = ParserBuilder::new()
        .nest_limit(100)
        .octal(false)
        .build()
        .parse(text)
        .map_err(|error| {
            let place = error.span().start.column;
            format!("{} (at character {place})", error.kind())
        })?;
    walk(&ast)?;
    matcher(text)
        .map(|_| ())
        .ok_or_else(|| "it is larger than a matcher may be".to_owned())
}

/// A matcher for the whole text; `None` if the regex is not one or would need more than 1 MiB.
pub fn matcher(text: &str) -> Option<Regex> {
    RegexBuilder::new(&format!(r"\A(?:{text})\z"))
        .unicode(false)
        .size_limit(1 << 20)
        .build()
        .ok()
}

/// The number of capture groups.
pub fn groups(text: &str) -> u32 {
    matcher(text).map_or(0, |regex| regex.captures_len() as u32 - 1)
}

fn walk(ast: &Ast) -> Result<(), String> {
    match ast {
        Ast::Empty(_) | Ast::Dot(_) | Ast::Assertion(_) | Ast::ClassPerl(_) => assertion(ast),
        Ast::ClassUnicode(_) => Err(
            "`\\p{…}` differs between engines: name the characters in a class such as `[a-zé]`"
                .to_owned(),
        ),
        Ast::Literal(it) => literal(it),
        Ast::Flags(it) => flags(&it.flags),
        Ast::ClassBracketed(it) => class(&it.kind),
        Ast::Repetition(it) => {
            if let RepetitionKind::Range(range) = &it.op.kind {
                let most = match range {
                    RepetitionRange::Exactly(n)
                    | RepetitionRange::AtLeast(n)
                    | RepetitionRange::Bounded(_, n) => *n,
                };
                if most > 1000 {
                    return Err(format!("it repeats {most} times; RE2 allows 1000"));
                }
            }
            walk(&it.ast)
        }
        Ast::Group(it) => {
            match &it.kind {
                GroupKind::NonCapturing(these) => flags(these)?,
                GroupKind::CaptureName { .. } => {
                    return Err("a named group is written differently by each engine: use a plain group and `$1`".to_owned());
                }
                GroupKind::CaptureIndex(_) => {}
            }
            walk(&it.ast)
        }
        Ast::Alternation(it) => it.asts.iter().try_for_each(walk),
        Ast::Concat(it) => it.asts.iter().try_for_each(walk),
    }
}

fn assertion(ast: &Ast) -> Result<(), String> {
    use regex_syntax::ast::AssertionKind::{NotWordBoundary, WordBoundary};
    match ast {
        Ast::Assertion(it) if matches!(it.kind, WordBoundary | NotWordBoundary) => Ok(()),
        Ast::Assertion(_) => Err(
            "it is anchored at both ends already: leave `^`, `$`, `\\A` and `\\z` out".to_owned(),
        ),
        _ => Ok(()),
    }
}

fn literal(it: &Literal) -> Result<(), String> {
    match it.kind {
        LiteralKind::HexBrace(HexLiteralKind::UnicodeShort | HexLiteralKind::UnicodeLong)
        | LiteralKind::HexFixed(HexLiteralKind::UnicodeShort | HexLiteralKind::UnicodeLong) => {
            Err("`\\u` is not RE2 syntax: write `\\x{…}`".to_owned())
        }
        _ if it.c.is_control() => {
            Err("a control character never comes in a path, host or header".to_owned())
        }
        _ => Ok(()),
    }
}

fn flags(flags: &Flags) -> Result<(), String> {
    for item in &flags.items {
        match item.kind {
            FlagsItemKind::Negation
            | FlagsItemKind::Flag(
                Flag::CaseInsensitive | Flag::DotMatchesNewLine | Flag::MultiLine | Flag::SwapGreed,
            ) => {}
            FlagsItemKind::Flag(Flag::Unicode | Flag::CRLF | Flag::IgnoreWhitespace) => {
                return Err("only the flags `i`, `m`, `s` and `U` are RE2 syntax".to_owned());
            }
        }
    }
    Ok(())
}

fn class(set: &ClassSet) -> Result<(), String> {
    match set {
        ClassSet::Item(item) => class_item(item),
        ClassSet::BinaryOp(_) => {
            Err("`&&`, `--` and `~~` in a class are not RE2 syntax".to_owned())
        }
    }
}

fn class_item(item: &ClassSetItem) -> Result<(), String> {
    match item {
        ClassSetItem::Bracketed(_) => Err(
            "a class inside a class is not RE2 syntax: escape the inner `[` as `\\[`".to_owned(),
        ),
        ClassSetItem::Unicode(_) => {
            Err("`\\p{…}` differs between engines: name the characters".to_owned())
        }
        ClassSetItem::Union(union) => union.items.iter().try_for_each(class_item),
        ClassSetItem::Literal(it) => literal(it),
        ClassSetItem::Range(range) => literal(&range.start).and_then(|()| literal(&range.end)),
        ClassSetItem::Empty(_) | ClassSetItem::Ascii(_) | ClassSetItem::Perl(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn re2_syntax_only() {
        for good in [
            "/room/[0-9]+",
            "(?i)/a|/b",
            r"/a\.b/\d{1,3}",
            "[[:alpha:]]+",
            r"/x\b.*",
            ".*",
            "/(a)(b)",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "(?=a)", r"(a)\1", "(?P<n>a)", "[a&&b]", "[a[b]]", r"\pL", "a{2000}", "(", "(?x) a",
            "^/a$", r"\u0041", "a\nb", r"\n",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_whole_text_is_matched() {
        let regex = matcher("/a|/b").expect("a regex");
        assert!(regex.is_match(b"/a") && regex.is_match(b"/b"));
        assert!(!regex.is_match(b"/ab") && !regex.is_match(b"x/a") && !regex.is_match(b"/a\n"));
        assert_eq!(groups("/(a)/(b)"), 2);
    }
}
