//! Filters of a rule: what happens to a request on its way, each kind of the API once, then what the implementation adds.

mod heads;

use super::Ctx;
use super::envoy;
use crate::emit::{Map, Node};
use crate::ir::{
    Action, Capture, Change, Feature, HeaderOp, HostHeader, Loc, Origin, PathRewrite, Redirect,
    RedirectScheme, RedirectTo, Route, Set, Subject,
};
use crate::targets::gateway::facts::{self, Extended, Means};
use crate::targets::kubernetes::middleware::{self, Middlewares};
use crate::targets::kubernetes::objects::Object;
use crate::targets::kubernetes::routes::Face;
use crate::targets::kubernetes::{text, word, words};
use crate::targets::traefik::facts::sets_itself;

use heads::Heads;

/// What a rule's filters read and make.
pub(super) struct Filters<'r, 'a> {
    pub(super) ctx: &'r Ctx<'a>,
    pub(super) route: &'a Route,
    pub(super) face: &'r Face<'a>,
    pub(super) made: &'r mut Middlewares,
    /// Objects of Envoy Gateway that rules refer to.
    pub(super) more: Vec<Object>,
    /// What distinguishes names where a route has several faces.
    pub(super) own: String,
}

fn extension(group: &'static str, kind: &'static str, name: &str) -> Node {
    let reference = Map::new()
        .put("group", Node::word(group))
        .put("kind", Node::word(kind))
        .put("name", word(name));
    Map::new()
        .put("type", Node::word("ExtensionRef"))
        .put("extensionRef", reference)
        .into()
}

fn middleware_ref(name: &str) -> Node {
    extension("traefik.io", "Middleware", name)
}

impl Filters<'_, '_> {
    /// What refusals and answers have too: headers of the listener, ranges and limits.
    pub(super) fn first(&mut self) -> Vec<Node> {
        let context = self.ctx.context();
        let listener = self.face.first();
        let mut filters = Vec::new();
        filters.extend(self.answer(None));
        if self.ctx.means == Means::Traefik {
            let route = self.route;
            let names = [
                middleware::clients(&context, self.made, route, listener),
                middleware::rate(&context, self.made, route, listener),
                middleware::open(&context, self.made, route, listener),
            ];
            filters.extend(names.iter().flatten().map(|it| middleware_ref(it)));
        }
        filters
    }

    /// Changes to the headers of answers.
    fn answer(&self, more: Option<(&str, &str)>) -> Option<Node> {
        let mut heads = Heads::new(self.ctx.means == Means::Envoy);
        let listener = self.face.first();
        if let Some(hsts) = listener.tls.as_ref().and_then(|it| it.hsts.as_ref()) {
            heads.set("Strict-Transport-Security", hsts.value.header(), hsts.loc());
        }
        let kept = |op: &HeaderOp| self.renders(Feature::ResponseHeaders, op);
        heads.change(&self.route.response_headers, self.route, listener, kept);
        if let Some((name, value)) = more {
            heads.set(name, value, self.route.at);
        }
        heads.filter("ResponseHeaderModifier", "responseHeaderModifier")
    }

    fn renders(&self, feature: Feature, op: &HeaderOp) -> bool {
        let at = Origin::written(op.at);
        self.ctx.v.renders(feature, Subject::Route(self.route), at)
    }

    /// A rule that answers with a status, and its filters; `None` where the implementation has no answers of its own: then the
    /// rule has no server, which is 500.
    pub(super) fn status(
        &mut self,
        status: u16,
        header: Option<(&str, &str)>,
        at: Loc,
    ) -> Vec<Node> {
        let context = self.ctx.context();
        match self.ctx.means {
            Means::Traefik => {
                let mut filters: Vec<Node> = self.answer(header).into_iter().collect();
                let name = middleware::status(&context, self.made, status, at);
                filters.push(middleware_ref(&name));
                filters
            }
            Means::Envoy => {
                let name = self.ctx.name(&["status", &status.to_string()]);
                self.more
                    .push(envoy::status(self.ctx, &name, status, None, at));
                let mut filters: Vec<Node> = self.answer(header).into_iter().collect();
                filters.push(extension("gateway.envoyproxy.io", "HTTPRouteFilter", &name));
                filters
            }
            Means::None => Vec::new(),
        }
    }

