//! Who may come and how often: ways to know a client, limits, client ranges.

use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::*;

/// A way to know a client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Auth {
    /// Its id.
    #[serde(skip)]
    pub id: AuthId,
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// Its name.
    pub name: String,
    /// How.
    pub kind: AuthKind,
}

/// How a client is known.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthKind {
    /// A signed token.
    Jwt(Jwt),
    /// Name and password.
    Basic(Basic),
    /// A key from a list.
    ApiKey(ApiKey),
    /// Another service decides.
    Forward(Forward),
}

/// A secret: never its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// In this environment variable of the running proxy.
    Env(String),
    /// In this file.
    File(String),
}

/// A signed token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Jwt {
    /// The key.
    pub keys: Set<JwtKeys>,
    /// The required `iss`; `None` is any.
    pub issuer: Option<Set<String>>,
    /// The required `aud`, one of these; `None` is any.
    pub audience: Option<Set<Vec<String>>>,
    /// Where the token may stand, in order, at least one.
    pub token: Set<Vec<TokenPlace>>,
    /// How far clocks may differ.
    pub leeway: Set<Dur>,
    /// Claims that reach the server as headers: header, claim.
    pub pass: Vec<Set<(String, String)>>,
    /// Whether a token in the query or the subprotocol is removed.
    pub strip: Set<bool>,
}

/// The name of an algorithm, as in a token's head.
pub type TokenAlgorithm = &'static str;

/// Every algorithm of a single key.
pub const TOKEN_ALGORITHMS: [TokenAlgorithm; 8] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384",
];

fn known_algorithm<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TokenAlgorithm, D::Error> {
    let name = String::deserialize(deserializer)?;
    let known = TOKEN_ALGORITHMS.into_iter().find(|known| *known == name);
    known.ok_or_else(|| D::Error::custom(format!("`{name}` is no algorithm of tokens")))
}

/// An algorithm and its key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JwtKeys {
    /// One key for one algorithm.
    Key {
        /// The algorithm, as in the token's head: `HS256`, `RS256`, `ES256` …
        #[serde(deserialize_with = "known_algorithm")]
        algorithm: TokenAlgorithm,
        /// The secret (HS) or the public key in PEM.
        key: Secret,
    },
    /// A key set that is fetched.
    JwksUrl {
        /// Where from.
        url: String,
        /// How often it is refreshed.
        refresh: Dur,
        /// The algorithms that are accepted, at least one.
        algorithms: Vec<JwksAlgorithm>,
    },
    /// A key set in a file.
    JwksFile {
        /// The file.
        file: String,
        /// The algorithms that are accepted, at least one.
        algorithms: Vec<JwksAlgorithm>,
    },
}

/// Where a token may stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenPlace {
    /// `Authorization: Bearer …`
    Bearer,
    /// The subprotocol list.
    Subprotocol,
    /// A query parameter.
    Query(String),
    /// A cookie.
    Cookie(String),
    /// A header that holds the bare token.
    Header(String),
}

/// Name and password.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Basic {
    /// The htpasswd file.
    pub file: Set<String>,
    /// What the browser shows.
    pub realm: Set<String>,
    /// Whether `Authorization` is removed.
    pub strip: Set<bool>,
}

/// A key from a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApiKey {
    /// The keys, one per line.
    pub keys: Set<Secret>,
    /// Where the key may stand, in order, at least one: never `Bearer` or `Subprotocol`.
    pub from: Set<Vec<TokenPlace>>,
    /// Whether the key is removed.
    pub strip: Set<bool>,
}

/// Another service decides.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Forward {
    /// The upstream that is asked.
    pub upstream: Set<UpstreamId>,
    /// The path of the subrequest.
    pub path: Set<String>,
    /// Request headers that the service sees.
    pub send: Set<Vec<String>>,
    /// Headers of its answer that the server sees.
    pub pass: Set<Vec<String>>,
    /// Headers of its answer that the client sees.
    pub answer: Set<Vec<String>>,
    /// How long the service may take.
    pub timeout: Set<Dur>,
}

/// A rate of requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RequestLimit {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// The rate.
    pub rate: Set<Rate>,
    /// How many more may come at once.
    pub burst: Set<u32>,
    /// Who is counted.
    pub per: Set<PerKey>,
    /// Clients that are not counted.
    pub exempt: Set<Vec<ClientRange>>,
    /// The bucket that routes share; `None`: the route counts alone.
    pub bucket: Option<Set<String>>,
}

/// Requests and tunnels open at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConnectionLimit {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// The most open at once.
    pub max: Set<u32>,
    /// Who is counted.
    pub per: Set<PerKey>,
}

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PerKey {
    /// Each client address.
    Client,
    /// The route as a whole.
    Route,
    /// Each value of a header; requests without it are not counted.
    Header(String),
}

/// Which client addresses may come: `deny` first; with `allow`, everybody else is refused too.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Clients {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// Only these may come; `None` is everybody.
    pub allow: Option<Set<Vec<ClientRange>>>,
    /// These may not come.
    pub deny: Set<Vec<ClientRange>>,
}

impl Clients {
    /// The ranges that may come, for programs with a list of those only: what is allowed without what is denied.
    pub fn admitted(&self) -> Vec<IpNet> {
        let everyone = ["0.0.0.0/0", "::/0"].map(|text| text.parse::<IpNet>().ok());
        let mut left: Vec<IpNet> = match &self.allow {
            Some(allow) => allow.value.iter().map(|range| range.net()).collect(),
            None => everyone.into_iter().flatten().collect(),
        };
        for denied in &self.deny.value {
            left = left
                .into_iter()
                .flat_map(|net| without(net, denied.net()))
                .collect();
        }
        IpNet::aggregate(&left)
    }
}

/// A range without another one: what is left of it, in ranges.
fn without(net: IpNet, denied: IpNet) -> Vec<IpNet> {
    if denied.contains(&net) {
        return Vec::new();
    }
    if !net.contains(&denied) {
        return vec![net];
    }
    match net.subnets(net.prefix_len() + 1) {
        Ok(halves) => halves.flat_map(|half| without(half, denied)).collect(),
        // A single address that contains another range is that range.
        Err(_) => Vec::new(),
    }
}
