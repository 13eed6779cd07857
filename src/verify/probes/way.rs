//! The way to an upstream: requests that lead to it, and which of its servers took each.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::ir::{Balance, Gateway, HashKey, Route, RouteId, Upstream, UpstreamId};
use crate::verify::ask::{Ask, encoded};
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe};
use crate::verify::wire::Response;

/// Most labs that one feature has for itself: each starts a program.
const LABS: usize = 8;

/// The first probes of each feature that have a lab of their own, and all others.
pub(super) fn capped(probes: Vec<Probe>) -> Vec<Probe> {
    let mut alone = std::collections::BTreeMap::new();
    let mut few = |probe: &Probe| {
        let count: &mut usize = alone.entry(probe.feature).or_default();
        *count += usize::from(probe.setup.alone);
        !probe.setup.alone || *count <= LABS
    };
    probes.into_iter().filter(|probe| few(probe)).collect()
}

/// The routes that lead to an upstream, those that lead nowhere else and limit least first.
pub(super) fn routes(gateway: &Gateway, upstream: UpstreamId) -> Vec<&Route> {
    let leads = |route: &&Route| {
        let mut shares = route.shares().iter();
        shares.any(|share| share.upstream.value == upstream && share.weight.value > 0)
    };
    let mut routes: Vec<&Route> = gateway.routes.iter().filter(leads).collect();
    routes.sort_by_key(|route| {
        let only = route.websocket.as_ref().is_some_and(|it| it.only.value);
        (
            only,
            route.shares().len(),
            route.requests.is_some() || route.connections.is_some(),
            route.auth.is_some(),
        )
    });
    routes
}

/// A number that no other request has.
pub(super) fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Requests that lead to an upstream.
pub(super) struct Way<'a> {
    pub(super) lab: &'a Lab,
    pub(super) upstream: &'a Upstream,
    pub(super) route: &'a Route,
    ask: Ask,
}

impl<'a> Way<'a> {
    /// By the best of the routes that lead there.
    pub(super) fn to(lab: &'a Lab, upstream: UpstreamId) -> Result<Self, Miss> {
        let routes = routes(&lab.gateway, upstream);
        let mut ways = routes
            .into_iter()
            .filter_map(|route| Self::on(lab, route.id, upstream));
        ways.next()
            .ok_or_else(|| Miss::Unseen("no request was found that leads there".to_owned()))
    }

    /// By this route.
    pub(super) fn by(lab: &'a Lab, route: RouteId, upstream: UpstreamId) -> Result<Self, Miss> {
        Self::on(lab, route, upstream)
            .ok_or_else(|| Miss::Unseen("no request was found that the route takes".to_owned()))
    }

    fn on(lab: &'a Lab, route: RouteId, upstream: UpstreamId) -> Option<Self> {
        let asks = lab.asker().every_good(route);
        let plain = |ask: &Ask| (ask.request.is_websocket(), ask.request.tls);
        Some(Self {
            lab,
            upstream: lab.gateway.upstream(upstream),
            route: lab.gateway.route(route),
            ask: asks.into_iter().min_by_key(plain)?,
        })
    }

    /// A handshake by a route that has sockets; `None` where none leads there.
    pub(super) fn tunnel(lab: &'a Lab, upstream: UpstreamId) -> Option<Self> {
        routes(&lab.gateway, upstream)
            .into_iter()
            .find_map(|route| {
                Some(Self {
                    lab,
                    upstream: lab.gateway.upstream(upstream),
                    route,
                    ask: lab.asker().good_tunnel(route.id)?,
                })
            })
    }

    /// The indices of the servers that are no backup.
    pub(super) fn active(&self) -> Vec<usize> {
        self.servers(false)
    }

    /// The indices of the backup servers.
    pub(super) fn backups(&self) -> Vec<usize> {
        self.servers(true)
    }

    fn servers(&self, backup: bool) -> Vec<usize> {
        let servers = self.upstream.servers.iter().enumerate();
        servers
            .filter(|(_, server)| server.backup.value == backup)
            .map(|(index, _)| index)
            .collect()
    }

    /// Every server but these dies.
    pub(super) fn leave(&self, left: &[usize]) {
        for (index, stub) in self.lab.stubs(self.upstream.id).iter().enumerate() {
            if !left.contains(&index) {
                stub.stop();
            }
        }
        // An idle connection that ends must be seen to have ended, or the next request is sent into it and lost.
        std::thread::sleep(Duration::from_millis(50));
    }

    /// This server dies.
    pub(super) fn lose(&self, server: usize) {
        let all = 0..self.upstream.servers.len();
        self.leave(&all.filter(|it| *it != server).collect::<Vec<_>>());
    }

    /// Every server is there again.
    pub(super) fn restore(&self) -> io::Result<()> {
        let stubs = self.lab.stubs(self.upstream.id);
        stubs.iter().try_for_each(|stub| stub.try_listen())
    }

    /// A request of a client that was never here, with another key where a hash chooses.
    pub(super) fn fresh(&self) -> Ask {
        let client = self.lab.asker().client(self.route);
        let ask = self.ask.again().from(client);
        self.keyed(&ask, &format!("k{}", number())).unwrap_or(ask)
    }

