//! Rates of requests (contract §4.6): how many at once, when again, and who is counted with whom.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::beside::good;
use crate::ir::{Dur, Feature, Gateway, Per, PerKey, Rate, RequestLimit, Route, RouteId};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::counts::Counts;
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};
use crate::verify::scale::Scale;

/// The most requests that a probe sends at once: a larger burst is only begun.
const MOST: u64 = 60;
/// Routes beyond these get no lab of their own.
const ALONE: usize = 3;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    let mut alone = 0;
    for route in &gateway.routes {
        let Some(limit) = &route.requests else {
            continue;
        };
        let id = route.id;
        let at = limit.rate.loc();
        // Everybody counts together on such a route, and so would the probes.
        let together = limit.per.value == PerKey::Route;
        alone += usize::from(together);
        if together && alone > ALONE {
            continue;
        }
        let probe = |feature, at, scale, promise: String, run: fn(&Lab, RouteId) -> Seen| {
            let probe = Probe::new(feature, route, at, promise, move |lab| run(lab, id));
            let probe = probe.counted(Counts::Routes).scaled(scale);
            // Routes of a bucket may have to agree.
            let probe = match limit.bucket {
                Some(_) => probe.or(Feature::LimitRequestsBucket),
                None => probe,
            };
            if together { probe.alone() } else { probe }
        };
        let (as_written, least) = (Scale::AS_WRITTEN, capacity(limit));
        if least <= MOST {
            probes.push(probe(
                Feature::LimitRequests,
                at,
                as_written,
                format!("{least} requests at once are served; more get 429 with `Retry-After`"),
                burst,
            ));
            probes.push(probe(
                Feature::LimitRequests,
                at,
                scale(limit.rate.value),
                format!(
                    "at {} one more is let in when its time has come, and not before",
                    limit.rate.value
                ),
                refill,
            ));
            let apart = match &limit.per.value {
                PerKey::Client => "another client is counted apart, and another route too",
                PerKey::Route => "clients are counted together, other routes apart",
                PerKey::Header(_) => {
                    "each value of the header is counted apart, requests without it not at all"
                }
            };
            probes.push(probe(
                Feature::LimitRequests,
                at,
                as_written,
                apart.to_owned(),
                others,
            ));
        }
        if !limit.exempt.value.is_empty() {
            probes.push(probe(
                Feature::LimitRequestsExempt,
                limit.exempt.loc(),
                as_written,
                "exempt clients are never refused".to_owned(),
                exempt,
            ));
            // They are counted as the limit's own loss says.
            probes.push(
                probe(
                    Feature::LimitRequestsExempt,
                    limit.exempt.loc(),
                    as_written,
                    "clients that are not exempt are counted".to_owned(),
                    not_exempted,
                )
                .or(Feature::LimitRequests),
            );
        }
        if let Some(bucket) = &limit.bucket
            && least <= MOST
            && let Some(other) = partner(gateway, route)
        {
            probes.push(probe(
                Feature::LimitRequestsBucket,
                bucket.loc(),
                scale(limit.rate.value),
                format!(
                    "what {} has used up is missing here",
                    gateway.route(other).name
                ),
                shared,
            ));
        }
    }
    probes
}

/// How many may come at once: `burst` and one, or what a second of the rate brings, whichever is more.
fn capacity(limit: &RequestLimit) -> u64 {
    let rate = limit.rate.value;
    let second = u64::from(rate.count).div_ceil(rate.per.secs());
    second.max(u64::from(limit.burst.value) + 1)
}

/// How long until one more may come.
fn interval(rate: Rate) -> Duration {
    Duration::from_millis((rate.per.secs() * 1000).div_ceil(u64::from(rate.count)))
}

/// The lab in which a rate is refilled within two seconds.
fn scale(rate: Rate) -> Scale {
    match rate.per {
        Per::Second => Scale::AS_WRITTEN,
        Per::Minute | Per::Hour => Scale::around(Dur::from_secs(rate.per.secs())),
    }
}

