//! The features that routes use.

use super::Found;
use crate::ir::*;

impl<'a> Found<'a> {
    pub(super) fn route(&mut self, it: &'a Route) {
        use Feature::*;
        let Route {
            id: _,
            at,
            name: _,
            hosts,
            paths,
            methods,
            when,
            action,
            websocket,
            stream,
            response,
            idle,
            body,
            requests,
            connections,
            auth: _,
            clients,
            cors,
            forwarded,
            request_headers,
            response_headers,
            rewrite,
            error_pages,
            compression,
            log,
        } = it;
        for host in hosts {
            match &host.value {
                HostMatch::Exact(_) => self.add(HostExact, host.from),
                HostMatch::Wildcard(_) => self.add(HostWildcard, host.from),
                HostMatch::Regex(_) => self.add(HostRegex, host.from),
                HostMatch::Any => {}
            }
        }
        for path in paths {
            match &path.value {
                PathMatch::Exact(_) => self.add(PathExact, path.from),
                PathMatch::Prefix(_) => self.add(PathPrefix, path.from),
                PathMatch::Regex(_) => self.add(PathRegex, path.from),
            }
        }
        if let Some(methods) = methods {
            self.add(RouteMethods, methods.from);
        }
        self.when(when);
        let forwards = match action {
            Action::Forward(shares) => {
                self.shares(shares);
                true
            }
            Action::Redirect(redirect) => {
                self.add(Redirect, redirect.from);
                false
            }
            Action::Respond(respond) => {
                self.add(Respond, respond.from);
                false
            }
        };
        match websocket {
            Some(websocket) => self.websocket(websocket),
            None => self.add_if(
                forwards,
                WebSocketOff,
                Origin::default(*at, defaults::WEBSOCKET_OFF),
            ),
        }
        if let Some(crate::ir::Stream { at, idle, request }) = stream.as_deref() {
            self.add(Stream, Origin::written(*at));
            self.add(TimeoutStreamIdle, idle.from);
            self.add_if(request.value, StreamRequest, request.from);
        }
        self.add_if(forwards, TimeoutResponse, response.from);
        self.add_if(forwards, TimeoutIdle, idle.from);
        self.add_if(body.value.is_some(), LimitBody, body.from);
        if let Some(RequestLimit {
            at: _,
            rate,
            burst: _,
            per: _,
            exempt,
            bucket,
        }) = requests.as_deref()
        {
            self.add(LimitRequests, rate.from);
            self.add_if(!exempt.value.is_empty(), LimitRequestsExempt, exempt.from);
            if let Some(bucket) = bucket {
                self.add(LimitRequestsBucket, bucket.from);
            }
        }
        if let Some(ConnectionLimit { at: _, max, per: _ }) = connections.as_deref() {
            self.add(LimitConnections, max.from);
        }
        if let Some(crate::ir::Clients {
            at,
            allow: _,
            deny: _,
        }) = clients.as_deref()
        {
            self.add(Clients, Origin::written(*at));
        }
        if let Some(crate::ir::Cors {
            at,
            origins: _,
            methods: _,
            headers: _,
            expose: _,
            credentials: _,
            max_age: _,
        }) = cors.as_deref()
        {
            self.add(Cors, Origin::written(*at));
        }
        if forwarded.value {
            self.add_if(forwards, ForwardedHeaders, forwarded.from);
        } else {
            self.add(ForwardedOff, forwarded.from);
        }
        for op in request_headers {
            self.header(RequestHeaders, op);
        }
        for op in response_headers {
            self.header(ResponseHeaders, op);
        }
        if let Some(Rewrite {
            at: _,
            path,
            query_set,
            query_remove,
            map_location,
        }) = rewrite.as_deref()
        {
            if let Some(path) = path {
                let feature = match &path.value {
                    PathRewrite::StripPrefix
                    | PathRewrite::ReplacePrefix(_)
                    | PathRewrite::Path(_) => RewritePath,
                    PathRewrite::Regex { matches: _, to: _ } => RewriteRegex,
                };
                self.add(feature, path.from);
            }
            for origin in query_set
                .iter()
                .map(|set| set.from)
                .chain(query_remove.iter().map(|set| set.from))
            {
                self.add(RewriteQuery, origin);
            }
            self.add_if(map_location.value, RewriteMapLocation, map_location.from);
        }
        if let Some(crate::ir::ErrorPages {
            at,
            pages: _,
            replace,
        }) = error_pages.as_deref()
        {
            self.add_if(
                replace.value != Replace::Server,
                ErrorPages,
                Origin::written(*at),
            );
            self.add_if(
                replace.value != Replace::Proxy,
                ErrorPagesServer,
                replace.from,
            );
        }
        self.add_if(compression.value, Compression, compression.from);
        self.add_if(!log.value && log.is_written(), LogRoute, log.from);
    }

