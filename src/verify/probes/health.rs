//! Active health checks (contract §4.5): what is asked, how many bad ones take a server out, how many good ones bring it back.

use std::time::{Duration, Instant};

use super::way::{Way, capped, routes, until};
use crate::ir::{Check, Dur, Feature, Gateway, Health, Upstream, UpstreamId};
use crate::verify::ask::MARK;
use crate::verify::behave::deviation;
use crate::verify::lab::Lab;
use crate::verify::probe::{Deviation, Miss, Probe, Seen};
use crate::verify::scale::Scale;
use crate::verify::stub::{Answer, Stub};
use crate::verify::wire::Request;

/// What the time between two checks becomes.
const INTERVAL: Dur = Dur::from_millis(400);

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for upstream in &gateway.upstreams {
        if let Some(health) = &upstream.health
            && !routes(gateway, upstream.id).is_empty()
        {
            probes.push(of_upstream(upstream, health));
        }
        if let Some(growth) = upstream.slow_start.value
            && !routes(gateway, upstream.id).is_empty()
        {
            probes.push(super::slow_start::probe(upstream, growth));
        }
        if let Some(passive) = &upstream.passive
            && !routes(gateway, upstream.id).is_empty()
        {
            super::passive::probes(upstream, passive, &mut probes);
        }
    }
    capped(probes)
}

fn of_upstream(upstream: &Upstream, health: &Health) -> Probe {
    let id = upstream.id;
    let (feature, what) = match &health.check.value {
        Check::Http { method, path, .. } => (Feature::HealthHttp, format!("{method} {path}")),
        Check::Tcp => (Feature::HealthTcp, "a connection".to_owned()),
        Check::WebSocket { path, .. } => (
            Feature::HealthWebSocket,
            format!("a WebSocket handshake to {path}"),
        ),
    };
    let promise = format!(
        "every {} {what} is tried; {} bad ones in a row take a server out, {} good ones bring it back",
        health.interval.value, health.fall.value, health.rise.value
    );
    Probe::new(feature, upstream, health.check.loc(), promise, move |lab| {
        checked(lab, id)
    })
    .scaled(Scale::to(health.interval.value, INTERVAL))
    .alone()
}

/// What one server's checks look like from its side.
pub(super) struct Checks<'a> {
    pub(super) stub: &'a Stub,
    pub(super) check: &'a Check,
}

impl Checks<'_> {
    fn path(&self) -> Option<&str> {
        match self.check {
            Check::Http { path, .. } | Check::WebSocket { path, .. } => Some(path),
            Check::Tcp => None,
        }
    }

    /// How many came.
    pub(super) fn count(&self) -> usize {
        self.all().len()
    }

    /// The checks that came as requests.
    fn all(&self) -> Vec<Request> {
        let path = self.path().unwrap_or_default();
        let all = self.stub.requests().into_iter();
        all.filter(|it| it.target == path && it.header(MARK).is_none())
            .collect()
    }

    /// From now on checks fail.
    pub(super) fn fail(&self) {
        match self.path() {
            Some(path) => self
                .stub
                .answer(bare(path), Answer::status(599).to_checks()),
            None => self.stub.stop(),
        }
    }

    /// From now on they succeed, by the last status that is well.
    pub(super) fn succeed(&self) -> std::io::Result<()> {
        match (self.check, self.path()) {
            (Check::Http { status, .. }, Some(path)) => {
                let good = status.last().map_or(200, |range| range.last);
                self.stub
                    .answer(bare(path), Answer::status(good).to_checks());
            }
            (_, Some(path)) => self.stub.answer_as_usual(bare(path)),
            (_, None) => self.stub.try_listen()?,
        }
        Ok(())
    }
}

fn bare(path: &str) -> &str {
    path.split('?').next().unwrap_or(path)
}

fn checked(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let Some(health) = &way.upstream.health else {
        return Err(Miss::gone());
    };
    let active = way.active();
    let (interval, fall) = (
        Duration::from_millis(health.interval.value.as_millis()),
        usize::from(health.fall.value),
    );
    let rise = usize::from(health.rise.value);
    let bad = Checks {
        stub: &lab.checked(id)[active[0]],
        check: &health.check.value,
    };
    let name = &way.upstream.name;
    let broken = |sent: String, came: String, promised: String| {
        Err(Miss::from(Deviation::new(sent, came, promised)))
    };

    // A server starts healthy, and good checks keep it so.
    reaches(&way, active[0])?;
    if matches!(bad.check, Check::Tcp) {
        return refused(&way, &bad, active[0], interval);
    }

    // They come, as they are written, and about as often.
    let start = bad.count();
    if !until(interval * 3 + Duration::from_secs(2), || {
        bad.count() >= start + 2
    }) {
        return broken(
            format!("nothing for some time to {name}"),
            format!("{} checks of a server", bad.count() - start),
            format!("one every {}", health.interval.value),
        );
    }
    if let Some(check) = bad.all().last() {
        as_written(&way, health, check)?;
    }
    // Not before `fall` bad ones, and soon after them.
    let start = bad.count();
    bad.fail();
    let limit = interval * (fall as u32 + 4) + Duration::from_secs(3);
    let out = until(limit, || !takes(&way, active[0]));
    let seen = bad.count() - start;
    if !out || seen < fall {
        let came = if out {
            "it gets no requests"
        } else {
            "it still gets requests"
        };
        return broken(
            format!("{seen} bad checks in a row to a server of {name}"),
            came.to_owned(),
            format!("requests until {fall} were bad, and none then"),
        );
    }
    // And back after `rise` good ones.
    let start = bad.count();
    bad.succeed()?;
    returns(&way, &bad, active[0], start, rise, interval)
}