    /// The same request with this key in the place that the upstream's hash looks at; `None` where it has none, or the request
    /// would go elsewhere.
    pub(super) fn keyed(&self, ask: &Ask, key: &str) -> Option<Ask> {
        let Balance::Hash(place) = &self.upstream.balance.value else {
            return None;
        };
        let ask = match place {
            HashKey::Source => ask.again(),
            HashKey::Header(name) => ask.again().header(name, key),
            HashKey::Cookie(name) => ask.again().cookie(name, key),
            HashKey::Query(name) => ask.again().query(&encoded(name), key),
            HashKey::Path => {
                let path = format!("{}/{key}", ask.request.path.trim_end_matches('/'));
                ask.again().path(&path)
            }
        };
        self.leads(&ask).then_some(ask)
    }

    /// Whether a request may go to the upstream.
    pub(super) fn leads(&self, ask: &Ask) -> bool {
        self.lab.asker().upstreams(ask).contains(&self.upstream.id)
    }

    /// The path that the servers see of a request, without its query.
    pub(super) fn path(&self, ask: &Ask) -> String {
        let outcome = self.lab.asker().outcome(ask);
        let path = outcome.and_then(|it| it.path).unwrap_or_default();
        path.split('?').next().unwrap_or_default().to_owned()
    }

    /// Sends a request, or a handshake whose tunnel then ends.
    pub(super) fn send(&self, ask: &Ask) -> io::Result<Response> {
        self.lab.answer(ask)
    }

    /// The server that answered; `None` where none of the upstream did.
    pub(super) fn server(&self, ask: &Ask, response: &Response) -> Option<usize> {
        let stubs = self.lab.stubs(self.upstream.id);
        let named = stubs.iter().position(|it| it.name() == response.server());
        named.or_else(|| self.seen_by(ask).last().copied())
    }

    /// The servers of the upstream that a request has reached, in no order.
    pub(super) fn seen_by(&self, ask: &Ask) -> Vec<usize> {
        let arrivals = self.lab.arrivals(ask).into_iter();
        arrivals
            .filter(|(upstream, ..)| *upstream == self.upstream.id)
            .map(|(_, server, _)| server)
            .collect()
    }

    /// Sends a request that one of the upstream's servers has to answer, and says which; where the route is split, until it does.
    pub(super) fn taken(&self, ask: &Ask) -> Result<usize, Miss> {
        let mut ask = ask.clone();
        for _ in 0..300 {
            let promised = || format!("an answer of a server of {}", self.upstream.name);
            let response = match self.send(&ask) {
                Ok(response) => response,
                Err(why) => return Err(deviation(&ask, why.to_string(), promised())),
            };
            if let Some(server) = self.server(&ask, &response) {
                return match response.status {
                    502..=504 => Err(deviation(&ask, status(&response), promised())),
                    _ => Ok(server),
                };
            }
            if self.route.shares().len() < 2 || self.lab.arrivals(&ask).is_empty() {
                return Err(deviation(&ask, status(&response), promised()));
            }
            ask = ask.again();
        }
        Err(Miss::Unseen(
            "the split never led to the upstream".to_owned(),
        ))
    }

    /// The same for one that has to be answered by one of these servers.
    pub(super) fn taken_by(&self, ask: &Ask, wanted: &[usize], why: &str) -> Result<usize, Miss> {
        match self.taken(ask) {
            Ok(server) if wanted.contains(&server) => Ok(server),
            Ok(server) => Err(deviation(
                ask,
                format!("server {} answered", server + 1),
                why,
            )),
            Err(Miss::Broken(mut it)) => {
                why.clone_into(&mut it.promised);
                Err(it.into())
            }
            Err(other) => Err(other),
        }
    }

    /// How many of so many fresh requests each server takes, one after the other.
    pub(super) fn spread(&self, count: usize) -> Result<Vec<usize>, Miss> {
        let mut counts = vec![0; self.upstream.servers.len()];
        for _ in 0..count {
            counts[self.taken(&self.fresh())?] += 1;
        }
        Ok(counts)
    }

    /// The longest time that a server may let a request of this route wait, with a reserve.
    pub(super) fn delay(&self, wish: Duration) -> Duration {
        let limit = Duration::from_millis(self.route.response.value.as_millis() * 7 / 10);
        wish.min(limit)
    }

    /// Sends fresh requests, each once the one before has reached a server, all answered only after `delay`; calls `then` with
    /// how many wait at each server. One that no server got counts for none.
    pub(super) fn held<T>(
        &self,
        count: usize,
        delay: Duration,
        then: impl FnOnce(&[usize]) -> T,
    ) -> T {
        let millis = self.delay(delay).as_millis().to_string();
        let mut counts = vec![0; self.upstream.servers.len()];
        std::thread::scope(|scope| {
            for _ in 0..count {
                let ask = self.fresh().header("X-Delay", &millis);
                let sent = ask.clone();
                let thread = scope.spawn(move || self.send(&sent));
                until(Duration::from_secs(3), || {
                    thread.is_finished() || !self.lab.arrivals(&ask).is_empty()
                });
                if let Some(server) = self.seen_by(&ask).first() {
                    counts[*server] += 1;
                }
            }
            then(&counts)
        })
    }
}

/// Waits until it is so, for at most `limit`: whether it came to be.
pub(super) fn until(limit: Duration, mut is: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if is() {
            return true;
        }
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
