//! Who may come and how often: `auth`, `clients`, a route's `limits`, and secrets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Block, Many, Named, OnOff};
use crate::spec::de::At;
use crate::spec::units::{ClientRange, Dur, Rate, Size};

/// A way to know a client.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// A signed token (RFC 7519); 401 with `WWW-Authenticate` without a good one.
    Jwt(Jwt),
    /// Name and password (RFC 7617) against an htpasswd file.
    Basic(Basic),
    /// A key from a list.
    ApiKey(ApiKey),
    /// Another service decides: a subrequest whose 2xx lets the request through.
    Forward(Box<Forward>),
}

/// A secret: from an environment variable or a file, never a literal.
#[derive(Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// The environment variable of the running proxy that holds it.
    Env(At<String>),
    /// The file that holds it.
    File(At<String>),
}

/// A signed token.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    /// The key that tokens are signed with, and its algorithm. Required.
    pub keys: Option<At<JwtKeys>>,
    /// The required `iss`. Default: any.
    #[schemars(extend("examples" = ["https://id.example.com"]))]
    pub issuer: Option<At<String>>,
    /// The required `aud`: one of these. Default: any.
    #[schemars(extend("examples" = ["chat"]))]
    pub audience: Option<At<Many<At<String>>>>,
    /// Where the token may stand, tried in this order. Default: `[bearer]`.
    #[schemars(extend("examples" = [["bearer", { "query": "token" }, { "cookie": "session" }, "subprotocol"]]))]
    pub token: Option<At<Many<At<TokenPlace>>>>,
    /// How far clocks may differ for `exp` and `nbf`. Default: 30s.
    #[schemars(extend("default" = "30s"))]
    pub leeway: Option<At<Dur>>,
    /// Claims that reach the server as headers, such as `{X-User: sub}`.
    #[schemars(extend("examples" = [{ "X-User": "sub" }]))]
    pub pass: Option<Named<String>>,
    /// Removes a token taken from the query or the subprotocol before the server sees it. Default: off.
    pub strip: Option<At<OnOff>>,
}

/// The key that tokens are signed with.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "snake_case")]
pub enum JwtKeys {
    /// HMAC with SHA-256; the secret of at least 32 bytes.
    Hs256(Secret),
    /// HMAC with SHA-384; the secret of at least 48 bytes.
    Hs384(Secret),
    /// HMAC with SHA-512; the secret of at least 64 bytes.
    Hs512(Secret),
    /// RSA (PKCS#1 v1.5) with SHA-256; the public key in PEM.
    Rs256(Secret),
    /// RSA (PKCS#1 v1.5) with SHA-384; the public key in PEM.
    Rs384(Secret),
    /// RSA (PKCS#1 v1.5) with SHA-512; the public key in PEM.
    Rs512(Secret),
    /// ECDSA on P-256; the public key in PEM.
    Es256(Secret),
    /// ECDSA on P-384; the public key in PEM.
    Es384(Secret),
    /// A key set (RFC 7517).
    Jwks(Jwks),
}

/// A key set and the algorithms that it may be used with.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Jwks {
    /// Where it is fetched from, and refreshed.
    #[schemars(extend("examples" = ["https://id.example.com/.well-known/jwks.json"]))]
    pub url: Option<At<String>>,
    /// The file that holds it.
    pub file: Option<At<String>>,
    /// The algorithms that are accepted. Default: `[rs256]`.
    #[schemars(extend("default" = ["rs256"]))]
    pub algorithms: Option<At<Many<At<JwksAlgorithm>>>>,
    /// How often a fetched set is refreshed. Default: 10m.
    #[schemars(extend("default" = "10m"))]
    pub refresh: Option<At<Dur>>,
}

/// An algorithm of a key set.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum JwksAlgorithm {
    /// RSA with SHA-256.
    Rs256,
    /// RSA with SHA-384.
    Rs384,
    /// RSA with SHA-512.
    Rs512,
    /// ECDSA on P-256.
    Es256,
    /// ECDSA on P-384.
    Es384,
}

/// Where a token may stand.
#[derive(Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum TokenPlace {
    /// `Authorization: Bearer …`
    Bearer,
    /// The WebSocket subprotocol list: the entry after `bearer` or `access_token`, which browsers can set.
    Subprotocol,
    /// A query parameter.
    Query(At<String>),
    /// A cookie.
    Cookie(At<String>),
    /// A header that holds the bare token.
    Header(At<String>),
}