/// Another route of the same bucket.
fn partner(gateway: &Gateway, route: &Route) -> Option<RouteId> {
    let bucket = |it: &Route| Some(it.requests.as_ref()?.bucket.as_ref()?.value.clone());
    let own = bucket(route);
    let mut others = gateway.routes.iter();
    others
        .find(|it| it.id != route.id && own.is_some() && bucket(it) == own)
        .map(|it| it.id)
}

fn limit(lab: &Lab, route: RouteId) -> Result<&RequestLimit, Miss> {
    let limit = lab.gateway.route(route).requests.as_deref();
    limit.ok_or_else(|| Miss::Unseen("nothing is limited".to_owned()))
}

/// A request of a client that nobody has counted yet, with a value of its own in the header that counts.
fn counted(lab: &Lab, route: RouteId) -> Result<Ask, Miss> {
    let limit = limit(lab, route)?;
    let ask = not_exempt(lab, route, good(lab, route)?.again())?;
    Ok(match &limit.per.value {
        PerKey::Header(name) => {
            let value = format!("of-{}", ask.mark);
            ask.header(name, &value)
        }
        PerKey::Client | PerKey::Route => ask,
    })
}

fn not_exempt(lab: &Lab, route: RouteId, ask: Ask) -> Result<Ask, Miss> {
    let limit = limit(lab, route)?;
    for _ in 0..64 {
        let client = lab.asker().client(lab.gateway.route(route));
        let exempts = |ip: &IpAddr| limit.exempt.value.iter().any(|it| it.net().contains(ip));
        if !exempts(&client) {
            return Ok(ask.from(client));
        }
    }
    Err(Miss::Unseen("every client is exempt".to_owned()))
}

/// What a request comes to: whether it was refused for being one too many.
fn is_refused(lab: &Lab, ask: &Ask) -> Result<bool, Miss> {
    Ok(lab.answer(ask)?.status == 429)
}

fn served(lab: &Lab, ask: &Ask, what: &str) -> Seen {
    let ask = ask.again();
    match lab.answer(&ask)? {
        answer if answer.status == 429 => Err(deviation(
            &ask,
            format!("{what}: {}", status(&answer)),
            "to be served",
        )),
        _ => Ok(()),
    }
}

/// Sends as many at once as may come, and then until one is refused: that one, and when everything began.
fn exhaust(lab: &Lab, route: RouteId, ask: &Ask) -> Result<(Ask, Instant), Miss> {
    let limit = limit(lab, route)?;
    let (most, start) = (capacity(limit), Instant::now());
    for number in 1..=most {
        served(lab, ask, &format!("number {number} of {most} at once"))?;
    }
    // While they were sent, time went by in which more may have come.
    let mut extra = 0;
    loop {
        let one = ask.again();
        if is_refused(lab, &one)? {
            return Ok((one, start));
        }
        extra += 1;
        // A program's clock may tick a little early.
        let gone = start.elapsed().as_millis() + 20;
        let brought = gone / interval(limit.rate.value).as_millis().max(1);
        if extra > brought || start.elapsed() > Duration::from_secs(4) {
            let came = format!("{} at once were served", u128::from(most) + extra);
            return Err(deviation(&one, came, format!("429 after {most}")));
        }
    }
}

fn burst(lab: &Lab, route: RouteId) -> Seen {
    let ask = counted(lab, route)?;
    let (_, _) = exhaust(lab, route, &ask)?;
    let rate = limit(lab, route)?.rate.value;
    let one = ask.again();
    let answer = lab.answer(&one)?;
    if answer.status != 429 {
        // A rate so fast that it has come meanwhile.
        return Ok(());
    }
    let after = answer.header("retry-after").unwrap_or_default();
    let most = rate.per.secs().div_ceil(u64::from(rate.count)).max(1);
    let fits = after
        .parse::<u64>()
        .is_ok_and(|it| (1..=most).contains(&it));
    if fits && lab.arrivals(&one).is_empty() {
        return Ok(());
    }
    Err(deviation(
        &one,
        format!("429, Retry-After: {after}"),
        format!("429, Retry-After: 1 to {most}, and no server sees it"),
    ))
}

