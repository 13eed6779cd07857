//! What becomes of a request, by route.

use super::pattern::{self, Text};
use super::{Ctx, string, strings, table, value};
use crate::emit::lang::js;
use crate::emit::{Map, Node, Tok};
use crate::ir::{
    Action, Capture, ClientRange, Cors, Dur, ErrorPage, ErrorPages, Feature, PathMatch,
    PathRewrite, Redirect, RedirectScheme, RedirectTo, Replace, Respond, RetryAfter, Rewrite,
    Route, Share, Subject, WebSocket, When,
};
use crate::targets::worker::facts;

/// Routes by name, in the order of the file.
pub(super) fn routes(ctx: &Ctx<'_>) -> Map {
    ctx.g.routes.iter().fold(Map::new(), |map, it| {
        map.entry(js::key(&it.name), Node::from(route(ctx, it)).at(it.at))
    })
}

/// Whether nobody may pass, as a guard of the route is lost.
pub(super) fn is_closed(ctx: &Ctx<'_>, route: &Route) -> bool {
    let auth = ctx.g.auth_of(route).map(Subject::Auth);
    let subjects = [Some(Subject::Route(route)), auth];
    let mut subjects = subjects.into_iter().flatten();
    subjects.any(|on| !ctx.v.renders_guards(on))
}

fn route(ctx: &Ctx<'_>, it: &Route) -> Map {
    let when = when(ctx, &it.when);
    let map = Map::new().maybe("when", (!when.is_empty()).then_some(when));
    if is_closed(ctx, it) {
        return map
            .remark("closed: a guard that this route asks for cannot be kept")
            .put("closed", Node::flag(true))
            .put("response", millis(it.response.value));
    }
    let clients = it.clients.as_deref().map(|it| {
        let allow = it
            .allow
            .as_ref()
            .map(|list| ranges(&list.value).at(list.loc()));
        let deny = Some(&it.deny)
            .filter(|list| !list.value.is_empty())
            .map(|list| ranges(&list.value).at(list.loc()));
        Node::from(Map::new().maybe("allow", allow).maybe("deny", deny)).at(it.at)
    });
    let map = map
        .maybe("clients", clients)
        .maybe("cors", it.cors.as_deref().map(cors))
        .maybe(
            "methods",
            it.methods
                .as_ref()
                .map(|list| strings(&list.value).at(list.loc())),
        )
        .maybe("websocket", it.websocket.as_deref().map(websocket))
        .maybe("requests", requests(ctx, it))
        .maybe(
            "auth",
            it.auth
                .as_ref()
                .map(|id| string(&ctx.g.auth(id.value).name).at(id.loc())),
        )
        .maybe(
            "body",
            it.body
                .value
                .map(|size| number(size.as_bytes()).at(it.body.loc())),
        );
    let map = match it.stream.as_deref() {
        Some(stream) if stream.request.value => {
            map.remark("bodies are passed on as they arrive, both ways")
        }
        Some(_) => map.remark("bodies are passed on as they arrive"),
        None => map,
    };
    let map = match &it.action {
        Action::Forward(shares) => map
            .put(
                "forward",
                Node::list(shares.iter().map(|one| share(ctx, it, one))),
            )
            .put("response", millis(it.response.value).at(it.response.loc())),
        Action::Redirect(to) => map
            .put("redirect", Node::from(redirect(&to.value)).at(to.loc()))
            .put("response", millis(it.response.value)),
        Action::Respond(answer) => {
            let map = map.put(
                "respond",
                Node::from(
                    Map::new()
                        .put("status", Node::number(answer.value.status))
                        .and(fixed(&answer.value)),
                )
                .at(answer.loc()),
            );
            map.put("response", millis(it.response.value))
        }
    };
    let forwarded = (!it.forwarded.value).then(|| Node::flag(false).at(it.forwarded.loc()));
    let headers = |ops: &[crate::ir::HeaderOp]| (!ops.is_empty()).then(|| value::changes(ops));
    map.maybe("rewrite", it.rewrite.as_deref().map(|one| rewrite(it, one)))
        .maybe("forwarded", forwarded)
        .maybe("requestHeaders", headers(&it.request_headers))
        .maybe("responseHeaders", headers(&it.response_headers))
        .maybe("errorPages", it.error_pages.as_deref().map(pages))
        .maybe(
            "compression",
            it.compression
                .value
                .then(|| Node::flag(true).at(it.compression.loc())),
        )
        .maybe(
            "log",
            (!it.log.value).then(|| Node::flag(false).at(it.log.loc())),
        )
}

