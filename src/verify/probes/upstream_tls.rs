//! TLS towards servers (contract §3): the authority and the name are verified as is written, and a certificate is shown.

use std::sync::Arc;

use rustls::ServerConfig;

use super::way::{Way, capped, routes, until};
use crate::ir::{Feature, Gateway, UpstreamId};
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};
use crate::verify::stub::Stub;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for upstream in &gateway.upstreams {
        let Some(tls) = &upstream.tls else { continue };
        if routes(gateway, upstream.id).is_empty() {
            continue;
        }
        let id = upstream.id;
        let promise = match tls.verify.value {
            true => {
                "a server is asked only if its certificate is of the authority and has its name; else 503"
            }
            false => "servers are asked over TLS, whatever their certificates say",
        };
        let verified = Probe::new(
            Feature::UpstreamTls,
            upstream,
            tls.at,
            promise,
            move |lab| verified(lab, id),
        )
        .alone();
        // Where each server has a name of its own, the names have to stay.
        let kept = upstream.has_names() && upstream.resolve.value.is_some();
        let own = tls.server_name.is_none() && tls.verify.value && kept;
        probes.push(if own { verified.with_names() } else { verified });
        if let Some((cert, _)) = &tls.client {
            probes.push(
                Probe::new(
                    Feature::UpstreamTlsClient,
                    upstream,
                    cert.loc(),
                    "a server that asks for a certificate gets the one that is written",
                    move |lab| shown(lab, id),
                )
                .alone(),
            );
        }
    }
    capped(probes)
}

/// Other stubs in place of an upstream's servers, with other certificates.
struct Others<'a> {
    way: &'a Way<'a>,
    stubs: Vec<Stub>,
}

impl<'a> Others<'a> {
    /// Each server has what `config` makes from its index.
    fn start(
        way: &'a Way<'a>,
        config: impl Fn(usize) -> std::io::Result<Arc<ServerConfig>>,
    ) -> Result<Self, Miss> {
        way.leave(&[]);
        let own = way.lab.stubs(way.upstream.id).iter().enumerate();
        let stubs = own
            .map(|(index, stub)| Stub::at_with(stub.name(), stub.address(), Some(config(index)?)));
        let stubs = stubs.collect::<std::io::Result<_>>()?;
        Ok(Self { way, stubs })
    }

    /// The servers as they were.
    fn end(self) -> std::io::Result<()> {
        drop(self.stubs);
        self.way.restore()
    }
}

fn verified(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let Some(tls) = &way.upstream.tls else {
        return Err(Miss::gone());
    };
    if way.route.shares().len() > 1 {
        return Err(Miss::Unseen("the route leads elsewhere too".to_owned()));
    }
    let names = |index: usize| -> Vec<String> {
        let own = way.upstream.servers[index].address.value.name();
        let asked = tls.server_name.as_ref().map(|it| it.value.as_str()).or(own);
        let address = lab.places.servers[id.index()][index].ip().to_string();
        asked
            .map(str::to_owned)
            .into_iter()
            .chain([address])
            .collect()
    };
    reached(&way, "its certificate is good")?;
    if let Some(sockets) = Way::tunnel(lab, id).filter(|it| it.route.shares().len() == 1) {
        lab.tunnel(&sockets.fresh())?.try_echo("through TLS")?;
    }
    let asked = |index: usize| {
        let names = names(index);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let pair = lab.certificates.servers.try_issue(&names)?;
        match names.as_slice() {
            [name, _] => pair.server_named(name),
            _ => pair.server(),
        }
    };
    let others = Others::start(&way, asked)?;
    reached(&way, "its name is asked for")?;
    others.end()?;
    let stranger = |index: usize| {
        let names = names(index);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        lab.certificates.stranger.try_issue(&names)?.server()
    };
    let elsewhere = |_| {
        lab.certificates
            .servers
            .try_issue(&["elsewhere.example"])?
            .server()
    };
    let others = Others::start(&way, stranger)?;
    judged(
        &way,
        tls.verify.value,
        "its certificate is of another authority",
    )?;
    others.end()?;
    let others = Others::start(&way, elsewhere)?;
    judged(&way, tls.verify.value, "its certificate has another name")?;
    others.end()?;
    // What was refused leaves nothing behind.
    if way.upstream.health.is_none() && way.upstream.passive.is_none() {
        reached(&way, "its certificate is good again")?;
    }
    Ok(())
}

/// Every server answers in the end: names may be looked up only after the start.
fn reached(way: &Way<'_>, why: &str) -> Seen {
    let mut missing = way.active();
    let mut last = Ok(0);
    until(std::time::Duration::from_secs(4), || {
        for _ in 0..8 {
            last = way.taken(&way.fresh());
            if let Ok(server) = &last {
                missing.retain(|it| it != server);
            }
        }
        missing.is_empty()
    });
    last?;
    match missing.first() {
        None => Ok(()),
        Some(server) => {
            let came = format!("server {} never answered", server + 1);
            Err(deviation(
                &way.fresh(),
                came,
                format!("its answers, as {why}"),
            ))
        }
    }
}

fn judged(way: &Way<'_>, verify: bool, why: &str) -> Seen {
    for _ in 0..4 {
        let ask = way.fresh();
        let came = way.send(&ask)?;
        let answered = !came.server().is_empty();
        if answered == verify || verify && came.status != 503 {
            let what = if verify {
                "503"
            } else {
                "an answer of the server"
            };
            let promised = format!("{what}, as {why}");
            return Err(deviation(&ask, status(&came), promised));
        }
    }
    Ok(())
}

fn shown(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let Some(tls) = &way.upstream.tls else {
        return Err(Miss::gone());
    };
    let config = |index: usize| {
        let asked = tls.server_name.as_ref().map(|it| it.value.as_str());
        let address = lab.places.servers[id.index()][index].ip().to_string();
        let names: Vec<&str> = asked.into_iter().chain([address.as_str()]).collect();
        let pair = lab.certificates.servers.try_issue(&names)?;
        pair.server_asking(&lab.certificates.servers)
    };
    let others = Others::start(&way, config)?;
    let came = reached(&way, "a certificate is shown");
    others.end()?;
    came
}
