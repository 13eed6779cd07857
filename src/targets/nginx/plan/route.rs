//! What a location says for a route: guards first, then headers, timers and the way to the server.

use super::access::Guards;
use super::words::{
    Block, Directive, default, dur, entry_regex, greater_than, header_variable, inert, literal,
    pcre, variable, word,
};
use super::{Location, Planner, RawLine, defaults};
use crate::emit::lang::nginx;
use crate::emit::{Part, Tok};
use crate::ir::{
    Action, Capture, Change, ErrorPage, Fact, Listener, Loc, PathMatch, PathRewrite, Piece,
    Redirect, RedirectScheme, RedirectTo, Replace, Rewrite, Route, Share, Value, WebSocket,
};

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
struct Answer {
    hidden: Vec<String>,
    /// Name and value.
    added: Vec<(String, Tok, Loc)>,
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

    fn located(&self, place: Place<'_>, name: &str, about: &str, content: Content) -> Location {
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
    fn plain(
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
            content
                .lines
                .push(Directive::fixed("add_header Upgrade websocket always").at(at));
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
    fn tunnel(
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
    fn opening(&mut self, route: &Route, listener: &Listener, named: bool) -> Content {
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
            let regex = methods
                .value
                .iter()
                .map(|method| literal(method))
                .collect::<Vec<_>>()
                .join("|");
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
    fn timers(&self, route: &Route, lines: &mut Vec<Directive>) {
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
    fn forward(
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
    fn fixed(
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

    fn redirect(&mut self, redirect: &Redirect, at: Loc) -> Directive {
        let url = match &redirect.to {
            RedirectTo::Url(url) => inert(url),
            RedirectTo::Parts { scheme, host, path } => {
                let scheme_text = match scheme {
                    Some(RedirectScheme::Http) => "http",
                    Some(RedirectScheme::Https) => "https",
                    None => "$scheme",
                };
                let host_text = match (host, scheme) {
                    (Some(host), _) => inert(host),
                    // Another scheme has another port.
                    (None, Some(_)) => "$host".to_owned(),
                    (None, None) => "$http_host".to_owned(),
                };
                let path_text = match path {
                    Some(path) => format!("{}$is_args$args", inert(path)),
                    None => "$request_uri".to_owned(),
                };
                format!("{scheme_text}://{host_text}{path_text}")
            }
        };
        Directive::new(
            "return",
            vec![Tok::number(u64::from(redirect.status)), word(&url)],
        )
        .at(at)
    }

    /// The request's headers towards the server; empty where those of the level above are right.
    fn request_headers(&mut self, route: &Route, share: &Share, guards: &Guards) -> Vec<Directive> {
        let host = self.host_header(share);
        if host.is_none()
            && route.forwarded.value
            && route.request_headers.is_empty()
            && guards.sent.is_empty()
        {
            return Vec::new();
        }
        let mut heads: Vec<(String, Tok, Loc)> = self
            .base_headers(route.forwarded.value)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), word(&value), route.forwarded.loc()))
            .collect();
        if let Some(host) = host {
            heads[0] = ("Host".to_owned(), host, share.host_header.loc());
        }
        for (name, value, at) in &guards.sent {
            heads.retain(|(other, _, _)| !other.eq_ignore_ascii_case(name));
            heads.push((name.clone(), value.clone(), *at));
        }
        for op in &route.request_headers {
            let there = heads.iter().any(|(name, value, _)| {
                name.eq_ignore_ascii_case(&op.name) && value.as_str() != "\"\""
            });
            let known = heads
                .iter()
                .any(|(name, _, _)| name.eq_ignore_ascii_case(&op.name));
            match &op.change {
                Change::Remove => {
                    heads.retain(|(name, _, _)| !name.eq_ignore_ascii_case(&op.name));
                    heads.push((op.name.clone(), word(""), op.at));
                }
                Change::Set(value) => {
                    heads.retain(|(name, _, _)| !name.eq_ignore_ascii_case(&op.name));
                    let value = self.value(value, op.at);
                    heads.push((op.name.clone(), word(&value), op.at));
                }
                Change::Add(value) => {
                    if !known {
                        let sent = format!("${}", header_variable(&op.name));
                        heads.push((op.name.clone(), word(&sent), op.at));
                    }
                    let value = self.value(value, op.at);
                    heads.push((op.name.clone(), word(&value), op.at));
                }
                Change::SetIfAbsent(value) => {
                    if there {
                        continue;
                    }
                    heads.retain(|(name, _, _)| !name.eq_ignore_ascii_case(&op.name));
                    let value = self.value(value, op.at);
                    if known {
                        heads.push((op.name.clone(), word(&value), op.at));
                        continue;
                    }
                    let sent = format!("${}", header_variable(&op.name));
                    let lines = vec![Directive::entry(word(""), word(&value)), default(&sent)];
                    let kept = self.vars.map(&sent, "header", lines, op.at);
                    heads.push((op.name.clone(), variable(&kept), op.at));
                }
            }
        }
        heads
            .into_iter()
            .map(|(name, value, at)| {
                Directive::new("proxy_set_header", vec![nginx::word(&name), value]).at(at)
            })
            .collect()
    }

    /// The headers of every request: name and value, variables included. The first is `Host`.
    pub(super) fn base_headers(&self, forwarded: bool) -> Vec<(&'static str, String)> {
        let set = |value: &str| {
            if forwarded {
                value.to_owned()
            } else {
                String::new()
            }
        };
        vec![
            ("Host", "$http_host".to_owned()),
            ("Upgrade", "$wg_tunnel".to_owned()),
            ("Connection", "$wg_connection".to_owned()),
            ("X-Forwarded-For", set(&self.xff)),
            ("X-Forwarded-Proto", set("$scheme")),
            ("X-Forwarded-Host", set("$http_host")),
            ("X-Forwarded-Port", set(&self.port)),
            ("X-Real-IP", set("$remote_addr")),
            ("Forwarded", String::new()),
        ]
    }

    fn answer_headers(&mut self, route: &Route, guards: &Guards) -> Answer {
        let mut answer = Answer::default();
        for (name, value, at) in &guards.answered {
            answer.added.push((name.clone(), value.clone(), *at));
        }
        for op in &route.response_headers {
            let same = |(name, _, _): &(String, Tok, Loc)| name.eq_ignore_ascii_case(&op.name);
            match &op.change {
                Change::Remove => {
                    answer.added.retain(|one| !same(one));
                    answer.hidden.push(op.name.clone());
                }
                Change::Set(value) => {
                    answer.added.retain(|one| !same(one));
                    answer.hidden.push(op.name.clone());
                    let value = self.value(value, op.at);
                    answer.added.push((op.name.clone(), word(&value), op.at));
                }
                Change::Add(value) => {
                    let value = self.value(value, op.at);
                    answer.added.push((op.name.clone(), word(&value), op.at));
                }
                Change::SetIfAbsent(value) => {
                    if answer.added.iter().any(same) {
                        continue;
                    }
                    let value = self.value(value, op.at);
                    let sent = format!("$upstream_{}", header_variable(&op.name));
                    let hidden = answer
                        .hidden
                        .iter()
                        .any(|name| name.eq_ignore_ascii_case(&op.name));
                    if hidden || header_variable(&op.name) == "wg_none" {
                        answer.added.push((op.name.clone(), word(&value), op.at));
                        continue;
                    }
                    let lines = vec![Directive::entry(word(""), word(&value)), default("")];
                    let missing = self.vars.map(&sent, "header", lines, op.at);
                    answer
                        .added
                        .push((op.name.clone(), variable(&missing), op.at));
                }
            }
        }
        answer
    }

    /// `add_header` is inherited only where a level has none of its own: the listener's stands with the route's.
    fn answer_lines(&self, answer: &Answer, listener: &Listener) -> Vec<Directive> {
        let mut lines: Vec<Directive> = answer
            .hidden
            .iter()
            .map(|name| Directive::new("proxy_hide_header", vec![nginx::word(name)]))
            .collect();
        if !answer.added.is_empty() {
            lines.extend(self.hsts(listener));
        }
        for (name, value, at) in &answer.added {
            lines.push(
                Directive::new(
                    "add_header",
                    vec![nginx::word(name), value.clone(), Tok::fixed("always")],
                )
                .at(*at),
            );
        }
        lines
    }

    fn cors(
        &mut self,
        route: &Route,
        listener: &Listener,
        content: &mut Content,
        answer: &mut Answer,
    ) {
        let Some(cors) = &route.cors else { return };
        let at = cors.at;
        let (origin, varies) = match &cors.origins.value {
            None if !cors.credentials.value => (word("*"), false),
            None => (word("$http_origin"), true),
            Some(origins) => {
                let regex = origins
                    .iter()
                    .map(|origin| literal(origin))
                    .collect::<Vec<_>>()
                    .join("|");
                let lines = vec![
                    entry_regex(&format!("^(?:{regex})\\z"), word("$http_origin")),
                    default(""),
                ];
                let allowed = self.vars.map("$http_origin", "cors", lines, at);
                (variable(&allowed), true)
            }
        };
        let mut both: Vec<(String, Tok, Loc)> =
            vec![("Access-Control-Allow-Origin".to_owned(), origin, at)];
        if varies {
            both.push(("Vary".to_owned(), word("Origin"), at));
        }
        if cors.credentials.value {
            both.push((
                "Access-Control-Allow-Credentials".to_owned(),
                word("true"),
                cors.credentials.loc(),
            ));
        }
        let mut preflight = both.clone();
        let methods = cors.methods.value.join(", ");
        preflight.push((
            "Access-Control-Allow-Methods".to_owned(),
            nginx::text(&methods),
            cors.methods.loc(),
        ));
        if !cors.headers.value.is_empty() {
            preflight.push((
                "Access-Control-Allow-Headers".to_owned(),
                nginx::text(&cors.headers.value.join(", ")),
                cors.headers.loc(),
            ));
        }
        if let Some(age) = cors.max_age.value {
            preflight.push((
                "Access-Control-Max-Age".to_owned(),
                Tok::number(age.as_secs_ceil()),
                cors.max_age.loc(),
            ));
        }
        if !cors.expose.value.is_empty() {
            both.push((
                "Access-Control-Expose-Headers".to_owned(),
                nginx::text(&cors.expose.value.join(", ")),
                cors.expose.loc(),
            ));
        }
        let mut lines = self.answer_lines(
            &Answer {
                hidden: Vec::new(),
                added: preflight,
            },
            listener,
        );
        lines.push(Directive::fixed("return 204").at(at));
        let test = self.preflight();
        content.branches.push(Block::branch(&test, lines).at(at));
        for (name, _, _) in &both {
            if name != "Vary" {
                answer.hidden.push(name.clone());
            }
        }
        answer.added.extend(both);
    }

    fn preflight(&mut self) -> String {
        self.vars.test(
            "$request_method|$http_origin|$http_access_control_request_method",
            "preflight",
            "^OPTIONS\\|[^|]+\\|.",
            Loc::default(),
        )
    }

    /// What stands in place of errors: the route's pages, the forward authority's own answer.
    fn errors(
        &mut self,
        place: Place<'_>,
        name: &str,
        guards: &Guards,
        answer: &Answer,
        extra: &mut Vec<Location>,
    ) -> Vec<Directive> {
        let Place {
            route, listener, ..
        } = place;
        let mut lines = Vec::new();
        if let Some(authority) = &guards.authority {
            lines.push(Directive::new(
                "error_page 401 500 =",
                vec![word(authority)],
            ));
        }
        let Some(pages) = &route.error_pages else {
            if !lines.is_empty() {
                lines.extend(super::base_errors());
            }
            return lines;
        };
        let server_too = pages.replace.value != Replace::Proxy;
        let mut taken = [false; 600];
        if guards.authority.is_some() {
            taken[401] = true;
            taken[500] = true;
        }
        let mut bad = Vec::new();
        for (number, page) in pages.pages.iter().enumerate() {
            let (range, page_kind) = &page.value;
            let mut codes = Vec::new();
            let target = format!("{name}~e{}", number + 1);
            let equals = match page_kind {
                ErrorPage::Respond(Some(status), _) => format!("={status}"),
                ErrorPage::Respond(None, _) => String::new(),
                ErrorPage::Redirect(_) => "=".to_owned(),
            };
            for code in range.first.max(300)..=range.last {
                let index = usize::from(code);
                if taken[index] || code == 499 || code == 520 {
                    continue;
                }
                if !server_too && !defaults::OWN_ERRORS.contains(&code) {
                    continue;
                }
                taken[index] = true;
                if code == 502 || code == 503 {
                    bad.push((code, equals.clone(), target.clone()));
                }
                if code != 502 {
                    codes.push(Tok::number(u64::from(code)));
                }
            }
            let mut args = codes;
            if !args.is_empty() {
                if !equals.is_empty() {
                    args.push(word(&equals));
                }
                args.push(word(&format!("@{target}")));
                lines.push(Directive::new("error_page", args).at(page.loc()));
            }
            let mut content = Content::default();
            content.lines.extend(self.answer_lines(answer, listener));
            match page_kind {
                ErrorPage::Respond(_, respond) => {
                    content.lines.push(
                        Directive::new("default_type", vec![nginx::word(&respond.content_type)])
                            .at(page.loc()),
                    );
                    let status = if equals.is_empty() {
                        200
                    } else {
                        respond.status
                    };
                    content.lines.push(
                        Directive::new(
                            "return",
                            vec![Tok::number(u64::from(status)), body_text(&respond.body)],
                        )
                        .at(page.loc()),
                    );
                }
                ErrorPage::Redirect(redirect) => {
                    content.lines.push(self.redirect(redirect, page.loc()));
                }
            }
            extra.push(self.located(place, &target, "", content));
        }
        if bad.is_empty() {
            lines.push(Directive::fixed("error_page 502 = $wg_bad"));
        } else {
            // 502 is two things: no server was reached (503), or one answered badly.
            let mut content = Content::default();
            for (code, equals, target) in &bad {
                let mut args = vec![Tok::number(u64::from(*code))];
                if !equals.is_empty() {
                    args.push(word(equals));
                }
                args.push(word(&format!("@{target}")));
                content.lines.push(Directive::new("error_page", args));
            }
            content.branches.push(Block::branch(
                "wg_unreached",
                vec![Directive::fixed("return 503")],
            ));
            content.lines.push(Directive::fixed("return 502"));
            let target = format!("{name}~bad");
            extra.push(self.located(place, &target, "", content));
            lines.push(Directive::new(
                "error_page 502 =",
                vec![word(&format!("@{target}"))],
            ));
        }
        if server_too {
            lines.push(Directive::fixed("proxy_intercept_errors on").at(pages.replace.loc()));
        } else {
            lines.push(Directive::fixed("error_page 520 = $wg_to"));
        }
        lines
    }

    /// The path and query that the server sees instead of the request's own.
    fn rewrite(&mut self, place: Place<'_>, content: &mut Content) -> Option<String> {
        let rewrite = place.route.rewrite.as_ref()?;
        let queries = !rewrite.query_set.is_empty() || !rewrite.query_remove.is_empty();
        let path = rewrite.path.as_ref();
        if queries {
            self.queries(rewrite, content);
        }
        match path.map(|path| (&path.value, path.loc())) {
            None => queries.then(|| {
                self.raw_path = true;
                "$wg_path$is_args$args".to_owned()
            }),
            Some((PathRewrite::Path(path), at)) => {
                content
                    .lines
                    .push(Directive::new("set $wg_new_path", vec![nginx::text(path)]).at(at));
                Some("$wg_new_path$is_args$args".to_owned())
            }
            Some((PathRewrite::Regex { matches, to }, at)) => {
                self.raw_path = true;
                let mut target = String::new();
                for piece in to {
                    match piece {
                        Capture::Text(text) => target.push_str(&inert(text)),
                        Capture::Group(number) => target.push_str(&format!("$wg_g{number}")),
                    }
                }
                if target.is_empty() {
                    target.push('/');
                }
                // NGINX would decode numbered groups; a path that had to be normalized is no path to edit as text.
                let regex = numbered(&pcre(matches));
                let lines = vec![
                    entry_regex(&format!("^[^?#]*{}", defaults::UNCLEAN), word("")),
                    entry_regex(&format!("^(?:{regex})\\z"), word(&target)),
                    default("$wg_path"),
                ];
                let path = self.vars.map("$wg_path", "rewritten", lines, at);
                let unclean = vec![Directive::entry(word(""), Tok::fixed("1")), default("")];
                let unclean = self.vars.map(&format!("${path}"), "unclean", unclean, at);
                content
                    .branches
                    .push(Block::branch(&unclean, vec![Directive::fixed("return 400")]).at(at));
                Some(format!("${path}$is_args$args"))
            }
            Some((PathRewrite::StripPrefix, at)) => Some(self.prefix(place, "", at, content)),
            Some((PathRewrite::ReplacePrefix(new), at)) => {
                Some(self.prefix(place, new.trim_end_matches('/'), at, content))
            }
        }
    }

    /// Replaces the prefix: as it was sent where the path is clean, else the path as NGINX normalized it.
    fn prefix(&mut self, place: Place<'_>, new: &str, at: Loc, content: &mut Content) -> String {
        let old = match place.path {
            PathMatch::Exact(path) | PathMatch::Prefix(path) => path.trim_end_matches('/'),
            PathMatch::Regex(_) => "",
        };
        let root = if new.is_empty() { "/" } else { "" };
        let lines = vec![
            entry_regex(&format!("^[^?#]*{}", defaults::UNCLEAN), word("")),
            entry_regex(
                &format!("^{}/+(?<wg_rest>[^?#]*)", literal(old)),
                word(&format!("{}/$wg_rest$is_args$args", inert(new))),
            ),
            entry_regex(
                &format!("^{}(?:[?#]|\\z)", literal(old)),
                word(&format!("{}{root}$is_args$args", inert(new))),
            ),
            default(""),
        ];
        let sent = self.vars.map("$request_uri", "stripped", lines, at);
        let decoded_old = super::words::decoded(old).unwrap_or_else(|| old.to_owned());
        // With a slash after it or as a whole: each has its line, as an empty path would be an error.
        let pattern = |tail: &str| {
            nginx::token(&[
                Part::Static("(?s)^"),
                Part::Word(&literal(&decoded_old)),
                Part::Word(tail),
            ])
        };
        let whole = format!("{}{root}", inert(new));
        content.lines.push(
            Directive::new(
                "rewrite",
                vec![
                    pattern("/+(.*)\\z"),
                    word(&format!("{}/$1", inert(new))),
                    Tok::fixed("break"),
                ],
            )
            .at(at),
        );
        content.lines.push(
            Directive::new(
                "rewrite",
                vec![pattern("\\z"), word(&whole), Tok::fixed("break")],
            )
            .at(at),
        );
        format!("${sent}")
    }

    /// Query parameters: each name is taken out (up to four times), then set.
    fn queries(&mut self, rewrite: &Rewrite, content: &mut Content) {
        let mut current = "$args".to_owned();
        let names = rewrite
            .query_remove
            .iter()
            .map(|name| (name.value.as_str(), name.loc()))
            .chain(
                rewrite
                    .query_set
                    .iter()
                    .map(|pair| (pair.value.0.as_str(), pair.loc())),
            );
        for (name, at) in names {
            for _ in 0..defaults::QUERY_REPEATS {
                let name = super::words::encoded(name);
                let lines = vec![
                    entry_regex(
                        &format!("^(?<wg_qa>.*&){name}(?:=[^&]*)?(?:&(?<wg_qb>.*))?$"),
                        word("$wg_qa$wg_qb"),
                    ),
                    entry_regex(
                        &format!("^{name}(?:=[^&]*)?(?:&(?<wg_qc>.*))?$"),
                        word("$wg_qc"),
                    ),
                    default(&current),
                ];
                current = format!("${}", self.vars.map(&current, "args", lines, at));
            }
        }
        // What was taken out of the end leaves its `&`.
        let lines = vec![
            entry_regex("^(?<wg_qd>.*)&$", word("$wg_qd")),
            default(&current),
        ];
        current = format!("${}", self.vars.map(&current, "args", lines, rewrite.at));
        for pair in &rewrite.query_set {
            let (name, value) = &pair.value;
            let text = format!("{}={}", inert(&escaped(name)), inert(&escaped(value)));
            let lines = vec![
                Directive::entry(word(""), word(&text)),
                default(&format!("{current}&{text}")),
            ];
            current = format!("${}", self.vars.map(&current, "args", lines, pair.loc()));
        }
        content
            .lines
            .push(Directive::new("set $args", vec![word(&current)]).at(rewrite.at));
    }

    /// `Location` and cookie paths of the server, mapped back to what the client sees.
    fn map_location(&self, place: Place<'_>, share: &Share) -> Vec<Directive> {
        let Some(rewrite) = &place.route.rewrite else {
            return Vec::new();
        };
        if !rewrite.map_location.value {
            return Vec::new();
        }
        let at = rewrite.map_location.loc();
        let (PathMatch::Exact(own) | PathMatch::Prefix(own)) = place.path else {
            return Vec::new();
        };
        let new = match rewrite.path.as_ref().map(|path| &path.value) {
            Some(PathRewrite::StripPrefix) => "",
            Some(PathRewrite::ReplacePrefix(new)) => new.trim_end_matches('/'),
            _ => return Vec::new(),
        };
        let own = own.trim_end_matches('/');
        let mut lines = Vec::new();
        for from in [String::new(), "$scheme://$http_host".to_owned()] {
            lines.push(
                Directive::new(
                    "proxy_redirect",
                    vec![
                        word(&format!("{from}{}/", inert(new))),
                        word(&format!("{from}{}/", inert(own))),
                    ],
                )
                .at(at),
            );
        }
        if let Some(host) = self.fixed_host(share) {
            lines.push(
                Directive::new(
                    "proxy_redirect",
                    vec![
                        word(&format!("http://{}{}/", inert(&host), inert(new))),
                        word(&format!("$scheme://$http_host{}/", inert(own))),
                    ],
                )
                .at(at),
            );
        }
        lines.push(
            Directive::new(
                "proxy_cookie_path",
                vec![
                    word(&format!("{}/", inert(new))),
                    word(&format!("{}/", inert(own))),
                ],
            )
            .at(at),
        );
        lines
    }

    fn fixed_host(&self, share: &Share) -> Option<String> {
        use crate::ir::HostHeader;
        match &share.host_header.value {
            HostHeader::Preserve => None,
            HostHeader::Upstream => {
                let upstream = self.gateway.upstream(share.upstream.value);
                Some(upstream.servers[0].address.value.to_string())
            }
            HostHeader::Set(host) => Some(host.clone()),
        }
    }

    /// A value as text in which variables count.
    pub(super) fn value(&mut self, value: &Value, at: Loc) -> String {
        let mut out = String::new();
        for piece in &value.0 {
            match piece {
                Piece::Text(text) => out.push_str(&inert(text)),
                Piece::Fact(fact) => {
                    let fact = self.fact(fact, at);
                    // Braces: the next letter must not become part of the name.
                    match fact.strip_prefix('$') {
                        Some(name) => out.push_str(&format!("${{{name}}}")),
                        None => out.push_str(&fact),
                    }
                }
            }
        }
        out
    }

    fn fact(&mut self, fact: &Fact, at: Loc) -> String {
        match fact {
            Fact::ClientIp => "$remote_addr".to_owned(),
            Fact::RequestId => "$request_id".to_owned(),
            Fact::Scheme => "$scheme".to_owned(),
            Fact::Host => "$host".to_owned(),
            Fact::Port => self.port.clone(),
            Fact::Method => "$request_method".to_owned(),
            Fact::Path => {
                self.raw_path = true;
                "$wg_path".to_owned()
            }
            Fact::QueryString => "$args".to_owned(),
            Fact::Uri => "$request_uri".to_owned(),
            Fact::TlsSubject => "$ssl_client_s_dn".to_owned(),
            // A claim exists only where a token was verified; the verdict on `auth.jwt` closes such routes.
            Fact::Claim(_) => String::new(),
            Fact::Query(name) => self.query(name, at),
            Fact::Cookie(name) => self.cookie(name, at),
            Fact::Header(name) => format!("${}", header_variable(name)),
        }
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

/// A body: line breaks come from a variable, as a token cannot hold them.
fn body_text(body: &str) -> Tok {
    word(&inert(body).replace("\r\n", "\n").replace('\n', "${wg_n}"))
}

/// Gives the groups of a printed regex the names `wg_g1`, `wg_g2` …
fn numbered(regex: &str) -> String {
    let mut out = String::with_capacity(regex.len() + 16);
    let mut number = 0;
    let mut chars = regex.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        out.push(c);
        match c {
            '\\' => out.extend(chars.next()),
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class && chars.peek() != Some(&'?') => {
                number += 1;
                out.push_str(&format!("?<wg_g{number}>"));
            }
            _ => {}
        }
    }
    out
}

/// A query name or value with what would end it percent-encoded.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!*'(),:@/".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
