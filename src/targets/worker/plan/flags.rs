//! Which parts of the code a gateway needs: what nobody uses is not in the file.

use serde::Serialize;

use super::{Ctx, auth, route, upstream};
use crate::ir::{
    Action, AuthKind, Fact, Feature, HashKey, JwtKeys, LogFormat, PathRewrite, Piece, Route, Set,
    Subject, TokenPlace,
};

/// A part of the code each; a name says what asks for it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Flags {
    forwards: bool,
    auth: bool,
    hsts: bool,
    logs: bool,
    json: bool,
    guards: bool,
    limits: bool,
    jwt: bool,
    cors: bool,
    redirects: bool,
    locations: bool,
    listener_redirects: bool,
    responds: bool,
    pages: bool,
    ranges: bool,
    trusted: bool,
    changes: bool,
    request_changes: bool,
    response_changes: bool,
    subject: bool,
    back: bool,
    cookies: bool,
    when_methods: bool,
    when_values: bool,
    when_clients: bool,
    when_upgrade: bool,
    slashes: bool,
    reject: bool,
    strict: bool,
    sockets: bool,
    only: bool,
    origins: bool,
    closed: bool,
    mtls: bool,
    clients: bool,
    methods: bool,
    body: bool,
    exempt: bool,
    basic: bool,
    api_key: bool,
    forward: bool,
    tokens: bool,
    subprotocol: bool,
    decodes: bool,
    hmac: bool,
    public_keys: bool,
    pem: bool,
    jwks: bool,
    jwks_file: bool,
    jwks_url: bool,
    strip: bool,
    sent: bool,
    drop: bool,
    drop_cookie: bool,
    drop_subprotocol: bool,
    drop_query: bool,
    queries: bool,
    query_changes: bool,
    rewrites: bool,
    prefixes: bool,
    paths: bool,
    captures: bool,
    split: bool,
    retries: bool,
    hashed: bool,
    sticky: bool,
    compression: bool,
}

impl Flags {
    pub(super) fn of(ctx: &Ctx<'_>) -> Self {
        let mut it = Self::default();
        it.listeners(ctx);
        for route in &ctx.g.routes {
            it.conditions(route);
            if route::is_closed(ctx, route) {
                it.closed = true;
            } else {
                it.route(ctx, route);
            }
        }
        it.upstreams(ctx);
        for auth in auth::asked(ctx) {
            it.auth(&auth.kind);
        }
        if let Some(log) = &ctx.g.log {
            it.logs = true;
            it.json = log.format.value == LogFormat::Json;
        }
        it.finish();
        it
    }

    fn listeners(&mut self, ctx: &Ctx<'_>) {
        use crate::ir::{EncodedSlash, HeaderNames, Paths};
        for it in &ctx.g.listeners {
            let tls = it.tls.as_ref();
            self.hsts |= tls.is_some_and(|tls| tls.hsts.is_some());
            self.mtls |= tls.is_some_and(|tls| tls.client_auth.is_some());
            self.listener_redirects |= it.redirect.is_some();
            self.trusted |= !it.trusted_proxies.value.is_empty();
            self.slashes |= it.encoded_slash.value == EncodedSlash::Reject;
            self.reject |= it.paths.value == Paths::Reject;
            self.strict |= it.header_names.value == HeaderNames::Strict;
        }
    }

    fn conditions(&mut self, it: &Route) {
        let when = &it.when;
        self.when_methods |= when.methods.is_some();
        self.when_values |= !when.headers.is_empty() || !when.query.is_empty();
        self.when_clients |= when.clients.is_some();
        self.when_upgrade |= when.upgrade.is_some();
    }

