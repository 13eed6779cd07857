//! Routes: where they lead, and what a WebSocket or a stream may do there.

use rustc_hash::FxHashMap as HashMap;
use std::collections::hash_map::Entry;

use super::matching::every_host;
use super::upstream::{lower_retries, toggled};
use super::{At, Loc, Lower, Slot, block, defaults, dur, is_on, limit, plain, switch};
use crate::ir::{
    Action, AuthId, HostMatch, Origins, Route, RouteId, Set, Share, Stream, Upstream, WebSocket,
};
use crate::spec::model::{self, Named, Spec};

impl Lower<'_> {
    pub(super) fn routes(&mut self, spec: &Spec, upstreams: &[Upstream]) -> Vec<Route> {
        let items = spec.routes.as_ref().map_or(&[][..], |routes| &routes.value);
        if items.is_empty() {
            let at = spec.routes.as_ref().map_or(Loc(0), |routes| routes.at);
            self.report
                .error("spec::missing", at)
                .says("there is no route")
                .help("write one: `routes: [{ path: /ws, upstream: chat, websocket: on }]`");
        }
        let every = every_host(items);
        let mut names: HashMap<String, Loc> =
            HashMap::with_capacity_and_hasher(items.len(), Default::default());
        for name in items.iter().filter_map(|item| item.value.name.as_ref()) {
            self.check_name("route", name);
            match names.entry(name.value.clone()) {
                Entry::Vacant(free) => {
                    free.insert(name.at);
                }
                Entry::Occupied(first) => {
                    let first = *first.get();
                    self.report
                        .error("spec::duplicate-name", name.at)
                        .says(format!("two routes are called `{}`", name.value))
                        .label("the second")
                        .also(first, "the first")
                        .help("give each route its own name");
                }
            }
        }
        let mut routes: Vec<Route> = Vec::with_capacity(items.len());
        for item in items.iter().filter(|item| is_on(item.value.enabled)) {
            let id = RouteId(routes.len() as u32);
            let name = match &item.value.name {
                Some(name) => name.value.clone(),
                None => free_name(&item.value, &mut names),
            };
            if let Some(route) = self.route(id, name, item, &every, upstreams) {
                routes.push(route);
            }
        }
        routes
    }

    fn route(
        &mut self,
        id: RouteId,
        name: String,
        item: &At<model::Route>,
        every: &[HostMatch],
        upstreams: &[Upstream],
    ) -> Option<Route> {
        let (it, at) = (&item.value, item.at);
        let hosts = self.hosts(it, at, every);
        let paths = self.paths(it, at);
        let websocket =
            toggled(it.websocket.as_ref()).map(|(websocket, at)| self.websocket(websocket, at));
        let stream = toggled(it.stream.as_ref()).map(|(stream, at)| Stream {
            at,
            idle: dur(stream.idle.as_ref(), at, defaults::STREAM_IDLE),
            request: switch(stream.request.as_ref(), at, defaults::STREAM_REQUEST),
        });
        let timeouts = it.timeouts.as_ref();
        let response = match (timeouts.and_then(|t| t.response.as_ref()), &stream) {
            (Some(written), _) => Set::written(written.value, written.at),
            (None, Some(stream)) => {
                Set::default(stream.idle.value, stream.at, defaults::RESPONSE_STREAM)
            }
            (None, None) => Set::default(defaults::RESPONSE.0, at, defaults::RESPONSE.1),
        };
        let when = self.when(it.when.as_ref());
        let action = self.action(item, upstreams)?;
        if !matches!(action, Action::Forward(_)) {
            self.check_only_forwarded(it);
        }
        let limits = it.limits.as_deref();
        Some(Route {
            id,
            at,
            name,
            when,
            methods: self.methods(it.methods.as_ref()),
            action,
            websocket: websocket.map(Box::new),
            stream: stream.map(Box::new),
            response,
            idle: dur(timeouts.and_then(|t| t.idle.as_ref()), at, defaults::IDLE),
            body: limit(
                limits.and_then(|l| l.body.as_ref()),
                at,
                (None, defaults::BODY),
            ),
            requests: self.request_limit(limits).map(Box::new),
            connections: self.connection_limit(limits).map(Box::new),
            auth: block(it.auth.as_ref())
                .and_then(|(name, at)| self.auth_of(&At::new(name.clone(), at))),
            clients: block(it.clients.as_ref())
                .map(|(clients, at)| Box::new(self.clients(clients, at))),
            cors: block(it.cors.as_ref()).map(|(cors, at)| Box::new(self.cors(cors, at))),
            forwarded: switch(it.forwarded.as_ref(), at, defaults::FORWARDED),
            request_headers: self.header_ops(it.request_headers.as_ref(), true),
            response_headers: self.header_ops(it.response_headers.as_ref(), false),
            rewrite: block(it.rewrite.as_ref())
                .map(|(rewrite, at)| Box::new(self.rewrite(rewrite, at, &paths))),
            error_pages: block(it.error_pages.as_ref())
                .map(|(pages, at)| Box::new(self.error_pages(pages, at))),
            compression: switch(it.compression.as_ref(), at, defaults::COMPRESSION),
            log: switch(it.log.as_ref(), at, defaults::ROUTE_LOG),
            hosts,
            paths,
        })
    }

    /// The action; `None` if the route leads only to upstreams that are off, or to none at all (told).
    fn action(&mut self, item: &At<model::Route>, upstreams: &[Upstream]) -> Option<Action> {
        let it = &item.value;
        let written: Vec<(&str, Loc)> = [
            it.upstream.as_ref().map(|field| ("upstream", field.at)),
            it.split.as_ref().map(|field| ("split", field.at)),
            it.redirect.as_ref().map(|field| ("redirect", field.at)),
            it.respond.as_ref().map(|field| ("respond", field.at)),
        ]
        .into_iter()
        .flatten()
        .collect();
        match written.as_slice() {
            [_] => {}
            [] => {
                self.report
                    .error("spec::missing", item.at)
                    .says("this route leads nowhere")
                    .help("write one of `upstream`, `split`, `redirect` and `respond`");
                return None;
            }
            [first, second, ..] => {
                self.report
                    .error("spec::conflict", second.1)
                    .says(format!(
                        "a route has one action, not `{}` and `{}`",
                        first.0, second.0
                    ))
                    .label("a second action")
                    .also(first.1, "the first")
                    .help("keep one, or write two routes");
                return None;
            }
        }
        if let Some(name) = &it.upstream {
            return match self.upstream_id(name)? {
                Slot::On(id) => {
                    let upstream = &upstreams[id.index()];
                    Some(Action::Forward(vec![self.share(
                        it,
                        Set::written(id, name.at),
                        Set::default(1, name.at, "the only upstream"),
                        upstream,
                    )]))
                }
                Slot::Off => None,
            };
        }
        if let Some(split) = &it.split {
            return self.split(it, split, upstreams);
        }
        if let Some(redirect) = &it.redirect {
            return Some(Action::Redirect(Set::written(
                self.redirect(&redirect.value, redirect.at),
                redirect.at,
            )));
        }
        it.respond.as_ref().map(|respond| {
            Action::Respond(Set::written(
                self.respond(&respond.value, respond.at, defaults::RESPOND_STATUS.0),
                respond.at,
            ))
        })
    }

    fn split(
        &mut self,
        it: &model::Route,
        split: &At<Named<u64>>,
        upstreams: &[Upstream],
    ) -> Option<Action> {
        let mut shares = Vec::new();
        for (name, weight) in &split.value.0 {
            if weight.value > 1_000_000 {
                self.report
                    .error("spec::range", weight.at)
                    .says("a share is at most 1000000")
                    .help("write smaller numbers in the same proportion");
            }
            if let Some(Slot::On(id)) = self.upstream_id(name)
                && weight.value > 0
            {
                let weight =
                    Set::written(u32::try_from(weight.value).unwrap_or(u32::MAX), weight.at);
                shares.push(self.share(
                    it,
                    Set::written(id, name.at),
                    weight,
                    &upstreams[id.index()],
                ));
            }
        }
        if split.value.0.is_empty()
            || !split.value.0.is_empty()
                && split.value.0.iter().all(|(_, weight)| weight.value == 0)
        {
            self.report
                .error("spec::conflict", split.at)
                .says("this split leads nowhere")
                .help("write upstreams with their shares: `{chat: 90, canary: 10}`");
        }
        (!shares.is_empty()).then_some(Action::Forward(shares))
    }

    fn share(
        &mut self,
        it: &model::Route,
        id: Set<crate::ir::UpstreamId>,
        weight: Set<u32>,
        upstream: &Upstream,
    ) -> Share {
        let connect = it
            .timeouts
            .as_ref()
            .and_then(|timeouts| timeouts.connect.as_ref());
        Share {
            upstream: id,
            weight,
            connect: connect.map_or_else(
                || upstream.connect.clone(),
                |connect| Set::written(connect.value, connect.at),
            ),
            retries: it.retries.as_ref().map_or_else(
                || upstream.retries.clone(),
                |retries| {
                    Set::written(
                        retries
                            .value
                            .with()
                            .map(|retries| lower_retries(self, retries)),
                        retries.at,
                    )
                },
            ),
            host_header: match &it.host_header {
                Some(host) => self.host_header(&host.value, host.at),
                None => upstream.host_header.clone(),
            },
        }
    }

    /// What only a route with servers behind it can have.
    fn check_only_forwarded(&mut self, it: &model::Route) {
        let fields = [
            (
                "websocket",
                toggled(it.websocket.as_ref()).map(|(_, at)| at),
            ),
            ("stream", toggled(it.stream.as_ref()).map(|(_, at)| at)),
            ("rewrite", block(it.rewrite.as_ref()).map(|(_, at)| at)),
            (
                "request_headers",
                it.request_headers.as_ref().map(|field| field.at),
            ),
            ("retries", block(it.retries.as_ref()).map(|(_, at)| at)),
            ("host_header", it.host_header.as_ref().map(|field| field.at)),
        ];
        for (field, at) in fields {
            let Some(at) = at else { continue };
            // What `defaults.route` gives is for the routes that can use it.
            if !self.inherited.contains(&at) {
                self.report
                    .error("spec::conflict", at)
                    .says(format!(
                        "`{field}` says nothing on a route without upstream"
                    ))
                    .help("take it out, or write `upstream`");
            }
        }
    }

    fn auth_of(&mut self, name: &At<String>) -> Option<Set<AuthId>> {
        match self.auth.get(name.value.as_str()) {
            Some(id) => Some(Set::written(*id, name.at)),
            None => {
                let known: Vec<&str> = self.auth.keys().copied().collect();
                self.unknown("way to know a client", name, known.into_iter());
                None
            }
        }
    }

    fn websocket(&mut self, it: &model::WebSocket, at: Loc) -> WebSocket {
        let origins = block(it.origins.as_ref()).map(|(list, at)| {
            let mut exact = Vec::new();
            let mut same_host = false;
            for origin in &list.0 {
                if origin.value == "same_host" {
                    same_host = true;
                } else {
                    self.check_origin(&origin.value, origin.at);
                    exact.push(origin.value.to_ascii_lowercase());
                }
            }
            Set::written(Origins { exact, same_host }, at)
        });
        let tokens = match &it.tokens {
            Some(list) => {
                for token in &list.value.0 {
                    self.check_token("upgrade token", &token.value, token.at);
                    if token.value.eq_ignore_ascii_case("h2c") {
                        self.report
                            .error("spec::value", token.at)
                            .says("`h2c` cannot be passed on")
                            .note("an upgrade to HTTP/2 tunnels requests past every rule of the gateway")
                            .help("write `protocol: http2` on the upstream instead");
                    }
                }
                Set::written(
                    plain(list)
                        .iter()
                        .map(|token| token.to_ascii_lowercase())
                        .collect(),
                    list.at,
                )
            }
            None => Set::default(vec!["websocket".to_owned()], at, defaults::TOKENS),
        };
        let methods = self
            .methods(it.methods.as_ref())
            .unwrap_or_else(|| Set::default(vec!["GET".to_owned()], at, defaults::UPGRADE_METHODS));
        WebSocket {
            at,
            idle: dur(it.idle.as_ref(), at, defaults::WEBSOCKET_IDLE),
            max_duration: limit(it.max_duration.as_ref(), at, (None, defaults::MAX_DURATION)),
            max_message: limit(it.max_message.as_ref(), at, (None, defaults::MAX_MESSAGE)),
            messages: match block(it.messages.as_ref()) {
                Some((messages, _)) => Set::written(Some(messages.rate.value), messages.rate.at),
                None => Set::default(None, at, defaults::MESSAGES),
            },
            ping: limit(it.ping.as_ref(), at, (None, defaults::PING)),
            origins,
            require_origin: switch(it.require_origin.as_ref(), at, defaults::REQUIRE_ORIGIN),
            only: switch(it.only.as_ref(), at, defaults::ONLY),
            tokens,
            methods,
        }
    }
}

/// A name for a route without one: from its path, with a number if that is taken.
fn free_name(it: &model::Route, names: &mut HashMap<String, Loc>) -> String {
    let path = it
        .path
        .as_ref()
        .and_then(|list| list.value.0.first())
        .map(|path| match &path.value {
            model::Path::Exact(text) | model::Path::Prefix(text) | model::Path::Regex(text) => {
                text.value.as_str()
            }
        });
    let mut slug = String::new();
    for c in path.unwrap_or("/").chars().take(40) {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    let base = match slug {
        "" => "root".to_owned(),
        slug if slug.starts_with(|c: char| c.is_ascii_digit()) => format!("path-{slug}"),
        slug => slug.to_owned(),
    };
    let mut name = base.clone();
    let mut number = 2;
    while names.contains_key(&name) {
        name = format!("{base}-{number}");
        number += 1;
    }
    names.insert(name.clone(), Loc(0));
    name
}