fn when(ctx: &Ctx<'_>, it: &When) -> Map {
    let conditions = |list: &[crate::ir::Set<crate::ir::Condition>], text| {
        (!list.is_empty()).then(|| {
            Node::list(list.iter().map(|one| {
                let wanted = table::wanted(&one.value.value, text);
                Node::list([string(&one.value.name), wanted]).at(one.loc())
            }))
        })
    };
    Map::new()
        .maybe(
            "listeners",
            it.listeners
                .as_ref()
                .map(|ids| table::names(ctx, &ids.value).at(ids.loc())),
        )
        .maybe(
            "methods",
            it.methods
                .as_ref()
                .map(|list| strings(&list.value).at(list.loc())),
        )
        .maybe("headers", conditions(&it.headers, Text::Plain))
        .maybe("query", conditions(&it.query, Text::Any))
        .maybe(
            "clients",
            it.clients
                .as_ref()
                .map(|list| ranges(&list.value).at(list.loc())),
        )
        .maybe(
            "upgrade",
            it.upgrade
                .as_ref()
                .map(|on| Node::flag(on.value).at(on.loc())),
        )
}

/// Client ranges as texts.
pub(super) fn ranges(list: &[ClientRange]) -> Node {
    Node::list(list.iter().map(|range| {
        let net = range.net();
        string(&format!("{}/{}", net.addr(), net.prefix_len()))
    }))
}

fn number(number: u64) -> Node {
    Node::number(i64::try_from(number).unwrap_or(i64::MAX))
}

/// The longest timer of the runtime: 2^31 - 1 ms.
fn millis(dur: Dur) -> Node {
    number(dur.as_millis().min(2_147_483_647))
}

fn cors(it: &Cors) -> Node {
    let list = |list: &crate::ir::Set<Vec<String>>| {
        (!list.value.is_empty()).then(|| strings(&list.value).at(list.loc()))
    };
    let origins = it.origins.value.as_ref().map(|origins| {
        let lower: Vec<String> = origins.iter().map(|it| it.to_ascii_lowercase()).collect();
        strings(&lower).at(it.origins.loc())
    });
    let map = Map::new()
        .maybe("origins", origins)
        .maybe("methods", list(&it.methods))
        .maybe("headers", list(&it.headers))
        .maybe("expose", list(&it.expose))
        .maybe(
            "credentials",
            it.credentials
                .value
                .then(|| Node::flag(true).at(it.credentials.loc())),
        )
        .maybe(
            "maxAge",
            it.max_age
                .value
                .map(|age| number(age.as_secs_ceil()).at(it.max_age.loc())),
        );
    Node::from(map).at(it.at)
}

fn websocket(it: &WebSocket) -> Node {
    let flag = |on: bool, at| on.then(|| Node::flag(true).at(at));
    let origins = it.origins.as_ref();
    let map = Map::new()
        .maybe("only", flag(it.only.value, it.only.loc()))
        .maybe(
            "origins",
            origins.map(|list| strings(&list.value.exact).at(list.loc())),
        )
        .maybe(
            "sameHost",
            origins.and_then(|list| flag(list.value.same_host, list.loc())),
        )
        .maybe(
            "requireOrigin",
            flag(it.require_origin.value, it.require_origin.loc()),
        );
    Node::from(map).at(it.at)
}

fn requests(ctx: &Ctx<'_>, it: &Route) -> Option<Node> {
    let limit = it.requests.as_deref()?;
    let (_, period) = facts::window(limit.rate.value)?;
    let name = facts::limiter(ctx.g, it, limit);
    let limiter = Tok::row([&Tok::fixed("(env) =>"), &js::property("env", &name)], None);
    let key = value::limit_key(
        &limit.per.value,
        facts::route_key(ctx.g, it.id, &limit.per.value),
    );
    let exempt = (!limit.exempt.value.is_empty())
        .then(|| ranges(&limit.exempt.value).at(limit.exempt.loc()));
    let map = Map::new()
        .put("limiter", Node::tok(limiter))
        .put("period", number(period))
        .put("key", Node::tok(key))
        .maybe("exempt", exempt);
    Some(Node::from(map).at(limit.rate.loc()))
}

fn share(ctx: &Ctx<'_>, route: &Route, it: &Share) -> Node {
    let weight = (it.weight.value > 1).then(|| Node::number(it.weight.value));
    let retries = it
        .retries
        .value
        .as_ref()
        .filter(|_| {
            ctx.v
                .renders(Feature::Retries, Subject::Route(route), it.retries.from)
        })
        .map(|retries| {
            let after = retries.after.iter().map(|after| match after {
                RetryAfter::Connect => Node::word("connect"),
                RetryAfter::Timeout => Node::word("timeout"),
                RetryAfter::Status(status) => Node::number(*status),
            });
            Node::from(
                Map::new()
                    .put("attempts", Node::number(retries.attempts))
                    .put("after", Node::list(after)),
            )
            .at(it.retries.loc())
        });
    let map = Map::new()
        .put("upstream", string(&ctx.g.upstream(it.upstream.value).name))
        .maybe("weight", weight)
        .maybe("retries", retries);
    Node::from(map).at(it.upstream.loc())
}

