//! The limits of an Application Load Balancer, and what of a gateway fits them: what `support` decides and the plan relies on.

use std::net::IpAddr;

use crate::ir::{
    Address, Auth, AuthKind, ClientRange, Dur, Gateway, JwksAlgorithm, Jwt, JwtKeys, Listener, Loc,
    RequestLimit, Route, Server, TokenPlace, Upstream,
};
use crate::ir::{Balance, Feature, Subject};
use crate::targets::Verdicts;

/// Values of one condition. The quota page names five for a rule; the page on conditions says three for each condition.
pub(super) const VALUES_PER_CONDITION: usize = 3;
/// Values of all conditions of a rule together.
pub(super) const VALUES_PER_RULE: usize = 5;
/// The highest priority of a rule.
pub(super) const PRIORITIES: usize = 50_000;
/// Target groups of a load balancer, and of a forward action.
pub(super) const GROUPS: usize = 100;
pub(super) const GROUPS_PER_ACTION: usize = 5;
/// Targets of a load balancer.
pub(super) const TARGETS: usize = 1000;
/// Listeners of a load balancer, and certificates of a listener beside its default one.
pub(super) const LISTENERS: usize = 50;
pub(super) const CERTIFICATES: usize = 25;
/// Listeners of a load balancer that verify client certificates.
pub(super) const VERIFYING: usize = 2;
/// Resources and parameters of a template.
pub(super) const RESOURCES: usize = 500;
pub(super) const PARAMETERS: usize = 200;
/// Capacity units of a web ACL: those that are in its price, and the most.
pub(super) const CAPACITY: (usize, usize) = (1500, 5000);
/// The highest weight of a target group.
pub(super) const WEIGHT: u64 = 999;
/// The longest value of a condition, and the longest part of a redirect.
pub(super) const VALUE: usize = 128;
/// The longest body of a fixed answer.
pub(super) const BODY: usize = 1024;
/// The longest regex or replacement of a transform.
pub(super) const TRANSFORM: usize = 1024;
/// The longest idle timeout, and the shortest.
pub(super) const IDLE: (u64, u64) = (1, 4000);
/// How long a sticky cookie may live, in seconds.
pub(super) const STICKY: (u64, u64) = (1, 604_800);
/// The delay of a deregistration, in seconds.
pub(super) const DEREGISTRATION: u64 = 3600;
/// How long a slow start may take, in seconds.
pub(super) const SLOW_START: (u64, u64) = (30, 900);
/// What a web ACL sees of a body.
pub(super) const INSPECTED_BODY: u64 = 8192;
/// The lowest limit of a rate-based rule.
pub(super) const LOWEST_RATE: u64 = 10;

/// The content types that a fixed answer may have.
pub(super) const CONTENT_TYPES: [&str; 5] = [
    "text/plain",
    "text/css",
    "text/html",
    "application/javascript",
    "application/json",
];

/// The one idle timeout of the load balancer, in seconds: the longest time that anything asks for, within the limits.
pub(super) fn idle(silence: Option<Dur>) -> u64 {
    silence
        .unwrap_or(Dur::from_secs(60))
        .as_secs_ceil()
        .clamp(IDLE.0, IDLE.1)
}

/// Whether an access log can be kept: somebody wrote `log`, or named a bucket for it.
pub(super) fn logs(g: &Gateway) -> bool {
    let written = g.log.as_ref().is_some_and(|log| log.at != Loc::default());
    g.log.is_some() && (written || g.rooms.alb.log_bucket.is_some())
}

/// Whether a target can have this address: ALB takes those of its VPC, private or shared (100.64.0.0/10).
pub(super) fn is_target(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private() || (a == 100 && b & 0xC0 == 64)
        }
        IpAddr::V6(_) => false,
    }
}

/// Whether a server can be registered as it is written: a private address, or a name that becomes a parameter.
pub(super) fn is_registered(server: &Server) -> bool {
    !server.backup.value
        && match &server.address.value {
            Address::Ip { ip, .. } => is_target(*ip),
            Address::Name { .. } => true,
            Address::Unix { .. } => false,
        }
}

/// Whether the upstream is an existing target group, named in the room.
pub(super) fn is_existing(g: &Gateway, upstream: &Upstream) -> bool {
    g.rooms
        .alb
        .upstreams
        .iter()
        .any(|(name, _)| *name == upstream.name)
}

/// Whether a host can stand in a condition: a dot, and letters only after the last one.
pub(super) fn is_host(host: &str) -> bool {
    host.len() <= VALUE
        && host.rsplit_once('.').is_some_and(|(_, last)| {
            !last.is_empty() && last.bytes().all(|b| b.is_ascii_alphabetic())
        })
}

/// Whether all that a plain value of a path condition may hold is letters, digits and `_-.$/~"'@:+&`.
pub(super) fn is_plain_path(path: &str) -> bool {
    path.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"_-.$/~\"'@:+&".contains(&b))
}

