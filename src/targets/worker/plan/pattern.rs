//! Regular expressions of a spec (RE2 syntax) as JavaScript's: the same texts match, as a whole.

use std::fmt::Write as _;

use regex_syntax::ast::{
    AssertionKind, Ast, ClassAscii, ClassAsciiKind, ClassPerl, ClassPerlKind, ClassSet,
    ClassSetItem, Flag, Flags, FlagsItemKind, GroupKind, Literal, RepetitionKind, RepetitionRange,
    parse::ParserBuilder,
};

use crate::emit::Tok;
use crate::emit::lang::js;

/// What texts a regular expression is asked about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// A host, a path, a header: no character ends a line.
    Plain,
    /// Anything, such as a decoded query parameter.
    Any,
}

/// A regular expression that matches the whole text.
pub(super) fn whole(regex: &str, text: Text) -> Tok {
    let parsed = ParserBuilder::new().octal(false).build().parse(regex);
    let Ok(ast) = parsed else {
        // The spec was refused before; what nobody can read matches nothing.
        return Tok::fixed("/[]/");
    };
    // The flag of the whole where it is the only one; else each letter says it.
    let ignores = is_only_flag(&ast);
    let mut out = Writer {
        text,
        out: String::new(),
        flags: State::default(),
        whole: ignores,
    };
    let single = matches!(&ast, Ast::Concat(it) if !it.asts.iter().any(|it| matches!(it, Ast::Alternation(_))))
        || matches!(&ast, Ast::Literal(_) | Ast::Group(_) | Ast::Repetition(_));
    out.out.push('^');
    if !single {
        out.out.push_str("(?:");
    }
    out.ast(&ast);
    if !single {
        out.out.push(')');
    }
    out.out.push('$');
    js::regex(&out.out, if ignores { "i" } else { "" })
}

/// Whether `(?i)` stands at the very start and no other flags are there.
fn is_only_flag(ast: &Ast) -> bool {
    let first = match ast {
        Ast::Concat(it) => it.asts.first(),
        other => Some(other),
    };
    let starts = matches!(first, Some(Ast::Flags(it)) if is_i(&it.flags));
    starts && count_flags(ast) == 1
}

fn is_i(flags: &Flags) -> bool {
    matches!(flags.items.as_slice(), [one] if matches!(one.kind, FlagsItemKind::Flag(Flag::CaseInsensitive)))
}

fn count_flags(ast: &Ast) -> usize {
    match ast {
        Ast::Flags(_) => 1,
        Ast::Group(it) => {
            let own = match &it.kind {
                GroupKind::NonCapturing(flags) => usize::from(!flags.items.is_empty()),
                GroupKind::CaptureIndex(_) | GroupKind::CaptureName { .. } => 0,
            };
            own + count_flags(&it.ast)
        }
        Ast::Repetition(it) => count_flags(&it.ast),
        Ast::Alternation(it) => it.asts.iter().map(count_flags).sum(),
        Ast::Concat(it) => it.asts.iter().map(count_flags).sum(),
        _ => 0,
    }
}

#[derive(Clone, Copy, Default)]
struct State {
    /// `(?i)`: letters match in both cases.
    ignore_case: bool,
    /// `(?s)`: a dot matches a line's end too.
    dot_all: bool,
    /// `(?U)`: greedy and lazy change places.
    swap: bool,
}

struct Writer {
    text: Text,
    out: String,
    flags: State,
    /// The flag `i` of the whole expression says what `(?i)` says.
    whole: bool,
}

