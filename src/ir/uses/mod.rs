//! Every feature that a gateway uses, and where. Each pattern names every field: a new one does not compile until it is answered here.

mod access;
mod listener;
mod route;
mod upstream;

use rustc_hash::FxHashSet as HashSet;

use super::*;

/// A feature used at a place of the spec.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// The feature.
    pub feature: Feature,
    /// Where it is asked for; a default points at its block.
    pub at: Origin,
    /// What it is asked of.
    pub on: Subject<'a>,
}

/// What a feature is asked of.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// The gateway as a whole.
    Gateway,
    /// A listener.
    Listener(&'a Listener),
    /// A certificate.
    Certificate(&'a Certificate),
    /// An upstream.
    Upstream(&'a Upstream),
    /// A way to know a client.
    Auth(&'a Auth),
    /// A route.
    Route(&'a Route),
}

impl<'a> Subject<'a> {
    /// The kind and the name, such as `route`, `socket`; empty for the gateway.
    pub fn name(self) -> (&'static str, &'a str) {
        match self {
            Self::Gateway => ("gateway", ""),
            Self::Listener(it) => ("listener", &it.name),
            Self::Certificate(it) => ("certificate", &it.name),
            Self::Upstream(it) => ("upstream", &it.name),
            Self::Auth(it) => ("auth", &it.name),
            Self::Route(it) => ("route", &it.name),
        }
    }

    /// The route, if it is one.
    pub const fn route(self) -> Option<&'a Route> {
        if let Self::Route(route) = self {
            Some(route)
        } else {
            None
        }
    }

    /// The upstream, if it is one.
    pub const fn upstream(self) -> Option<&'a Upstream> {
        if let Self::Upstream(upstream) = self {
            Some(upstream)
        } else {
            None
        }
    }

    /// The listener, if it is one.
    pub const fn listener(self) -> Option<&'a Listener> {
        if let Self::Listener(listener) = self {
            Some(listener)
        } else {
            None
        }
    }

    /// The entry of `auth`, if it is one.
    pub const fn auth(self) -> Option<&'a Auth> {
        if let Self::Auth(auth) = self {
            Some(auth)
        } else {
            None
        }
    }
}

/// Every use, in the order of the gateway's lists.
pub fn uses(gateway: &Gateway) -> Vec<Use<'_>> {
    let Gateway {
        name: _,
        listeners,
        certificates,
        upstreams,
        auth,
        routes,
        table: _,
        log,
        metrics,
        runtime,
        rooms: _,
        accept: _,
        tests: _,
    } = gateway;
    let mut found = Found {
        uses: Vec::with_capacity(routes.len() * 16),
        on: Subject::Gateway,
    };
    for it in listeners {
        found.on = Subject::Listener(it);
        found.listener(it);
    }
    for it in certificates {
        found.on = Subject::Certificate(it);
        found.certificate(it);
    }
    for it in upstreams {
        found.on = Subject::Upstream(it);
        found.upstream(it);
    }
    // An entry that no route asks for is no use; `lint` names it.
    let asked: HashSet<AuthId> = routes
        .iter()
        .filter_map(|route| route.auth.as_ref().map(|id| id.value))
        .collect();
    for it in auth.iter().filter(|it| asked.contains(&it.id)) {
        found.on = Subject::Auth(it);
        found.auth(it);
    }
    for it in routes {
        found.on = Subject::Route(it);
        found.route(it);
    }
    found.on = Subject::Gateway;
    if let Some(Log {
        at,
        format,
        fields,
        redact_query,
        redact_headers,
    }) = log
    {
        found.add(
            Feature::LogAccess,
            // A log that nobody wrote is a default.
            if format.is_written() || *at == Loc::default() {
                format.from
            } else {
                Origin::written(*at)
            },
        );
        found.add(Feature::LogFields, fields.from);
        found.add_if(
            !redact_query.value.is_empty(),
            Feature::LogRedact,
            redact_query.from,
        );
        found.add_if(
            !redact_headers.value.is_empty(),
            Feature::LogRedact,
            redact_headers.from,
        );
    }
    if let Some(Metrics {
        at: _,
        port,
        address: _,
        path: _,
    }) = metrics
    {
        found.add(Feature::Metrics, port.from);
    }
    let Runtime {
        drain_timeout,
        drain_spread,
        max_connections,
        files,
        workers,
    } = runtime;
    found.add(Feature::DrainTimeout, drain_timeout.from);
    found.add_if(
        drain_spread.value.is_some(),
        Feature::DrainSpread,
        drain_spread.from,
    );
    found.add(Feature::MaxConnections, max_connections.from);
    found.add(Feature::Files, files.from);
    found.add(Feature::WorkerCount, workers.from);
    found.uses
}

struct Found<'a> {
    uses: Vec<Use<'a>>,
    on: Subject<'a>,
}

impl<'a> Found<'a> {
    fn add(&mut self, feature: Feature, at: Origin) {
        self.uses.push(Use {
            feature,
            at,
            on: self.on,
        });
    }

    fn add_if(&mut self, asked: bool, feature: Feature, at: Origin) {
        if asked {
            self.add(feature, at);
        }
    }
}
