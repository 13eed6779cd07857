//! Answers: those that Caddy makes, error pages in their place, and what is changed in a server's.

use super::{Ctx, Map, at, fixed, handler, number, parts, stop, text, word};
use crate::emit::Node;
use crate::emit::Part;
use crate::ir::{
    ErrorPage, Feature, Listener, Redirect, RedirectScheme, RedirectTo, Replace, Respond, Route,
    SameSite, Secure, StatusRange, Stickiness, Subject,
};

/// The statuses that a failure on the way to a server ends in.
const FAILURES: [u16; 5] = [413, 500, 502, 503, 504];

/// How a route's own refusals look: the error pages may have another answer for a status.
pub(super) struct Answers<'a> {
    route: &'a Route,
    listener: &'a Listener,
}

impl<'a> Answers<'a> {
    pub(super) fn new(route: &'a Route, listener: &'a Listener) -> Self {
        Self { route, listener }
    }

    /// The page that replaces the proxy's own answer of this status.
    fn page(&self, status: u16) -> Option<&'a ErrorPage> {
        let pages = self.route.error_pages.as_ref()?;
        if pages.replace.value == Replace::Server {
            return None;
        }
        let holds = |range: &StatusRange| (range.first..=range.last).contains(&status);
        let page = pages.pages.iter().find(|page| holds(&page.value.0))?;
        Some(&page.value.1)
    }

    /// The answer of a status, with further headers.
    pub(super) fn say(&self, status: u16, headers: Map) -> Map {
        let answer = self.plainly(status, headers);
        match status {
            // Else Caddy reads on before it answers.
            413 => answer.put("close", Node::flag(true)),
            _ => answer,
        }
    }

    fn plainly(&self, status: u16, headers: Map) -> Map {
        match self.page(status) {
            Some(page) => self.shown(page, status, headers),
            None => {
                let map = handler("static_response").put("status_code", number(status.into()));
                if headers.is_empty() {
                    map
                } else {
                    map.put("headers", headers)
                }
            }
        }
    }

    fn shown(&self, page: &ErrorPage, status: u16, headers: Map) -> Map {
        match page {
            ErrorPage::Respond(own, respond) => {
                fixed_answer(own.unwrap_or(status), respond, headers)
            }
            ErrorPage::Redirect(to) => redirect(to, self.listener),
        }
    }

    /// The routes that answer when a request fails on its way.
    pub(super) fn of_errors(&self) -> Vec<Node> {
        let mut routes: Vec<Node> = Vec::new();
        for status in FAILURES {
            if let Some(page) = self.page(status) {
                let failed = super::var_is(
                    super::key("{http.error.status_code}"),
                    vec![word(&status.to_string())],
                );
                let say = self.shown(page, status, Map::new());
                let from = self
                    .route
                    .error_pages
                    .as_ref()
                    .map_or(self.route.at, |it| it.at);
                routes.push(at(stop(failed, vec![say.into()]), from));
            }
        }
        let changed = !self.route.response_headers.is_empty() || self.route.cors.is_some();
        if changed || !routes.is_empty() {
            // Within the route, so that its changes to headers reach this answer too.
            let other =
                handler("static_response").put("status_code", fixed("{http.error.status_code}"));
            routes.push(super::always(vec![other.into()]).into());
        }
        routes
    }
}

/// What stands in place of a server's own answers.
pub(super) fn of_server(route: &Route) -> Vec<Node> {
    let Some(pages) = route
        .error_pages
        .as_ref()
        .filter(|it| it.replace.value != Replace::Proxy)
    else {
        return Vec::new();
    };
    pages
        .pages
        .iter()
        .map(|page| {
            let (range, shown) = &page.value;
            let answer = match shown {
                ErrorPage::Respond(None, respond) => {
                    let kept = fixed("{http.reverse_proxy.status_code}");
                    answer(kept, respond, Map::new())
                }
                ErrorPage::Respond(Some(own), respond) => fixed_answer(*own, respond, Map::new()),
                ErrorPage::Redirect(to) => redirect_by(to, None),
            };
            let statuses = Node::list(statuses(*range).into_iter().map(|it| number(it.into())));
            let map = Map::new()
                .put("match", Map::new().put("status_code", statuses))
                .put("routes", Node::list([super::always(vec![answer.into()])]));
            at(map, page.loc())
        })
        .collect()
}

/// A range of statuses as Caddy matches it: whole hundreds by their digit.
fn statuses(range: StatusRange) -> Vec<u16> {
    let mut list = Vec::new();
    let mut next = range.first;
    while next <= range.last {
        if next.is_multiple_of(100) && next + 99 <= range.last {
            list.push(next / 100);
            next += 100;
        } else {
            list.push(next);
            next += 1;
        }
    }
    list
}

/// A fixed answer.
pub(super) fn fixed_answer(status: u16, respond: &Respond, headers: Map) -> Map {
    answer(number(status.into()), respond, headers)
}

fn answer(status: Node, respond: &Respond, mut headers: Map) -> Map {
    let map = handler("static_response").put("status_code", status);
    if respond.body.is_empty() {
        return if headers.is_empty() {
            map
        } else {
            map.put("headers", headers)
        };
    }
    headers = headers.put("Content-Type", Node::list([text(&respond.content_type)]));
    map.put("headers", headers).put("body", text(&respond.body))
}

