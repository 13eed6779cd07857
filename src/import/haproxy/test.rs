//! What an acl asks, in words that a route can say.

use super::matching::{Match, any, counter};
use super::sample::Sample;

/// A host that is asked for, in lower case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Host {
    /// `example.com`
    Exact(String),
    /// `*.example.com`, the `*` left out.
    Suffix(String),
    /// Over the whole host.
    Regex(String),
}

/// A path that is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Path {
    /// This path.
    Exact(String),
    /// By segments, as the language has it.
    Prefix(String),
    /// Over the whole path.
    Regex(String),
}

/// What a header or parameter must be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Value {
    /// There at all.
    Present,
    /// One of these.
    Is(Vec<String>),
    /// Over the whole value.
    Regex(String),
}

/// One question about a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Test {
    /// The host is one of these.
    Hosts(Vec<Host>),
    /// The path is one of these.
    Paths(Vec<Path>),
    /// The method is one of these.
    Methods(Vec<String>),
    /// A header, by its name in lower case.
    Header(String, Value),
    /// A query parameter.
    Query(String, Value),
    /// The client is in one of these ranges.
    Clients(Vec<String>),
    /// It asks for a WebSocket.
    Upgrade,
    /// It came by TLS.
    Tls,
    /// It came to one of these ports.
    Ports(Vec<String>),
    /// The body is larger than this many bytes.
    BodyOver(u64),
    /// The client has sent more requests than this, counted in a table (empty: the proxy's own).
    RateOver(u64, String),
    /// The client has more connections open than this, counted in a table (empty: the proxy's own).
    OpenOver(u64, String),
    /// Name and password are in this list.
    User(String),
    /// The `Origin` is the host itself.
    SameOrigin,
    /// A variable is there, or has one of these values.
    Variable(String, Value),
    /// Always, or never.
    Constant(bool),
    /// Something that a route cannot ask; the text.
    Other(String),
}

/// What an acl line asks, and what the language says differently.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The question.
    pub test: Test,
    /// How it differs here, a sentence each.
    pub differs: Vec<String>,
    /// A prefix that takes `/wsx` for `/ws`.
    pub loose: Option<String>,
}

/// Reads what follows an acl's name: an expression, flags, patterns.
pub(super) fn read(words: &[&str]) -> Asked {
    let mut differs = Vec::new();
    let Some((criterion, rest)) = words.split_first() else {
        return other(words);
    };
    let (name, mut method) = shorthand(criterion);
    let mut rest = rest.iter();
    let (mut ignore_case, mut patterns, mut file) = (false, Vec::new(), None);
    let mut flags = true;
    while let Some(word) = rest.next() {
        match *word {
            "-i" if flags => ignore_case = true,
            "-m" if flags => method = rest.next().copied().unwrap_or(""),
            "-f" | "-M" if flags => file = rest.next().copied(),
            "-n" if flags => {}
            "-u" if flags => {
                rest.next();
            }
            "--" if flags => flags = false,
            pattern => {
                flags = false;
                patterns.push(pattern.to_owned());
            }
        }
    }
    let Some(sample) = Sample::read(&name) else {
        return other(words);
    };
    if let Some(file) = file {
        let mut asked = other(words);
        asked
            .differs
            .push(format!("the patterns stand in {file}, which is not read"));
        return asked;
    }
    let through: Vec<&str> = sample.through();
    let by = Match {
        method,
        ignore_case: ignore_case || through.contains(&"lower"),
        patterns,
    };
    if !changes_nothing(&sample) {
        return other(words);
    }
    let mut loose = None;
    let test = match (sample.fetch.name.as_str(), sample.key().1.as_str()) {
        ("TRUE" | "always_true", _) => Some(Test::Constant(true)),
        ("FALSE" | "always_false", _) => Some(Test::Constant(false)),
        (word, _) if word.starts_with("METH_") => Some(Test::Methods(match &word[5..] {
            "GET" => vec!["GET".to_owned(), "HEAD".to_owned()],
            method => vec![method.to_owned()],
        })),
        ("HTTP" | "HTTP_1.1" | "HTTP_2.0" | "HTTP_1.0", _) if by.patterns.is_empty() => {
            (criterion == &"HTTP").then_some(Test::Constant(true))
        }
        ("ssl_fc", _) => by.yes(Test::Tls),
        ("dst_port" | "fe_port", _) => by.numbers().map(Test::Ports),
        ("src", _) => by.ranges().map(Test::Clients),
        ("method", _) => by.literal().map(Test::Methods),
        ("hdr" | "fhdr", "host") => by.hosts(&mut differs),
        ("ssl_fc_sni", _) => {
            differs.push(
                "the host of the request is asked, not the name in the TLS handshake".to_owned(),
            );
            by.hosts(&mut differs)
        }
        ("path" | "path,concat" | "pathq" | "url", _) => by.paths(
            &through,
            sample.converters.first(),
            &mut differs,
            &mut loose,
        ),
        ("hdr" | "fhdr", "upgrade") => match by.value() {
            Some(Value::Is(words))
                if words.iter().all(|it| it.eq_ignore_ascii_case("websocket")) =>
            {
                Some(Test::Upgrade)
            }
            Some(Value::Present) => Some(Test::Header("upgrade".to_owned(), Value::Present)),
            _ => None,
        },
        // Beside `Upgrade: websocket`, as a handshake has it.
        ("hdr" | "fhdr", "connection")
            if matches!(by.method, "str" | "sub")
                && by
                    .patterns
                    .iter()
                    .all(|it| it.eq_ignore_ascii_case("upgrade"))
                && !by.patterns.is_empty() =>
        {
            Some(Test::Upgrade)
        }
        ("hdr_cnt", name) if by.patterns.is_empty() || by.patterns == ["gt", "0"] => {
            Some(Test::Header(name.to_owned(), Value::Present))
        }
        ("hdr" | "fhdr", "origin") if through == ["lower", "regsub", "strcmp"] => {
            Some(Test::SameOrigin)
        }
        ("hdr" | "fhdr", name) if through.iter().all(|it| *it == "lower") => {
            if by.ignore_case && name != "origin" && name != "connection" && by.method == "str" {
                differs.push("case counts in the value".to_owned());
            }
            by.value().map(|value| Test::Header(name.to_owned(), value))
        }
        ("cook", name) => {
            let fold = if by.ignore_case { "(?i)" } else { "" };
            let inner = match by.value() {
                Some(Value::Present) => Some("[^;]*".to_owned()),
                Some(Value::Is(values)) => {
                    let values = any(values.iter().map(|it| regex_syntax::escape(it)));
                    Some(format!("(?:{fold}{values})"))
                }
                _ => None,
            };
            inner.map(|value| {
                let name = regex_syntax::escape(name);
                Test::Header(
                    "cookie".to_owned(),
                    Value::Regex(format!("(?:.*;)?\\s*{name}={value}(?:;.*)?")),
                )
            })
        }
        ("url_param" | "urlp", _) => {
            let name = sample.fetch.args.first().cloned().unwrap_or_default();
            by.folded().map(|value| Test::Query(name, value))
        }
        ("query", _) if through.first() == Some(&"param") => {
            let name = sample.converters[0]
                .args
                .first()
                .cloned()
                .unwrap_or_default();
            by.folded().map(|value| Test::Query(name, value))
        }
        ("body_size", _) => by.over().map(Test::BodyOver),
        ("var", _) => {
            let name = sample.fetch.args.first().cloned().unwrap_or_default();
            (through.is_empty())
                .then(|| by.value())
                .flatten()
                .map(|value| Test::Variable(name, value))
        }
        ("http_auth" | "http_auth_group", _) => Some(Test::User(
            sample.fetch.args.first().cloned().unwrap_or_default(),
        )),
        (fetch, _) if fetch.starts_with("sc") => counter(&sample, &by),
        _ => None,
    };
    match test {
        Some(test) => Asked {
            test,
            differs,
            loose,
        },
        None => other(words),
    }
}

