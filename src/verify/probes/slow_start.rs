//! Slow start (contract §3): the share of a server that has come back grows from nothing.

use std::time::{Duration, Instant};

use super::health::Checks;
use super::odds;
use super::way::{Way, until};
use crate::ir::{Balance, Check, Dur, Feature, Upstream, UpstreamId};
use crate::verify::lab::Lab;
use crate::verify::probe::{Deviation, Miss, Probe, Seen};
use crate::verify::scale::Scale;

/// The probe of an upstream whose servers start slowly.
pub(super) fn probe(upstream: &Upstream, growth: Dur) -> Probe {
    let id = upstream.id;
    Probe::new(
        Feature::UpstreamSlowStart,
        upstream,
        upstream.slow_start.loc(),
        format!("a returned server's share grows from nothing over {growth}"),
        move |lab| grows(lab, id, growth),
    )
    .scaled(Scale::around(growth))
    .alone()
}

fn grows(lab: &Lab, id: UpstreamId, written: Dur) -> Seen {
    let way = Way::to(lab, id)?;
    let growth = way.upstream.slow_start.value.unwrap_or(written);
    let unseen = |why: &str| Err(Miss::Unseen(why.to_owned()));
    let Some(health) = &way.upstream.health else {
        return unseen("without health checks no server returns");
    };
    let turns = way.upstream.balance.value == Balance::RoundRobin;
    if matches!(health.check.value, Check::Tcp) || way.active().len() < 2 || !turns {
        return unseen("only a check by a request, and servers in turn, show a share");
    }
    let server = way.active()[0];
    let checks = Checks {
        stub: &lab.checked(id)[server],
        check: &health.check.value,
    };
    let takes = || -> Result<bool, Miss> {
        for _ in 0..way.active().len() * 3 {
            if way.taken(&way.fresh())? == server {
                return Ok(true);
            }
        }
        Ok(false)
    };
    checks.fail();
    // Where nobody checks, it stays in use all the while.
    let interval = Duration::from_millis(health.interval.value.as_millis());
    let patience = |checks: u16| interval * (u32::from(checks) + 2) + Duration::from_secs(1);
    let out = until(patience(health.fall.value), || matches!(takes(), Ok(false)));
    let start = checks.count();
    checks.succeed()?;
    if out {
        until(patience(health.rise.value), || {
            checks.count() >= start + usize::from(health.rise.value)
        });
    }
    let growth = Duration::from_millis(growth.as_millis());
    let begin = Instant::now();
    let (mut own, mut all) = (0_usize, 0_usize);
    while begin.elapsed() < growth / 4 && all < 200 {
        own += usize::from(way.taken(&way.fresh())? == server);
        all += 1;
    }
    let fair = all / way.active().len();
    let name = &way.upstream.name;
    if own * 10 > fair * 6 + 20 {
        return Err(Deviation::new(
            format!("{all} requests to {name} just after a server's return"),
            format!("it took {own}"),
            format!("far fewer than its share of {fair}"),
        )
        .into());
    }
    std::thread::sleep((growth + Duration::from_millis(400)).saturating_sub(begin.elapsed()));
    let counts = way.spread(40)?;
    let shares: Vec<u32> = way
        .upstream
        .servers
        .iter()
        .map(|it| {
            if it.backup.value {
                0
            } else {
                u32::from(it.weight.value)
            }
        })
        .collect();
    odds::in_turn(&counts, &shares).map_err(|came| {
        let sent = format!("requests to {name} when the time is over");
        Deviation::new(sent, came, "to each server its share").into()
    })
}
