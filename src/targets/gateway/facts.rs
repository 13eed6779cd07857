//! Facts about implementations of the Gateway API that both the verdicts and the plan need: an extended feature that one does not
//! claim, it may ignore without a word.

use crate::ir::{
    Balance, Condition, Gateway, GatewayImplementation, HashKey, HostHeader, HostMatch, PathMatch,
    Route, Service, Set, Stickiness, Upstream, ValueMatch,
};
use crate::targets::Env;
use crate::targets::kubernetes::{names, services};

/// How an implementation is told what the API has no field for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Means {
    /// By Traefik's Middlewares, which a rule refers to.
    Traefik,
    /// By Envoy Gateway's policies, which refer to a Gateway or a route.
    Envoy,
    /// Not by this target.
    None,
}

/// The program that serves the resources.
pub(super) fn implementation(env: &Env<'_>) -> GatewayImplementation {
    env.gateway.rooms.gateway.implementation.value
}

/// How it is told more.
pub(super) fn means(env: &Env<'_>) -> Means {
    means_of(implementation(env))
}

/// The same, of an implementation.
pub(super) const fn means_of(it: GatewayImplementation) -> Means {
    match it {
        GatewayImplementation::Traefik => Means::Traefik,
        GatewayImplementation::EnvoyGateway => Means::Envoy,
        GatewayImplementation::Kgateway
        | GatewayImplementation::NginxGatewayFabric
        | GatewayImplementation::Istio
        | GatewayImplementation::Cilium => Means::None,
    }
}

/// Whether Envoy serves, which appends to `X-Forwarded-For` and passes on the other headers as the client wrote them.
pub(super) const fn is_envoy(it: GatewayImplementation) -> bool {
    match it {
        GatewayImplementation::EnvoyGateway
        | GatewayImplementation::Kgateway
        | GatewayImplementation::Istio
        | GatewayImplementation::Cilium => true,
        GatewayImplementation::Traefik | GatewayImplementation::NginxGatewayFabric => false,
    }
}

/// Whether the server sees another host than the client asked for.
pub(super) fn changes_host(route: &Route) -> bool {
    let share = route.shares().first();
    share.is_some_and(|it| it.host_header.value != HostHeader::Preserve)
}

/// Whether a body may be read whole before a server sees it, which is how Envoy Gateway counts it: a tunnel or a stream would
/// wait for ever.
pub(super) fn holds_bodies(route: &Route) -> bool {
    let streams = route.stream.as_ref().is_some_and(|it| it.request.value);
    route.websocket.is_none() && !streams
}

/// Whether a returned server may start slowly: Envoy Gateway takes a window for no choice by chance or by hash.
pub(super) fn starts_slowly(upstream: &Upstream) -> bool {
    let hashed = match &upstream.balance.value {
        Balance::Random => true,
        Balance::Hash(key) => matches!(key, HashKey::Source | HashKey::Header(_)),
        Balance::RoundRobin | Balance::LeastConnections => false,
    };
    let sticky = matches!(
        upstream.stickiness,
        Some(Stickiness::Cookie(_) | Stickiness::Source { .. })
    );
    !hashed && !sticky
}

/// Extended features of the API that differ between the implementations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Extended {
    /// `timeouts.request` of a rule.
    RequestTimeout,
    /// The filter `CORS`.
    Cors,
    /// Client certificates at the Gateway.
    ClientCertificates,
}

/// Whether the newest published conformance report claims it (August 2026).
pub(super) const fn claims(it: GatewayImplementation, feature: Extended) -> bool {
    use GatewayImplementation::{
        Cilium, EnvoyGateway, Istio, Kgateway, NginxGatewayFabric, Traefik,
    };
    match (it, feature) {
        (Traefik, _) => false,
        (EnvoyGateway | Kgateway, _) => true,
        (NginxGatewayFabric, Extended::RequestTimeout) => false,
        (NginxGatewayFabric, Extended::Cors | Extended::ClientCertificates) => true,
        (Istio | Cilium, Extended::RequestTimeout | Extended::Cors) => true,
        (Istio | Cilium, Extended::ClientCertificates) => false,
    }
}

/// The Service that the room names for an upstream.
pub(super) fn named<'a>(gateway: &'a Gateway, upstream: &Upstream) -> Option<&'a Set<Service>> {
    services::named(&gateway.rooms.gateway.upstreams, upstream)
}