    fn when(&mut self, when: &'a When) {
        use Feature::*;
        let When {
            methods,
            headers,
            query,
            clients,
            upgrade,
            listeners,
        } = when;
        if let Some(methods) = methods {
            self.add(WhenMethods, methods.from);
        }
        for header in headers {
            self.add(WhenHeaders, header.from);
        }
        for parameter in query {
            self.add(WhenQuery, parameter.from);
        }
        if let Some(clients) = clients {
            self.add(WhenClients, clients.from);
        }
        if let Some(upgrade) = upgrade {
            self.add(WhenUpgrade, upgrade.from);
        }
        if let Some(listeners) = listeners {
            self.add(WhenListeners, listeners.from);
        }
    }

    fn shares(&mut self, shares: &'a [Share]) {
        use Feature::*;
        for Share {
            upstream: _,
            weight,
            connect,
            retries: tries,
            host_header,
        } in shares
        {
            self.add_if(shares.len() > 1, UpstreamSplit, weight.from);
            self.add(TimeoutConnect, connect.from);
            self.add_if(tries.value.is_some(), Retries, tries.from);
            self.add(HostHeader, host_header.from);
        }
    }

    fn websocket(&mut self, websocket: &'a WebSocket) {
        use Feature::*;
        let WebSocket {
            at,
            idle,
            max_duration,
            max_message,
            messages,
            ping,
            origins,
            require_origin,
            only,
            tokens,
            methods,
        } = websocket;
        self.add(WebSocketUpgrade, Origin::written(*at));
        self.add(TimeoutWebSocketIdle, idle.from);
        self.add_if(
            max_duration.value.is_some(),
            TimeoutMaxDuration,
            max_duration.from,
        );
        self.add_if(
            max_message.value.is_some(),
            WebSocketMaxMessage,
            max_message.from,
        );
        self.add_if(messages.value.is_some(), WebSocketMessages, messages.from);
        self.add_if(ping.value.is_some(), WebSocketPing, ping.from);
        if let Some(origins) = origins {
            self.add(Origins, origins.from);
        }
        self.add_if(
            require_origin.value && origins.is_none(),
            Origins,
            require_origin.from,
        );
        self.add_if(only.value, WebSocketOnly, only.from);
        self.add(WebSocketTokens, tokens.from);
        self.add(WebSocketMethods, methods.from);
    }

    fn header(&mut self, feature: Feature, op: &'a HeaderOp) {
        let HeaderOp {
            at,
            name: _,
            change,
        } = op;
        let origin = Origin::written(*at);
        self.add(feature, origin);
        let Some(Value(pieces)) = change.value() else {
            return;
        };
        for piece in pieces {
            match piece {
                Piece::Text(_) => {}
                Piece::Fact(Fact::Claim(_)) => self.add(Feature::HeaderClaims, origin),
                Piece::Fact(Fact::TlsSubject) => self.add(Feature::HeaderTlsSubject, origin),
                Piece::Fact(_) => self.add(Feature::HeaderFacts, origin),
            }
        }
    }
}
