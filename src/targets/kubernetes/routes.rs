//! Facts about routes that both targets need: which listeners agree, what is the same for all requests, how long, how often.

use crate::ir::{
    Dur, Fact, Gateway, HostMatch, Listener, ListenerTls, Piece, Route, Use, Value, ValueMatch,
};
use crate::targets::support::{approx, exact, takes_lists, unsupported};
use crate::targets::{Env, Seen, Support};

/// A time in Go's words, `1h`, `90s` or `1500ms`.
pub(in crate::targets) fn time(dur: Dur) -> String {
    let millis = dur.as_millis();
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
        if millis.is_multiple_of(size) {
            return format!("{}{unit}", millis / size);
        }
    }
    format!("{millis}ms")
}

/// The one timer that Traefik has for a whole request: the longest silence that a body may have.
pub(in crate::targets) fn read_timer(gateway: &Gateway, listener: &Listener) -> Dur {
    let served = gateway
        .routes
        .iter()
        .filter(|route| gateway.serves(listener, route) && !route.shares().is_empty());
    let silence = served.map(|route| match &route.stream {
        Some(stream) if stream.request.value => stream.idle.value,
        _ => route.idle.value,
    });
    silence.fold(listener.head_timeout.value, Dur::max)
}

/// A value that is the same for all requests of a listener; `None` where it is not.
pub(in crate::targets) fn fixed(
    value: &Value,
    route: &Route,
    listener: &Listener,
) -> Option<String> {
    let mut text = String::new();
    for piece in &value.0 {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Fact(Fact::Scheme) => text.push_str(listener.scheme()),
            Piece::Fact(Fact::Port) => text.push_str(&listener.public_port.value.to_string()),
            Piece::Fact(Fact::Host) => match route.hosts.as_slice() {
                [one] => match &one.value {
                    HostMatch::Exact(host) => text.push_str(host),
                    HostMatch::Wildcard(_) | HostMatch::Regex(_) | HostMatch::Any => return None,
                },
                _ => return None,
            },
            Piece::Fact(_) => return None,
        }
    }
    Some(text)
}

/// Whether a value is the same for all requests of a listener that the route serves.
pub(in crate::targets) fn is_fixed(value: &Value, route: &Route, env: &Env<'_>) -> bool {
    let mut listeners = env.gateway.listeners_of(route);
    listeners.all(|it| fixed(value, route, it).is_some())
}

/// Whether some listener of a route believes proxies in front of it.
pub(in crate::targets) fn is_behind_proxies(route: &Route, env: &Env<'_>) -> bool {
    let mut listeners = env.gateway.listeners_of(route);
    listeners.any(|it| !it.trusted_proxies.value.is_empty())
}

/// Whether a route takes requests for hosts that it does not name.
pub(in crate::targets) fn takes_any_host(route: &Route) -> bool {
    route.hosts.iter().any(|it| it.value == HostMatch::Any)
}

/// How often a request is tried in all: once at each server, or as often as `retries` asks for.
pub(in crate::targets) fn tries(gateway: &Gateway, route: &Route) -> u64 {
    let tries = route.shares().iter().map(|share| {
        let upstream = gateway.upstream(share.upstream.value);
        let asked = share.retries.value.as_ref();
        let asked = asked.map_or(0, |it| u64::from(it.attempts) + 1);
        (upstream.servers.len() as u64).max(asked)
    });
    tries.max().unwrap_or(1)
}

/// Traefik's answers to handshakes have no headers of its own.
pub(in crate::targets) fn on_tunnels(u: &Use<'_>, env: &Env<'_>) -> Support {
    let mut served = env.gateway.routes.iter();
    let sockets = u.on.listener().is_some_and(|it| {
        served.any(|route| {
            let only = route.websocket.as_ref().is_some_and(|it| it.only.value);
            only && env.gateway.serves(it, route)
        })
    });
    match sockets {
        true => approx("the 101 of a tunnel comes without it").seen(TRAEFIK),
        false => exact(),
    }
}