    /// The filters of a rule that leads to servers; `upgrade` is one for sockets.
    pub(super) fn passing(&mut self, upgrade: bool) -> Vec<Node> {
        let context = self.ctx.context();
        let route = self.route;
        let mut filters = self.first();
        filters.extend(self.request(upgrade));
        filters.extend(self.cors());
        if self.ctx.means == Means::Traefik {
            let mut names = Vec::new();
            names.extend(middleware::guard(&context, self.made, route));
            if !upgrade {
                names.extend(middleware::body(&context, self.made, route));
            }
            names.extend(middleware::rewrite(&context, self.made, route));
            if !upgrade {
                names.extend(middleware::compress(&context, self.made, route));
            }
            names.extend(middleware::tries(&context, self.made, route));
            if !route.forwarded.value {
                names.push(middleware::blind(&context, self.made, route));
            }
            filters.extend(names.iter().map(|it| middleware_ref(it)));
        }
        filters.extend(self.rewritten());
        filters
    }

    fn request(&self, upgrade: bool) -> Option<Node> {
        let mut heads = Heads::new(self.ctx.means == Means::Envoy);
        let listener = self.face.first();
        if self.ctx.means == Means::Traefik {
            if self.route.forwarded.value {
                // Traefik writes `ws` and `wss` for sockets.
                heads.set("X-Forwarded-Proto", listener.scheme(), listener.at);
                let port = listener.public_port.value.to_string();
                heads.set("X-Forwarded-Port", port, listener.public_port.loc());
            }
            // Traefik would pass it on as the client wrote it.
            heads.remove("Forwarded");
            if !upgrade {
                heads.remove("Upgrade");
            }
        }
        if facts::is_envoy(self.ctx.implementation) {
            heads.forwarded(self.route, listener);
        }
        let kept = |op: &HeaderOp| {
            let own = self.ctx.means != Means::None
                && matches!(op.change, Change::SetIfAbsent(_))
                && sets_itself(self.route, &op.name);
            !own && self.renders(Feature::RequestHeaders, op)
        };
        heads.change(&self.route.request_headers, self.route, listener, kept);
        heads.filter("RequestHeaderModifier", "requestHeaderModifier")
    }

    fn cors(&mut self) -> Option<Node> {
        let cors = self.route.cors.as_ref()?;
        let context = self.ctx.context();
        if self.ctx.means == Means::Traefik {
            let name = middleware::shared(&context, self.made, self.route)?;
            return Some(middleware_ref(&name));
        }
        if !facts::claims(self.ctx.implementation, Extended::Cors) {
            return None;
        }
        let any = ["*".to_owned()];
        let origins = cors.origins.value.as_deref().unwrap_or(&any);
        let mut map = Map::new()
            .put("allowOrigins", words(origins).at(cors.origins.loc()))
            .put(
                "allowMethods",
                words(&cors.methods.value).at(cors.methods.loc()),
            );
        if !cors.headers.value.is_empty() {
            map = map.put(
                "allowHeaders",
                words(&cors.headers.value).at(cors.headers.loc()),
            );
        }
        if !cors.expose.value.is_empty() {
            map = map.put(
                "exposeHeaders",
                words(&cors.expose.value).at(cors.expose.loc()),
            );
        }
        if cors.credentials.value {
            map = map.put(
                "allowCredentials",
                Node::flag(true).at(cors.credentials.loc()),
            );
        }
        if let Some(age) = cors.max_age.value {
            let age = i64::try_from(age.as_secs_ceil()).unwrap_or(i64::MAX);
            map = map.put("maxAge", Node::number(age).at(cors.max_age.loc()));
        }
        let map = Map::new().put("type", Node::word("CORS")).put("cors", map);
        Some(Node::from(map).at(cors.at))
    }

    /// `URLRewrite`, and what stands in its place where the implementation has something of its own.
    fn rewritten(&mut self) -> Vec<Node> {
        let mut filters = Vec::new();
        let mut map = Map::new();
        let share = self.route.shares().first();
        if let Some(share) = share {
            match (&share.host_header.value, self.ctx.means) {
                (HostHeader::Set(host), _) => {
                    map = map.put("hostname", text(host, share.host_header.loc()));
                }
                (HostHeader::Upstream, Means::Envoy) => {
                    let name = self.ctx.name(&[&self.route.name, "host"]);
                    self.more
                        .push(envoy::own_host(self.ctx, &name, share.host_header.loc()));
                    filters.push(extension("gateway.envoyproxy.io", "HTTPRouteFilter", &name));
                }
                (HostHeader::Upstream | HostHeader::Preserve, _) => {}
            }
        }
        if self.ctx.means != Means::Traefik
            && let Some(change) = self.route.rewrite.as_ref().and_then(|it| it.path.as_ref())
        {
            let at = change.loc();
            let path = |kind: &'static str, key: &'static str, to: &str| {
                Map::new()
                    .put("type", Node::word(kind))
                    .put(key, text(to, at))
            };
            match &change.value {
                PathRewrite::StripPrefix => {
                    map = map.put(
                        "path",
                        path("ReplacePrefixMatch", "replacePrefixMatch", "/"),
                    );
                }
                PathRewrite::ReplacePrefix(new) => {
                    map = map.put(
                        "path",
                        path("ReplacePrefixMatch", "replacePrefixMatch", new),
                    );
                }
                PathRewrite::Path(new) => {
                    map = map.put("path", path("ReplaceFullPath", "replaceFullPath", new));
                }
                PathRewrite::Regex { matches, to } if self.ctx.means == Means::Envoy => {
                    let to: String = to
                        .iter()
                        .map(|it| match it {
                            Capture::Text(text) => text.replace('\\', "\\\\"),
                            Capture::Group(number) => format!("\\{number}"),
                        })
                        .collect();
                    let name = self.ctx.name(&[&self.route.name, "path"]);
                    let object =
                        envoy::rewrite(self.ctx, &name, &format!("^(?:{matches})$"), &to, at);
                    self.more.push(object);
                    filters.push(extension("gateway.envoyproxy.io", "HTTPRouteFilter", &name));
                }
                PathRewrite::Regex { .. } => {}
            }
        }
        if !map.is_empty() {
            let map = Map::new()
                .put("type", Node::word("URLRewrite"))
                .put("urlRewrite", map);
            filters.push(map.into());
        }
        filters
    }