impl Writer {
    fn ast(&mut self, ast: &Ast) {
        match ast {
            Ast::Empty(_) => self.out.push_str("(?:)"),
            Ast::Flags(it) => self.set(&it.flags),
            Ast::Literal(it) => self.literal(it),
            Ast::Dot(_) => self.out.push_str(match (self.text, self.flags.dot_all) {
                (Text::Plain, _) => ".",
                (Text::Any, true) => "[^]",
                (Text::Any, false) => "[^\\n]",
            }),
            Ast::Assertion(it) => self.out.push_str(match it.kind {
                AssertionKind::NotWordBoundary => "\\B",
                _ => "\\b",
            }),
            Ast::ClassPerl(it) => self.perl(it, false),
            Ast::ClassBracketed(it) => {
                self.out.push('[');
                if it.negated {
                    self.out.push('^');
                }
                if let ClassSet::Item(item) = &it.kind {
                    self.item(item);
                }
                self.out.push(']');
            }
            Ast::Repetition(it) => {
                // What repeats is one atom in both languages, but for these.
                let group = matches!(
                    &*it.ast,
                    Ast::Assertion(_) | Ast::Repetition(_) | Ast::Empty(_) | Ast::Flags(_)
                );
                if group {
                    self.out.push_str("(?:");
                }
                self.ast(&it.ast);
                if group {
                    self.out.push(')');
                }
                let _ = match &it.op.kind {
                    RepetitionKind::ZeroOrOne => write!(self.out, "?"),
                    RepetitionKind::ZeroOrMore => write!(self.out, "*"),
                    RepetitionKind::OneOrMore => write!(self.out, "+"),
                    RepetitionKind::Range(RepetitionRange::Exactly(n)) => {
                        write!(self.out, "{{{n}}}")
                    }
                    RepetitionKind::Range(RepetitionRange::AtLeast(n)) => {
                        write!(self.out, "{{{n},}}")
                    }
                    RepetitionKind::Range(RepetitionRange::Bounded(n, m)) => {
                        write!(self.out, "{{{n},{m}}}")
                    }
                };
                if it.greedy == self.flags.swap {
                    self.out.push('?');
                }
            }
            Ast::Group(it) => {
                let before = self.flags;
                match &it.kind {
                    GroupKind::NonCapturing(flags) => {
                        self.out.push_str("(?:");
                        self.set(flags);
                    }
                    GroupKind::CaptureIndex(_) | GroupKind::CaptureName { .. } => {
                        self.out.push('(');
                    }
                }
                self.ast(&it.ast);
                self.out.push(')');
                self.flags = before;
            }
            Ast::Alternation(it) => {
                for (n, ast) in it.asts.iter().enumerate() {
                    if n > 0 {
                        self.out.push('|');
                    }
                    if !matches!(ast, Ast::Empty(_)) {
                        self.ast(ast);
                    }
                }
            }
            Ast::Concat(it) => it.asts.iter().for_each(|ast| self.ast(ast)),
            // `ir::regex` lets none of these through.
            Ast::ClassUnicode(_) => self.out.push_str("[]"),
        }
    }

    fn set(&mut self, flags: &Flags) {
        let mut on = true;
        for item in &flags.items {
            match item.kind {
                FlagsItemKind::Negation => on = false,
                FlagsItemKind::Flag(Flag::CaseInsensitive) => self.flags.ignore_case = on,
                FlagsItemKind::Flag(Flag::DotMatchesNewLine) => self.flags.dot_all = on,
                FlagsItemKind::Flag(Flag::SwapGreed) => self.flags.swap = on,
                // There are no anchors inside, and no more flags.
                FlagsItemKind::Flag(_) => {}
            }
        }
    }

    fn literal(&mut self, it: &Literal) {
        if self.flags.ignore_case && !self.whole && it.c.is_ascii_alphabetic() {
            let (lower, upper) = (it.c.to_ascii_lowercase(), it.c.to_ascii_uppercase());
            let _ = write!(self.out, "[{lower}{upper}]");
        } else {
            self.character(it.c, "\\^$.|?*+()[]{}/");
        }
    }

