//! What a route does to requests and responses: redirects, answers, headers, rewrites, CORS, error pages.

use ::regex::bytes::Regex;
use serde::{Deserialize, Serialize};

use super::*;

/// A redirect: a whole URL, or parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Redirect {
    /// Where to.
    pub to: RedirectTo,
    /// 301, 302, 307 or 308.
    pub status: u16,
}

impl Redirect {
    /// The URL that a request is sent to: `scheme`, `host` (without brackets), `path` and `query` (without `?`) are the request's, `listener`
    /// is the one that it came to.
    pub fn location(
        &self,
        scheme: &str,
        host: &str,
        path: &str,
        query: Option<&str>,
        listener: &Listener,
    ) -> String {
        let (new_scheme, new_host, new_path) = match &self.to {
            RedirectTo::Url(url) => return url.clone(),
            RedirectTo::Parts { scheme, host, path } => (scheme, host, path),
        };
        let new = match new_scheme {
            Some(RedirectScheme::Http) => "http",
            Some(RedirectScheme::Https) => "https",
            None => scheme,
        };
        let authority = match new_host {
            Some(host) => host.clone(),
            // The port belongs to the scheme that the client used.
            None if new == scheme && !listener.has_scheme_port() => {
                format!("{}:{}", bracketed(host), listener.public_port.value)
            }
            None => bracketed(host),
        };
        let path = new_path.as_deref().unwrap_or(path);
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        format!("{new}://{authority}{path}{query}")
    }
}

/// A host as it stands in a URL: an IPv6 address in brackets.
pub fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// Where a redirect leads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedirectTo {
    /// This URL or path, as it is.
    Url(String),
    /// The request's URL with these parts changed; `None` keeps the request's. The query stays.
    Parts {
        /// The scheme.
        scheme: Option<RedirectScheme>,
        /// The host, possibly with a port.
        host: Option<String>,
        /// The path.
        path: Option<String>,
    },
}

/// A fixed answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Respond {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// The `Content-Type`; of no use without a body.
    pub content_type: String,
}

/// Cross-origin requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cors {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// The origins that may ask; `None` is any.
    pub origins: Set<Option<Vec<String>>>,
    /// The methods.
    pub methods: Set<Vec<String>>,
    /// The request headers.
    pub headers: Set<Vec<String>>,
    /// The response headers that scripts may read.
    pub expose: Set<Vec<String>>,
    /// Whether cookies and authorization may be sent.
    pub credentials: Set<bool>,
    /// How long a preflight's answer is remembered; `None` is not at all.
    pub max_age: Set<Option<Dur>>,
}

impl Cors {
    /// Whether every origin may ask with credentials, so that each has to be named back.
    pub const fn is_for_everybody(&self) -> bool {
        self.origins.value.is_none() && self.credentials.value
    }
}

/// One change to a header.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HeaderOp {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// The header's name, as written.
    pub name: String,
    /// What becomes of it.
    pub change: Change,
}

/// What becomes of a header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Taken away.
    Remove,
    /// Set in place of any that were there.
    Set(Value),
    /// Added beside any that are there.
    Add(Value),
    /// Set where there is none.
    SetIfAbsent(Value),
}

impl Change {
    /// The value, if the change has one.
    pub const fn value(&self) -> Option<&Value> {
        match self {
            Self::Remove => None,
            Self::Set(value) | Self::Add(value) | Self::SetIfAbsent(value) => Some(value),
        }
    }
}

/// A value: text and facts of the request, in order. A literal is one text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Value(pub Vec<Piece>);

impl Value {
    /// The text of a literal; `None` where a fact is asked for.
    pub fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }
}

/// A piece of a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// Literal text.
    Text(String),
    /// A fact of the request.
    Fact(Fact),
}

/// A fact of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The client's address.
    ClientIp,
    /// The id of the request, made by the proxy.
    RequestId,
    /// `http` or `https`.
    Scheme,
    /// The host asked for, without port.
    Host,
    /// The port that the client sees.
    Port,
    /// The method.
    Method,
    /// The path, as the client sent it.
    Path,
    /// The query without `?`.
    QueryString,
    /// Path and query.
    Uri,
    /// The subject of the client's certificate.
    TlsSubject,
    /// A claim of the verified token.
    Claim(String),
    /// A query parameter.
    Query(String),
    /// A cookie.
    Cookie(String),
    /// A request header.
    Header(String),
}

/// Changes to what the server sees as path and query.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rewrite {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// The change to the path; `None` is none.
    pub path: Option<Set<PathRewrite>>,
    /// Query parameters to set.
    pub query_set: Vec<Set<(String, String)>>,
    /// Query parameters to take away.
    pub query_remove: Vec<Set<String>>,
    /// Whether the server's `Location` and cookie paths are mapped back.
    pub map_location: Set<bool>,
}

/// A change to the path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathRewrite {
    /// The route's own prefix is taken away.
    StripPrefix,
    /// This stands in place of the route's own prefix.
    ReplacePrefix(String),
    /// This stands in place of the whole path.
    Path(String),
    /// A regex and its replacement.
    Regex {
        /// RE2 syntax, anchored by the matcher.
        matches: String,
        /// Text and captures, in order.
        to: Vec<Capture>,
    },
}

impl PathRewrite {
    /// The path that the server sees. `own` is the path of the route that took the request, `regex` the compiled one of a rewrite by
    /// regex; a path that it does not match stays.
    pub fn apply(&self, own: &PathMatch, path: &str, regex: Option<&Regex>) -> String {
        let below = |new: &str| {
            let PathMatch::Prefix(prefix) = own else {
                return path.to_owned();
            };
            let rest = path
                .strip_prefix(prefix.trim_end_matches('/'))
                .unwrap_or(path);
            if rest.is_empty() {
                new.to_owned()
            } else {
                format!("{}{rest}", new.trim_end_matches('/'))
            }
        };
        let changed = match self {
            Self::StripPrefix => below("/"),
            Self::ReplacePrefix(new) => below(new),
            Self::Path(new) => new.clone(),
            Self::Regex { to, .. } => {
                let Some(captures) = regex.and_then(|regex| regex.captures(path.as_bytes())) else {
                    return path.to_owned();
                };
                let mut changed = String::new();
                for piece in to {
                    match piece {
                        Capture::Text(text) => changed.push_str(text),
                        Capture::Group(number) => {
                            let group = captures.get(*number as usize);
                            let bytes = group.map_or(&[][..], |group| group.as_bytes());
                            changed.push_str(&String::from_utf8_lossy(bytes));
                        }
                    }
                }
                changed
            }
        };
        format!("/{}", changed.trim_start_matches('/'))
    }
}

/// A piece of a replacement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// Literal text.
    Text(String),
    /// The group of this number.
    Group(u32),
}

/// Other answers in place of errors.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErrorPages {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// The pages, in the order of the file; the first range that holds a status counts.
    pub pages: Vec<Set<(StatusRange, ErrorPage)>>,
    /// Whose answers are replaced.
    pub replace: Set<Replace>,
}

/// What stands in place of an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorPage {
    /// A fixed answer; `None` keeps the error's own status.
    Respond(Option<u16>, Respond),
    /// A redirect.
    Redirect(Redirect),
}