/// Traefik has its own time for TCP's signs of life.
pub(in crate::targets) fn thirty_seconds(u: &Use<'_>) -> Support {
    match u.on.upstream().map(|it| it.tcp_keepalive.value) {
        Some(Some(after)) if after == Dur::from_secs(30) => exact(),
        Some(Some(_)) => unsupported(
            "a silent server is asked for a sign of life after 30 s: Traefik has its own time",
        ),
        _ => unsupported("a silent server is asked for a sign of life all the same, after 30 s"),
    }
}

/// What Traefik's access log hides.
pub(in crate::targets) fn redacted(u: &Use<'_>, env: &Env<'_>) -> Support {
    let log = env.gateway.log.as_ref();
    match log.is_none_or(|it| it.redact_query.from != u.at) {
        true => exact(),
        false => {
            approx("the log has no query at all where a parameter of it is hidden").seen(TRAEFIK)
        }
    }
}

/// Where Traefik's numbers are.
pub(in crate::targets) fn metrics_path(env: &Env<'_>) -> Support {
    match env
        .gateway
        .metrics
        .as_ref()
        .map(|it| it.path.value.as_str())
    {
        Some(path) if path != "/metrics" => {
            approx("they are under `/metrics`: the path is Traefik's own").seen(TRAEFIK)
        }
        _ => exact(),
    }
}

/// Whether a condition on a header is met by other lines of it than by all of them together.
pub(in crate::targets) fn is_of_lines(u: &Use<'_>) -> bool {
    let mut conditions = u.on.route().into_iter().flat_map(|it| &it.when.headers);
    conditions.any(|it| {
        it.loc() == u.at.loc
            && match &it.value.value {
                ValueMatch::Present(_) => false,
                ValueMatch::Exact(_) => true,
                ValueMatch::Regex(regex) => !takes_lists(regex),
            }
    })
}

const TRAEFIK: Seen = Seen::On("traefik 3.7.15 as the controller");

/// The listeners of a route that one resource can serve.
#[derive(Clone)]
pub(in crate::targets) struct Face<'a> {
    /// They agree on all that matters here; at least one.
    pub(in crate::targets) listeners: Vec<&'a Listener>,
}

impl<'a> Face<'a> {
    /// Every face of a route.
    pub(in crate::targets) fn of(g: &'a Gateway, route: &'a Route) -> Vec<Self> {
        let mut faces: Vec<Self> = Vec::new();
        for listener in g.listeners_of(route) {
            match faces.iter_mut().find(|it| alike(it.first(), listener)) {
                Some(face) => face.listeners.push(listener),
                None => faces.push(Self {
                    listeners: vec![listener],
                }),
            }
        }
        faces
    }

    /// The listener that speaks for all.
    pub(in crate::targets) fn first(&self) -> &'a Listener {
        self.listeners[0]
    }
}

fn alike(one: &Listener, other: &Listener) -> bool {
    let Some((tls, theirs)) = one.tls.as_ref().zip(other.tls.as_ref()) else {
        return one.tls.is_none()
            && other.tls.is_none()
            && one.public_port.value == other.public_port.value
            && one.trusted_proxies.value == other.trusted_proxies.value;
    };
    let client = |it: &ListenerTls| {
        let client = it.client_auth.as_ref();
        client.map(|it| (it.ca.value.clone(), it.mode.value))
    };
    one.public_port.value == other.public_port.value
        && one.trusted_proxies.value == other.trusted_proxies.value
        && one.http2.value == other.http2.value
        && tls.certificates.value == theirs.certificates.value
        && tls.profile.value == theirs.profile.value
        && tls.hsts.as_ref().map(|it| &it.value) == theirs.hsts.as_ref().map(|it| &it.value)
        && client(tls) == client(theirs)
}
