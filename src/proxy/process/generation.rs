//! A spec as it is served: everything that requests need, made once and swapped whole at a reload.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ::metrics::Counter;
use aws_lc_rs::hmac;
use http::HeaderValue;
use rustls::ServerConfig;

use crate::ir::{Balance, Gateway, HashKey, PathRewrite, regex::matcher};

use crate::proxy::clock;
use crate::proxy::fault::Fault;
use crate::proxy::request::guard::{self, Fetched};
use crate::proxy::request::limit::{Bucket, Buckets, Counts};
use crate::proxy::request::table::Table;
use crate::proxy::request::value::Changes;
use crate::proxy::telemetry::metrics;
use crate::proxy::telemetry::metrics::{ListenerCounters, RouteCounters};
use crate::proxy::telemetry::trouble::Trouble;
use crate::proxy::tls::{self, Towards};
use crate::proxy::tunnel::watch::Rules;
use crate::proxy::upstream::servers::Servers;
use crate::proxy::upstream::sticky::Sticky;

/// A spec as it is served.
pub(crate) struct Generation {
    /// The spec.
    pub(crate) gateway: Gateway,
    /// The computed order.
    pub(crate) table: Arc<Table>,
    /// By listener.
    pub(crate) listeners: Vec<Listener>,
    /// By upstream.
    pub(crate) upstreams: Vec<Upstream>,
    /// By route.
    pub(crate) routes: Vec<Route>,
    /// By entry of `auth`.
    pub(crate) auth: Vec<guard::Known>,
    /// Key sets to fetch.
    pub(crate) fetched: Vec<Fetched>,
    /// Names of routes that take tunnels.
    tunnels: HashSet<String>,
    _held: Held,
}

/// A spec that is held is counted.
struct Held;

impl Held {
    fn new() -> Self {
        metrics::generations().increment(1);
        Self
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        metrics::generations().decrement(1);
    }
}

/// A listener, ready.
pub(crate) struct Listener {
    /// TLS.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// `Strict-Transport-Security`.
    pub(crate) hsts: Option<HeaderValue>,
    /// What is counted.
    pub(crate) counters: ListenerCounters,
    /// Whether clients can be accepted.
    pub(crate) trouble: Trouble,
}

/// An upstream, ready.
pub(crate) struct Upstream {
    /// Its servers.
    pub(crate) servers: Arc<Servers>,
    /// How clients are kept.
    pub(crate) sticky: Option<Arc<Sticky>>,
    /// TLS.
    pub(crate) tls: Option<Towards>,
    /// Requests that were sent.
    pub(crate) requests: Counter,
    /// Look-ups of its servers' names that failed.
    pub(crate) lookup_failures: Counter,
    /// What the next server is chosen by.
    pub(crate) key: Option<HashKey>,
}

/// A route, ready.
pub(crate) struct Route {
    /// The sum of its shares' weights.
    pub(crate) weights: u64,
    /// Changes to requests.
    pub(crate) request: Changes,
    /// Changes to answers.
    pub(crate) response: Changes,
    /// Whether a change to answers asks for the request's headers.
    pub(crate) keeps_headers: bool,
    /// Its rate, shared with routes of the same bucket.
    pub(crate) buckets: Option<(Bucket, Arc<Buckets>)>,
    /// What may be open at once.
    pub(crate) counts: Option<Arc<Counts>>,
    /// The regex of its rewrite.
    pub(crate) rewrite: Option<regex::bytes::Regex>,
    /// The rules of its tunnels.
    pub(crate) tunnel: Arc<Rules>,
    /// Until the head of an answer.
    pub(crate) response_time: Duration,
    /// Between two bytes of a body.
    pub(crate) idle: Duration,
    /// What is counted.
    pub(crate) counters: RouteCounters,
}

