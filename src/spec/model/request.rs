//! What a route does to requests and responses: headers, rewrites, redirects, fixed answers, error pages, CORS.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Block, Many, Named, OnOff};
use crate::spec::de::At;
use crate::spec::units::{Dur, StatusRange};

/// Changes to headers, in this order: `remove`, `set`, `add`, `set_if_absent`.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct HeaderOps {
    /// Names of headers to take away.
    #[schemars(extend("examples" = [["Server", "X-Powered-By"]]))]
    pub remove: Option<At<Many<At<String>>>>,
    /// Headers to set, in place of any that were there.
    #[schemars(extend("examples" = [{ "X-Frame-Options": "DENY" }]))]
    pub set: Option<Named<Value>>,
    /// Headers to add beside any that are there.
    pub add: Option<Named<Value>>,
    /// Headers to set where there is none of that name.
    pub set_if_absent: Option<Named<Value>>,
}

/// A header's value: a literal, `{from: …}` or `{template: …}`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// This text.
    Literal(String),
    /// One fact of the request.
    From(At<Source>),
    /// Text with facts in braces.
    Template(At<String>),
}

/// The map form of [`Value`].
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ValueMap {
    /// One fact of the request.
    From(At<Source>),
    /// Text with `{scheme}`, `{host}`, `{port}`, `{method}`, `{path}`, `{query}`, `{uri}`, `{client_ip}` or `{request_id}`; `{{` is a literal `{`.
    #[schemars(extend("examples" = ["{scheme}://{host}{uri}"]))]
    Template(At<String>),
}

super::upstream::scalar_or_map!(
    Value,
    "A value: a literal, `{from: …}` or `{template: …}`",
    String => Value::Literal,
    ValueMap => |map: ValueMap| match map {
        ValueMap::From(source) => Value::From(source),
        ValueMap::Template(text) => Value::Template(text),
    }
);

/// A fact of the request.
#[derive(Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The client's address, after `trusted_proxies`.
    ClientIp,
    /// An id of the request, made by the proxy.
    RequestId,
    /// `http` or `https`.
    Scheme,
    /// The request's host, without port.
    Host,
    /// The subject of the client's certificate.
    TlsSubject,
    /// A claim of the verified token.
    Claim(At<String>),
    /// A query parameter.
    Query(At<String>),
    /// A cookie.
    Cookie(At<String>),
    /// A request header.
    Header(At<String>),
}

/// Changes what the server sees: one of the path changes, and the query beside it. Segment-wise; the result starts with one `/`.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Rewrite {
    /// Takes the route's own prefix away.
    pub strip_prefix: Option<At<OnOff>>,
    /// Puts this in place of the route's own prefix.
    #[schemars(extend("examples" = ["/new"]))]
    pub replace_prefix: Option<At<String>>,
    /// Puts this in place of the whole path.
    pub path: Option<At<String>>,
    /// Puts text in place of what a regex matches.
    pub regex: Option<At<RewriteRegex>>,
    /// Changes the query; left out, it stays.
    pub query: Option<At<QueryOps>>,
    /// Maps the server's `Location` and cookie paths back to what the client sees. Default: off.
    pub map_location: Option<At<OnOff>>,
}

/// A rewrite by regex.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct RewriteRegex {
    /// RE2 syntax, anchored at both ends. Left out: the route's own regex path.
    #[serde(rename = "match")]
    pub matches: Option<At<String>>,
    /// The new path; `$1` is a capture, `$$` a dollar.
    pub to: At<String>,
}

/// Changes to the query.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct QueryOps {
    /// Parameters to set.
    pub set: Option<Named<String>>,
    /// Parameters to take away.
    pub remove: Option<At<Many<At<String>>>>,
}

/// Sends the client elsewhere: a whole URL in `to`, or parts of it.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// The whole URL or path, as it is.
    #[schemars(extend("examples" = ["https://example.com/new"]))]
    pub to: Option<At<String>>,
    /// Another scheme. Default: the request's.
    pub scheme: Option<At<RedirectScheme>>,
    /// Another host. Default: the request's.
    pub host: Option<At<String>>,
    /// Another path. Default: the request's.
    pub path: Option<At<String>>,
    /// The status. Default: 302.
    pub status: Option<At<RedirectStatus>>,
}

