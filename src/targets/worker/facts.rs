//! Facts about Cloudflare that both the verdicts and the plan need: ports, rates, names of bindings, route patterns.

use crate::ir::{
    Address, Auth, AuthKind, Gateway, HostMatch, JwtKeys, Loc, PerKey, Rate, RequestLimit, Route,
    RouteId, Secret, Server, Upstream,
};

/// The ports on which Cloudflare takes plain HTTP and HTTPS (Cloudflare docs, "Network ports").
const PORTS: [&[u16]; 2] = [
    &[80, 8080, 8880, 2052, 2082, 2086, 2095],
    &[443, 2053, 2083, 2087, 2096, 8443],
];

/// The ports that clients of a listener can connect to.
pub(super) const fn ports(tls: bool) -> &'static [u16] {
    PORTS[tls as usize]
}

/// How many requests in how many seconds: the binding counts in windows of 10 or 60 s (wrangler refuses others).
/// `None` where not even one request in 60 s is allowed.
pub(super) fn window(rate: Rate) -> Option<(u64, u64)> {
    let (count, per) = (u64::from(rate.count), rate.per.secs());
    let in_window = |secs: u64| count * secs / per;
    let whole = |secs: u64| in_window(secs) > 0 && (count * secs).is_multiple_of(per);
    match [10, 60].into_iter().find(|secs| whole(*secs)) {
        Some(secs) => Some((in_window(secs), secs)),
        None => (in_window(60) > 0).then(|| (in_window(60), 60)),
    }
}

/// The name under which a limit counts: that of its bucket, else of its route. Limits of one bucket that differ count alone.
pub(super) fn limiter(g: &Gateway, route: &Route, limit: &RequestLimit) -> String {
    let own = counted(route, limit);
    let name = |it: &Counted| constant("LIMIT", &it.1);
    let others = g.routes.iter().filter_map(|route| {
        let limit = route.requests.as_ref()?;
        Some(counted(route, limit)).filter(|it| *it != own)
    });
    let mut others = others.map(|it| name(&it));
    let mut secrets = g.auth.iter().filter_map(|it| binding(g, it));
    let name = name(&own);
    let taken = others.any(|it| it == name) || secrets.any(|(it, _)| it == name);
    apart(name, taken, &format!("{own:?}"))
}

/// What a limit counts together: whether it is a bucket, and its words.
type Counted = (bool, String);

fn counted(route: &Route, limit: &RequestLimit) -> Counted {
    let rate = limit.rate.value;
    match &limit.bucket {
        Some(bucket) => (
            true,
            format!("{}_{}_{}", bucket.value, rate.count, rate.per.secs()),
        ),
        None => (false, route.name.clone()),
    }
}

/// A name that another thing has as well is told apart by a hash of what it stands for.
fn apart(name: String, taken: bool, own: &str) -> String {
    match taken {
        true => format!("{name}_{:08X}", fnv(own)),
        false => name,
    }
}

/// The binding's namespace: a number that is always the same for a name of a gateway.
pub(super) fn namespace(gateway: &Gateway, name: &str) -> u32 {
    // Never 0, and within what an integer of 32 bits holds.
    fnv(&format!("{}/{name}", gateway.name.value)) % 0x7fff_fffe + 1
}

/// The binding that holds what an entry of `auth` keeps secret: its name, and the file that it is made from, if it is one.
pub(super) fn binding<'a>(g: &Gateway, it: &'a Auth) -> Option<(String, Option<&'a str>)> {
    let of = |secret: &Secret, what| match secret {
        Secret::Env(name) => name.clone(),
        Secret::File(_) => file_binding(g, it, what),
    };
    match &it.kind {
        AuthKind::Jwt(jwt) => match &jwt.keys.value {
            JwtKeys::Key { key, .. } => Some((of(key, "KEY"), file(key))),
            JwtKeys::JwksFile { file, .. } => Some((file_binding(g, it, "JWKS"), Some(file))),
            JwtKeys::JwksUrl { .. } => None,
        },
        AuthKind::Basic(basic) => Some((
            file_binding(g, it, "HTPASSWD"),
            Some(basic.file.value.as_str()),
        )),
        AuthKind::ApiKey(key) => Some((of(&key.keys.value, "KEYS"), file(&key.keys.value))),
        AuthKind::Forward(_) => None,
    }
}

const fn file(secret: &Secret) -> Option<&str> {
    match secret {
        Secret::File(path) => Some(path.as_str()),
        Secret::Env(_) => None,
    }
}

