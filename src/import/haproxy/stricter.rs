//! Two guards of one kind on one route: HAProxy asks both, so what is left is what both let through.

use serde_json::{Map, Value as Json, json};

use super::table::{End, Row};
use crate::import::DirectiveId;
use crate::spec::units::{ClientRange, Size};

impl Row {
    /// Writes a guard, or makes the one that is there as strict as both together. Whether that can be said; if not, the guard that is
    /// there stays.
    pub(super) fn guard(&mut self, path: &str, value: &Json, from: DirectiveId) -> bool {
        let both = match self.settings.get(path) {
            None => Some(value.clone()),
            Some(there) if there == value => Some(value.clone()),
            Some(there) => both(path, there, value),
        };
        match both {
            None => return false,
            // Nobody passes both.
            Some(Json::Array(list)) if list.is_empty() => {
                let status = if path == "methods" { 405 } else { 403 };
                self.ends(End::Answer("respond", json!({ "status": status })), from);
            }
            Some(both) => self.set(path, both, from),
        }
        true
    }
}

fn both(path: &str, a: &Json, b: &Json) -> Option<Json> {
    match path {
        "clients.allow" => ranges(a.as_array()?, b.as_array()?),
        "methods" | "websocket.origins" => {
            let (a, b) = (a.as_array()?, b.as_array()?);
            Some(a.iter().filter(|it| b.contains(it)).cloned().collect())
        }
        "websocket.require_origin" => Some(json!(true)),
        "limits.body" => {
            let size = |it: &Json| it.as_str()?.parse::<Size>().ok();
            Some(if size(a)? < size(b)? { a } else { b }.clone())
        }
        "limits.connections" => {
            let without = |it: &Json| -> Option<(Map<String, Json>, u64)> {
                let mut rest = it.as_object()?.clone();
                let most = rest.remove("max")?.as_u64()?;
                Some((rest, most))
            };
            let (one, two) = (without(a)?, without(b)?);
            (one.0 == two.0).then(|| if one.1 < two.1 { a } else { b }.clone())
        }
        _ => None,
    }
}

/// Of two ranges, one lies in the other or they share nothing.
fn ranges(a: &[Json], b: &[Json]) -> Option<Json> {
    let mut shared = Vec::new();
    for one in a {
        for two in b {
            let net = |it: &Json| Some(it.as_str()?.parse::<ClientRange>().ok()?.net());
            let (first, second) = (net(one)?, net(two)?);
            let smaller = if first.contains(&second) {
                two
            } else if second.contains(&first) {
                one
            } else {
                continue;
            };
            if !shared.contains(smaller) {
                shared.push(smaller.clone());
            }
        }
    }
    Some(Json::Array(shared))
}
