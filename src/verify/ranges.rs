//! Client ranges moved to loopback, each with addresses of its own, those inside others still inside them.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};

use ipnet::{IpNet, Ipv4Net};

use crate::ir::{ClientRange, Gateway};

/// Every client of a lab comes from here: the upper half of 127.0.0.0/8.
const ALL: (u32, u8) = (0x7f80_0000, 9);

/// Where each range of a gateway has gone.
#[derive(Debug, Default)]
pub struct Ranges {
    moved: Vec<(IpNet, Block)>,
    outside: Block,
    next: AtomicU32,
}

/// A block of loopback addresses: `all` holds the blocks of inner ranges, `own` only addresses that are in none of them.
#[derive(Clone, Copy, Debug)]
struct Block {
    all: (u32, u8),
    own: (u32, u8),
}

impl Default for Block {
    fn default() -> Self {
        Self { all: ALL, own: ALL }
    }
}

impl Ranges {
    /// Moves every range of a gateway. Ranges of IPv6 become ranges of IPv4; those that hold everyone stay.
    pub(super) fn apply(gateway: &mut Gateway) -> Self {
        let mut nets: Vec<IpNet> = Vec::new();
        each(gateway, |range| {
            if !range.is_everyone() && !nets.contains(&range.net()) {
                nets.push(range.net());
            }
        });
        // Outer ranges come first, so that each finds the block that it lies in.
        nets.sort_by_key(|net| (net.prefix_len(), net.addr()));
        let mut ranges = Self::default();
        ranges.outside = ranges.settle(ALL, None, &nets);
        each(gateway, |range| {
            if let Some(block) = ranges.block(range) {
                *range = net_of(block.all);
            }
        });
        ranges
    }

    /// Gives each range directly inside `outer` a block inside `room`, and so on inwards.
    fn settle(&mut self, room: (u32, u8), outer: Option<IpNet>, nets: &[IpNet]) -> Block {
        let inside = |net: &IpNet, outer: &IpNet| outer != net && outer.contains(net);
        let below: Vec<IpNet> = nets
            .iter()
            .filter(|net| outer.is_none_or(|outer| inside(net, &outer)))
            .copied()
            .collect();
        let direct: Vec<IpNet> = below
            .iter()
            .filter(|net| !below.iter().any(|other| inside(net, other)))
            .copied()
            .collect();
        // One slot more than there are ranges: the first is for addresses in none of them.
        let slots = (direct.len() as u32 + 1).next_power_of_two();
        let prefix = (room.1 + slots.trailing_zeros() as u8).min(30);
        let slot = |index: u32| (room.0 + (index << (32 - prefix)), prefix);
        for (index, net) in (1..).zip(&direct) {
            let block = self.settle(slot(index), Some(*net), nets);
            self.moved.push((*net, block));
        }
        Block {
            all: room,
            own: slot(0),
        }
    }

    fn block(&self, range: &ClientRange) -> Option<Block> {
        let found = self.moved.iter().find(|(net, _)| *net == range.net());
        found.map(|(_, block)| *block)
    }

    /// An address that no client had before, in no range of the gateway.
    pub fn stranger(&self) -> IpAddr {
        self.fresh(self.outside)
    }

    /// An address that no client had before, in this (moved) range and in no range inside it.
    pub fn inside(&self, range: ClientRange) -> IpAddr {
        let moved = self
            .moved
            .iter()
            .find(|(_, block)| net_of(block.all) == range);
        self.fresh(moved.map_or(self.outside, |(_, block)| *block))
    }

    fn fresh(&self, block: Block) -> IpAddr {
        let size = 1u32 << (32 - block.own.1);
        // The first and the last address of a block may be taken for those of a network.
        let step = self.next.fetch_add(1, Ordering::Relaxed) % size.saturating_sub(2).max(1);
        IpAddr::V4(Ipv4Addr::from(block.own.0 + 1 + step))
    }
}

fn net_of((base, prefix): (u32, u8)) -> ClientRange {
    let net = Ipv4Net::new(Ipv4Addr::from(base), prefix)
        .unwrap_or_else(|_| Ipv4Net::from(Ipv4Addr::from(base)));
    ClientRange::from(IpNet::V4(net))
}

/// Every client range of a gateway.
fn each(gateway: &mut Gateway, mut change: impl FnMut(&mut ClientRange)) {
    for listener in &mut gateway.listeners {
        listener
            .trusted_proxies
            .value
            .iter_mut()
            .for_each(&mut change);
    }
    for route in &mut gateway.routes {
        if let Some(ranges) = &mut route.when.clients {
            ranges.value.iter_mut().for_each(&mut change);
        }
        if let Some(clients) = &mut route.clients {
            clients.deny.value.iter_mut().for_each(&mut change);
            if let Some(allow) = &mut clients.allow {
                allow.value.iter_mut().for_each(&mut change);
            }
        }
        if let Some(limit) = &mut route.requests {
            limit.exempt.value.iter_mut().for_each(&mut change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ranges, net_of};
    use ipnet::IpNet;

    #[test]
    fn inner_ranges_stay_inside_and_strangers_outside() {
        let texts = [
            "10.0.0.0/8",
            "10.1.0.0/16",
            "10.1.2.3/32",
            "2001:db8::/32",
            "192.0.2.0/24",
        ];
        let mut nets: Vec<IpNet> = texts
            .iter()
            .map(|it| it.parse().expect("a range"))
            .collect();
        nets.sort_by_key(|net| (net.prefix_len(), net.addr()));
        let mut ranges = Ranges::default();
        ranges.outside = ranges.settle(super::ALL, None, &nets);
        let moved = |text: &str| {
            let net: IpNet = text.parse().expect("a range");
            let found = ranges
                .moved
                .iter()
                .find(|(one, _)| *one == net)
                .expect("it was moved");
            net_of(found.1.all)
        };
        let all: Vec<_> = texts.iter().map(|text| moved(text)).collect();
        assert!(all[0].net().contains(&all[1].net()) && all[1].net().contains(&all[2].net()));
        assert!(!all[0].net().contains(&all[3].net()) && !all[0].net().contains(&all[4].net()));
        for one in &all {
            let stranger = ranges.stranger();
            assert!(!one.net().contains(&stranger), "{stranger} in {one}");
            assert!(one.net().contains(&ranges.inside(*one)));
        }
        let eight = ranges.inside(all[0]);
        assert!(!all[1].net().contains(&eight));
    }
}