/// A redirect.
pub(super) fn redirect(it: &Redirect, listener: &Listener) -> Map {
    redirect_by(it, Some(listener))
}

/// Without a listener, for a handler that several of them share.
fn redirect_by(it: &Redirect, listener: Option<&Listener>) -> Map {
    let location = match &it.to {
        RedirectTo::Url(url) => text(url),
        RedirectTo::Parts { scheme, host, path } => {
            let same = |it: &RedirectScheme| {
                listener.is_some_and(|on| {
                    on.scheme()
                        == match it {
                            RedirectScheme::Http => "http",
                            RedirectScheme::Https => "https",
                        }
                })
            };
            let mut all = vec![match scheme {
                Some(RedirectScheme::Http) => Part::Static("http://"),
                Some(RedirectScheme::Https) => Part::Static("https://"),
                None => Part::Static("{http.request.scheme}://"),
            }];
            match host {
                Some(host) => all.push(Part::Text(host)),
                // Another scheme has another port.
                None if scheme.as_ref().is_some_and(|it| !same(it)) => {
                    all.push(Part::Static("{http.vars.host}"));
                }
                None => {
                    all.push(Part::Static("{http.vars.host}"));
                    if let Some(on) = listener.filter(|it| !it.has_scheme_port()) {
                        all.push(Part::Static(":"));
                        all.push(Part::Number(on.public_port.value.into()));
                    }
                }
            }
            match path {
                Some(path) => {
                    all.push(Part::Text(path));
                    all.push(Part::Static("{http.vars.asked_query}"));
                }
                None => all.push(Part::Static("{http.vars.asked}")),
            }
            parts(&all)
        }
    };
    handler("static_response")
        .put("status_code", number(it.status.into()))
        .put(
            "headers",
            Map::new().put("Location", Node::list([location])),
        )
}

/// The handler that compresses answers.
pub(super) fn compression(route: &Route) -> Option<Node> {
    if !route.compression.value {
        return None;
    }
    // What Caddy takes by itself, but for events: they must not wait.
    const TYPES: [&str; 14] = [
        "text/html*",
        "text/css*",
        "text/plain*",
        "text/xml*",
        "text/csv*",
        "text/javascript*",
        "text/markdown*",
        "application/json*",
        "application/*+json*",
        "application/javascript*",
        "application/xml*",
        "application/*+xml*",
        "application/wasm*",
        "image/svg+xml*",
    ];
    let types = Node::list(TYPES.map(fixed));
    let map = handler("encode")
        .put(
            "encodings",
            Map::new().put("zstd", Map::new()).put("gzip", Map::new()),
        )
        .put("prefer", Node::list([fixed("zstd"), fixed("gzip")]))
        .put("minimum_length", number(256))
        .put(
            "match",
            Map::new().put("headers", Map::new().put("Content-Type", types)),
        );
    Some(at(map, route.compression.loc()))
}

/// A cookie that Caddy sets gets the attributes that are asked for.
pub(super) fn cookie_attributes(ctx: &Ctx<'_>, listener: &Listener, route: &Route) -> Vec<Node> {
    let mut handlers = Vec::new();
    for share in route.shares() {
        let up = ctx.g.upstream(share.upstream.value);
        let Some(Stickiness::Cookie(cookie)) = &up.stickiness else {
            continue;
        };
        if !ctx.v.renders(
            Feature::StickyCookieAttributes,
            Subject::Upstream(up),
            cookie.path.from,
        ) {
            continue;
        }
        let secure = match cookie.secure.value {
            Secure::OnTls => listener.tls.is_some(),
            Secure::Always => true,
            Secure::Never => false,
        };
        let mut attributes = format!("; Path={}", cookie.path.value.replace('$', "$$"));
        // `$2` is the age, where there is one.
        attributes.push('\u{1}');
        if cookie.http_only.value {
            attributes.push_str("; HttpOnly");
        }
        if secure {
            attributes.push_str("; Secure");
        }
        attributes.push_str(match cookie.same_site.value {
            SameSite::Lax => "; SameSite=Lax",
            SameSite::Strict => "; SameSite=Strict",
            SameSite::None => "; SameSite=None",
        });
        let (before, after) = attributes.split_once('\u{1}').unwrap_or((&attributes, ""));
        // The value is a hash: what a server sets under the same name looks otherwise.
        let find = format!(
            "^({}=[0-9a-f]{{64}}); Path=/(; Max-Age=[0-9]+)?; HttpOnly(?:; Secure)?; SameSite=[A-Za-z]+$",
            super::escaped(&cookie.name.value)
        );
        let replace = parts(&[
            Part::Static("$\\{1\\}"),
            Part::Text(before),
            Part::Static("$\\{2\\}"),
            Part::Text(after),
        ]);
        let ops = Map::new().put(
            "replace",
            Map::new().put(
                "Set-Cookie",
                Node::list([Map::new()
                    .put("search_regexp", word(&find))
                    .put("replace", replace)]),
            ),
        );
        let late = handler("headers").put("response", ops.put("deferred", Node::flag(true)));
        handlers.push(at(late, cookie.path.loc()));
    }
    handlers
}
