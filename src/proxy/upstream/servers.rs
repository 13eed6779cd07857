//! An upstream's servers while the proxy runs: which are well, how busy each is, and which takes the next request.

use std::collections::VecDeque;
use std::hash::{BuildHasher, BuildHasherDefault};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustc_hash::FxHasher;

use crate::ir::{Address, Balance, Passive, Upstream};

use crate::proxy::clock;

/// The servers of an upstream. One for all workers.
pub(crate) struct Servers {
    /// The upstream's name.
    pub(crate) name: String,
    /// The servers, in the order of the file.
    pub(crate) list: Vec<Arc<Server>>,
    /// Their weights, and which are backups: a reload may change these alone.
    settings: Vec<(u32, bool)>,
    balance: Balance,
    most: Option<u32>,
    slow_start: u64,
    passive: Option<Passive>,
    /// Smooth weighted round robin: what each server is owed.
    owed: Mutex<Vec<i64>>,
}

/// A server. It outlives a reload that keeps its address.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: Address,
    /// Open requests and tunnels.
    open: AtomicU32,
    /// What active checks say.
    healthy: AtomicBool,
    /// Until when it is taken out for its errors; 0 is not.
    ejected_until: AtomicU64,
    /// When it came back; 0 is never: slow start counts from here.
    since: AtomicU64,
    errors: Mutex<VecDeque<u64>>,
    /// What its name stands for now.
    addresses: RwLock<Vec<SocketAddr>>,
    turn: AtomicU32,
    /// How often its addresses have changed: connections of before are not used again.
    moved: AtomicU32,
}

/// A request or tunnel that is open at a server.
pub(crate) struct Open(Arc<Server>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

impl Server {
    fn new(server: &crate::ir::Server) -> Self {
        let address = server.address.value.clone();
        let known = match &address {
            Address::Ip { ip, port } => vec![SocketAddr::new(*ip, *port)],
            _ => Vec::new(),
        };
        Self {
            address,
            open: AtomicU32::new(0),
            healthy: AtomicBool::new(true),
            ejected_until: AtomicU64::new(0),
            since: AtomicU64::new(0),
            errors: Mutex::default(),
            addresses: RwLock::new(known),
            turn: AtomicU32::new(0),
            moved: AtomicU32::new(0),
        }
    }

    /// Requests and tunnels that are open.
    pub(crate) fn open(&self) -> u32 {
        self.open.load(Relaxed)
    }

    /// Whether it may take requests now.
    pub(crate) fn is_well(&self, now: u64) -> bool {
        self.healthy.load(Relaxed) && self.ejected_until.load(Relaxed) <= now
    }

    /// Notes what active checks say.
    pub(crate) fn set_healthy(&self, healthy: bool) {
        let news = self.healthy.swap(healthy, Relaxed) != healthy;
        if news && healthy {
            self.since.store(clock::now(), Relaxed);
        }
    }

    /// Its addresses, each time another one first; none where its name is not known.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let addresses = self
            .addresses
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let mut all = addresses.clone();
        if !all.is_empty() {
            let turn = self.turn.fetch_add(1, Relaxed) as usize;
            let first = turn % all.len();
            all.rotate_left(first);
        }
        all
    }

    /// Notes what its name stands for.
    pub(crate) fn set_addresses(&self, mut addresses: Vec<SocketAddr>) {
        addresses.sort_unstable();
        let mut known = self
            .addresses
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if *known != addresses {
            *known = addresses;
            self.moved.fetch_add(1, Relaxed);
        }
    }

    /// How often its addresses have changed.
    pub(crate) fn moved(&self) -> u32 {
        self.moved.load(Relaxed)
    }
}

impl Servers {
    /// The servers of an upstream; those of `before` that are the same keep what is known of them.
    pub(crate) fn new(upstream: &Upstream, before: Option<&Self>) -> Self {
        let list: Vec<Arc<Server>> = upstream
            .servers
            .iter()
            .map(|server| {
                before
                    .and_then(|before| {
                        before
                            .list
                            .iter()
                            .find(|known| known.address == server.address.value)
                    })
                    .cloned()
                    .unwrap_or_else(|| Arc::new(Server::new(server)))
            })
            .collect();
        Self {
            name: upstream.name.clone(),
            owed: Mutex::new(vec![0; list.len()]),
            list,
            settings: upstream
                .servers
                .iter()
                .map(|server| (u32::from(server.weight.value), server.backup.value))
                .collect(),
            balance: upstream.balance.value.clone(),
            most: upstream
                .max_connections
                .value
                .map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
            slow_start: upstream.slow_start.value.map_or(0, |time| time.as_millis()),
            passive: upstream.passive.clone(),
        }
    }