/// Name and password.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The htpasswd file.
    #[schemars(extend("examples" = ["/etc/wsgen/htpasswd"]))]
    pub file: At<String>,
    /// What the browser shows. Default: `restricted`.
    #[schemars(extend("default" = "restricted"))]
    pub realm: Option<At<String>>,
    /// Removes `Authorization` before the server sees it. Default: off.
    pub strip: Option<At<OnOff>>,
}

/// A key from a list; 401 without a good one.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The file with a key per line; empty lines and lines that start with `#` are passed over.
    pub keys: Secret,
    /// Where the key may stand, tried in this order.
    #[schemars(extend("examples" = [[{ "header": "apikey" }, { "query": "apikey" }]]))]
    pub from: At<Many<At<KeyPlace>>>,
    /// Removes the key before the server sees it. Default: off.
    pub strip: Option<At<OnOff>>,
}

/// Where an API key may stand.
#[derive(Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    /// A header.
    Header(At<String>),
    /// A query parameter.
    Query(At<String>),
    /// A cookie.
    Cookie(At<String>),
}

/// Another service decides. An unreachable service is 503, never a pass.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// The upstream that is asked.
    pub upstream: At<String>,
    /// The path of the subrequest. Default: `/`.
    #[schemars(extend("examples" = ["/verify"], "default" = "/"))]
    pub path: Option<At<String>>,
    /// Request headers that the service sees beside `X-Forwarded-*`. Default: `[Authorization, Cookie]`.
    #[schemars(extend("default" = ["Authorization", "Cookie"]))]
    pub send: Option<At<Many<At<String>>>>,
    /// Headers of its 2xx answer that the server sees. Default: none.
    #[schemars(extend("examples" = [["X-User"]]))]
    pub pass: Option<At<Many<At<String>>>>,
    /// Headers of its 2xx answer that the client sees. Default: none.
    #[schemars(extend("examples" = [["Set-Cookie"]]))]
    pub answer: Option<At<Many<At<String>>>>,
    /// How long the service may take. Default: 5s.
    #[schemars(extend("default" = "5s"))]
    pub timeout: Option<At<Dur>>,
}

/// Which client addresses may come, after `trusted_proxies`. `deny` is asked first; with `allow`, everybody else is refused too.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// Only these ranges may come. Default: everybody.
    #[schemars(extend("examples" = [["10.0.0.0/8"]]))]
    pub allow: Option<At<Many<At<ClientRange>>>>,
    /// These ranges may not come. Default: nobody.
    pub deny: Option<At<Many<At<ClientRange>>>>,
}

/// How much a client may ask for on a route.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct RouteLimits {
    /// The largest request body; a larger one gets 413. Default: off.
    #[schemars(extend("default" = "off"))]
    pub body: Option<At<Block<Size>>>,
    /// The rate of requests; more get 429 with `Retry-After`. Default: off.
    pub requests: Option<At<Block<RequestLimit>>>,
    /// Requests and tunnels open at once; more get 503. Default: off.
    pub connections: Option<At<Block<ConnectionLimit>>>,
}

/// A rate of requests: a token bucket.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct RequestLimit {
    /// How many requests in a period, such as `10/s`.
    pub rate: At<Rate>,
    /// How many more than one may come at once, 0 to 100000; they are served at once. What a second of the rate brings may
    /// come at once in any case. Default: 0.
    #[schemars(range(min = 0, max = 100_000), extend("default" = 0))]
    pub burst: Option<At<u64>>,
    /// Who is counted. Default: `client`.
    pub per: Option<At<PerKey>>,
    /// Client ranges that are not counted. Default: none.
    pub exempt: Option<At<Many<At<ClientRange>>>>,
    /// Routes with the same bucket name count together. Default: each route counts alone.
    #[schemars(regex(pattern = r"^[A-Za-z][A-Za-z0-9_-]{0,62}$"))]
    pub bucket: Option<At<String>>,
}

/// Requests and tunnels open at once.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct ConnectionLimit {
    /// The most open at once, 1 to 1000000.
    #[schemars(range(min = 1, max = 1_000_000), extend("examples" = [20]))]
    pub max: At<u64>,
    /// Who is counted. Default: `client`.
    pub per: Option<At<PerKey>>,
}

/// Who is counted.
#[derive(Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum PerKey {
    /// Each client address, after `trusted_proxies`.
    Client,
    /// The route as a whole.
    Route,
    /// Each value of a request header; requests without it are not counted.
    Header(At<String>),
}
