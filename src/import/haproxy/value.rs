//! Log formats as values of the language, and redirects and fixed answers as its actions.

use serde_json::{Value as Json, json};

use super::condition::Acls;
use super::sample::{Call, Piece, Sample, format};

/// A fact of a request that the language has a word for.
enum Fact {
    /// As `{from: …}`, and as a word of a template where there is one.
    From(Json, Option<&'static str>),
    /// Only as a word of a template.
    Word(&'static str),
    /// This text.
    Text(String),
}

fn fact(sample: &Sample, acls: &Acls) -> Option<Fact> {
    let (name, arg) = sample.key();
    let through = sample.through();
    if name == "var" {
        let alias = acls.aliases.get(sample.fetch.args.first()?)?;
        let mut inner = Sample::read(alias)?;
        inner.converters.extend(sample.converters.iter().cloned());
        return if alias.starts_with("var(") {
            None
        } else {
            fact(&inner, acls)
        };
    }
    // Our own: a claim without control characters.
    let plain = through
        .iter()
        .all(|it| matches!(*it, "lower" | "host_only" | "rtrim"));
    match (name, arg.as_str()) {
        ("ssl_fc", _) if through == ["iif"] && sample.converters[0].args == ["https", "http"] => {
            Some(Fact::From(json!("scheme"), Some("{scheme}")))
        }
        _ if !plain => None,
        ("src", _) => Some(Fact::From(json!("client_ip"), Some("{client_ip}"))),
        ("hdr" | "fhdr", "host") => Some(Fact::From(json!("host"), Some("{host}"))),
        ("hdr" | "fhdr", _) => Some(Fact::From(
            json!({ "header": sample.fetch.args.first()? }),
            None,
        )),
        ("cook", _) => Some(Fact::From(
            json!({ "cookie": sample.fetch.args.first()? }),
            None,
        )),
        ("url_param" | "urlp", _) => Some(Fact::From(
            json!({ "query": sample.fetch.args.first()? }),
            None,
        )),
        ("uuid" | "unique-id" | "rand", _) => {
            Some(Fact::From(json!("request_id"), Some("{request_id}")))
        }
        ("ssl_c_s_dn", _) => Some(Fact::From(json!("tls_subject"), None)),
        ("path", _) => Some(Fact::Word("{path}")),
        ("pathq" | "url" | "uri", _) => Some(Fact::Word("{uri}")),
        ("query", _) => Some(Fact::Word("{query}")),
        ("method", _) => Some(Fact::Word("{method}")),
        ("dst_port", _) => Some(Fact::Word("{port}")),
        ("str", _) => Some(Fact::Text(sample.fetch.args.first()?.clone())),
        _ => None,
    }
}

fn alias(name: &str) -> Option<Fact> {
    match name {
        "ci" => Some(Fact::From(json!("client_ip"), Some("{client_ip}"))),
        "HM" => Some(Fact::Word("{method}")),
        "HP" => Some(Fact::Word("{path}")),
        "HU" => Some(Fact::Word("{uri}")),
        "ID" => Some(Fact::From(json!("request_id"), Some("{request_id}"))),
        _ => None,
    }
}

/// A header's value in the language; `None` where it has no word for a part of it.
pub(super) fn value(text: &str, acls: &Acls) -> Option<Json> {
    let pieces = format(text)?;
    let mut facts = Vec::new();
    for piece in &pieces {
        facts.push(match piece {
            Piece::Text(text) => Fact::Text(text.clone()),
            Piece::Sample(sample) => fact(sample, acls)?,
            Piece::Alias(name) => alias(name)?,
        });
    }
    if let [Fact::From(from, _)] = facts.as_slice() {
        return Some(json!({ "from": from }));
    }
    if facts.iter().all(|it| matches!(it, Fact::Text(_))) {
        let text: String = facts
            .iter()
            .map(|it| match it {
                Fact::Text(text) => text.as_str(),
                _ => "",
            })
            .collect();
        return Some(Json::String(text));
    }
    let mut template = String::new();
    for fact in facts {
        match fact {
            Fact::Text(text) => template.push_str(&text.replace('{', "{{").replace('}', "}}")),
            Fact::From(_, word) => template.push_str(word?),
            Fact::Word(word) => template.push_str(word),
        }
    }
    Some(json!({ "template": template }))
}

/// A redirect in the language and what it says differently; `None` where it has no word for it.
pub(super) fn redirect(words: &[&str], acls: &Acls) -> Option<(Json, Vec<String>)> {
    let (mut differs, mut status) = (Vec::new(), 302);
    let mut rest = words.get(2..)?.iter();
    while let Some(word) = rest.next() {
        match *word {
            "code" => status = rest.next()?.parse().ok()?,
            "drop-query" => differs.push("the query stays".to_owned()),
            "append-slash" | "ignore-empty" => differs.push(format!("`{word}` has no word")),
            "set-cookie" | "clear-cookie" => {
                rest.next();
                differs.push(format!("`{word}` has no word"));
            }
            _ => return None,
        }
    }
    if status == 303 {
        differs.push("303 becomes 302".to_owned());
        status = 302;
    }
    let target = words.get(1)?;
    let value = match *words.first()? {
        "scheme" => json!({ "scheme": target, "status": status }),
        "prefix" => {
            let (scheme, host) = target.split_once("://")?;
            if host.contains(['/', '%']) {
                return None;
            }
            json!({ "scheme": scheme, "host": host, "status": status })
        }
        "location" => location(target, status, acls)?,
        _ => return None,
    };
    Some((value, differs))
}

/// `https://%[req.hdr(host)]%[pathq]` keeps what it does not name.
fn location(target: &str, status: u16, acls: &Acls) -> Option<Json> {
    let text = match value(target, acls)? {
        Json::String(url) => return Some(json!({ "to": url, "status": status })),
        template => template.get("template")?.as_str()?.to_owned(),
    };
    let stem = text
        .strip_suffix("{uri}")
        .or_else(|| text.strip_suffix("{path}?{query}"))?;
    let (scheme, host) = stem.split_once("://")?;
    if host.contains('/') || !matches!(scheme, "http" | "https" | "{scheme}") {
        return None;
    }
    let mut redirect = serde_json::Map::new();
    if scheme != "{scheme}" {
        redirect.insert("scheme".to_owned(), json!(scheme));
    }
    if host != "{host}" {
        if host.contains('{') {
            return None;
        }
        redirect.insert("host".to_owned(), json!(host));
    }
    redirect.insert("status".to_owned(), json!(status));
    Some(Json::Object(redirect))
}

/// What `http-request return` and `http-error` say: status, type, body, headers.
#[derive(Clone, Default, Debug)]
pub(super) struct Answer {
    /// The status.
    pub status: u16,
    /// Content type.
    pub content_type: Option<String>,
    /// The body.
    pub body: Option<String>,
    /// Headers, as formats.
    pub headers: Vec<(String, String)>,
    /// A file that holds the answer or its body.
    pub file: Option<String>,
}

impl Answer {
    /// Reads the words after `return` or `deny`.
    pub(super) fn read(words: &[&str], status: u16) -> Option<Self> {
        let mut answer = Self {
            status,
            ..Self::default()
        };
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match *word {
                "status" | "deny_status" => answer.status = rest.next()?.parse().ok()?,
                "content-type" => answer.content_type = Some((*rest.next()?).to_owned()),
                "string" => answer.body = Some((*rest.next()?).to_owned()),
                "lf-string" => {
                    let text = rest.next()?;
                    match format(text)?.as_slice() {
                        [] => {}
                        [Piece::Text(text)] => answer.body = Some(text.clone()),
                        _ => return None,
                    }
                }
                "hdr" => answer
                    .headers
                    .push(((*rest.next()?).to_owned(), (*rest.next()?).to_owned())),
                "file" | "lf-file" | "errorfile" | "errorfiles" => {
                    answer.file = Some((*rest.next()?).to_owned())
                }
                "default-errorfiles" => {}
                _ => return None,
            }
        }
        Some(answer)
    }

    /// As `respond` of the language.
    pub(super) fn respond(&self) -> Json {
        let mut respond = serde_json::Map::new();
        respond.insert("status".to_owned(), json!(self.status));
        if let Some(body) = &self.body {
            respond.insert("body".to_owned(), json!(body));
            let usual = "text/plain; charset=utf-8";
            if let Some(of) = self.content_type.as_ref().filter(|it| *it != usual) {
                respond.insert("content_type".to_owned(), json!(of));
            }
        }
        Json::Object(respond)
    }
}

/// `regsub`-like path changes: `replace-path MATCH TO` in the language.
pub(super) fn rewrite(
    pattern: &str,
    to: &str,
    prefix: Option<&str>,
) -> Option<(Json, Option<&'static str>)> {
    // `\1` is `$1` here.
    let mut text = String::new();
    let mut chars = to.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let next = chars.next()?;
                if next.is_ascii_digit() {
                    text.push_str(&format!("${{{next}}}"));
                } else {
                    text.push(next);
                }
            }
            '$' => text.push_str("$$"),
            '%' if chars.clone().next() == Some('%') => {
                chars.next();
                text.push('%');
            }
            '%' => return None,
            c => text.push(c),
        }
    }
    if let Some(prefix) = prefix.filter(|it| *it != "/") {
        let quoted = regex_syntax::escape(prefix.trim_end_matches('/'));
        let stripped = [
            format!("^(?:{quoted})(?:/+(.*))?$"),
            format!("^{quoted}(?:/)?(.*)"),
            format!("^{quoted}/?(.*)$"),
            format!("^{quoted}/?(.*)"),
            format!("{quoted}/?(.*)"),
            format!("^{quoted}/(.*)$"),
            format!("^{quoted}/(.*)"),
            format!("{quoted}/(.*)"),
            format!("^{quoted}(/)?(.*)"),
        ];
        if let Some(at) = stripped.iter().position(|it| it == pattern)
            && (text == "/${1}" || at == 8 && text == "/${2}")
        {
            return Some((json!({ "strip_prefix": true }), None));
        }
        if pattern == format!("^{quoted}(.*)") || pattern == format!("^{quoted}(.*)$") {
            if text == "${1}" {
                return Some((json!({ "strip_prefix": true }), None));
            }
            if let Some(new) = text
                .strip_suffix("${1}")
                .filter(|it| it.starts_with('/') && !it.contains('$'))
            {
                return Some((json!({ "replace_prefix": new }), None));
            }
        }
    }
    if matches!(pattern, "^.*$" | ".*" | "^(.*)$" | "(.*)")
        && !text.contains('$')
        && text.starts_with('/')
    {
        return Some((json!({ "path": text }), None));
    }
    if !text.starts_with(['/', '$']) {
        return None;
    }
    // The language puts its text in place of the whole path.
    let whole = crate::import::regex::anchored(pattern, false);
    crate::ir::regex::check(&whole).ok()?;
    let text = text
        .replace("${", "\u{1}")
        .replace('\u{1}', "$")
        .replace('}', "");
    let how = (!pattern.starts_with('^') || !pattern.ends_with('$'))
        .then_some("the pattern has to match the whole path");
    Some((json!({ "regex": { "match": whole, "to": text } }), how))
}

/// The calls of an expression that a hash or a table is keyed by.
pub(super) fn key(sample: &Sample) -> Option<Json> {
    let Call { name, args } = &sample.fetch;
    Some(match (name.as_str(), args.first()) {
        ("src", _) => json!({ "source": true }),
        ("path" | "url" | "pathq" | "base", _) => json!({ "path": true }),
        ("hdr" | "fhdr", Some(header)) => json!({ "header": header }),
        ("cook", Some(cookie)) => json!({ "cookie": cookie }),
        ("urlp" | "url_param", Some(parameter)) => json!({ "query": parameter }),
        _ => return None,
    })
}