    /// Opens a request at a server that is well, has room and was not tried yet: the kept one if it can, else the next by the
    /// upstream's balance. Backups count only where no other server is well.
    pub(crate) fn open(
        &self,
        kept: Option<usize>,
        key: Option<u64>,
        tried: &[usize],
    ) -> Option<(usize, Open)> {
        let now = clock::now();
        if let Some(at) = kept
            && !tried.contains(&at)
            && self.list.get(at).is_some_and(|server| server.is_well(now))
            && let Some(open) = self.take(at)
        {
            return Some((at, open));
        }
        let well = |backup: bool| {
            let fits = |at: &usize| {
                let server = &self.list[*at];
                self.settings[*at].1 == backup && server.is_well(now)
            };
            (0..self.list.len()).filter(fits).collect::<Vec<usize>>()
        };
        let mut candidates = well(false);
        if candidates.iter().all(|at| tried.contains(at)) {
            candidates.extend(well(true));
        }
        candidates.retain(|at| !tried.contains(at));
        while !candidates.is_empty() {
            let at = self.next(&candidates, key, now)?;
            if let Some(open) = self.take(at) {
                return Some((at, open));
            }
            candidates.retain(|other| *other != at);
        }
        None
    }
    /// Whether a server is well that was not tried, nor is this one.
    pub(crate) fn has_other(&self, tried: &[usize], this: usize) -> bool {
        let now = clock::now();
        let mut others = (0..self.list.len()).filter(|at| *at != this && !tried.contains(at));
        others.any(|at| self.list[at].is_well(now))
    }

    fn take(&self, at: usize) -> Option<Open> {
        let server = &self.list[at];
        let most = self.most.unwrap_or(u32::MAX);
        server
            .open
            .fetch_update(Relaxed, Relaxed, |open| (open < most).then_some(open + 1))
            .ok()
            .map(|_| Open(Arc::clone(server)))
    }

    /// Share of the traffic in thousandths, which grows from nothing after a return.
    fn share(&self, at: usize, now: u64) -> u64 {
        let server = &self.list[at];
        let full = u64::from(self.settings[at].0) * 1000;
        let since = server.since.load(Relaxed);
        if self.slow_start == 0 || since == 0 {
            return full;
        }
        let age = now.saturating_sub(since).min(self.slow_start);
        (full * age / self.slow_start).max(1)
    }

    fn next(&self, candidates: &[usize], key: Option<u64>, now: u64) -> Option<usize> {
        match (&self.balance, key) {
            (Balance::Hash(_), Some(key)) => candidates
                .iter()
                .copied()
                .max_by_key(|at| self.rendezvous(*at, key)),
            (Balance::LeastConnections, _) => {
                // Fewest per share; the turn decides among equals.
                let load = |at: usize| {
                    let open = u64::from(self.list[at].open()) + 1;
                    open * 1_000_000 / self.share(at, now).max(1)
                };
                let least = candidates.iter().map(|at| load(*at)).min()?;
                let equals: Vec<usize> = candidates
                    .iter()
                    .copied()
                    .filter(|at| load(*at) == least)
                    .collect();
                self.in_turn(&equals, now)
            }
            (Balance::Random, _) => {
                let total: u64 = candidates.iter().map(|at| self.share(*at, now)).sum();
                let mut left = crate::proxy::random::random() % total.max(1);
                for at in candidates {
                    let share = self.share(*at, now);
                    if left < share {
                        return Some(*at);
                    }
                    left -= share;
                }
                candidates.last().copied()
            }
            (Balance::RoundRobin | Balance::Hash(_), _) => self.in_turn(candidates, now),
        }
    }

    /// Smooth weighted round robin: everybody earns their share, the richest is next and pays for all.
    fn in_turn(&self, candidates: &[usize], now: u64) -> Option<usize> {
        if let [only] = candidates {
            return Some(*only);
        }
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut total = 0;
        for at in candidates {
            let share = self.share(*at, now) as i64;
            owed[*at] += share;
            total += share;
        }
        let next = candidates
            .iter()
            .copied()
            .max_by_key(|at| (owed[*at], std::cmp::Reverse(*at)))?;
        owed[next] -= total;
        Some(next)
    }

    /// Rendezvous hashing by weight: a server's score for a key depends on nobody else, so that only the share of one that
    /// goes moves. The larger score wins.
    fn rendezvous(&self, at: usize, key: u64) -> u64 {
        let server = &self.list[at];
        let address = hash(&server.address.to_string());
        let mixed = mix(address ^ mix(key));
        // -w / ln(u), for u evenly in (0, 1): exact shares by weight.
        let unit = ((mixed >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
        let score = -f64::from(self.settings[at].0) / unit.min(1.0 - f64::EPSILON).ln();
        // Scores are positive: their bits are in their order.
        score.to_bits()
    }

    /// An answer came from a server, good or not: too many errors take it out for a while.
    pub(crate) fn note(&self, at: usize, good: bool) {
        let Some(passive) = &self.passive else { return };
        let server = &self.list[at];
        if good {
            return;
        }
        let now = clock::now();
        let since = now.saturating_sub(passive.within.value.as_millis());
        let mut errors = server.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.push_back(now);
        while errors.front().is_some_and(|at| *at < since) {
            errors.pop_front();
        }
        if errors.len() >= usize::from(passive.errors.value) {
            errors.clear();
            let until = now + passive.eject.value.as_millis();
            server.ejected_until.store(until, Relaxed);
            server.since.store(until, Relaxed);
        }
    }
}

/// A hash that is the same in every process and run.
pub(crate) fn hash(text: &str) -> u64 {
    mix(BuildHasherDefault::<FxHasher>::default().hash_one(text))
}

/// The finish of MurmurHash3: every bit of the input reaches every bit of the output.
const fn mix(mut bits: u64) -> u64 {
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ (bits >> 33)
}