fn refill(lab: &Lab, route: RouteId) -> Seen {
    let ask = counted(lab, route)?;
    let (_, start) = exhaust(lab, route, &ask)?;
    let rate = limit(lab, route)?.rate.value;
    let step = interval(rate);
    if start.elapsed() < step / 2 {
        std::thread::sleep((step * 3 / 5).saturating_sub(start.elapsed()));
        let one = ask.again();
        if !is_refused(lab, &one)? && start.elapsed() < step * 9 / 10 {
            let came = format!(
                "one more was served after {} ms",
                start.elapsed().as_millis()
            );
            return Err(deviation(
                &one,
                came,
                format!("429 until {} ms", step.as_millis()),
            ));
        }
    }
    // Room for a busy machine, and for clocks that tick in tens of milliseconds.
    std::thread::sleep(step + step / 4 + Duration::from_millis(30));
    served(
        lab,
        &ask,
        &format!("one more after {} ms", step.as_millis() * 5 / 4),
    )
}

fn others(lab: &Lab, route: RouteId) -> Seen {
    let limit = limit(lab, route)?;
    let ask = counted(lab, route)?;
    exhaust(lab, route, &ask)?;
    let other = counted(lab, route)?;
    match &limit.per.value {
        PerKey::Client => served(lab, &other, "another client")?,
        PerKey::Header(name) => {
            served(lab, &other, "another value")?;
            let without = ask.again().without(name);
            for _ in 0..capacity(limit) + 2 {
                served(lab, &without, "without the header")?;
            }
        }
        PerKey::Route => {
            let one = other.again();
            let slow = interval(limit.rate.value) > Duration::from_secs(1);
            if slow && !is_refused(lab, &one)? {
                return Err(deviation(&one, "another client was served", "429"));
            }
        }
    }
    // The next route that is neither limited nor of the same bucket.
    let free = lab.gateway.routes.iter().find(|it| it.requests.is_none());
    if let (Some(free), Some(client)) = (free, ask.client()) {
        let elsewhere = good(lab, free.id)?.from(client);
        served(lab, &elsewhere, "on another route")?;
    }
    Ok(())
}

fn exempt(lab: &Lab, route: RouteId) -> Seen {
    let limit = limit(lab, route)?;
    let ask = counted(lab, route)?;
    for range in &limit.exempt.value {
        let mut free = ask.again();
        if !range.is_everyone() {
            free = free.from(lab.ranges.inside(*range));
        }
        if lab
            .asker()
            .outcome(&free)
            .is_none_or(|it| it.status.is_some())
        {
            continue;
        }
        for _ in 0..(capacity(limit) + 3).min(MOST) {
            served(lab, &free, "an exempt client")?;
        }
    }
    Ok(())
}

/// Else nobody is exempt from anything.
fn not_exempted(lab: &Lab, route: RouteId) -> Seen {
    let ask = counted(lab, route)?;
    exhaust(lab, route, &ask).map(|_| ())
}

/// What another route of the bucket has used up is missing here; the time that brings one more is this route's own.
fn shared(lab: &Lab, route: RouteId) -> Seen {
    let Some(other) = partner(&lab.gateway, lab.gateway.route(route)) else {
        return Err(Miss::gone());
    };
    let (own, theirs) = (limit(lab, route)?, limit(lab, other)?);
    let ask = counted(lab, route)?;
    let mut first = counted(lab, other)?;
    if let Some(client) = ask.client() {
        first = first.from(client);
    }
    if let PerKey::Header(name) = &own.per.value {
        let value = ask.request.header(name).unwrap_or_default();
        first = first.header(name, &value);
    }
    let (capacity, used) = (capacity(own), capacity(theirs));
    exhaust(lab, other, &first)?;
    let left = capacity.saturating_sub(used);
    for number in 1..=left {
        served(
            lab,
            &ask,
            &format!("number {number} of {left} that are left"),
        )?;
    }
    let start = Instant::now();
    // What came while these were sent.
    for _ in 0..4 {
        let one = ask.again();
        if is_refused(lab, &one)? {
            let step = interval(own.rate.value);
            if own.rate.value == theirs.rate.value || used > capacity {
                return Ok(());
            }
            std::thread::sleep((step + step / 4).saturating_sub(start.elapsed()));
            return served(lab, &ask, "one more at this route's own rate");
        }
    }
    let came = format!("it was served after {used} requests to the other route");
    Err(deviation(&ask, came, "429"))
}
