//! What a regex of the spec can match: whether it is a prefix in disguise, all its texts if they are few, samples of them.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// A regex that a literal path says as well.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// This text and nothing else.
    Exactly(String),
    /// This text and whatever follows: `/ws/.*`.
    Starts(String),
    /// This text, or it with `/` and whatever follows: `/ws(/.*)?`.
    Below(String),
}

/// The shape of a regex, if it has one.
pub(super) fn shape(regex: &str) -> Option<Shape> {
    let hir = parse(regex)?;
    let mut parts = Vec::new();
    flatten(&hir, &mut parts);
    let mut literal = Vec::new();
    let mut rest = parts.as_slice();
    while let [first, tail @ ..] = rest
        && let HirKind::Literal(text) = first.kind()
    {
        literal.extend_from_slice(&text.0);
        rest = tail;
    }
    let literal = String::from_utf8(literal).ok()?;
    match rest {
        [] => Some(Shape::Exactly(literal)),
        [all] if is_anything(all) => Some(Shape::Starts(literal)),
        [maybe] if is_optional_rest(maybe) => Some(Shape::Below(literal)),
        _ => None,
    }
}

/// The literal text that every match begins with.
pub(super) fn literal_start(regex: &str) -> String {
    let mut parts = Vec::new();
    let Some(hir) = parse(regex) else {
        return String::new();
    };
    flatten(&hir, &mut parts);
    let mut start = Vec::new();
    for part in parts {
        match part.kind() {
            HirKind::Literal(text) => start.extend_from_slice(&text.0),
            _ => break,
        }
    }
    String::from_utf8(start).unwrap_or_default()
}

/// The zones below which every match lies, longest first: `[a-z]+\.b\.c` lies below `b.c` and `c`.
pub(super) fn zones(regex: &str) -> Vec<String> {
    let Some(hir) = parse(regex) else {
        return Vec::new();
    };
    let mut parts = Vec::new();
    flatten(&hir, &mut parts);
    let Some((last, before)) = parts.split_last() else {
        return Vec::new();
    };
    let HirKind::Literal(text) = last.kind() else {
        return Vec::new();
    };
    let Ok(text) = std::str::from_utf8(&text.0) else {
        return Vec::new();
    };
    let something_before = before.iter().any(|part| {
        part.properties()
            .minimum_len()
            .is_some_and(|least| least > 0)
    });
    text.match_indices('.')
        .filter(|(dot, _)| *dot > 0 || something_before)
        .map(|(dot, _)| text[dot + 1..].to_owned())
        .collect()
}

/// Every text that the regex matches, if there are at most 64.
pub(super) fn every_text(regex: &str) -> Option<Vec<String>> {
    let texts = all(&parse(regex)?)?;
    texts
        .into_iter()
        .map(|text| String::from_utf8(text).ok())
        .collect()
}

/// Some texts that the regex is likely to match: a few ways through each alternative.
pub(crate) fn samples(regex: &str) -> Vec<String> {
    let Some(hir) = parse(regex) else {
        return Vec::new();
    };
    some(&hir)
        .into_iter()
        .filter_map(|text| String::from_utf8(text).ok())
        .collect()
}

const MOST: usize = 64;

fn parse(regex: &str) -> Option<Hir> {
    ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(regex)
        .ok()
}

fn flatten<'h>(hir: &'h Hir, parts: &mut Vec<&'h Hir>) {
    match hir.kind() {
        HirKind::Capture(group) => flatten(&group.sub, parts),
        HirKind::Concat(list) => list.iter().for_each(|part| flatten(part, parts)),
        HirKind::Empty => {}
        _ => parts.push(hir),
    }
}

/// `.*`, whatever its class leaves out beyond what a path can hold.
fn is_anything(hir: &Hir) -> bool {
    let HirKind::Repetition(it) = hir.kind() else {
        return false;
    };
    let mut inner = Vec::new();
    flatten(&it.sub, &mut inner);
    let [one] = inner.as_slice() else {
        return false;
    };
    let whole = match one.kind() {
        HirKind::Class(Class::Bytes(class)) => class
            .ranges()
            .iter()
            .any(|range| range.start() <= 0x20 && range.end() >= 0x7e),
        HirKind::Class(Class::Unicode(class)) => class
            .ranges()
            .iter()
            .any(|range| range.start() <= ' ' && range.end() >= '~'),
        _ => false,
    };
    it.min == 0 && it.max.is_none() && whole
}

/// `(/.*)?`
fn is_optional_rest(hir: &Hir) -> bool {
    let HirKind::Repetition(it) = hir.kind() else {
        return false;
    };
    let mut inner = Vec::new();
    flatten(&it.sub, &mut inner);
    it.min == 0
        && it.max == Some(1)
        && matches!(inner.as_slice(), [slash, rest]
            if matches!(slash.kind(), HirKind::Literal(text) if &*text.0 == b"/") && is_anything(rest))
}

