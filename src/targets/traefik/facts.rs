//! Facts about Traefik that both the verdicts and the plan need: which requests of a route it can tell apart, and what it keeps once for many.

use ipnet::IpNet;

use crate::ir::{
    Balance, Check, ClientRange, Dur, Fact, Gateway, HashKey, HostMatch, Listener, Loc, Piece,
    Retries, RetryAfter, Route, Stickiness, TlsProfile, Upstream, Use, Value,
};

/// The requests of a route that Traefik treats alike: those of some listeners, and of some peers there.
#[derive(Debug, Clone)]
pub(super) struct Face<'a> {
    /// The listeners, at least one; they agree on all that matters here.
    pub(super) listeners: Vec<&'a Listener>,
    /// Whose peers.
    pub(super) peer: Peer,
}

/// Whom a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// Nobody in front is trusted, so that it is the client.
    Client,
    /// A trusted proxy: the client stands in `X-Forwarded-For`.
    Proxy,
    /// Somebody else on a listener that has trusted proxies.
    Other,
}

impl<'a> Face<'a> {
    /// Every face of a route.
    pub(super) fn of(gateway: &'a Gateway, route: &'a Route) -> Vec<Self> {
        let mut groups: Vec<Vec<&Listener>> = Vec::new();
        for listener in gateway.listeners_of(route) {
            match groups.iter_mut().find(|group| alike(group[0], listener)) {
                Some(group) => group.push(listener),
                None => groups.push(vec![listener]),
            }
        }
        let mut faces = Vec::new();
        for listeners in groups {
            let peers = match listeners[0].trusted_proxies.value.is_empty() {
                true => &[Peer::Client][..],
                false => &[Peer::Proxy, Peer::Other][..],
            };
            faces.extend(peers.iter().map(|peer| Self {
                listeners: listeners.clone(),
                peer: *peer,
            }));
        }
        faces
    }

    /// The first of the listeners, which speaks for all.
    pub(super) fn listener(&self) -> &'a Listener {
        self.listeners[0]
    }

    /// The trusted proxies.
    pub(super) fn trusted(&self) -> &'a [ClientRange] {
        &self.listener().trusted_proxies.value
    }
}

fn alike(one: &Listener, other: &Listener) -> bool {
    one.tls.is_some() == other.tls.is_some()
        && one.public_port.value == other.public_port.value
        && one.trusted_proxies.value == other.trusted_proxies.value
}

/// A time in Go's words, `1h`, `90s` or `1500ms`.
pub(super) fn time(dur: Dur) -> String {
    let millis = dur.as_millis();
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
        if millis.is_multiple_of(size) {
            return format!("{}{unit}", millis / size);
        }
    }
    format!("{millis}ms")
}

/// The one timer that Traefik has for the head and the body of a request: the longest silence that a body may have.
///
/// It counts from the first byte to the last, so a shorter one would end uploads.
pub(super) fn read_timer(gateway: &Gateway, listener: &Listener) -> Dur {
    let served = gateway
        .routes
        .iter()
        .filter(|route| gateway.serves(listener, route) && !route.shares().is_empty());
    let silence = served.map(|route| match &route.stream {
        Some(stream) if stream.request.value => stream.idle.value,
        _ => route.idle.value,
    });
    silence
        .fold(listener.head_timeout.value, Dur::max)
        .max(listener.head_timeout.value)
}

/// How long a server may be silent, and whose setting that is: one timer serves the head of an answer and its body.
pub(super) fn silence(route: &Route, upgrade: bool) -> (Dur, Loc) {
    if upgrade && let Some(websocket) = &route.websocket {
        return (websocket.idle.value, websocket.idle.loc());
    }
    let idle = match &route.stream {
        Some(stream) => &stream.idle,
        None => &route.idle,
    };
    match route.response.value >= idle.value {
        // A little longer: it must not come before the timer of the head, after which no other server is asked.
        true => (
            Dur::from_millis(route.response.value.as_millis() + 1000),
            route.response.loc(),
        ),
        false => (idle.value, idle.loc()),
    }
}

