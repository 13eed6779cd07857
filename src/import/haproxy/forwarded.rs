//! Headers that the language sets by itself: `X-Forwarded-…` and `Strict-Transport-Security`; and `set-path` by `regsub`.

use serde_json::{Value as Json, json};

use super::sample::{Piece, format};
use super::units;

/// Whether a header is one of those that `forwarded` sets.
pub(super) fn is_one(name: &str) -> bool {
    matches!(
        name,
        "x-forwarded-for"
            | "x-forwarded-proto"
            | "x-forwarded-host"
            | "x-forwarded-port"
            | "x-real-ip"
    )
}

/// How a value differs from what `forwarded` sets.
pub(super) fn differs(name: &str, value: &str) -> Option<String> {
    let same = match name {
        "x-forwarded-for" | "x-real-ip" => {
            value.contains("src") || value.contains("peer") || value.contains("%ci")
        }
        "x-forwarded-proto" => matches!(value, "http" | "https") || value.contains("ssl_fc"),
        "x-forwarded-host" => value.contains("hdr(host)") || value.contains("hdr(Host)"),
        _ => value.contains("dst_port") || value.bytes().all(|it| it.is_ascii_digit()),
    };
    (!same).then(|| format!("the language sets its own value, not `{value}`"))
}

/// `max-age=31536000; includeSubDomains; preload` in the language.
pub(super) fn hsts(value: &str) -> Option<Json> {
    let (mut age, mut subdomains, mut preload) = (None, false, false);
    for part in value.split(';').map(str::trim).filter(|it| !it.is_empty()) {
        match part.to_lowercase().as_str() {
            "includesubdomains" => subdomains = true,
            "preload" => preload = true,
            part => {
                age = part
                    .strip_prefix("max-age=")?
                    .trim_matches('"')
                    .parse::<u64>()
                    .ok()
            }
        }
    }
    let age = units::duration(age.filter(|it| *it > 0)?.checked_mul(1000)?);
    if age.parse::<crate::spec::units::Dur>().is_err() {
        return None;
    }
    Some(match (subdomains, preload) {
        (false, false) => json!(age),
        (true, false) => json!({ "max_age": age, "subdomains": true }),
        (subdomains, _) => json!({ "max_age": age, "subdomains": subdomains, "preload": true }),
    })
}

/// `set-path %[path,regsub(^/api/,/)]`.
pub(super) fn set_path(text: &str, prefix: Option<&str>) -> Option<(Json, Option<&'static str>)> {
    let pieces = format(text)?;
    let [Piece::Sample(sample)] = pieces.as_slice() else {
        return None;
    };
    let [regsub] = sample.converters.as_slice() else {
        return None;
    };
    let [pattern, to] = regsub.args.as_slice() else {
        return None;
    };
    if sample.fetch.name != "path" || regsub.name != "regsub" {
        return None;
    }
    let bare = prefix.unwrap_or("/").trim_end_matches('/');
    let quoted = regex_syntax::escape(bare);
    if !bare.is_empty()
        && (*pattern == format!("^{quoted}/") && to == "/"
            || *pattern == format!("^{quoted}") && to.is_empty())
    {
        return Some((json!({ "strip_prefix": true }), None));
    }
    // Only what the pattern matches at the beginning is replaced: the rest is a group of its own.
    if !pattern.starts_with('^') || pattern.ends_with('$') {
        return None;
    }
    let rest = crate::ir::regex::groups(pattern) + 1;
    super::value::rewrite(&format!("{pattern}(.*)$"), &format!("{to}\\{rest}"), None)
}