/// The name of the binding that holds a file.
fn file_binding(g: &Gateway, auth: &Auth, what: &str) -> String {
    let name = |it: &Auth| format!("{}_{what}", constant("AUTH", &it.name));
    let own = name(auth);
    let taken = g.auth.iter().any(|it| {
        let env = match &it.kind {
            AuthKind::Jwt(jwt) => match &jwt.keys.value {
                JwtKeys::Key {
                    key: Secret::Env(name),
                    ..
                } => Some(name),
                _ => None,
            },
            AuthKind::ApiKey(key) => match &key.keys.value {
                Secret::Env(name) => Some(name),
                Secret::File(_) => None,
            },
            AuthKind::Basic(_) | AuthKind::Forward(_) => None,
        };
        it.id != auth.id && name(it) == own || env.is_some_and(|env| *env == own)
    });
    apart(own, taken, &auth.name)
}

fn constant(prefix: &str, name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
            _ => '_',
        })
        .collect();
    format!("{prefix}_{name}")
}

/// The Worker's name: small letters, digits and `-`.
pub(super) fn worker_name(g: &Gateway) -> String {
    let own = g.rooms.worker.name.as_ref();
    let name = own.map_or(g.name.value.as_str(), |name| &name.value);
    let name: String = name
        .chars()
        .map(|c| match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => c,
            _ => '-',
        })
        .collect();
    name.trim_matches('-').to_owned()
}

/// A server's opaque name in cookies and hashes.
pub(super) fn server_id(server: &Server) -> String {
    format!("{:08x}", fnv(&server.address.value.to_string()))
}

/// FNV-1a.
fn fnv(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// The URL that stands in place of an upstream's servers.
pub(super) fn url_of<'g>(gateway: &'g Gateway, upstream: &Upstream) -> Option<(&'g str, Loc)> {
    let mut urls = gateway.rooms.worker.upstreams.iter();
    urls.find(|(name, _)| *name == upstream.name)
        .map(|(_, url)| (url.value.trim_end_matches('/'), url.loc()))
}

/// Whether a server is an address that Cloudflare's network does not connect to. Those of the machine itself are for
/// `wrangler dev`.
pub(super) fn is_refused(server: &Server) -> bool {
    match &server.address.value {
        Address::Ip { ip, .. } => !ip.is_loopback(),
        Address::Unix { .. } => true,
        Address::Name { .. } => false,
    }
}

/// Whether a server has a name that no public name server knows.
pub(super) fn is_private(server: &Server) -> bool {
    server.address.value.name().is_some_and(|name| {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let zones = [".internal", ".local", ".lan", ".home.arpa", ".intranet"];
        !name.contains('.') && name != "localhost" || zones.iter().any(|zone| name.ends_with(zone))
    })
}

/// A pattern of the Worker's routes, and the place of the host that asks for it.
pub(super) struct Pattern {
    /// Such as `example.com/*`.
    pub(super) text: String,
    /// The host's place.
    pub(super) at: Loc,
}

/// The patterns for every host of the spec; hosts that are not literal need a zone.
pub(super) fn patterns(gateway: &Gateway) -> Vec<Pattern> {
    let mut patterns: Vec<Pattern> = Vec::new();
    let mut add = |text: String, at: Loc| {
        if !patterns.iter().any(|it| it.text == text) {
            patterns.push(Pattern { text, at });
        }
    };
    let zone = gateway.rooms.worker.zone.as_ref();
    for host in gateway.routes.iter().flat_map(|route| &route.hosts) {
        match (&host.value, zone) {
            (HostMatch::Exact(name), _) => add(format!("{name}/*"), host.loc()),
            (HostMatch::Wildcard(below), _) => add(format!("*.{below}/*"), host.loc()),
            (HostMatch::Regex(_) | HostMatch::Any, Some(zone)) => {
                add(format!("{}/*", zone.value), host.loc());
                add(format!("*.{}/*", zone.value), host.loc());
            }
            (HostMatch::Regex(_) | HostMatch::Any, None) => {}
        }
    }
    patterns
}

/// Every limiter: its name, the most requests, the period in seconds, the place of the rate.
pub(super) fn limiters(gateway: &Gateway) -> Vec<(String, u64, u64, Loc)> {
    let mut all: Vec<(String, u64, u64, Loc)> = Vec::new();
    for route in &gateway.routes {
        let Some(limit) = &route.requests else {
            continue;
        };
        let Some((most, period)) = window(limit.rate.value) else {
            continue;
        };
        let name = limiter(gateway, route, limit);
        if !all.iter().any(|it| it.0 == name) {
            all.push((name, most, period, limit.rate.loc()));
        }
    }
    all
}

/// What a limit counts by, where it is not the client or a header: all requests of the route have this key.
pub(super) fn route_key(gateway: &Gateway, id: RouteId, per: &PerKey) -> Option<String> {
    matches!(per, PerKey::Route).then(|| gateway.route(id).name.clone())
}