/// Whether a value can be written once for all requests of a face: Traefik's headers hold no facts of a request.
pub(super) fn fixed_value(value: &Value, face: &Face<'_>, hosts: &[&HostMatch]) -> Option<String> {
    let mut text = String::new();
    for piece in &value.0 {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Fact(Fact::Scheme) => text.push_str(face.listener().scheme()),
            Piece::Fact(Fact::Port) => {
                text.push_str(&face.listener().public_port.value.to_string());
            }
            Piece::Fact(Fact::Host) => match hosts {
                [HostMatch::Exact(host)] => text.push_str(host),
                _ => return None,
            },
            Piece::Fact(_) => return None,
        }
    }
    Some(text)
}

/// Whether a fact is the same for all requests of a face.
pub(super) fn is_fixed(fact: &Fact, route: &Route) -> bool {
    match fact {
        Fact::Scheme | Fact::Port => true,
        Fact::Host => one_host(route).is_some(),
        _ => false,
    }
}

/// The one host that a route takes.
pub(super) fn one_host(route: &Route) -> Option<&str> {
    match route.hosts.as_slice() {
        [host] => match &host.value {
            HostMatch::Exact(host) => Some(host),
            _ => None,
        },
        _ => None,
    }
}

/// What Traefik is told (`maxHeaderBytes`) for heads of up to a limit in bytes: `net/http` reads 4096 more before it refuses one.
pub(in crate::targets) fn head_bytes(limit: u64) -> u64 {
    limit.saturating_sub(4096).max(1)
}

/// The headers that say who the client is.
pub(in crate::targets) const FORWARDED: [&str; 6] = [
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Server",
    "X-Real-Ip",
];

/// Whether a change is asked for of a header that the proxy itself sets on the route.
pub(in crate::targets) fn is_forwarded(used: &Use<'_>) -> bool {
    used.on.route().is_some_and(|route| {
        let mut ops = route.request_headers.iter();
        ops.any(|op| op.at == used.at.loc && sets_itself(route, &op.name))
    })
}

/// Whether the proxy sets a request header of a route itself.
pub(in crate::targets) fn sets_itself(route: &Route, name: &str) -> bool {
    let mut own = FORWARDED.iter();
    route.forwarded.value && own.any(|it| it.eq_ignore_ascii_case(name))
}

/// The pattern of `X-Forwarded-For` whose last entry that is no trusted proxy lies in a range; `None` for what no pattern can say.
pub(super) fn forwarded_for(ranges: &[ClientRange], trusted: &[ClientRange]) -> Option<String> {
    let ranges = ranges.iter().map(|range| octets(range.net()));
    let ranges = ranges.collect::<Option<Vec<String>>>()?.join("|");
    let trusted = trusted.iter().map(|range| octets(range.net()));
    let trusted = trusted.collect::<Option<Vec<String>>>()?.join("|");
    Some(format!(
        "(?:^|,)[ ]*(?:{ranges})[ ]*(?:,[ ]*(?:{trusted})[ ]*)*$"
    ))
}

/// A pattern for the addresses of a range as they are written; `None` for IPv6, which is written in many ways.
fn octets(net: IpNet) -> Option<String> {
    let IpNet::V4(net) = net else {
        return None;
    };
    let octets = net.network().octets();
    let mut bits = net.prefix_len();
    let mut parts = Vec::new();
    for octet in octets {
        let some: u8 = bits.min(8);
        bits -= some;
        parts.push(match some {
            8 => octet.to_string(),
            0 => "[0-9]+".to_owned(),
            some => {
                let all: Vec<String> = (0..=u8::MAX >> some)
                    .map(|low| (octet | low).to_string())
                    .collect();
                format!("(?:{})", all.join("|"))
            }
        });
    }
    Some(parts.join("[.]"))
}

