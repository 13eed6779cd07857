//! What a location says for a route: guards first, then headers, timers and the way to the server.

use super::access::Guards;
use super::errors::body_text;
use super::matching::{greater_than, one_of};
use super::words::{Block, Directive, default, dur, entry_regex, variable, word};
use super::{Location, Planner, RawLine, defaults};
use crate::emit::Tok;
use crate::emit::lang::nginx;
use crate::ir::{Action, Listener, Loc, PathMatch, PathRewrite, Route, Share, WebSocket};

/// The body of a location.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// What stands before every branch.
    pub(super) first: Vec<Directive>,
    /// Answers that are given at once.
    pub(super) branches: Vec<Block>,
    /// The rest.
    pub(super) lines: Vec<Directive>,
}

/// Headers of an answer.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) hidden: Vec<String>,
    /// Name and value.
    pub(super) added: Vec<(String, Tok, Loc)>,
}

/// A route at a place: which of its paths, on which listener.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) route: &'a Route,
    pub(super) path: &'a PathMatch,
    pub(super) listener: &'a Listener,
}

impl Planner<'_> {
    /// The locations of a route: `@name`, `@name~ws` for its tunnels and what they jump to. `named` counts sizes itself.
    pub(super) fn bodies(&mut self, place: Place<'_>, name: &str, named: bool) -> Vec<Location> {
        let Place { route, .. } = place;
        let mut out = Vec::new();
        let about = format!("route {}", route.name);
        if self.is_closed(route) {
            let content = Content {
                lines: vec![Directive::fixed("return 503").at(route.at)],
                ..Content::default()
            };
            out.push(self.located(place, name, &about, content));
            if route.websocket.is_some() {
                let content = Content {
                    lines: vec![Directive::fixed("return 503").at(route.at)],
                    ..Content::default()
                };
                out.push(self.located(place, &format!("{name}~ws"), "", content));
            }
            return out;
        }
        let mut extra = Vec::new();
        let plain = self.plain(place, name, named, &mut extra);
        out.push(self.located(place, name, &about, plain));
        if let Some(websocket) = &route.websocket {
            let tunnel = self.tunnel(place, websocket, name, named, &mut extra);
            out.push(self.located(place, &format!("{name}~ws"), "", tunnel));
        }
        out.extend(extra);
        out
    }

    pub(super) fn located(
        &self,
        place: Place<'_>,
        name: &str,
        about: &str,
        content: Content,
    ) -> Location {
        let route = place.route;
        let raw = self
            .raw_routes
            .get(&route.id)
            .map(|text| RawLine::of(text).collect())
            .unwrap_or_default();
        Location::new(
            vec![word(&format!("@{name}"))],
            about,
            content,
            raw,
            route.at,
        )
    }

    /// Requests that are no upgrade.
    pub(super) fn plain(
        &mut self,
        place: Place<'_>,
        name: &str,
        named: bool,
        extra: &mut Vec<Location>,
    ) -> Content {
        let Place {
            route, listener, ..
        } = place;
        let mut content = self.opening(route, listener, named);
        if let Some(websocket) = &route.websocket
            && websocket.only.value
        {
            let at = websocket.only.loc();
            content.lines.extend(self.hsts(listener));
            // HTTP/2 knows no such header, and clients take an answer with it for broken.
            let protocols = vec![entry_regex("^HTTP/1", word("websocket")), default("")];
            let asked = self
                .vars
                .map("$server_protocol", "upgrade_to", protocols, at);
            content.lines.push(
                Directive::new(
                    "add_header Upgrade",
                    vec![variable(&asked), Tok::fixed("always")],
                )
                .at(at),
            );
            // Its refusals are the proxy's own answers: the route's pages stand for them too.
            let guards = Guards::default();
            let mut answer = self.answer_headers(route, &guards);
            answer
                .added
                .push(("Upgrade".to_owned(), variable(&asked), at));
            content
                .lines
                .extend(self.errors(place, name, &guards, &answer, extra));
            content.lines.push(Directive::fixed("return 426").at(at));
            return content;
        }
        let guards = self.guards(route, listener, name, extra);
        let mut answer = self.answer_headers(route, &guards);
        self.cors(route, listener, &mut content, &mut answer);
        match &route.action {
            Action::Forward(shares) => {
                content.lines.extend(guards.lines.iter().cloned());
                content
                    .lines
                    .extend(self.errors(place, name, &guards, &answer, extra));
                self.timers(route, &mut content.lines);
                if let Some(stream) = &route.stream {
                    content
                        .lines
                        .push(Directive::fixed("proxy_buffering off").at(stream.at));
                    if stream.request.value {
                        content.lines.push(
                            Directive::fixed("proxy_request_buffering off")
                                .at(stream.request.loc()),
                        );
                    }
                }
                if route.compression.value {
                    content
                        .lines
                        .push(Directive::fixed("gzip on").at(route.compression.loc()));
                }
                self.forward(place, shares, &guards, answer, name, false, content, extra)
            }
            Action::Redirect(redirect) => {
                let line = self.redirect(&redirect.value, redirect.loc());
                self.fixed(place, vec![line], &guards, &answer, name, content, extra)
            }
            Action::Respond(respond) => {
                let at = respond.loc();
                let lines = vec![
                    Directive::new(
                        "default_type",
                        vec![nginx::word(&respond.value.content_type)],
                    )
                    .at(at),
                    Directive::new(
                        "return",
                        vec![
                            Tok::number(u64::from(respond.value.status)),
                            body_text(&respond.value.body),
                        ],
                    )
                    .at(at),
                ];
                self.fixed(place, lines, &guards, &answer, name, content, extra)
            }
        }
    }

    /// Upgrade requests.
    pub(super) fn tunnel(
        &mut self,
        place: Place<'_>,
        websocket: &WebSocket,
        name: &str,
        named: bool,
        extra: &mut Vec<Location>,
    ) -> Content {
        let Place {
            route, listener, ..
        } = place;
        let mut content = self.opening(route, listener, named);
        if let Some(refused) = self.origin_refused(websocket) {
            content.branches.push(
                Block::branch(&refused, vec![Directive::fixed("return 403")])
                    .at(websocket.origins.as_ref().map_or(websocket.at, |o| o.loc())),
            );
        }
        let Action::Forward(shares) = &route.action else {
            // A redirect or an answer: an upgrade gets it as well.
            return self.plain(place, name, named, extra);
        };
        let tunnel = format!("{name}~ws");
        let guards = self.guards(route, listener, &tunnel, extra);
        let answer = self.answer_headers(route, &guards);
        content.lines.extend(guards.lines.iter().cloned());
        content
            .lines
            .extend(self.errors(place, &tunnel, &guards, &answer, extra));
        let idle = dur(websocket.idle.value);
        let at = websocket.idle.loc();
        for timer in ["proxy_read_timeout", "proxy_send_timeout", "send_timeout"] {
            content
                .lines
                .push(Directive::new(timer, vec![idle.clone()]).at(at));
        }
        let up = self.upgrade_variable(websocket);
        content
            .lines
            .push(Directive::new("set $wg_tunnel", vec![variable(&up)]));
        self.forward(
            place, shares, &guards, answer, &tunnel, true, content, extra,
        )
    }

    /// What every location of a route starts with.
    pub(super) fn opening(&mut self, route: &Route, listener: &Listener, named: bool) -> Content {
        let mut content = Content::default();
        if self.logs_route && route.log.value {
            content.first.push(Directive::new(
                "set $wg_route",
                vec![nginx::text(&route.name)],
            ));
        }
        if !route.log.value {
            content
                .lines
                .push(Directive::fixed("access_log off").at(route.log.loc()));
        }
        if let Some(limit) = route.body.value {
            let at = route.body.loc();
            content.lines.push(
                Directive::new("client_max_body_size", vec![super::words::size(limit)]).at(at),
            );
            if named {
                // NGINX compares Content-Length before it comes to a named location, with the outer limit.
                let over = self.vars.test(
                    "$content_length",
                    "over",
                    &greater_than(limit.as_bytes()),
                    at,
                );
                content
                    .branches
                    .push(Block::branch(&over, vec![Directive::fixed("return 413")]).at(at));
            }
        }
        if let Some(methods) = &route.methods {
            let at = methods.loc();
            let regex = one_of(&methods.value);
            let lines = vec![
                entry_regex(&format!("^(?:{regex})\\z"), word("")),
                default("1"),
            ];
            let wrong = self.vars.map("$request_method", "method", lines, at);
            let mut lines: Vec<Directive> = self.hsts(listener).into_iter().collect();
            lines.push(Directive::new(
                "add_header Allow",
                vec![nginx::text(&methods.value.join(", ")), Tok::fixed("always")],
            ));
            lines.push(Directive::fixed("return 405"));
            // A preflight is answered before: it asks what is allowed.
            let test = if route.cors.is_some() {
                let preflight = self.preflight();
                let lines = vec![Directive::entry(word("|1"), Tok::fixed("1")), default("")];
                self.vars
                    .map(&format!("${preflight}|${wrong}"), "method", lines, at)
            } else {
                wrong
            };
            content.branches.push(Block::branch(&test, lines).at(at));
        }
        content
    }

    /// One timer governs head and body in NGINX: the written one, else the response's.
    pub(super) fn timers(&self, route: &Route, lines: &mut Vec<Directive>) {
        let timer = read_timeout(route);
        if timer.value != defaults::TIMER {
            for name in ["proxy_read_timeout", "proxy_send_timeout"] {
                lines.push(Directive::new(name, vec![dur(timer.value)]).at(timer.loc()));
            }
        }
        let idle = route
            .stream
            .as_ref()
            .map_or(&route.idle, |stream| &stream.idle);
        if idle.value != defaults::TIMER {
            for name in ["client_body_timeout", "send_timeout"] {
                lines.push(Directive::new(name, vec![dur(idle.value)]).at(idle.loc()));
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn forward(
        &mut self,
        place: Place<'_>,
        shares: &[Share],
        guards: &Guards,
        answer: Answer,
        name: &str,
        tunnel: bool,
        mut content: Content,
        extra: &mut Vec<Location>,
    ) -> Content {
        let Place {
            route, listener, ..
        } = place;
        let timer = match &route.websocket {
            Some(websocket) if tunnel => websocket.idle.value,
            _ => read_timeout(route).value,
        };
        let uri = self.rewrite(place, &mut content);
        let base = content.lines.len();
        let mut bodies = Vec::new();
        for share in shares {
            let mut lines = self.request_headers(route, share, guards);
            let mut answer_here = Answer {
                hidden: answer.hidden.clone(),
                added: answer.added.clone(),
            };
            let upstream = share.upstream.value;
            if let Some(set) = self.set_cookie[upstream.index()].clone() {
                answer_here.added.push((
                    "Set-Cookie".to_owned(),
                    variable(&set),
                    share.upstream.loc(),
                ));
            }
            lines.extend(self.answer_lines(&answer_here, listener));
            lines.extend(self.map_location(place, share));
            lines.extend(self.reach(share, timer, tunnel));
            lines.push(self.pass(share, uri.as_deref()));
            bodies.push(lines);
        }
        let last = bodies.pop().unwrap_or_default();
        if bodies.is_empty() {
            content.lines.extend(last);
            return content;
        }
        // A split: each share has a location of its own, and chance chooses.
        bodies.push(last);
        let total: u64 = shares
            .iter()
            .map(|share| u64::from(share.weight.value))
            .sum();
        let mut lines = Vec::new();
        for (number, share) in shares.iter().enumerate() {
            let target = word(&format!("@{name}~{}", number + 1));
            let part = u64::from(share.weight.value) * 10_000 / total.max(1);
            if number + 1 == shares.len() {
                lines.push(Directive::entry(word("*"), target));
            } else if part > 0 {
                let part = format!("{}.{:02}%", part / 100, part % 100);
                lines.push(Directive::entry(word(&part), target).at(share.weight.loc()));
            }
        }
        let common = content.lines.split_off(base);
        for (number, mut lines) in bodies.into_iter().enumerate() {
            let mut all = content.lines.clone();
            all.extend(common.iter().cloned());
            all.append(&mut lines);
            let share = Content {
                first: content.first.clone(),
                branches: Vec::new(),
                lines: all,
            };
            extra.push(self.located(place, &format!("{name}~{}", number + 1), "", share));
        }
        let chosen = self
            .vars
            .make("split_clients", "$request_id", "share", lines, route.at);
        content.lines = vec![
            Directive::new("set $wg_to", vec![variable(&chosen)]),
            Directive::fixed("return 520"),
        ];
        content
    }

    /// A redirect or a fixed answer. `return` comes before access control in NGINX: with guards it stands one step later.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn fixed(
        &mut self,
        place: Place<'_>,
        lines: Vec<Directive>,
        guards: &Guards,
        answer: &Answer,
        name: &str,
        mut content: Content,
        extra: &mut Vec<Location>,
    ) -> Content {
        let mut body = self.answer_lines(answer, place.listener);
        body.extend(lines);
        if guards.lines.is_empty() {
            content.lines.extend(body);
            return content;
        }
        content.lines.extend(guards.lines.iter().cloned());
        content
            .lines
            .extend(self.errors(place, name, guards, answer, extra));
        content
            .lines
            .extend(self.answer_lines(answer, place.listener));
        content.lines.push(Directive::new(
            "try_files /.wsgen/none",
            vec![word(&format!("@{name}~do"))],
        ));
        let after = Content {
            first: Vec::new(),
            branches: Vec::new(),
            lines: body,
        };
        extra.push(self.located(place, &format!("{name}~do"), "", after));
        content
    }
}

/// The timer that NGINX has for both the head and the body of an answer.
pub(in crate::targets::nginx) fn read_timeout(route: &Route) -> &crate::ir::Set<crate::ir::Dur> {
    let idle = route
        .stream
        .as_ref()
        .map_or(&route.idle, |stream| &stream.idle);
    if route.response.is_written() || !idle.is_written() {
        if route.stream.is_some() && !route.response.is_written() {
            return idle;
        }
        &route.response
    } else {
        idle
    }
}

/// Whether a location's body depends on the path that led to it.
pub(super) fn depends_on_path(route: &Route) -> bool {
    route.paths.len() > 1
        && route.rewrite.as_ref().is_some_and(|rewrite| {
            matches!(
                rewrite.path.as_ref().map(|path| &path.value),
                Some(PathRewrite::StripPrefix | PathRewrite::ReplacePrefix(_))
            )
        })
}
