//! Names (contract §4.5): the host names of servers are looked up again, or once at start.

use std::time::{Duration, Instant};

use super::way::{Way, capped, routes, until};
use crate::ir::{Dur, Feature, Gateway, UpstreamId};
use crate::verify::lab::Lab;
use crate::verify::probe::{Deviation, Miss, Probe, Seen};
use crate::verify::scale::Scale;
use crate::verify::stub::Stub;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for upstream in &gateway.upstreams {
        let Some(every) = upstream.resolve.value else {
            continue;
        };
        if routes(gateway, upstream.id).is_empty() || !upstream.has_names() {
            continue;
        }
        let id = upstream.id;
        probes.push(
            Probe::new(
                Feature::UpstreamResolve,
                upstream,
                upstream.resolve.loc(),
                format!(
                    "names are looked up again every {every}: traffic follows to a new address"
                ),
                move |lab| follows(lab, id),
            )
            .scaled(Scale::to(every, Dur::from_secs(1)))
            .with_names()
            .alone(),
        );
    }
    capped(probes)
}

fn follows(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let Some(names) = &lab.names else {
        return Err(Miss::Unseen("this lab has no name server".to_owned()));
    };
    let servers = way.upstream.servers.iter().enumerate();
    let mut named = servers.filter_map(|(index, it)| Some((index, it.address.value.name()?)));
    let Some((index, host)) = named.next() else {
        return Err(Miss::Unseen("no server has a name".to_owned()));
    };
    let old = &lab.stubs(id)[index];
    let at = lab
        .places
        .elsewhere(old.address())
        .map_err(|why| Miss::Unseen(why.to_string()))?;
    let every = way.upstream.resolve.value.unwrap_or(Dur::from_secs(1));
    let patience = Duration::from_millis(every.as_millis() * 2) + Duration::from_secs(6);
    // Names may be looked up only after the start.
    if !until(patience, || {
        way.taken(&way.fresh()).is_ok_and(|server| server == index)
    }) {
        return Err(Deviation::new(
            format!("requests to {}", way.upstream.name),
            format!("none reaches {host} where its name leads"),
            "answers of every server",
        )
        .into());
    }
    let tls = match &way.upstream.tls {
        Some(_) => lab
            .certificates
            .server(way.upstream, Some(host), &at.ip().to_string())?,
        None => None,
    };
    let new = Stub::at_with(old.name(), at, tls)?;
    names.set(host, &[at.ip()]);
    let start = Instant::now();
    let followed = until(patience, || {
        let _ = way.send(&way.fresh());
        !new.requests().is_empty()
    });
    if followed {
        return Ok(());
    }
    Err(Deviation::new(
        format!(
            "requests to {}, a name of which has a new address",
            way.upstream.name
        ),
        format!(
            "after {:.1} s none has come there; the name was asked for {} times in all",
            start.elapsed().as_secs_f64(),
            names.queries(host)
        ),
        format!("traffic at the new address {every} later"),
    )
    .into())
}