/// The servers that are a program's address: Traefik knows no sockets of files.
pub(super) fn reachable(
    upstream: &Upstream,
    backup: bool,
) -> impl Iterator<Item = &crate::ir::Server> {
    let servers = upstream.servers.iter();
    servers.filter(move |server| {
        server.backup.value == backup
            && !matches!(server.address.value, crate::ir::Address::Unix { .. })
    })
}

/// Whether its active check can find a server dead: without one Traefik uses no backup.
pub(super) fn is_checked(upstream: &Upstream) -> bool {
    let check = upstream.health.as_ref().map(|it| &it.check.value);
    matches!(check, Some(Check::Http { .. }))
}

/// How often a request is tried in all: once at each server, or as often as `retries` asks for.
pub(in crate::targets) fn tries(gateway: &Gateway, route: &Route) -> u64 {
    let shares = route.shares().iter();
    let tries = shares.map(|share| {
        let upstream = gateway.upstream(share.upstream.value);
        let again = is_again(share.retries.value.as_ref());
        let servers = match upstream.servers.len() as u64 {
            // Others are served meanwhile, so that the next in turn may be the same one.
            several if several > 1 && !again => several * 2,
            several => several,
        };
        let asked = share
            .retries
            .value
            .as_ref()
            .map_or(0, |it| u64::from(it.attempts) + 1);
        servers.max(asked)
    });
    tries.max().unwrap_or(1)
}

/// Whether a request that reached a server may be sent to another one.
pub(super) fn is_again(retries: Option<&Retries>) -> bool {
    let mut after = retries.iter().flat_map(|it| &it.after);
    after.any(|it| *it != RetryAfter::Connect)
}

/// Whether a second try leads to the same server, for that is where the client belongs.
pub(super) fn is_bound(upstream: &Upstream) -> bool {
    upstream.servers.len() > 1
        && (matches!(upstream.balance.value, Balance::Hash(HashKey::Source))
            || matches!(upstream.stickiness, Some(Stickiness::Source { .. })))
}

/// Traefik's own word for a way to spread requests.
pub(super) fn strategy(
    upstream: &Upstream,
    since: impl Fn(u16, u16, u16) -> bool,
) -> Option<&'static str> {
    let source = matches!(upstream.stickiness, Some(Stickiness::Source { .. }));
    match &upstream.balance.value {
        _ if source && since(3, 6, 0) => Some("hrw"),
        // A server that refuses has nothing open: while nobody finds it down, it would be chosen for every request and every try.
        Balance::LeastConnections if since(3, 4, 0) && is_checked(upstream) => Some("p2c"),
        Balance::Hash(HashKey::Source) if since(3, 6, 0) => Some("hrw"),
        Balance::RoundRobin | Balance::LeastConnections | Balance::Random | Balance::Hash(_) => {
            None
        }
    }
}

/// What the TLS listeners say that Traefik keeps once for a host, or for all hosts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TlsWish<'a> {
    pub(super) profile: TlsProfile,
    pub(super) client: Option<(&'a str, crate::ir::ClientAuthMode)>,
    pub(super) http2: bool,
    pub(super) strict: bool,
}

/// What a listener asks of TLS; `None` where it has none.
pub(super) fn tls_wish(listener: &Listener) -> Option<TlsWish<'_>> {
    let tls = listener.tls.as_ref()?;
    Some(TlsWish {
        profile: tls.profile.value,
        client: tls
            .client_auth
            .as_ref()
            .map(|it| (it.ca.value.as_str(), it.mode.value)),
        http2: listener.http2.value,
        strict: listener.unknown_host.value == crate::ir::UnknownHost::Close,
    })
}

/// Whether all TLS listeners ask the same.
pub(super) fn one_tls_wish(gateway: &Gateway) -> bool {
    let mut wishes = gateway.listeners.iter().filter_map(tls_wish);
    wishes
        .next()
        .is_none_or(|first| wishes.all(|it| it == first))
}

/// Whether a route's sockets are idle for less time than its answers may take.
pub(super) fn socket_ends_sooner(route: &Route) -> bool {
    let socket = route.websocket.as_ref();
    socket.is_some_and(|it| it.idle.value < route.response.value)
}