    /// The filters of a route that answers itself; `None` where it cannot.
    pub(super) fn answering(&mut self) -> Option<Vec<Node>> {
        let context = self.ctx.context();
        let mut filters = self.first();
        match &self.route.action {
            Action::Forward(_) => return None,
            Action::Redirect(redirect) if self.ctx.means == Means::Traefik => {
                let names = middleware::redirect(
                    &context, self.made, self.route, redirect, self.face, &self.own,
                );
                filters.extend(names.iter().map(|it| middleware_ref(it)));
            }
            Action::Redirect(redirect) => filters.push(self.redirect(redirect)),
            Action::Respond(it) => match self.ctx.means {
                Means::Traefik => {
                    let body = middleware::body(&context, self.made, self.route);
                    let name = middleware::status(&context, self.made, it.value.status, it.loc());
                    filters.extend(body.iter().chain([&name]).map(|it| middleware_ref(it)));
                }
                Means::Envoy => {
                    let name = self.ctx.name(&[&self.route.name, "answer"]);
                    self.more.push(envoy::status(
                        self.ctx,
                        &name,
                        it.value.status,
                        Some(&it.value),
                        it.loc(),
                    ));
                    filters.push(extension("gateway.envoyproxy.io", "HTTPRouteFilter", &name));
                }
                Means::None => return None,
            },
        }
        Some(filters)
    }

    fn redirect(&self, redirect: &Set<Redirect>) -> Node {
        let Redirect { to, status } = &redirect.value;
        let at = redirect.loc();
        let full = |path: &str| {
            Map::new()
                .put("type", Node::word("ReplaceFullPath"))
                .put("replaceFullPath", text(path, at))
        };
        let listener = self.face.first();
        let (scheme, host, path) = match to {
            RedirectTo::Parts { scheme, host, path } => {
                let scheme = scheme.map(|it| match it {
                    RedirectScheme::Http => "http",
                    RedirectScheme::Https => "https",
                });
                (scheme, host.clone(), path.clone())
            }
            RedirectTo::Url(url) => {
                let (scheme, rest) = match url.split_once("://") {
                    Some(("http", rest)) => (Some("http"), rest),
                    Some((_, rest)) => (Some("https"), rest),
                    None => (None, url.as_str()),
                };
                match (scheme, rest.split_once('/')) {
                    (Some(_), Some((host, path))) => {
                        (scheme, Some(host.to_owned()), Some(format!("/{path}")))
                    }
                    (Some(_), None) => (scheme, Some(rest.to_owned()), Some("/".to_owned())),
                    (None, _) => (None, None, Some(rest.to_owned())),
                }
            }
        };
        let mut map = Map::new();
        if let Some(scheme) = scheme {
            map = map.put("scheme", text(scheme, at));
        }
        match host
            .as_deref()
            .map(|it| it.split_once(':').unwrap_or((it, "")))
        {
            Some((host, port)) => {
                map = map.put("hostname", text(host, at));
                if let Ok(port) = port.parse::<u16>() {
                    map = map.put("port", Node::number(port));
                }
            }
            None if scheme.is_none() && !listener.has_scheme_port() => {
                map = map.put("port", Node::number(listener.public_port.value));
            }
            None => {}
        }
        if let Some(path) = path {
            let path = path.split('?').next().unwrap_or_default();
            map = map.put("path", full(path));
        }
        map = map.put("statusCode", Node::number(*status));
        let map = Map::new()
            .put("type", Node::word("RequestRedirect"))
            .put("requestRedirect", map);
        Node::from(map).at(at)
    }
}
