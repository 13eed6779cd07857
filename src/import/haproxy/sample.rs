//! Sample expressions (`req.hdr(host),lower`) and log formats (`https://%[req.hdr(host)]%[pathq]`).

/// A fetch or a converter and its arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Call {
    /// In the short form that every version knows: `hdr`, `src`, `lower`.
    pub name: String,
    /// As written, quotes taken off.
    pub args: Vec<String>,
}

/// What is looked at: a fetch, then converters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sample {
    /// Where the value comes from.
    pub fetch: Call,
    /// What is done to it, in order.
    pub converters: Vec<Call>,
}

/// A piece of a log format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    /// Stands for itself.
    Text(String),
    /// `%[…]`.
    Sample(Sample),
    /// `%ci` and the like, without the sign.
    Alias(String),
}

impl Sample {
    /// Reads an expression; `None` for what is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut calls = Vec::new();
        let mut rest = text;
        loop {
            let (call, after) = call(rest)?;
            calls.push(call);
            match after.strip_prefix(',') {
                Some(more) => rest = more,
                None if after.is_empty() => break,
                None => return None,
            }
        }
        let mut calls = calls.into_iter();
        let mut fetch = calls.next()?;
        if let Some(short) = fetch.name.strip_prefix("req.") {
            fetch.name = short.to_owned();
        } else if let Some(short) = fetch.name.strip_prefix("capture.req.") {
            fetch.name = short.to_owned();
        }
        Some(Self {
            fetch,
            converters: calls.collect(),
        })
    }

    /// The fetch with its first argument, in lower case: `("hdr", "host")`.
    pub(super) fn key(&self) -> (&str, String) {
        let first = self.fetch.args.first();
        (
            &self.fetch.name,
            first.map_or_else(String::new, |it| it.to_lowercase()),
        )
    }

    /// The names of the converters.
    pub(super) fn through(&self) -> Vec<&str> {
        self.converters.iter().map(|it| it.name.as_str()).collect()
    }
}

fn call(text: &str) -> Option<(Call, &str)> {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    let mut call = Call {
        name: name.to_owned(),
        args: Vec::new(),
    };
    let Some(inner) = rest.strip_prefix('(') else {
        return Some((call, rest));
    };
    let mut arg = String::new();
    let mut chars = inner.char_indices();
    let mut quote = None;
    // `$.a(b)` stands in arguments: brackets in them are counted.
    let mut depth = 0_usize;
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => arg.push(c),
            (None, '\'' | '"') => quote = Some(c),
            (None, '\\') => {
                if let Some((_, next)) = chars.next() {
                    arg.push('\\');
                    arg.push(next);
                }
            }
            (None, '(') => {
                depth += 1;
                arg.push(c);
            }
            (None, ')') if depth > 0 => {
                depth -= 1;
                arg.push(c);
            }
            (None, ',') if depth == 0 => call.args.push(std::mem::take(&mut arg)),
            (None, ')') => {
                if !arg.is_empty() || !call.args.is_empty() {
                    call.args.push(arg);
                }
                return Some((call, &inner[at + 1..]));
            }
            (None, c) => arg.push(c),
        }
    }
    None
}

/// Reads a log format; `None` where it cannot be read.
pub(super) fn format(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        literal.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            literal.push('%');
            rest = after;
            continue;
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
        }
        // `%{+Q}[…]`: flags change how a value is written, not what it is.
        if rest.starts_with('{') {
            rest = &rest[rest.find('}')? + 1..];
        }
        if let Some(inner) = rest.strip_prefix('[') {
            let end = closing(inner)?;
            pieces.push(Piece::Sample(Sample::read(&inner[..end])?));
            rest = &inner[end + 1..];
        } else {
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(rest.len())
                .min(3);
            pieces.push(Piece::Alias(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Some(pieces)
}

/// Where the `]` of a `%[` stands.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, ']') => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Piece, Sample, format};

    #[test]
    fn an_expression_is_a_fetch_and_its_converters() {
        let sample = Sample::read("req.hdr(Host),host_only,lower,rtrim(.)").expect("an expression");
        assert_eq!(sample.key(), ("hdr", "host".to_owned()));
        assert_eq!(sample.through(), ["host_only", "lower", "rtrim"]);
        assert_eq!(Sample::read("a b"), None);
        assert_eq!(Sample::read("hdr(x"), None);
    }

    #[test]
    fn a_format_is_texts_and_samples() {
        let pieces = format("https://%[req.hdr(host)]:%[dst_port]/100%%").expect("a format");
        assert_eq!(pieces.len(), 5);
        assert_eq!(pieces[4], Piece::Text("/100%".to_owned()));
        assert_eq!(format("%[src"), None);
    }
}