fn all(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Empty => Some(vec![Vec::new()]),
        HirKind::Literal(text) => Some(vec![text.0.to_vec()]),
        HirKind::Class(class) => {
            let bytes = class_bytes(class)?;
            (bytes.len() <= MOST).then(|| bytes.into_iter().map(|byte| vec![byte]).collect())
        }
        HirKind::Look(_) => None,
        HirKind::Capture(group) => all(&group.sub),
        HirKind::Repetition(it) => {
            let most = it.max.filter(|most| *most <= 8)?;
            let one = all(&it.sub)?;
            let mut texts = Vec::new();
            let mut these = vec![Vec::new()];
            for count in 0..=most {
                if count >= it.min {
                    texts.extend(these.iter().cloned());
                }
                if count < most {
                    these = product(&these, &one)?;
                }
            }
            (texts.len() <= MOST).then_some(texts)
        }
        HirKind::Concat(list) => list
            .iter()
            .try_fold(vec![Vec::new()], |texts, part| product(&texts, &all(part)?)),
        HirKind::Alternation(list) => {
            let mut texts = Vec::new();
            for part in list {
                texts.extend(all(part)?);
            }
            (texts.len() <= MOST).then_some(texts)
        }
    }
}

fn some(hir: &Hir) -> Vec<Vec<u8>> {
    let mut texts = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![Vec::new()],
        HirKind::Literal(text) => vec![text.0.to_vec()],
        HirKind::Class(class) => {
            let has = |byte: &u8| match class {
                Class::Bytes(class) => class
                    .ranges()
                    .iter()
                    .any(|range| (range.start()..=range.end()).contains(byte)),
                Class::Unicode(class) => class
                    .ranges()
                    .iter()
                    .any(|range| (range.start()..=range.end()).contains(&char::from(*byte))),
            };
            let last = match class {
                Class::Bytes(class) => class.ranges().last().map(|range| range.end()),
                Class::Unicode(class) => class
                    .ranges()
                    .last()
                    .and_then(|range| u8::try_from(range.end()).ok()),
            };
            b"1axA-z09_.~/"
                .iter()
                .copied()
                .filter(has)
                .take(3)
                .chain(last.filter(u8::is_ascii_graphic))
                .map(|byte| vec![byte])
                .collect()
        }
        HirKind::Capture(group) => some(&group.sub),
        HirKind::Repetition(it) => {
            let one = some(&it.sub);
            let least = it.min;
            let most = it.max.unwrap_or(u32::MAX);
            let mut texts = Vec::new();
            for count in [least.max(1), least, least.saturating_add(1)] {
                if count <= most && count <= 64 {
                    texts.extend(one.iter().map(|text| text.repeat(count as usize)));
                }
            }
            if least == 0 {
                texts.push(Vec::new());
            }
            texts
        }
        HirKind::Concat(list) => list.iter().fold(vec![Vec::new()], |texts, part| {
            let these = some(part);
            let mut next = Vec::new();
            for text in &texts {
                for this in &these {
                    if next.len() < MOST {
                        next.push([text.as_slice(), this.as_slice()].concat());
                    }
                }
            }
            next
        }),
        HirKind::Alternation(list) => list.iter().flat_map(some).collect(),
    };
    texts.truncate(MOST);
    texts
}

fn product(left: &[Vec<u8>], right: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    if left.len() * right.len() > MOST {
        return None;
    }
    let pairs = left.iter().flat_map(|l| {
        right
            .iter()
            .map(move |r| [l.as_slice(), r.as_slice()].concat())
    });
    Some(pairs.collect())
}

fn class_bytes(class: &Class) -> Option<Vec<u8>> {
    match class {
        Class::Bytes(class) => Some(
            class
                .ranges()
                .iter()
                .flat_map(|range| range.start()..=range.end())
                .collect(),
        ),
        Class::Unicode(class) => {
            let mut bytes = Vec::new();
            for range in class.ranges() {
                for c in range.start()..=range.end() {
                    bytes.push(u8::try_from(c).ok().filter(u8::is_ascii)?);
                }
            }
            Some(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_seen_through_groups() {
        let text = |text: &str| text.to_owned();
        assert_eq!(shape("/ws"), Some(Shape::Exactly(text("/ws"))));
        assert_eq!(shape(r"/a\.b/.*"), Some(Shape::Starts(text("/a.b/"))));
        assert_eq!(shape("/ws(.*)"), Some(Shape::Starts(text("/ws"))));
        assert_eq!(shape("/ws(?:/.*)?"), Some(Shape::Below(text("/ws"))));
        assert_eq!(shape("/ws(/(.*))?"), Some(Shape::Below(text("/ws"))));
        assert_eq!(shape(".*"), Some(Shape::Starts(String::new())));
        for other in ["/ws/.+", "/ws/[^/]*", "(?i)/ws", "/a|/b", "/ws/?", "/.*/x"] {
            assert_eq!(shape(other), None, "{other}");
        }
    }

    #[test]
    fn few_texts_are_listed_and_many_sampled() {
        assert_eq!(
            every_text("/(a|b)/[0-2]?").map(|texts| texts.len()),
            Some(8)
        );
        assert_eq!(every_text("/.*"), None);
        assert_eq!(every_text("/[a-z]{4}"), None);
        assert!(samples("/room/[0-9]+(/x)?").contains(&"/room/1".to_owned()));
        assert_eq!(zones(r"[a-z]+\.example\.com"), ["example.com", "com"]);
        assert_eq!(zones(r"[a-z]*\.example\.com"), ["com"]);
        assert_eq!(zones(r"[a-z]+example\.com"), ["com"]);
        assert_eq!(literal_start("/room/[0-9]+"), "/room/");
    }
}