impl Generation {
    /// Makes a spec ready. Servers, limits and memories of `before` that are the same go on.
    ///
    /// # Errors
    /// What keeps it from being served on this machine.
    pub(crate) fn new(
        gateway: Gateway,
        before: Option<&Self>,
        key: &hmac::Key,
    ) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let table = Arc::new(Table::new(&gateway));
        let mut listeners = Vec::new();
        for listener in &gateway.listeners {
            let tls = listener.tls.as_ref().and_then(|tls| {
                tls::server(&gateway, listener, tls, &table)
                    .map_err(|fault| faults.push(fault))
                    .ok()
            });
            let hsts = listener.tls.as_ref().and_then(|tls| tls.hsts.as_ref());
            listeners.push(Listener {
                tls,
                hsts: hsts.and_then(|hsts| HeaderValue::from_str(&hsts.value.header()).ok()),
                counters: ListenerCounters::new(&listener.name),
                trouble: Trouble::with(format!("`listeners.{}`", listener.name)),
            });
        }
        let mut upstreams = Vec::new();
        for upstream in &gateway.upstreams {
            let known = before.and_then(|before| {
                let at = before
                    .gateway
                    .upstreams
                    .iter()
                    .position(|known| known.name == upstream.name)?;
                before.upstreams.get(at)
            });
            let servers = Servers::new(upstream, known.map(|known| &*known.servers));
            let tls = upstream.tls.as_ref().and_then(|tls| {
                Towards::new(tls, upstream.protocol.value)
                    .map_err(|fault| faults.push(fault))
                    .ok()
            });
            let sticky = Sticky::new(
                upstream,
                &servers.list,
                key,
                known.and_then(|known| known.sticky.as_deref()),
            );
            upstreams.push(Upstream {
                servers: Arc::new(servers),
                sticky: sticky.map(Arc::new),
                requests: metrics::upstream(&upstream.name),
                lookup_failures: metrics::lookup_failures(&upstream.name),
                tls,
                key: match &upstream.balance.value {
                    Balance::Hash(key) => Some(key.clone()),
                    Balance::RoundRobin | Balance::LeastConnections | Balance::Random => None,
                },
            });
        }
        let mut auth = Vec::new();
        let mut fetched = Vec::new();
        for entry in &gateway.auth {
            match guard::Known::new(entry) {
                Ok((known, set)) => {
                    auth.push(known);
                    fetched.extend(set);
                }
                Err(fault) => faults.push(fault),
            }
        }
        for set in &fetched {
            let known = before.and_then(|before| before.set(&set.url));
            // Until it is fetched anew, who was let in goes on to be.
            if let Some(known) = known {
                set.keep(known);
            }
        }
        let routes = routes(&gateway, before);
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            table,
            listeners,
            upstreams,
            routes,
            auth,
            fetched,
            tunnels: gateway
                .routes
                .iter()
                .filter(|route| route.websocket.is_some())
                .map(|route| route.name.clone())
                .collect(),
            gateway,
            _held: Held::new(),
        })
    }

    /// The key set that is fetched from a URL.
    fn set(&self, url: &str) -> Option<&Fetched> {
        self.fetched.iter().find(|set| set.url == url)
    }

    /// Whether a route of this name takes tunnels.
    pub(crate) fn has_tunnels(&self, route: &str) -> bool {
        self.tunnels.contains(route)
    }
}

fn routes(gateway: &Gateway, before: Option<&Generation>) -> Vec<Route> {
    let mut shared: HashMap<&str, Arc<Buckets>> = HashMap::new();
    gateway
        .routes
        .iter()
        .map(|route| {
            // A reload must not hand out a new burst, nor forget what is open.
            let known = before.and_then(|before| {
                let at = before
                    .gateway
                    .routes
                    .iter()
                    .position(|known| known.name == route.name)?;
                Some((before.gateway.routes.get(at)?, before.routes.get(at)?))
            });
            let buckets = route.requests.as_ref().map(|limit| {
                let same = known.filter(|(known, _)| {
                    known.requests.as_ref().is_some_and(|known| {
                        known.rate.value == limit.rate.value
                            && known.burst.value == limit.burst.value
                            && known.per.value == limit.per.value
                    })
                });
                let known = same.and_then(|(_, ready)| ready.buckets.as_ref());
                let fresh = || known.map_or_else(Arc::default, |(_, known)| Arc::clone(known));
                let buckets = match &limit.bucket {
                    Some(name) => Arc::clone(shared.entry(&name.value).or_insert_with(fresh)),
                    None => fresh(),
                };
                (Bucket::new(limit.rate.value, limit.burst.value), buckets)
            });
            let counts = route.connections.as_ref().map(|limit| {
                let same = known.filter(|(known, _)| {
                    known.connections.as_ref().is_some_and(|known| {
                        known.max.value == limit.max.value && known.per.value == limit.per.value
                    })
                });
                same.and_then(|(_, ready)| ready.counts.clone())
                    .unwrap_or_else(|| Arc::new(Counts::new(limit.max.value)))
            });
            let response = Changes::new(&route.response_headers);
            Route {
                weights: route
                    .shares()
                    .iter()
                    .map(|share| u64::from(share.weight.value))
                    .sum(),
                request: Changes::new(&route.request_headers),
                keeps_headers: response.asks_for_headers(),
                response,
                buckets,
                counts,
                rewrite: route.rewrite.as_ref().and_then(|rewrite| {
                    match rewrite.path.as_ref().map(|path| &path.value) {
                        Some(PathRewrite::Regex { matches, .. }) => matcher(matches),
                        _ => None,
                    }
                }),
                tunnel: Arc::new(route.websocket.as_ref().map_or_else(Rules::default, |it| {
                    Rules {
                        route: route.name.clone(),
                        idle: it.idle.value.as_millis(),
                        age: it.max_duration.value.map_or(0, |time| time.as_millis()),
                        ping: it.ping.value.map_or(0, |time| time.as_millis()),
                        longest: it.max_message.value.map(|size| size.as_bytes()),
                        // As many as the rate names may come at once.
                        messages: it
                            .messages
                            .value
                            .map(|rate| Bucket::new(rate, rate.count - 1)),
                    }
                })),
                response_time: clock::of(route.response.value),
                idle: clock::of(match &route.stream {
                    Some(stream) => stream.idle.value,
                    None => route.idle.value,
                }),
                counters: RouteCounters::new(&route.name),
            }
        })
        .collect()
}
