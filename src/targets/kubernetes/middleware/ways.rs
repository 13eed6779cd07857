//! Middlewares for what becomes of a path, and where clients are sent.

use super::{ANY_URL, Middlewares, headers, named, status};

use super::super::routes::Face;
use super::super::{Context, ranges, text, word};
use crate::emit::{Map, Node};
use crate::ir::{
    Capture, PathMatch, PathRewrite, Redirect, RedirectScheme, RedirectTo, Route, Set,
};

/// Another path towards the server: one Middleware, or two where the result has to be put right.
pub(in crate::targets) fn rewrite(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
) -> Vec<String> {
    let Some(change) = route.rewrite.as_ref().and_then(|it| it.path.as_ref()) else {
        return Vec::new();
    };
    let at = change.loc();
    let (regex, to) = match &change.value {
        PathRewrite::StripPrefix => (below(route, true), "/${1}".to_owned()),
        PathRewrite::ReplacePrefix(new) => {
            let new = new.trim_end_matches('/');
            (below(route, false), format!("{}${{1}}", dollars(new)))
        }
        PathRewrite::Path(new) => ("^.*$".to_owned(), dollars(new)),
        PathRewrite::Regex { matches, to } => (format!("^(?:{matches})$"), captures(to)),
    };
    let replaced = |regex: &str, to: &str| {
        let map = Map::new()
            .put("regex", text(regex, at))
            .put("replacement", text(to, at));
        Map::new().put("replacePathRegex", map)
    };
    let mut names = vec![made.add(ctx, &[&route.name, "path"], at, || replaced(&regex, &to))];
    if matches!(change.value, PathRewrite::Regex { .. }) {
        names.push(made.add(ctx, &["one-slash"], at, || replaced("^/*(.*)$", "/${1}")));
    }
    names
}

/// The pattern of the route's own prefixes, the longest first; its group is what follows.
pub(in crate::targets) fn below(route: &Route, strip: bool) -> String {
    let literal = route.paths.iter().filter_map(|path| match &path.value {
        PathMatch::Prefix(text) | PathMatch::Exact(text) => Some(text.trim_end_matches('/')),
        PathMatch::Regex(_) => None,
    });
    let mut prefixes: Vec<&str> = literal.collect();
    prefixes.sort_by_key(|text| std::cmp::Reverse(text.len()));
    prefixes.dedup();
    let prefixes: Vec<String> = prefixes.iter().map(|it| ranges::quoted(it)).collect();
    let prefixes = prefixes.join("|");
    match strip {
        true => format!("^(?:{prefixes})(?:/+(.*))?$"),
        false => format!("^(?:{prefixes})(/.*)?$"),
    }
}

/// A text in a replacement: every `$` stands for itself.
pub(in crate::targets) fn dollars(text: &str) -> String {
    text.replace('$', "$$")
}

pub(in crate::targets) fn captures(to: &[Capture]) -> String {
    let pieces = to.iter().map(|piece| match piece {
        Capture::Text(text) => dollars(text),
        Capture::Group(number) => format!("${{{number}}}"),
    });
    pieces.collect()
}

/// A redirect: by a `Location` that is the same for all, else by a regex over the URL.
pub(in crate::targets) fn redirect(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
    redirect: &Set<Redirect>,
    face: &Face<'_>,
    own: &str,
) -> Vec<String> {
    let Redirect { to, status: code } = &redirect.value;
    let at = redirect.loc();
    let (scheme, host, path) = match to {
        RedirectTo::Url(url) => {
            let sent = Map::new().put("Location", text(url, at));
            let parts = [route.name.as_str(), "location"];
            return vec![
                made.add(ctx, &parts, at, || headers("customResponseHeaders", sent)),
                status(ctx, made, *code, at),
            ];
        }
        RedirectTo::Parts { scheme, host, path } => (scheme, host, path),
    };
    let listener = face.first();
    let new = match scheme {
        Some(RedirectScheme::Http) => "http",
        Some(RedirectScheme::Https) => "https",
        None => listener.scheme(),
    };
    let host = match host {
        Some(host) => dollars(host),
        None if new == listener.scheme() && !listener.has_scheme_port() => {
            format!("${{1}}:{}", listener.public_port.value)
        }
        None => "${1}".to_owned(),
    };
    let (regex, rest) = match path {
        Some(path) => (
            r"^[a-z]+://(\[[^\]]*\]|[^/:?]*)(?::[0-9]+)?[^?]*(\?.*)?$",
            format!("{}${{2}}", dollars(path)),
        ),
        None => (ANY_URL, "${2}".to_owned()),
    };
    let to = format!("{new}://{host}{rest}");
    vec![made.add(ctx, &named(route, "location", own), at, || {
        let map = Map::new()
            .put("regex", word(regex))
            .put("replacement", text(&to, at))
            .put("permanent", Node::flag(matches!(code, 301 | 308)));
        Map::new().put("redirectRegex", map)
    })]
}
