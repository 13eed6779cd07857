//! What a load balancer does with redirects, fixed answers and rewrites.

use super::support::DOCS;
use super::{facts, redirect, transform};
use crate::ir::{Action, PathRewrite, Use};
use crate::targets::support::{approx, exact, unsupported};
use crate::targets::{Env, Support};

/// A redirect.
pub(super) fn redirect(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some((route, redirect)) = u.on.route().and_then(|it| match &it.action {
        Action::Redirect(redirect) => Some((it, &redirect.value)),
        Action::Forward(_) | Action::Respond(_) => None,
    }) else {
        return exact();
    };
    let target = match redirect::redirect(redirect) {
        Ok(target) => target,
        Err(why) => return unsupported(format!("{why}: the route answers 503")).seen(DOCS),
    };
    for listener in env.gateway.listeners_of(route) {
        if redirect::is_downgrade(listener, &target) {
            return unsupported("a redirect from HTTPS to HTTP is refused: the route answers 503")
                .seen(DOCS);
        }
        let scheme = if listener.tls.is_some() {
            "HTTPS"
        } else {
            "HTTP"
        };
        let same = target.protocol.is_none_or(|it| it == scheme)
            && target.host.is_none()
            && target.path.is_none();
        if same {
            return unsupported("a redirect to the same URL is refused: the route answers 503")
                .seen(DOCS)
                .help("change scheme, host or path, or serve the route on other listeners: `when: {listeners: …}`");
        }
    }
    match redirect.status {
        308 => approx("301 in place of 308: a client may make a GET of another method").seen(DOCS),
        307 => approx("302 in place of 307: a client may make a GET of another method").seen(DOCS),
        _ => exact(),
    }
}

/// A fixed answer.
pub(super) fn respond(u: &Use<'_>, _: &Env<'_>) -> Support {
    let respond = u.on.route().and_then(|it| match &it.action {
        Action::Respond(respond) => Some(&respond.value),
        Action::Forward(_) | Action::Redirect(_) => None,
    });
    let Some(respond) = respond else {
        return exact();
    };
    if !matches!(respond.status, 200..=299 | 400..=599) {
        return unsupported(format!(
            "a fixed answer has a status of 2xx, 4xx or 5xx, not {}: the route answers 503",
            respond.status
        ))
        .seen(DOCS);
    }
    let length = respond.body.chars().count();
    if length > facts::BODY {
        return unsupported(format!(
            "a fixed answer has at most {} characters, this one {length}: the route answers 503",
            facts::BODY
        ))
        .seen(DOCS)
        .help("let a server answer");
    }
    if !respond.body.is_empty()
        && !facts::CONTENT_TYPES.contains(&content_type(&respond.content_type))
    {
        return approx(format!(
            "a fixed answer has one of five content types: `text/plain` in place of `{}`",
            respond.content_type
        ))
        .seen(DOCS)
        .help(format!("write one of {}", facts::CONTENT_TYPES.join(", ")));
    }
    exact()
}

/// A content type without its parameters.
pub(super) fn content_type(text: &str) -> &str {
    text.split(';').next().unwrap_or(text).trim()
}

/// A path rewrite.
pub(super) fn rewrite(u: &Use<'_>, _: &Env<'_>) -> Support {
    let Some((route, path)) =
        u.on.route()
            .and_then(|it| Some((it, it.rewrite.as_ref()?.path.as_ref()?)))
    else {
        return exact();
    };
    if transform::has_dollar(&path.value) {
        return unsupported(
            "a replacement reads `$` as a capture: the path reaches the server as it is",
        );
    }
    let long = route
        .paths
        .iter()
        .filter_map(|own| transform::transform(&path.value, &own.value))
        .any(|(regex, replace)| regex.len() > facts::TRANSFORM || replace.len() > facts::TRANSFORM);
    if long {
        return unsupported(format!(
            "a transform has at most {} characters: the path reaches the server as it is",
            facts::TRANSFORM
        ))
        .seen(DOCS);
    }
    match &path.value {
        PathRewrite::Regex { .. } => {
            approx("the regex sees the path and the query behind it").seen(DOCS)
        }
        PathRewrite::StripPrefix | PathRewrite::ReplacePrefix(_) | PathRewrite::Path(_) => exact(),
    }
}