/// The scheme of a redirect.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum RedirectScheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

/// The status of a redirect: 301, 302, 307 or 308.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedirectStatus(pub u16);

impl<'de> Deserialize<'de> for RedirectStatus {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            status @ (301 | 302 | 307 | 308) => Ok(Self(status as u16)),
            other => Err(serde::de::Error::custom(format!(
                "`{other}` is no redirect status: write 301, 302, 307 or 308"
            ))),
        }
    }
}

impl JsonSchema for RedirectStatus {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RedirectStatus".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "description": "The status of a redirect", "enum": [301, 302, 307, 308] })
    }
}

/// A fixed answer.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Respond {
    /// The status, 200 to 599. Default: 200.
    #[schemars(range(min = 200, max = 599), extend("default" = 200))]
    pub status: Option<At<u64>>,
    /// The body. Default: none.
    pub body: Option<At<String>>,
    /// A file that is read at compile time, in place of `body`.
    pub file: Option<At<String>>,
    /// The `Content-Type`. Default: `text/plain; charset=utf-8`.
    #[schemars(extend("default" = "text/plain; charset=utf-8"))]
    pub content_type: Option<At<String>>,
}

/// Other answers in place of error statuses: a status or a range each, and `replace`.
#[derive(Clone, Debug, Default)]
pub struct ErrorPages {
    /// The pages, in the order of the file.
    pub pages: Vec<(At<StatusRange>, At<ErrorPage>)>,
    /// Whose answers are replaced.
    pub replace: Option<At<Replace>>,
}

impl<'de> Deserialize<'de> for ErrorPages {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = ErrorPages;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map of statuses such as `502` or `500-599`")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<ErrorPages, A::Error> {
                let mut pages = ErrorPages::default();
                while let Some(key) = map.next_key::<At<String>>()? {
                    if key.value == "replace" {
                        pages.replace = Some(map.next_value()?);
                    } else {
                        let range = key.value.parse().map_err(serde::de::Error::custom)?;
                        pages
                            .pages
                            .push((At::new(range, key.at), map.next_value()?));
                    }
                }
                Ok(pages)
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

impl JsonSchema for ErrorPages {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ErrorPages".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let page = generator.subschema_for::<ErrorPage>();
        let replace = generator.subschema_for::<Replace>();
        schemars::json_schema!({
            "description": "Other answers in place of error statuses: `502: …` or `500-599: …`",
            "type": "object",
            "properties": { "replace": replace },
            "patternProperties": { "^[1-5][0-9]{2}(-[1-5][0-9]{2})?$": page },
            "additionalProperties": false
        })
    }
}

/// What stands in place of an error.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "snake_case")]
pub enum ErrorPage {
    /// A fixed answer; its status defaults to the error's own.
    Respond(Respond),
    /// A redirect.
    Redirect(Redirect),
}

/// Whose answers are replaced.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Replace {
    /// Answers that the proxy itself made.
    Proxy,
    /// Answers of the server.
    Server,
    /// Both.
    Both,
}

/// Cross-origin requests of browsers.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// The origins that may ask: exact origins, or `any`. Required.
    #[schemars(extend("examples" = [["https://example.com"], "any"]))]
    pub origins: Option<At<Many<At<String>>>>,
    /// The methods that may be used. Default: `[GET, HEAD, POST]`.
    #[schemars(extend("default" = ["GET", "HEAD", "POST"]))]
    pub methods: Option<At<Many<At<String>>>>,
    /// The request headers that may be sent. Default: none beyond the safe ones.
    pub headers: Option<At<Many<At<String>>>>,
    /// The response headers that scripts may read. Default: none beyond the safe ones.
    pub expose: Option<At<Many<At<String>>>>,
    /// Whether cookies and authorization may be sent. Default: off.
    pub credentials: Option<At<OnOff>>,
    /// How long browsers remember the answer to a preflight. Default: off.
    pub max_age: Option<At<Block<Dur>>>,
}