/// TCP checks: a server that has refused them stays out for `rise` good ones, though it accepts connections again. A program may
/// break a connection off before the server sees it: only the time tells.
fn refused(way: &Way<'_>, bad: &Checks<'_>, server: usize, interval: Duration) -> Seen {
    let Some(health) = &way.upstream.health else {
        return Err(Miss::gone());
    };
    let (fall, rise) = (u32::from(health.fall.value), u32::from(health.rise.value));
    bad.fail();
    // The longest that so many checks take.
    std::thread::sleep(interval * (fall + 1) + Duration::from_millis(300));
    let start = Instant::now();
    bad.succeed()?;
    let sent = || {
        format!(
            "a server of {} accepts connections again",
            way.upstream.name
        )
    };
    let limit = interval * (rise + 4) + Duration::from_secs(3);
    if !until(limit, || takes(way, server)) {
        let promised = format!("requests again after {rise} good checks");
        return Err(Deviation::new(sent(), "it gets no requests", promised).into());
    }
    let after = start.elapsed();
    if rise == 1 {
        return Err(Miss::Unseen(
            "the one check that brings a server back may come at once".to_owned(),
        ));
    }
    let least = interval * (rise - 1) * 9 / 10;
    if after < least {
        let came = format!("it gets requests after {:.2} s", after.as_secs_f64());
        let promised = format!(
            "none before {rise} good checks, {} apart",
            health.interval.value
        );
        return Err(Deviation::new(sent(), came, promised).into());
    }
    Ok(())
}

/// The server gets requests again, after `rise` good checks since there were `start`, and soon.
fn returns(
    way: &Way<'_>,
    checks: &Checks<'_>,
    server: usize,
    start: usize,
    rise: usize,
    interval: Duration,
) -> Seen {
    let limit = interval * (rise as u32 + 4) + Duration::from_secs(3);
    let back = until(limit, || takes(way, server));
    let good = checks.count() - start;
    let name = &way.upstream.name;
    if !back {
        return Err(Deviation::new(
            format!("{good} good checks in a row to a server of {name}"),
            "it gets no requests",
            format!("requests again after {rise}"),
        )
        .into());
    }
    if good < rise {
        return Err(Deviation::new(
            format!("{good} good checks in a row to a server of {name}"),
            "it gets requests again",
            format!("none before {rise}"),
        )
        .into());
    }
    Ok(())
}

/// Whether the server takes one of so many requests that every healthy one would take some.
fn takes(way: &Way<'_>, server: usize) -> bool {
    let few = way.active().len() * 4;
    (0..few).any(|_| way.taken(&way.fresh()).is_ok_and(|it| it == server))
}

fn reaches(way: &Way<'_>, server: usize) -> Seen {
    if until(Duration::from_secs(2), || takes(way, server)) {
        return Ok(());
    }
    let came = format!("none of them reached server {}", server + 1);
    let promised = "some, as its checks are good";
    Err(deviation(&way.fresh(), came, promised))
}

/// The check's own request.
fn as_written(way: &Way<'_>, health: &Health, check: &Request) -> Seen {
    let (method, host, upgrade) = match &health.check.value {
        Check::Http { method, host, .. } => (method.as_str(), host, false),
        Check::WebSocket { host, .. } => ("GET", host, true),
        Check::Tcp => return Ok(()),
    };
    let got = check.header("host").unwrap_or_default();
    let right_host = host.as_ref().is_none_or(|host| host == got);
    if check.method == method && right_host && check.is_websocket() == upgrade {
        return Ok(());
    }
    Err(Deviation::new(
        format!("nothing for some time to {}", way.upstream.name),
        format!("a check `{}` with Host {got}", check.line),
        format!(
            "{method}{}{}",
            host.as_ref()
                .map_or_else(String::new, |host| format!(" with Host {host}")),
            if upgrade {
                " that asks for a WebSocket"
            } else {
                ""
            }
        ),
    )
    .into())
}
