//! Weights as target groups: servers of one weight are a group, and an action gives each group its share.

use super::facts::{self, GROUPS_PER_ACTION, WEIGHT};
use crate::ir::{Gateway, Route, Server, Upstream};

/// A target group of an action: the number of the route's share, the weight of its servers, and the weight of the group.
pub(super) type Weighted = (usize, u16, u64);

/// The weights that the upstream's servers have, each once, highest first. Servers of one weight become one target group.
pub(super) fn classes(g: &Gateway, upstream: &Upstream) -> Vec<u16> {
    if facts::is_existing(g, upstream) {
        return vec![1];
    }
    let mut weights: Vec<u16> = upstream
        .servers
        .iter()
        .filter(|server| facts::is_registered(server))
        .map(|server| server.weight.value)
        .collect();
    weights.sort_unstable_by(|a, b| b.cmp(a));
    weights.dedup();
    // More groups than an action takes: then all servers count alike, and `upstream.weights` says so.
    if weights.len() > GROUPS_PER_ACTION || weights.is_empty() {
        weights = vec![1];
    }
    weights
}

/// The servers of a class.
pub(super) fn members<'a>(g: &Gateway, upstream: &'a Upstream, class: u16) -> Vec<&'a Server> {
    let one = classes(g, upstream).len() == 1;
    upstream
        .servers
        .iter()
        .filter(|server| facts::is_registered(server) && (one || server.weight.value == class))
        .collect()
}

/// Every target group of a route with its weight, and whether the weights are exact: `None` if an action cannot hold them all.
pub(super) fn weights(g: &Gateway, route: &Route) -> Option<(Vec<Weighted>, bool)> {
    let mut parts: Vec<(usize, u16, u128, u128)> = Vec::new();
    for (n, share) in route.shares().iter().enumerate() {
        let upstream = g.upstream(share.upstream.value);
        let classes = classes(g, upstream);
        let count =
            |class: u16| u128::from(class) * members(g, upstream, class).len().max(1) as u128;
        let total: u128 = classes.iter().map(|class| count(*class)).sum();
        for class in classes {
            let own = u128::from(share.weight.value) * count(class);
            parts.push((n, class, own, total));
        }
    }
    if parts.len() > GROUPS_PER_ACTION {
        return None;
    }
    // At most five factors of at most 256 × 1000 servers each.
    let whole: u128 = parts.iter().fold(1, |whole, part| lcm(whole, part.3));
    let scaled: Vec<u128> = parts.iter().map(|part| part.2 * (whole / part.3)).collect();
    // The weights as they are written, where they can be.
    let as_written = scaled
        .iter()
        .all(|it| it % whole == 0 && it / whole <= u128::from(WEIGHT));
    let common = match as_written {
        true => whole,
        false => scaled.iter().copied().fold(0, gcd).max(1),
    };
    let most = scaled.iter().map(|it| it / common).max().unwrap_or(1);
    let limit = u128::from(WEIGHT);
    let fitted = |weight: u128| {
        let weight = weight / common;
        if most <= limit || weight == 0 {
            weight
        } else {
            ((weight * limit + most / 2) / most).max(1)
        }
    };
    let list = parts
        .iter()
        .zip(&scaled)
        .map(|(part, weight)| (part.0, part.1, fitted(*weight) as u64))
        .collect();
    Some((list, most <= limit))
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn lcm(a: u128, b: u128) -> u128 {
    let b = b.max(1);
    (a / gcd(a, b)).saturating_mul(b)
}
