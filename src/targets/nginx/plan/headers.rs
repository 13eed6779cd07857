//! Headers: towards servers, towards clients, CORS, and the values that stand in them.

use super::Planner;
use super::access::Guards;
use super::matching::one_of;
use super::route::{Answer, Content};
use super::words::{
    Block, Directive, default, entry_regex, header_variable, inert, variable, word,
};
use crate::emit::Tok;
use crate::emit::lang::nginx;
use crate::ir::{Change, Fact, Listener, Loc, Piece, Route, Share, Value};

impl Planner<'_> {
    /// The request's headers towards the server; empty where those of the level above are right.
    pub(super) fn request_headers(
        &mut self,
        route: &Route,
        share: &Share,
        guards: &Guards,
    ) -> Vec<Directive> {
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

    pub(super) fn answer_headers(&mut self, route: &Route, guards: &Guards) -> Answer {
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
    pub(super) fn answer_lines(&self, answer: &Answer, listener: &Listener) -> Vec<Directive> {
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

    pub(super) fn cors(
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
                let regex = one_of(origins);
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

    pub(super) fn preflight(&mut self) -> String {
        self.vars.test(
            "$request_method|$http_origin|$http_access_control_request_method",
            "preflight",
            "^OPTIONS\\|[^|]+\\|.",
            Loc::default(),
        )
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

    pub(super) fn fact(&mut self, fact: &Fact, at: Loc) -> String {
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