/// A `hostname`; empty is every host, `None` one that the API cannot name.
pub(super) fn host(host: &HostMatch) -> Option<String> {
    let is_name =
        |name: &str| names::is_subdomain(name) && name.parse::<std::net::IpAddr>().is_err();
    match host {
        HostMatch::Exact(name) => is_name(name).then(|| name.clone()),
        HostMatch::Wildcard(zone) => is_name(zone).then(|| format!("*.{zone}")),
        HostMatch::Regex(_) => None,
        HostMatch::Any => Some(String::new()),
    }
}

/// The type and value of a path match; `None` where the API or the implementation refuses it.
pub(super) fn path(path: &PathMatch, means: Means) -> Option<(&'static str, String)> {
    let taken = |text: &str| {
        // Traefik compares decoded paths with this text.
        let decoded = means != Means::Traefik || !text.contains('%');
        let signs = !text.contains('`') && !text.to_ascii_lowercase().contains("%2f");
        (text.len() <= 1024 && decoded && signs).then(|| text.to_owned())
    };
    match path {
        PathMatch::Exact(text) => Some(("Exact", taken(text)?)),
        PathMatch::Prefix(text) => {
            let short = text.trim_end_matches('/');
            Some((
                "PathPrefix",
                taken(if short.is_empty() { "/" } else { short })?,
            ))
        }
        PathMatch::Regex(regex) => {
            let fits = !regex.contains('`') && !regex.chars().any(char::is_control);
            let whole = format!("^(?:{regex})$");
            (fits && whole.len() <= 1024).then_some(("RegularExpression", whole))
        }
    }
}

/// Whether a condition on a header or query parameter can be told: that something is not there cannot.
pub(super) fn can_tell_value(condition: &Condition) -> bool {
    !matches!(condition.value, ValueMatch::Present(false))
}

/// Whether every condition of a route can be told: a route whose conditions cannot is left out, for without them it would
/// take what it must not.
pub(super) fn can_tell(route: &Route) -> bool {
    let when = &route.when;
    when.clients.is_none()
        && when.upgrade.as_ref().is_none_or(|it| it.value)
        && when
            .headers
            .iter()
            .chain(&when.query)
            .all(|it| can_tell_value(&it.value))
}

/// The methods that upgrade on a route of those that it takes; none where no request of it can.
pub(super) fn upgrading(route: &Route) -> Vec<String> {
    let Some(socket) = &route.websocket else {
        return Vec::new();
    };
    let taken = |method: &&String| {
        let lists = [&route.when.methods, &route.methods];
        let mut lists = lists.into_iter().flatten();
        lists.all(|it| it.value.contains(method))
    };
    let methods = socket.methods.value.iter();
    methods.filter(taken).cloned().collect()
}

/// The methods that pass on a route of those that it takes: none named is all, `None` is none.
pub(super) fn allowed(route: &Route) -> Option<Vec<String>> {
    let allowed = route.methods.as_ref().map(|it| &it.value);
    match (&route.when.methods, allowed) {
        (None, None) => Some(Vec::new()),
        (None, Some(list)) => Some(list.clone()),
        (Some(asked), None) => Some(asked.value.clone()),
        (Some(asked), Some(list)) => {
            let both = asked.value.iter().filter(|it| list.contains(it));
            let both: Vec<String> = both.cloned().collect();
            (!both.is_empty()).then_some(both)
        }
    }
}

/// The methods that a route takes and does not allow: none named is all others, `None` is none.
pub(super) fn refused(route: &Route) -> Option<Vec<String>> {
    let list = &route.methods.as_ref()?.value;
    let Some(asked) = &route.when.methods else {
        return Some(Vec::new());
    };
    let others = asked.value.iter().filter(|it| !list.contains(it));
    let others: Vec<String> = others.cloned().collect();
    (!others.is_empty()).then_some(others)
}

/// A duration as the API has it: whole units, no fractions, no days.
pub(super) fn time(dur: crate::ir::Dur) -> String {
    let mut millis = dur.as_millis();
    let mut text = String::new();
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        let count = (millis / size).min(99_999);
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
        millis -= count * size;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::time;
    use crate::ir::Dur;

    #[test]
    fn durations_are_the_apis() {
        for (millis, text) in [
            (1_500, "1s500ms"),
            (90_000, "1m30s"),
            (31_536_000_000, "8760h"),
        ] {
            assert_eq!(time(Dur::from_millis(millis)), text);
        }
    }
}