fn other(words: &[&str]) -> Asked {
    Asked {
        test: Test::Other(words.join(" ")),
        differs: Vec::new(),
        loose: None,
    }
}

/// Whether the arms of `read` know every converter and argument of an expression: what is not known changes what is asked.
fn changes_nothing(sample: &Sample) -> bool {
    let args = sample.fetch.args.len();
    let known = |name: &str, of: &[&str]| {
        let call = sample.converters.iter().filter(|it| it.name == name);
        call.into_iter().all(|it| it.args == of)
    };
    let only = |names: &[&str]| {
        let through = sample.through();
        through.iter().all(|it| names.contains(it))
    };
    match (sample.fetch.name.as_str(), sample.key().1.as_str()) {
        ("hdr" | "fhdr", "host") => {
            let port = sample.converters.iter().filter(|it| it.name == "field");
            args == 1
                && only(&["lower", "host_only", "rtrim", "field"])
                && known("rtrim", &["."])
                && port
                    .into_iter()
                    .all(|it| it.args.len() == 2 && it.args[0] == "1" && it.args[1].contains(':'))
        }
        ("hdr" | "fhdr", "origin") if args == 1 => {
            only(&["lower"]) || sample.through() == ["lower", "regsub", "strcmp"]
        }
        ("hdr" | "fhdr" | "cook" | "url_param" | "urlp", _) => args == 1 && only(&["lower"]),
        ("ssl_fc_sni", _) => only(&["lower"]),
        ("query", _) => {
            let through = sample.through();
            through == ["param"] || through == ["param", "lower"]
        }
        // Asked where they are read, or settled by variables.
        ("path" | "pathq" | "url" | "var", _) => true,
        _ => only(&[]),
    }
}

/// `hdr_beg(host)` is `hdr(host) -m beg`.
fn shorthand(criterion: &str) -> (String, &'static str) {
    let name = criterion.split(['(', ',']).next().unwrap_or("");
    for (ending, method) in [
        ("_beg", "beg"),
        ("_end", "end"),
        ("_reg", "reg"),
        ("_sub", "sub"),
        ("_dir", "dir"),
        ("_dom", "dom"),
        ("_str", "str"),
    ] {
        if let Some(fetch) = name.strip_suffix(ending) {
            return (format!("{fetch}{}", &criterion[name.len()..]), method);
        }
    }
    (criterion.to_owned(), "str")
}
