//! Transforms: another path or host towards the server, as a regex and what stands in its place.

use super::facts::{TRANSFORM, literal};
use crate::ir::{Address, Gateway, HostHeader, PathMatch, PathRewrite, Route};

/// The header that a fixed `Host` towards the servers needs; `Err` where the load balancer cannot do it.
pub(super) fn host_header<'a>(g: &'a Gateway, route: &'a Route) -> Result<Option<String>, ()> {
    let mut wanted: Option<Option<String>> = None;
    for share in route.shares() {
        let one = match &share.host_header.value {
            HostHeader::Preserve => None,
            HostHeader::Set(host) => Some(host.clone()),
            HostHeader::Upstream => {
                let [server] = g.upstream(share.upstream.value).servers.as_slice() else {
                    return Err(());
                };
                match &server.address.value {
                    Address::Unix { .. } => return Err(()),
                    address => Some(address.to_string()),
                }
            }
        };
        if wanted.as_ref().is_some_and(|known| *known != one) {
            return Err(());
        }
        wanted = Some(one);
    }
    match wanted.flatten() {
        Some(host) if host.contains('$') || host.len() > TRANSFORM => Err(()),
        other => Ok(other),
    }
}

/// A path rewrite as a transform on the path and query: regex and replacement. `None`: the path stays as it is.
pub(super) fn transform(rewrite: &PathRewrite, path: &PathMatch) -> Option<(String, String)> {
    let below = |new: &str| {
        let PathMatch::Prefix(prefix) = path else {
            return None;
        };
        let bare = prefix.trim_end_matches('/');
        let own = literal(bare);
        let (regex, to) = match new.strip_suffix('/') {
            Some(new) => (format!("^{own}/?(.*)$"), format!("{new}/$1")),
            None => (format!("^{own}(.*)$"), format!("{new}$1")),
        };
        (new.trim_end_matches('/') != bare).then_some((regex, to))
    };
    match rewrite {
        PathRewrite::StripPrefix => below("/"),
        PathRewrite::ReplacePrefix(new) => below(new),
        PathRewrite::Path(new) => Some(("^[^?]*(.*)$".to_owned(), format!("{new}$1"))),
        PathRewrite::Regex { matches, to } => {
            let groups = crate::ir::regex::groups(matches);
            let mut replace = String::new();
            for piece in to {
                match piece {
                    crate::ir::Capture::Text(text) => replace.push_str(text),
                    crate::ir::Capture::Group(number) => replace.push_str(&format!("${number}")),
                }
            }
            if !replace.starts_with('/') {
                replace.insert(0, '/');
            }
            replace.push_str(&format!("${}", groups + 1));
            Some((format!("^(?:{matches})(\\?.*)?$"), replace))
        }
    }
}

/// Whether the texts of a rewrite hold what a replacement would read as a capture.
pub(super) fn has_dollar(rewrite: &PathRewrite) -> bool {
    match rewrite {
        PathRewrite::StripPrefix => false,
        PathRewrite::ReplacePrefix(new) | PathRewrite::Path(new) => new.contains('$'),
        PathRewrite::Regex { to, .. } => to
            .iter()
            .any(|piece| matches!(piece, crate::ir::Capture::Text(text) if text.contains('$'))),
    }
}