    fn route(&mut self, ctx: &Ctx<'_>, it: &Route) {
        self.clients |= it.clients.is_some();
        self.cors |= it.cors.is_some();
        self.methods |= it.methods.is_some();
        self.body |= it.body.value.is_some();
        self.compression |= it.compression.value;
        if let Some(websocket) = &it.websocket {
            self.sockets = true;
            self.only |= websocket.only.value;
            self.origins |= websocket.origins.is_some() || websocket.require_origin.value;
        }
        if let Some(limit) = &it.requests {
            self.limits = true;
            self.exempt |= !limit.exempt.value.is_empty();
        }
        self.auth |= it.auth.is_some();
        match &it.action {
            Action::Forward(shares) => {
                self.forwards = true;
                self.split |= shares.len() > 1;
                self.retries |= shares.iter().any(|share| {
                    share.retries.value.is_some()
                        && ctx
                            .v
                            .renders(Feature::Retries, Subject::Route(it), share.retries.from)
                });
            }
            Action::Redirect(_) => {
                self.redirects = true;
                self.locations = true;
            }
            Action::Respond(_) => self.responds = true,
        }
        if it.error_pages.is_some() {
            self.pages = true;
            self.responds = true;
            self.redirects = true;
            self.locations = true;
        }
        self.request_changes |= !it.request_headers.is_empty() && !it.shares().is_empty();
        self.response_changes |= !it.response_headers.is_empty();
        let ops = it.request_headers.iter().chain(&it.response_headers);
        for piece in ops
            .filter_map(|op| op.change.value())
            .flat_map(|value| &value.0)
        {
            match piece {
                Piece::Fact(Fact::Cookie(_)) => self.cookies = true,
                Piece::Fact(Fact::TlsSubject) => self.subject = true,
                Piece::Fact(Fact::Claim(_)) => self.jwt = true,
                Piece::Fact(_) | Piece::Text(_) => {}
            }
        }
        if let Some(rewrite) = &it.rewrite {
            self.back |= route::back(it, rewrite).is_some();
            self.query_changes |= !rewrite.query_set.is_empty() || !rewrite.query_remove.is_empty();
            match rewrite.path.as_ref().map(|path| &path.value) {
                None => {}
                Some(PathRewrite::StripPrefix | PathRewrite::ReplacePrefix(_)) => {
                    self.prefixes = true;
                }
                Some(PathRewrite::Path(_)) => self.paths = true,
                Some(PathRewrite::Regex { .. }) => self.captures = true,
            }
        }
    }

    fn upstreams(&mut self, ctx: &Ctx<'_>) {
        for it in &ctx.g.upstreams {
            let key = upstream::hash(ctx, it);
            self.hashed |= key.is_some();
            self.cookies |= matches!(key, Some(HashKey::Cookie(_)));
            self.sticky |= upstream::cookie_of(it).is_some();
        }
    }

    fn auth(&mut self, kind: &AuthKind) {
        match kind {
            AuthKind::Jwt(jwt) => {
                self.jwt = true;
                self.places(&jwt.token);
                self.sent |= !jwt.pass.is_empty();
                self.strip |= jwt.strip.value;
                if jwt.strip.value {
                    self.drops(&jwt.token, false);
                }
                match &jwt.keys.value {
                    JwtKeys::Key { algorithm, .. } if algorithm.starts_with("HS") => {
                        self.hmac = true;
                    }
                    JwtKeys::Key { .. } => {
                        self.public_keys = true;
                        self.pem = true;
                    }
                    JwtKeys::JwksUrl { .. } => {
                        self.public_keys = true;
                        self.jwks = true;
                        self.jwks_url = true;
                    }
                    JwtKeys::JwksFile { .. } => {
                        self.public_keys = true;
                        self.jwks = true;
                        self.jwks_file = true;
                    }
                }
            }
            AuthKind::Basic(basic) => {
                self.basic = true;
                self.drop |= basic.strip.value;
            }
            AuthKind::ApiKey(key) => {
                self.api_key = true;
                self.places(&key.from);
                if key.strip.value {
                    self.drops(&key.from, true);
                }
            }
            AuthKind::Forward(forward) => {
                self.forward = true;
                self.forwards = true;
                self.sent |= !forward.pass.value.is_empty();
            }
        }
    }

    fn places(&mut self, places: &Set<Vec<TokenPlace>>) {
        self.tokens = true;
        for place in &places.value {
            self.cookies |= matches!(place, TokenPlace::Cookie(_));
            self.subprotocol |= matches!(place, TokenPlace::Subprotocol);
        }
    }

    fn drops(&mut self, places: &Set<Vec<TokenPlace>>, headers: bool) {
        for place in &places.value {
            match place {
                TokenPlace::Query(_) => {
                    self.drop_query = true;
                }
                TokenPlace::Subprotocol => {
                    self.drop = true;
                    self.drop_subprotocol = true;
                }
                TokenPlace::Cookie(_) if headers => {
                    self.drop = true;
                    self.drop_cookie = true;
                }
                TokenPlace::Header(_) if headers => self.drop = true,
                TokenPlace::Bearer | TokenPlace::Header(_) | TokenPlace::Cookie(_) => {}
            }
        }
    }

    /// What follows from the rest.
    fn finish(&mut self) {
        self.redirects |= self.listener_redirects;
        self.changes = self.request_changes || self.response_changes;
        self.cookies |= self.sticky;
        self.decodes = self.jwt || self.basic;
        self.rewrites = self.prefixes || self.paths || self.captures;
        self.queries = self.query_changes || self.drop_query;
        self.ranges = self.clients || self.when_clients || self.trusted || self.exempt;
        self.guards = self.closed
            || self.mtls
            || self.clients
            || self.cors
            || self.methods
            || self.only
            || self.origins
            || self.limits
            || self.auth
            || self.body;
    }
}
