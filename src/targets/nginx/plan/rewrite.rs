//! Rewrites: the path and query that the server sees, and its `Location` mapped back.

use super::matching::{literal, pcre};
use super::route::{Content, Place};
use super::words::{Block, Directive, default, entry_regex, inert, word};
use super::{Planner, defaults};
use crate::emit::lang::nginx;
use crate::emit::{Part, Tok};
use crate::ir::{Capture, Loc, PathMatch, PathRewrite, Rewrite, Share};

impl Planner<'_> {
    /// The path and query that the server sees instead of the request's own.
    pub(super) fn rewrite(&mut self, place: Place<'_>, content: &mut Content) -> Option<String> {
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
    pub(super) fn prefix(
        &mut self,
        place: Place<'_>,
        new: &str,
        at: Loc,
        content: &mut Content,
    ) -> String {
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
        let decoded_old = super::matching::decoded(old).unwrap_or_else(|| old.to_owned());
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
    pub(super) fn queries(&mut self, rewrite: &Rewrite, content: &mut Content) {
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
                let name = super::matching::encoded(name);
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
    pub(super) fn map_location(&self, place: Place<'_>, share: &Share) -> Vec<Directive> {
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

    pub(super) fn fixed_host(&self, share: &Share) -> Option<String> {
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
}

/// Gives the groups of a printed regex the names `wg_g1`, `wg_g2` …
pub(super) fn numbered(regex: &str) -> String {
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
pub(super) fn escaped(text: &str) -> String {
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