/// Whether a value can stand in a condition: the load balancer looks at visible ASCII only.
pub(super) fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| (0x20..0x7F).contains(&b))
}

/// A regex that matches a text as a whole.
pub(super) fn whole(regex: &str) -> String {
    match regex.contains('|') {
        true => format!("^(?:{regex})$"),
        false => format!("^{regex}$"),
    }
}

/// A regex that matches this text.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if !(c.is_ascii_alphanumeric() || "_-/~:%'\"@&=!,; ".contains(c)) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Whether a listener on which the route is served believes proxies in front: then the last hop is not the client.
pub(super) fn is_behind_proxies(g: &Gateway, route: &Route) -> bool {
    g.listeners_of(route)
        .any(|it| !it.trusted_proxies.value.is_empty())
}

/// What the load balancer asks of a token; `Err` says why it cannot verify it.
pub(super) fn jwt(g: &Gateway, auth: &Auth) -> Result<(), &'static str> {
    let AuthKind::Jwt(jwt) = &auth.kind else {
        return Err("it verifies tokens only");
    };
    let JwtKeys::JwksUrl {
        url, algorithms, ..
    } = &jwt.keys.value
    else {
        return Err("keys are fetched from a URL only: write `keys: {jwks: {url: …}}`");
    };
    if !url.starts_with("https://") || url.len() > 256 {
        return Err("the key set has an `https://` URL of at most 256 characters");
    }
    if algorithms.as_slice() != [JwksAlgorithm::Rs256] {
        return Err("RS256 is the only algorithm: write `algorithms: [rs256]`");
    }
    match &jwt.issuer {
        None => return Err("an issuer is required: write `issuer`"),
        Some(issuer) if issuer.value.len() > 256 => {
            return Err("an issuer has at most 256 characters");
        }
        Some(_) => {}
    }
    if !jwt.token.value.contains(&TokenPlace::Bearer) {
        return Err("the token stands in `Authorization` only: add `bearer` to `token`");
    }
    if audiences(jwt).len() > 10 {
        return Err("a claim has at most 10 values");
    }
    let plain = g.routes.iter().any(|route| {
        let asked = route.auth.as_ref().is_some_and(|id| id.value == auth.id);
        asked && g.listeners_of(route).any(|it| it.tls.is_none())
    });
    if plain {
        return Err("it verifies on TLS listeners only: name them in `when.listeners`");
    }
    Ok(())
}

/// The values of `aud` that pass.
pub(super) fn audiences(jwt: &Jwt) -> &[String] {
    jwt.audience
        .as_ref()
        .map_or(&[], |audience| &audience.value)
}

/// A rate-based rule: how many requests in how many seconds. `None` if none of its windows can say it.
pub(super) fn rate(limit: &RequestLimit) -> Option<(u64, u64)> {
    let rate = limit.rate.value;
    [60, 120, 300, 600].into_iter().find_map(|window| {
        let count = u64::from(rate.count) * window / rate.per.secs();
        (count >= LOWEST_RATE).then_some((count, window))
    })
}

/// Whether the routes of the request limit's bucket agree on what is counted.
pub(super) fn agrees(g: &Gateway, limit: &RequestLimit) -> bool {
    let Some(bucket) = &limit.bucket else {
        return true;
    };
    g.routes
        .iter()
        .filter_map(|route| route.requests.as_deref())
        .all(|other| {
            other.bucket.as_ref().map(|it| &it.value) != Some(&bucket.value)
                || (other.rate.value == limit.rate.value && other.per.value == limit.per.value)
        })
}

/// The ranges that are in both lists: a CIDR lies inside another or apart from it.
pub(super) fn common(one: &[ClientRange], other: &[ClientRange]) -> Vec<ClientRange> {
    let mut both: Vec<ClientRange> = Vec::new();
    for a in one {
        for b in other {
            let inner = if b.net().contains(&a.net()) {
                a
            } else if a.net().contains(&b.net()) {
                b
            } else {
                continue;
            };
            if !both.contains(inner) {
                both.push(*inner);
            }
        }
    }
    both
}

/// Whether a guard of the listener is lost that leaves nothing to serve: then it answers 503.
pub(super) fn is_closed(v: &Verdicts<'_>, listener: &Listener) -> bool {
    const DOORS: [Feature; 7] = [
        Feature::TlsTermination,
        Feature::TlsProfile,
        Feature::TlsHsts,
        Feature::TlsClientAuth,
        Feature::ListenerPaths,
        Feature::ListenerEncodedSlash,
        Feature::LimitListenerConnections,
    ];
    // `trusted_proxies` is answered for where an address counts: by `clients` and `when.clients`.
    DOORS
        .iter()
        .any(|feature| !v.renders_all(*feature, Subject::Listener(listener)))
}

/// The algorithm of a target group.
pub(super) const fn algorithm(balance: &Balance) -> &'static str {
    match balance {
        Balance::RoundRobin | Balance::Hash(_) => "round_robin",
        Balance::LeastConnections => "least_outstanding_requests",
        Balance::Random => "weighted_random",
    }
}