fn redirect(it: &Redirect) -> Map {
    let map = Map::new().put("status", Node::number(it.status));
    match &it.to {
        RedirectTo::Url(url) => map.put("to", string(url)),
        RedirectTo::Parts { scheme, host, path } => map
            .maybe(
                "scheme",
                scheme.as_ref().map(|scheme| {
                    Node::word(match scheme {
                        RedirectScheme::Http => "http",
                        RedirectScheme::Https => "https",
                    })
                }),
            )
            .maybe("host", host.as_deref().map(string))
            .maybe("path", path.as_deref().map(string)),
    }
}

fn fixed(it: &Respond) -> Map {
    if it.body.is_empty() {
        return Map::new();
    }
    Map::new()
        .put("body", string(&it.body))
        .put("type", string(&it.content_type))
}

fn pages(it: &ErrorPages) -> Node {
    let list = it.pages.iter().map(|page| {
        let (range, what) = &page.value;
        let map = Map::new()
            .put("from", Node::number(range.first))
            .put("to", Node::number(range.last));
        let map = match what {
            ErrorPage::Respond(status, answer) => map
                .maybe("status", status.map(Node::number))
                .and(fixed(answer)),
            ErrorPage::Redirect(to) => map.put("redirect", redirect(to)),
        };
        Node::from(map).at(page.loc())
    });
    let replace = match it.replace.value {
        Replace::Proxy => "proxy",
        Replace::Server => "server",
        Replace::Both => "both",
    };
    let map = Map::new()
        .put("replace", Node::word(replace).at(it.replace.loc()))
        .put("pages", Node::list(list));
    Node::from(map).at(it.at)
}

fn rewrite(route: &Route, it: &Rewrite) -> Node {
    let path = it.path.as_ref();
    let map = match path.map(|path| (&path.value, path.loc())) {
        None => Map::new(),
        Some((PathRewrite::StripPrefix, at)) => Map::new().put("prefix", string("/").at(at)),
        Some((PathRewrite::ReplacePrefix(new), at)) => Map::new().put("prefix", string(new).at(at)),
        Some((PathRewrite::Path(new), at)) => Map::new().put("path", string(new).at(at)),
        Some((PathRewrite::Regex { matches, to }, at)) => Map::new()
            .put(
                "match",
                Node::tok(pattern::whole(matches, Text::Plain)).at(at),
            )
            .put("to", string(&replacement(to)).at(at)),
    };
    let remove: Vec<String> = it
        .query_remove
        .iter()
        .map(|name| name.value.clone())
        .chain(it.query_set.iter().map(|pair| pair.value.0.clone()))
        .collect();
    let add = it.query_set.iter().map(|pair| {
        let (name, value) = &pair.value;
        string(&format!("{}={}", encoded(name), encoded(value))).at(pair.loc())
    });
    let map = map
        .maybe(
            "removeQuery",
            (!remove.is_empty()).then(|| strings(&remove)),
        )
        .maybe(
            "addQuery",
            (!it.query_set.is_empty()).then(|| Node::list(add)),
        )
        .maybe("back", back(route, it));
    Node::from(map).at(it.at)
}

/// What stands before the client's paths, and what before the server's.
pub(super) fn back(route: &Route, it: &Rewrite) -> Option<Node> {
    if !it.map_location.value {
        return None;
    }
    let theirs = match it.path.as_ref().map(|path| &path.value)? {
        PathRewrite::StripPrefix => "",
        PathRewrite::ReplacePrefix(new) => new.trim_end_matches('/'),
        PathRewrite::Path(_) | PathRewrite::Regex { .. } => return None,
    };
    let own = route.paths.iter().find_map(|path| match &path.value {
        PathMatch::Prefix(text) => Some(text.trim_end_matches('/')),
        PathMatch::Exact(_) | PathMatch::Regex(_) => None,
    })?;
    Some(Node::list([string(own), string(theirs)]).at(it.map_location.loc()))
}

/// A replacement as `String.replace` reads it.
fn replacement(to: &[Capture]) -> String {
    to.iter().fold(String::new(), |mut text, piece| {
        match piece {
            Capture::Text(literal) => text.push_str(&literal.replace('$', "$$")),
            // Two digits, or a digit that follows would be part of it. $00 is no group: the whole is $&.
            Capture::Group(0) => text.push_str("$&"),
            Capture::Group(number) => text.push_str(&format!("${number:02}")),
        }
        text
    })
}

/// A text as it stands in a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~[]:/,@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
