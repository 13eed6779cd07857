//! A spec under construction: settings by path, names that the language takes, and what all routes share as defaults.

mod yaml;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Settings that every upstream route or every upstream may share: they are written once, below `defaults`.
const SHARED: [(&str, &str, &[&[&str]]); 2] = [
    (
        "routes",
        "route",
        &[
            &["host"],
            &["timeouts", "connect"],
            &["timeouts", "response"],
            &["timeouts", "idle"],
            &["limits", "body"],
            &["host_header"],
            &["forwarded"],
        ],
    ),
    (
        "upstreams",
        "upstream",
        &[
            &["timeouts", "connect"],
            &["timeouts", "keepalive"],
            &["passive"],
            &["keepalive"],
            &["resolve"],
            &["host_header"],
        ],
    ),
];

/// A spec under construction. `routes` are kept by name, like everything else, and written as the list that they are.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    root: Map<String, Value>,
    notes: BTreeMap<String, Vec<String>>,
}

impl Draft {
    /// Writes a value at a path, such as `["routes", "socket", "websocket", "idle"]`; what stood there is replaced. Returns the path
    /// as accounts write it.
    pub fn set(&mut self, path: &[&str], value: impl Into<Value>) -> String {
        if let Some((last, above)) = path.split_last() {
            let mut here = &mut self.root;
            for step in above {
                let next = here
                    .entry(*step)
                    .or_insert_with(|| Value::Object(Map::new()));
                if !next.is_object() {
                    *next = Value::Object(Map::new());
                }
                let Value::Object(map) = next else {
                    return path.join(".");
                };
                here = map;
            }
            here.insert((*last).to_owned(), value.into());
        }
        path.join(".")
    }

    /// Adds a value to the list at a path, once.
    pub fn push(&mut self, path: &[&str], value: impl Into<Value>) -> String {
        let value = value.into();
        let mut list = match self.get(path) {
            Some(Value::Array(list)) => list.clone(),
            _ => Vec::new(),
        };
        if !list.contains(&value) {
            list.push(value);
        }
        self.set(path, list)
    }

    /// What stands at a path.
    pub fn get(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter()
            .try_fold(self.root.get(*first)?, |here, step| here.get(*step))
    }

    /// Takes what stands at a path out, and maps above it that have nothing else.
    pub fn remove(&mut self, path: &[&str]) -> Option<Value> {
        let (last, above) = path.split_last()?;
        let mut here = &mut self.root;
        for step in above {
            here = here.get_mut(*step)?.as_object_mut()?;
        }
        let value = here.shift_remove(*last);
        if here.is_empty() && !above.is_empty() {
            self.remove(above);
        }
        value
    }

    /// The names below a top-level key, in the order in which they came.
    pub fn names(&self, key: &str) -> Vec<String> {
        let map = self.root.get(key).and_then(Value::as_object);
        map.map_or_else(Vec::new, |map| map.keys().cloned().collect())
    }

    /// A comment above the entry at a path of one or two steps, such as `["routes", "static"]`.
    pub fn note(&mut self, path: &[&str], text: impl Into<String>) {
        self.notes
            .entry(path.join("."))
            .or_default()
            .push(text.into());
    }

    /// Whether requests are led anywhere.
    pub fn has_routes(&self) -> bool {
        !self.names("routes").is_empty()
    }

    /// A name that the language takes, made of what a person would call it, and not in use below this top-level key. `fallback` is
    /// taken where the text has no letter.
    pub fn name(&self, key: &str, text: &str, fallback: &str) -> String {
        let name = word(text).unwrap_or_else(|| fallback.to_owned());
        let taken = self.root.get(key).and_then(Value::as_object);
        let free = |name: &String| taken.is_none_or(|taken| !taken.contains_key(name));
        if free(&name) {
            return name;
        }
        (2..)
            .map(|number| format!("{name}-{number}"))
            .find(free)
            .unwrap_or(name)
    }

    /// Moves what all upstream routes, or all upstreams, share to `defaults`. Returns the paths before and after.
    pub(super) fn hoist(&mut self) -> Vec<(String, String)> {
        let mut moved = Vec::new();
        for (key, short, settings) in SHARED {
            let names = self.names(key);
            for setting in settings {
                let sharing: Vec<&String> = names
                    .iter()
                    .filter(|name| {
                        // A redirect has no body to limit, but whom it is for matters.
                        key == "upstreams"
                            || *setting == ["host"]
                            || self.get(&[key, name, "upstream"]).is_some()
                            || self.get(&[key, name, "split"]).is_some()
                    })
                    .collect();
                let value = |name: &str| {
                    let path: Vec<&str> = [key, name].iter().chain(*setting).copied().collect();
                    self.get(&path).cloned()
                };
                let Some(first) = sharing.first().and_then(|name| value(name)) else {
                    continue;
                };
                let all = sharing
                    .iter()
                    .all(|name| value(name).as_ref() == Some(&first));
                if sharing.len() < 2 || !all {
                    continue;
                }
                let sharing: Vec<String> = sharing.into_iter().cloned().collect();
                let to: Vec<&str> = ["defaults", short]
                    .iter()
                    .chain(*setting)
                    .copied()
                    .collect();
                let to = self.set(&to, first);
                for name in sharing {
                    let from: Vec<&str> = [key, name.as_str()]
                        .iter()
                        .chain(*setting)
                        .copied()
                        .collect();
                    self.remove(&from);
                    moved.push((from.join("."), to.clone()));
                }
            }
        }
        moved
    }

    /// The spec's text, laid out as `wsgen fmt` does, below a line that says where it comes from.
    pub fn write(&self, head: &str) -> String {
        yaml::write(&self.root, &self.notes, head)
    }
}

/// The letters and digits of a text in lower case, what stands between them as `-`: at most 40 characters, a letter first.
pub fn word(text: &str) -> Option<String> {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    let name: String = name.chars().take(40).collect();
    let name = name.trim_end_matches(['-', '_']);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_and_never_taken() {
        let mut draft = Draft::default();
        assert_eq!(draft.name("routes", "/socket.io/", "route"), "socket-io");
        assert_eq!(draft.name("routes", "/", "route"), "route");
        draft.set(&["routes", "route", "upstream"], "a");
        assert_eq!(draft.name("routes", "/", "route"), "route-2");
        assert_eq!(word("10.0.0.1:80"), None);
        assert_eq!(word("127.0.0.1 Grafana_x!").as_deref(), Some("grafana_x"));
    }

    #[test]
    fn what_all_share_moves_and_what_is_left_empty_goes() {
        let mut draft = Draft::default();
        for name in ["a", "b"] {
            draft.set(&["routes", name, "upstream"], "x");
            draft.set(&["routes", name, "limits", "body"], "1MiB");
        }
        draft.set(&["routes", "c", "redirect", "to"], "/x");
        let moved = draft.hoist();
        assert_eq!(moved.len(), 2);
        assert_eq!(
            moved[0],
            (
                "routes.a.limits.body".to_owned(),
                "defaults.route.limits.body".to_owned()
            )
        );
        assert_eq!(draft.get(&["routes", "a", "limits"]), None);
        assert_eq!(
            draft.get(&["defaults", "route", "limits", "body"]),
            Some(&"1MiB".into())
        );
    }
}
