//! Paths of an Ingress and what becomes of them on the way: prefixes, regexes, rewrites.

use serde_json::{Value as Json, json};

use super::remarks;
use super::site::{Path, PathType};
use crate::import::Reading;

/// A path in the language, and what the server sees of it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Written {
    /// As `path` of a route; `None` where it is every path.
    pub path: Option<Json>,
    /// As `rewrite` of a route.
    pub rewrite: Option<Json>,
    /// How it differs.
    pub differs: Vec<String>,
}

/// A path of an Ingress. `regex`: the paths of its host are regexes. `target`: `rewrite-target`.
pub(super) fn written(
    path: &Path,
    regex: bool,
    target: Option<&str>,
    reading: &mut Reading<'_>,
) -> Result<Written, String> {
    let text = path.path.as_str();
    if !text.starts_with('/') && !regex {
        return Err("a path begins with `/`".to_owned());
    }
    if !regex {
        if text.contains(['(', ')', '|', '$', '^', '*', '[', ']', '{', '}', '\\']) {
            return Err("without `use-regex` or `rewrite-target` it is no regex, and no request has such a path".to_owned());
        }
        let mut differs = Vec::new();
        let plain = text.trim_end_matches('/');
        let written = match path.kind {
            _ if plain.is_empty() && path.kind != PathType::Exact => None,
            PathType::Exact => Some(json!({ "exact": text })),
            PathType::Prefix => Some(json!(plain)),
            PathType::ImplementationSpecific => {
                if text.ends_with('/') {
                    Some(json!(text))
                } else {
                    differs.push(format!(
                        "a prefix ends at a segment: `{text}x` is not taken"
                    ));
                    remarks::no_boundary(reading, path.at, text);
                    Some(json!(text))
                }
            }
        };
        return Ok(Written {
            path: written,
            rewrite: None,
            differs,
        });
    }
    let case = || "case counts in the path".to_owned();
    // `/app(/|$)(.*)` with `/$2`: the prefix is taken away.
    let stems = [
        "(/|$)(.*)",
        "(/|$)(.*)$",
        "/?(.*)",
        "/?(.*)$",
        "(?:/|$)(.*)",
        "/(.*)",
        "/(.*)$",
    ];
    let stem = stems.iter().find_map(|it| {
        text.strip_suffix(it)
            .map(|stem| (stem.trim_start_matches('^'), it))
    });
    if let Some((stem, ending)) = stem
        && stem
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || b"/_-~".contains(&it))
    {
        let group = if ending.starts_with("(/|$)") {
            "/$2"
        } else {
            "/$1"
        };
        let bounded = if ending.starts_with("/?") {
            vec![
                case(),
                format!("a prefix ends at a segment: `{stem}x` is not taken"),
            ]
        } else {
            vec![case()]
        };
        let prefix = (!stem.is_empty()).then(|| json!(stem));
        match target {
            Some(target) if target == group => {
                let rewrite = prefix.as_ref().map(|_| json!({ "strip_prefix": true }));
                return Ok(Written {
                    path: prefix,
                    rewrite,
                    differs: bounded,
                });
            }
            Some(target)
                if target
                    .strip_suffix(group)
                    .is_some_and(|it| !it.contains('$') && it.len() > 1) =>
            {
                let new = target.strip_suffix(group).unwrap_or("");
                return Ok(Written {
                    path: prefix,
                    rewrite: Some(json!({ "replace_prefix": new })),
                    differs: bounded,
                });
            }
            None => {
                return Ok(Written {
                    path: prefix,
                    rewrite: None,
                    differs: bounded,
                });
            }
            _ => {}
        }
    }
    let literal = text
        .bytes()
        .all(|it| it.is_ascii_alphanumeric() || b"/_-~".contains(&it));
    if literal && text.len() <= 1 {
        let rewrite = rewrite_of(target);
        return Ok(Written {
            path: None,
            rewrite,
            differs: Vec::new(),
        });
    }
    // NGINX asks a regex in any case, behind a `^` of its own, and not to its end.
    let bare = text.trim_start_matches('^');
    let whole = crate::import::regex::anchored(&format!("^{bare}"), true);
    let open = whole.ends_with(".*") && !text.ends_with(".*");
    let whole = format!("(?i){whole}");
    crate::ir::regex::check(&whole).map_err(|why| format!("the regex is none of RE2's: {why}"))?;
    if open {
        remarks::open_regex(reading, path.at, text);
    }
    let rewrite = match target {
        Some(target) if target.contains('$') => {
            if target.contains("$request") || target.contains("$uri") || target.contains("${") {
                return Err("`rewrite-target` is made of variables".to_owned());
            }
            let target = if target.starts_with('/') {
                target.to_owned()
            } else {
                format!("/{target}")
            };
            Some(json!({ "regex": { "to": target } }))
        }
        target => rewrite_of(target),
    };
    Ok(Written {
        path: Some(json!({ "regex": whole })),
        rewrite,
        differs: Vec::new(),
    })
}

fn rewrite_of(target: Option<&str>) -> Option<Json> {
    let target = target?;
    let target = if target.starts_with('/') {
        target.to_owned()
    } else {
        format!("/{target}")
    };
    Some(json!({ "path": target }))
}
