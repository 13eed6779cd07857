//! A canary: an Ingress that takes a share of another's requests, or those with a header or a cookie.

use serde_json::{Map, Value as Json, json};

use super::routes::{Item, put};
use super::site::Site;
use crate::import::Reading;

/// Turns a route into a canary's: conditions on the route itself, or a share of the route that is there already, for which the map is
/// left empty.
pub(super) fn write(
    site: &Site,
    item: &Item,
    upstream: &str,
    route: &mut Map<String, Json>,
    reading: &mut Reading<'_>,
) {
    let notes = &site.notes;
    let kept = |name: &str, path: String, reading: &mut Reading<'_>| {
        if let Some(note) = notes.get(name) {
            reading.account.kept(note.id, path);
        }
    };
    let mut conditions = false;
    if let Some(header) = notes.text("canary-by-header") {
        let value = match (
            notes.text("canary-by-header-value"),
            notes.text("canary-by-header-pattern"),
        ) {
            (Some(value), _) => json!(value),
            (None, Some(pattern)) => {
                let whole = crate::import::regex::anchored(pattern, false);
                if let Err(why) = crate::ir::regex::check(&whole) {
                    let why = format!("the regex is none of RE2's: {why}");
                    for id in item.from.iter().chain(&item.hosts_from) {
                        reading.account.lost(*id, why.clone());
                    }
                    if let Some(note) = notes.get("canary-by-header-pattern") {
                        reading.account.lost(note.id, why);
                    }
                    route.clear();
                    return;
                }
                json!({ "regex": whole })
            }
            (None, None) => json!("always"),
        };
        put(route, &["when", "headers", header], value);
        conditions = true;
    } else if let Some(cookie) = notes.text("canary-by-cookie") {
        let quoted = regex_syntax::escape(cookie);
        let value = json!({ "regex": format!("(?:.*;)?\\s*{quoted}=always(?:;.*)?") });
        put(route, &["when", "headers", "Cookie"], value);
        conditions = true;
    }
    for name in [
        "canary",
        "canary-by-header",
        "canary-by-header-value",
        "canary-by-header-pattern",
        "canary-by-cookie",
        "affinity-canary-behavior",
    ] {
        kept(name, "routes".to_owned(), reading);
    }
    let weight = notes
        .text("canary-weight")
        .and_then(|it| it.parse::<u64>().ok())
        .unwrap_or(0);
    let total = notes
        .text("canary-weight-total")
        .and_then(|it| it.parse::<u64>().ok())
        .unwrap_or(100)
        .max(1);
    let both = conditions && weight > 0;
    if both {
        for name in ["canary-weight", "canary-weight-total"] {
            if let Some(note) = notes.get(name) {
                reading.account.changed(
                    note.id,
                    "routes",
                    "who has the header goes there; nobody else has a share",
                );
            }
        }
    }
    if conditions {
        return;
    }
    // The share of the route that leads to the same place.
    let host = route.get("host").cloned();
    let path = route.get("path").cloned();
    let main = reading.draft.names("routes").into_iter().find(|name| {
        let field = |key: &str| reading.draft.get(&["routes", name, key]).cloned();
        field("host") == host
            && field("path") == path
            && field("when").is_none_or(|it| it.get("headers").is_none())
    });
    route.clear();
    let Some(main) = main else {
        for id in &item.from {
            reading.account.lost(
                *id,
                "no other Ingress leads where this canary is a share of",
            );
        }
        return;
    };
    let first = reading.draft.remove(&["routes", &main, "upstream"]);
    // Neither number has a bound there.
    let share = u128::from(weight) * 100 / u128::from(total);
    let share = u64::try_from(share).map_or(100, |it| it.min(100));
    if let Some(Json::String(first)) = first {
        reading
            .draft
            .set(&["routes", &main, "split", &first], (100 - share).max(1));
    }
    if share > 0 {
        reading
            .draft
            .set(&["routes", &main, "split", upstream], share);
    }
    let path = format!("routes.{main}.split");
    for name in ["canary-weight", "canary-weight-total"] {
        kept(name, path.clone(), reading);
    }
    for id in item.from.iter().chain(&item.hosts_from) {
        reading.account.kept(*id, path.clone());
    }
}
