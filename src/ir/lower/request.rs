//! Rewrites, redirects, fixed answers, error pages, CORS and a route's limits.

use super::{At, Loc, Lower, block, defaults, limit, or, plain, small, switch};
use crate::ir::path::normalize;
use crate::ir::{
    Capture, Clients, ConnectionLimit, Cors, ErrorPage, ErrorPages, PathMatch, PathRewrite, PerKey,
    Redirect, RedirectTo, Replace, RequestLimit, Respond, Rewrite, Set, regex,
};
use crate::spec::model;

impl Lower<'_> {
    pub(super) fn rewrite(
        &mut self,
        rewrite: &model::Rewrite,
        at: Loc,
        paths: &[Set<PathMatch>],
    ) -> Rewrite {
        let mut written = Vec::new();
        if let Some(strip) = rewrite.strip_prefix.as_ref().filter(|strip| strip.value.0) {
            written.push(Set::written(PathRewrite::StripPrefix, strip.at));
        }
        if let Some(prefix) = &rewrite.replace_prefix {
            self.check_path(&prefix.value, prefix.at);
            written.push(Set::written(
                PathRewrite::ReplacePrefix(prefix.value.clone()),
                prefix.at,
            ));
        }
        if let Some(path) = &rewrite.path {
            self.check_path(&path.value, path.at);
            written.push(Set::written(PathRewrite::Path(path.value.clone()), path.at));
        }
        if let Some(by) = &rewrite.regex {
            written.push(Set::written(self.regex_rewrite(by, paths), by.at));
        }
        if let [first, second, ..] = written.as_slice() {
            self.report
                .error("spec::conflict", second.loc())
                .says("a rewrite changes the path in one way")
                .label("a second way")
                .also(first.loc(), "the first")
                .help("keep one of `strip_prefix`, `replace_prefix`, `path` and `regex`");
        }
        let path = written.into_iter().next();
        if let Some(path) = &path
            && matches!(
                path.value,
                PathRewrite::StripPrefix | PathRewrite::ReplacePrefix(_)
            )
            && let Some(other) = paths
                .iter()
                .find(|path| !matches!(path.value, PathMatch::Prefix(_)))
        {
            self.report
                .error("spec::conflict", path.loc())
                .says("this route has a path that is no prefix")
                .label("rewrites the prefix")
                .also(other.loc(), "no prefix")
                .help("write `rewrite: {path: …}` or `rewrite: {regex: …}`");
        }
        let query = rewrite.query.as_ref();
        let mut query_set = Vec::new();
        for (name, value) in query
            .and_then(|query| query.value.set.as_ref())
            .map_or(&[][..], |set| &set.0)
        {
            self.check_query_name(name);
            self.check_value("the parameter", &value.value, value.at);
            query_set.push(Set::written(
                (name.value.clone(), value.value.clone()),
                value.at,
            ));
        }
        let mut query_remove = Vec::new();
        for name in query
            .and_then(|query| query.value.remove.as_ref())
            .iter()
            .flat_map(|list| &list.value.0)
        {
            self.check_query_name(name);
            query_remove.push(Set::written(name.value.clone(), name.at));
        }
        Rewrite {
            at,
            path,
            query_set,
            query_remove,
            map_location: switch(rewrite.map_location.as_ref(), at, defaults::MAP_LOCATION),
        }
    }

    fn regex_rewrite(
        &mut self,
        by: &At<model::RewriteRegex>,
        paths: &[Set<PathMatch>],
    ) -> PathRewrite {
        let matches = match (&by.value.matches, paths) {
            (Some(matches), _) => {
                self.check_regex(&matches.value, matches.at);
                matches.value.clone()
            }
            (
                None,
                [
                    Set {
                        value: PathMatch::Regex(own),
                        ..
                    },
                ],
            ) => own.clone(),
            (None, _) => {
                self.report
                    .error("spec::missing", by.at)
                    .says("this rewrite has no regex")
                    .note("the route's own path is one only if it is a single `{regex: …}`")
                    .help("write `match: …` beside `to`");
                String::new()
            }
        };
        let groups = regex::groups(&matches);
        let to = &by.value.to;
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = to.value.as_str();
        while let Some(dollar) = rest.find('$') {
            literal.push_str(&rest[..dollar]);
            let tail = &rest[dollar + 1..];
            if let Some(after) = tail.strip_prefix('$') {
                literal.push('$');
                rest = after;
                continue;
            }
            let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
            match tail[..digits].parse::<u32>() {
                Ok(group) if (1..=groups).contains(&group) && group <= 9 => {
                    if !literal.is_empty() {
                        pieces.push(Capture::Text(std::mem::take(&mut literal)));
                    }
                    pieces.push(Capture::Group(group));
                }
                _ => {
                    self.report
                        .error("spec::template", to.at)
                        .says(match digits {
                            0 => "a `$` here needs the number of a group".to_owned(),
                            _ => format!("the regex has no group ${}", &tail[..digits]),
                        })
                        .help(format!(
                            "the regex has {groups} groups; write `$$` for a literal `$`"
                        ));
                }
            }
            rest = &tail[digits..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Capture::Text(literal));
        }
        let starts = matches!(pieces.first(), Some(Capture::Text(text)) if text.starts_with('/'))
            || matches!(pieces.first(), Some(Capture::Group(_)));
        let fits = |text: &str| {
            text.bytes()
                .all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#')
        };
        if !starts
            || !pieces
                .iter()
                .all(|piece| !matches!(piece, Capture::Text(text) if !fits(text)))
        {
            self.report
                .error("spec::path", to.at)
                .says(format!("`{}` is no path", to.value.escape_debug()))
                .help("start with `/`; encode other characters with `%`; the query has `query: {set: …}`");
        }
        PathRewrite::Regex {
            matches,
            to: pieces,
        }
    }

    pub(super) fn redirect(&mut self, it: &model::Redirect, at: Loc) -> Redirect {
        let parts = it.scheme.is_some() || it.host.is_some() || it.path.is_some();
        let to = match (&it.to, parts) {
            (Some(to), false) => {
                self.check_location(to);
                RedirectTo::Url(to.value.clone())
            }
            (None, true) => {
                if let Some(host) = &it.host {
                    let bare = host
                        .value
                        .rsplit_once(':')
                        .map_or(host.value.as_str(), |(bare, _)| bare);
                    self.check_host("host", bare, host.at);
                }
                if let Some(path) = &it.path {
                    self.check_path(&path.value, path.at);
                }
                RedirectTo::Parts {
                    scheme: it.scheme.as_ref().map(|scheme| scheme.value),
                    host: it.host.as_ref().map(|host| host.value.clone()),
                    path: it.path.as_ref().map(|path| path.value.clone()),
                }
            }
            (Some(to), true) => {
                self.report
                    .error("spec::conflict", to.at)
                    .says("a redirect has a whole URL or parts of one, not both")
                    .help("keep `to`, or `scheme`, `host` and `path`");
                RedirectTo::Url("/".to_owned())
            }
            (None, false) => {
                self.report
                    .error("spec::missing", at)
                    .says("this redirect leads nowhere")
                    .help("write `to: https://example.com/`");
                RedirectTo::Url("/".to_owned())
            }
        };
        Redirect {
            to,
            status: it
                .status
                .as_ref()
                .map_or(defaults::REDIRECT_STATUS.0, |status| status.value.0),
        }
    }

    fn check_location(&mut self, to: &At<String>) {
        let text = &to.value;
        let start =
            text.starts_with('/') || text.starts_with("https://") || text.starts_with("http://");
        let fits = start
            && text.len() <= 2000
            && text
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b));
        if !fits {
            self.report
                .error("spec::value", to.at)
                .says(format!(
                    "`{}` is no URL to redirect to",
                    text.escape_debug()
                ))
                .help("write `https://host/path` or `/path`; encode other characters with `%`");
        }
    }

    pub(super) fn respond(&mut self, respond: &model::Respond, at: Loc, status: u16) -> Respond {
        let body = match (&respond.body, &respond.file) {
            (Some(body), None) => body.value.clone(),
            (None, Some(file)) => match self.files.read(&file.value) {
                Ok(text) => text,
                Err(why) => {
                    self.report
                        .error("spec::file", file.at)
                        .says(format!("`{}` cannot be read", file.value.escape_debug()))
                        .note(why)
                        .help("the file is read when the spec is compiled; its path is relative to the spec");
                    String::new()
                }
            },
            (Some(_), Some(file)) => {
                self.report
                    .error("spec::conflict", file.at)
                    .says("an answer has `body` or `file`, not both")
                    .help("keep one of them");
                String::new()
            }
            (None, None) => String::new(),
        };
        let status = respond
            .status
            .as_ref()
            .map_or(status, |status| self.bounded(status, 200..=599).value);
        if matches!(status, 204 | 304) && !body.is_empty() {
            self.report
                .error("spec::conflict", at)
                .says(format!("an answer with status {status} has no body"))
                .help("leave the body out");
        }
        if let Some(content_type) = &respond.content_type {
            self.check_value("the content type", &content_type.value, content_type.at);
        }
        let content_type = respond
            .content_type
            .as_ref()
            .map_or(defaults::CONTENT_TYPE.0.to_owned(), |text| {
                text.value.clone()
            });
        Respond {
            status,
            body,
            content_type,
        }
    }

    pub(super) fn error_pages(&mut self, pages: &model::ErrorPages, at: Loc) -> ErrorPages {
        let mut lowered = Vec::new();
        for (range, page) in &pages.pages {
            if range.value.first < 400 {
                self.report
                    .error("spec::range", range.at)
                    .says(format!("{} is no error", range.value))
                    .help("write statuses from 400 to 599");
            }
            let page = match &page.value {
                model::ErrorPage::Respond(respond) => {
                    let own = respond.status.as_ref().map(|status| small(status.value));
                    ErrorPage::Respond(own, self.respond(respond, page.at, range.value.first))
                }
                model::ErrorPage::Redirect(redirect) => {
                    ErrorPage::Redirect(self.redirect(redirect, page.at))
                }
            };
            lowered.push(Set::written((range.value, page), range.at));
        }
        ErrorPages {
            at,
            pages: lowered,
            replace: or(
                pages.replace.as_ref(),
                at,
                (Replace::Proxy, defaults::REPLACE),
            ),
        }
    }

    pub(super) fn cors(&mut self, cors: &model::Cors, at: Loc) -> Cors {
        let origins = self.required(
            cors.origins.as_ref(),
            at,
            "`origins`",
            "write the origins that may ask, or `any`",
        );
        let origins = origins.map_or(Set::written(None, at), |list| {
            let any = list
                .value
                .0
                .iter()
                .any(|origin| origin.value == "any" || origin.value == "*");
            if any && list.value.0.len() > 1 {
                self.report
                    .error("spec::conflict", list.at)
                    .says("`any` stands alone")
                    .help("write `any`, or the origins");
            }
            if !any {
                for origin in &list.value.0 {
                    self.check_origin(&origin.value, origin.at);
                }
            }
            Set::written(
                (!any).then(|| {
                    list.value
                        .0
                        .iter()
                        .map(|origin| origin.value.to_ascii_lowercase())
                        .collect()
                }),
                list.at,
            )
        });
        let mut tokens = |list: &Option<At<model::Many<At<String>>>>,
                          what: &str,
                          default: Vec<String>,
                          reason: &'static str| match list {
            Some(list) => {
                for token in &list.value.0 {
                    self.check_token(what, &token.value, token.at);
                }
                Set::written(plain(list), list.at)
            }
            None => Set::default(default, at, reason),
        };
        let usual = ["GET", "HEAD", "POST"].map(str::to_owned).to_vec();
        let methods = tokens(&cors.methods, "method", usual, defaults::CORS_METHODS);
        let headers = tokens(
            &cors.headers,
            "header name",
            Vec::new(),
            defaults::CORS_HEADERS,
        );
        let expose = tokens(
            &cors.expose,
            "header name",
            Vec::new(),
            defaults::CORS_HEADERS,
        );
        Cors {
            at,
            origins,
            methods,
            headers,
            expose,
            credentials: switch(cors.credentials.as_ref(), at, defaults::CORS_CREDENTIALS),
            max_age: limit(cors.max_age.as_ref(), at, (None, defaults::CORS_MAX_AGE)),
        }
    }

    pub(super) fn request_limit(
        &mut self,
        limits: Option<&model::RouteLimits>,
    ) -> Option<RequestLimit> {
        let (limit, at) = block(limits.and_then(|limits| limits.requests.as_ref()))?;
        let exempt = match &limit.exempt {
            Some(list) => Set::written(self.ranges(list), list.at),
            None => Set::default(Vec::new(), at, defaults::EXEMPT),
        };
        Some(RequestLimit {
            at,
            rate: Set::written(limit.rate.value, limit.rate.at),
            burst: limit.burst.as_ref().map_or(
                Set::default(defaults::BURST.0, at, defaults::BURST.1),
                |burst| {
                    let number = self.number(burst, 0..=100_000);
                    Set::written(u32::try_from(number).unwrap_or(u32::MAX), burst.at)
                },
            ),
            per: self.per(limit.per.as_ref(), at),
            exempt,
            bucket: limit.bucket.as_ref().map(|bucket| {
                self.check_name("bucket", bucket);
                Set::written(bucket.value.clone(), bucket.at)
            }),
        })
    }

    pub(super) fn connection_limit(
        &mut self,
        limits: Option<&model::RouteLimits>,
    ) -> Option<ConnectionLimit> {
        let (limit, at) = block(limits.and_then(|limits| limits.connections.as_ref()))?;
        Some(ConnectionLimit {
            at,
            max: Set::written(
                u32::try_from(self.number(&limit.max, 1..=1_000_000)).unwrap_or(u32::MAX),
                limit.max.at,
            ),
            per: self.per(limit.per.as_ref(), at),
        })
    }

    fn per(&mut self, per: Option<&At<model::PerKey>>, at: Loc) -> Set<PerKey> {
        let Some(per) = per else {
            return Set::default(PerKey::Client, at, defaults::PER);
        };
        let key = match &per.value {
            model::PerKey::Client => PerKey::Client,
            model::PerKey::Route => PerKey::Route,
            model::PerKey::Header(name) => {
                self.check_token("header name", &name.value, name.at);
                PerKey::Header(name.value.clone())
            }
        };
        Set::written(key, per.at)
    }

    pub(super) fn clients(&mut self, clients: &model::Clients, at: Loc) -> Clients {
        if clients.allow.is_none() && clients.deny.is_none() {
            self.report
                .error("spec::missing", at)
                .says("`clients` names no range")
                .help("write `allow: [10.0.0.0/8]` or `deny: […]`");
        }
        let allow = clients
            .allow
            .as_ref()
            .map(|list| Set::written(self.ranges(list), list.at));
        let deny = match &clients.deny {
            Some(list) => Set::written(self.ranges(list), list.at),
            None => Set::default(Vec::new(), at, "nobody is refused by address"),
        };
        Clients { at, allow, deny }
    }
}

/// A literal path of a spec in the form in which requests are matched; the spec's own text if it has none (that is an error elsewhere).
pub(super) fn literal_path(text: &str) -> String {
    normalize(text).unwrap_or_else(|| text.to_owned())
}