    fn character(&mut self, c: char, special: &str) {
        if special.contains(c) {
            self.out.push('\\');
            self.out.push(c);
        } else if c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric() {
            self.out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(self.out, "\\u{unit:04x}");
            }
        }
    }

    fn perl(&mut self, it: &ClassPerl, inside: bool) {
        // JavaScript's \s holds spaces beyond ASCII.
        let space = self.text == Text::Any && it.kind == ClassPerlKind::Space;
        let text = match (&it.kind, it.negated) {
            (ClassPerlKind::Digit, false) => "\\d",
            (ClassPerlKind::Digit, true) => "\\D",
            (ClassPerlKind::Word, false) => "\\w",
            (ClassPerlKind::Word, true) => "\\W",
            (ClassPerlKind::Space, false) if space && inside => "\\t-\\r ",
            (ClassPerlKind::Space, true) if space && inside => "\\0-\\x08\\x0e-\\x1f!-\\uffff",
            (ClassPerlKind::Space, false) if space => "[\\t-\\r ]",
            (ClassPerlKind::Space, true) if space => "[^\\t-\\r ]",
            (ClassPerlKind::Space, false) => "\\s",
            (ClassPerlKind::Space, true) => "\\S",
        };
        self.out.push_str(text);
    }

    fn item(&mut self, item: &ClassSetItem) {
        match item {
            ClassSetItem::Literal(it) => self.in_class(it.c, it.c),
            ClassSetItem::Range(it) => self.in_class(it.start.c, it.end.c),
            ClassSetItem::Ascii(it) => self.ascii(it),
            ClassSetItem::Perl(it) => self.perl(it, true),
            ClassSetItem::Union(it) => it.items.iter().for_each(|item| self.item(item)),
            // `ir::regex` lets none of these through.
            ClassSetItem::Empty(_) | ClassSetItem::Unicode(_) | ClassSetItem::Bracketed(_) => {}
        }
    }

    fn in_class(&mut self, first: char, last: char) {
        self.range(first, last);
        if !self.flags.ignore_case || self.whole {
            return;
        }
        // The same letters in the other case.
        for (from, to, shift) in [('a', 'z', -32_i32), ('A', 'Z', 32)] {
            let (low, high) = (first.max(from), last.min(to));
            if low <= high {
                let other = |c: char| u8::try_from(c as i32 + shift).map_or(c, char::from);
                self.range(other(low), other(high));
            }
        }
    }

    fn range(&mut self, first: char, last: char) {
        const SPECIAL: &str = "\\]^-/[";
        self.character(first, SPECIAL);
        if first != last {
            self.out.push('-');
            self.character(last, SPECIAL);
        }
    }

    fn ascii(&mut self, it: &ClassAscii) {
        use ClassAsciiKind::*;
        let (own, others) = match it.kind {
            Alnum => ("0-9A-Za-z", "\\0-\\/:-@\\[-`{-\\uffff"),
            Alpha => ("A-Za-z", "\\0-@\\[-`{-\\uffff"),
            Ascii => ("\\0-\\x7f", "\\x80-\\uffff"),
            Blank => ("\\t ", "\\0-\\x08\\n-\\x1f!-\\uffff"),
            Cntrl => ("\\0-\\x1f\\x7f", " -~\\x80-\\uffff"),
            Digit => ("0-9", "\\0-\\/:-\\uffff"),
            Graph => ("!-~", "\\0- \\x7f-\\uffff"),
            Lower => ("a-z", "\\0-`{-\\uffff"),
            Print => (" -~", "\\0-\\x1f\\x7f-\\uffff"),
            Punct => ("!-\\/:-@\\[-`{-~", "\\0- 0-9A-Za-z\\x7f-\\uffff"),
            Space => ("\\t-\\r ", "\\0-\\x08\\x0e-\\x1f!-\\uffff"),
            Upper => ("A-Z", "\\0-@\\[-\\uffff"),
            Word => ("\\w", "\\W"),
            Xdigit => ("0-9A-Fa-f", "\\0-\\/:-@G-`g-\\uffff"),
        };
        self.out.push_str(if it.negated { others } else { own });
        if self.flags.ignore_case && !self.whole && !it.negated && matches!(it.kind, Lower | Upper)
        {
            self.out.push_str(if matches!(it.kind, Lower) {
                "A-Z"
            } else {
                "a-z"
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Text, whole};

    #[test]
    fn the_same_in_the_words_of_javascript() {
        for (regex, text, code) in [
            ("/room/[0-9]+", Text::Plain, r"/^\/room\/[0-9]+$/"),
            ("/a|/b", Text::Plain, r"/^(?:\/a|\/b)$/"),
            ("(?i)/ab", Text::Plain, r"/^\/ab$/i"),
            ("/(?i:a)b", Text::Plain, r"/^\/(?:[aA])b$/"),
            ("x.*", Text::Plain, "/^x.*$/"),
            ("x.*", Text::Any, "/^x[^\\n]*$/"),
            ("[[:alpha:]_-]", Text::Plain, r"/^(?:[A-Za-z_\-])$/"),
            ("(a|b){2,3}?", Text::Plain, "/^(a|b){2,3}?$/"),
            (r"a\.b", Text::Plain, r"/^a\.b$/"),
        ] {
            assert_eq!(whole(regex, text).as_str(), code, "{regex}");
        }
    }
}
