//! Locations: which paths they take, in the order that NGINX asks them, as routes of the spec.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::Nginx;
use super::scope::Scope;
use super::site::{Site, Taking};
use super::syntax::Directive;
use super::values::anchored;

/// What a location takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Takes {
    /// This path alone.
    Exact(String),
    /// Every path that begins so; `stops` where no regex is asked any more.
    Prefix {
        text: String,
        stops: bool,
        /// Whether the path itself is taken too, as a spec's prefix does.
        whole: bool,
    },
    /// A regex, anywhere in the path.
    Regex { text: String, nocase: bool },
}

impl Takes {
    /// The path as written, for names.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Prefix { text, .. } | Self::Regex { text, .. } => text,
        }
    }
}

/// A location, or what a server does without one.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    pub(super) directive: Option<&'a Directive>,
    /// The twin of a pair `= /x` and `/x/`.
    pub(super) twin: Option<&'a Directive>,
    pub(super) takes: Takes,
    /// Whether it lies below a prefix that stops: it has to be asked before that, so before every regex.
    pub(super) below: bool,
    pub(super) scope: Scope<'a>,
}

impl<'a> Nginx<'a, '_, '_> {
    /// Reads the locations of a server.
    pub(super) fn places(&mut self, site: &Site<'a>, taking: &Taking) {
        let mut places = Vec::new();
        self.collect(&site.scope, &mut places);
        let has_root = places
            .iter()
            .any(|it| matches!(&it.takes, Takes::Prefix { text, .. } if text == "/"));
        let answers = site.scope.own("return").next().is_some();
        if answers {
            places.clear();
        }
        if answers || !has_root && site.scope.own("try_files").next().is_some() {
            places.push(Place {
                directive: None,
                twin: None,
                takes: Takes::Prefix {
                    text: "/".to_owned(),
                    stops: false,
                    whole: true,
                },
                below: false,
                scope: site.scope.clone(),
            });
        }
        let mut places = twins(places);
        let has_regex = places
            .iter()
            .any(|it| matches!(it.takes, Takes::Regex { .. }));
        if has_regex {
            before_regexes(&mut places);
        }
        let slashes: Vec<String> = places
            .iter()
            .filter_map(|it| match &it.takes {
                Takes::Exact(text) | Takes::Prefix { text, .. } => Some(text.clone()),
                Takes::Regex { .. } => None,
            })
            .collect();
        for place in &places {
            self.place(place, taking, has_regex);
            self.slash(place, taking, &slashes);
        }
    }

    fn collect(&mut self, scope: &Scope<'a>, places: &mut Vec<Place<'a>>) {
        for directive in scope.own("location") {
            let (modifier, text) = match directive.args.as_slice() {
                [one] => ("", one.text.as_str()),
                [modifier, text] => (modifier.text.as_str(), text.text.as_str()),
                _ => {
                    self.lost(directive, "it is no location that NGINX takes");
                    continue;
                }
            };
            let (modifier, text) = match text {
                text if !modifier.is_empty() || text.starts_with(['/', '@']) => (modifier, text),
                text => match ["^~", "~*", "~", "="]
                    .iter()
                    .find(|it| text.starts_with(**it))
                {
                    Some(found) => (*found, &text[found.len()..]),
                    None => (modifier, text),
                },
            };
            let inner = scope.inner(directive.children());
            if text.starts_with('@') && modifier.is_empty() {
                continue;
            }
            if inner.own("internal").next().is_some() {
                self.moot(directive, "no request of a client reaches it");
                continue;
            }
            let takes = match modifier {
                "~" | "~*" => Takes::Regex {
                    text: text.to_owned(),
                    nocase: modifier == "~*",
                },
                _ if !text.starts_with('/') => {
                    self.lost(directive, "no path begins so: NGINX never takes it");
                    continue;
                }
                "=" => Takes::Exact(text.to_owned()),
                _ => Takes::Prefix {
                    text: text.to_owned(),
                    stops: modifier == "^~",
                    whole: text == "/",
                },
            };
            places.push(Place {
                directive: Some(directive),
                twin: None,
                takes,
                below: false,
                scope: inner.clone(),
            });
            self.collect(&inner, places);
        }
    }

    /// What `path` of the spec says for a place, and what it does to the location's directive. `None` where it cannot be said.
    pub(super) fn path(&mut self, place: &Place<'a>, at: &str, has_regex: bool) -> Option<Value> {
        let directive = place.directive;
        let path = format!("{at}.path");
        let value = match &place.takes {
            Takes::Exact(text) => json!({ "exact": text }),
            Takes::Regex { text, nocase } => match anchored(text, *nocase, true) {
                Ok(regex) => json!({ "regex": regex }),
                Err(why) => {
                    if let Some(directive) = directive {
                        self.lost_but(
                            directive,
                            format!("its regex cannot be said in RE2: {why}"),
                            "write the paths that are meant as routes of their own",
                        );
                    }
                    return None;
                }
            },
            Takes::Prefix { text, .. } if text == "/" => "/".into(),
            Takes::Prefix { text, stops, whole } if has_regex && (*stops || place.below) => {
                if let Some(directive) = directive.filter(|_| place.below) {
                    self.changed(
                        directive,
                        path.clone(),
                        "no regex is asked for its paths: it lies below a prefix with `^~`, and a spec asks regexes in one order",
                    );
                }
                let body = regex_syntax::escape(text);
                if *whole {
                    json!({ "regex": format!("{body}(?:/.*)?") })
                } else {
                    json!({ "regex": format!("{body}.*") })
                }
            }
            Takes::Prefix { text, whole, .. } => {
                if let Some(directive) = directive.filter(|_| !whole && !text.ends_with('/')) {
                    self.changed(
                        directive,
                        path.clone(),
                        format!("`{text}` and what is below it, no more `{text}x`"),
                    );
                    self.remark(
                        "import::no-boundary",
                        directive,
                        "a prefix without a boundary takes longer names too",
                        format!("the spec's `{text}` takes `{text}` and `{text}/…`, not `{text}x`"),
                    );
                }
                text.as_str().into()
            }
        };
        for directive in directive.into_iter().chain(place.twin) {
            self.kept(directive, path.clone());
        }
        Some(value)
    }

    /// `location /x/` alone: NGINX sends `/x` to `/x/`, which ends a WebSocket's handshake.
    fn slash(&mut self, place: &Place<'a>, taking: &Taking, taken: &[String]) {
        let Takes::Prefix {
            text,
            whole: false,
            stops: false,
        } = &place.takes
        else {
            return;
        };
        let Some(bare) = text.strip_suffix('/').filter(|it| !it.is_empty()) else {
            return;
        };
        let (Some(directive), Some(_)) = (place.directive, place.scope.own("proxy_pass").next())
        else {
            return;
        };
        if taken.iter().any(|it| it == bare) {
            return;
        }
        let name = self.route_name(&format!("{bare} slash"), taking);
        self.matching(&name, taking);
        let path = self.set(&["routes", &name, "path"], json!({ "exact": bare }));
        self.set(
            &["routes", &name, "redirect"],
            json!({ "path": text, "status": 301 }),
        );
        self.kept(directive, path);
        let is_socket = place
            .scope
            .all(&["proxy_set_header"])
            .iter()
            .any(|it| it.arg(0).eq_ignore_ascii_case("Upgrade"));
        if is_socket {
            self.remark(
                "import::slash",
                directive,
                format!("a WebSocket to `{bare}` gets a redirect to `{text}`, which no browser follows"),
                format!("the spec does the same; write `path: {bare}` and take the route `{name}` out to serve both"),
            );
        }
    }
}

/// A spec asks regexes before prefixes, in their order: what stops NGINX from asking them stands before them, the longest first, and with
/// it every longer prefix below it, which would else lose to the shorter one.
fn before_regexes(places: &mut [Place<'_>]) {
    let stops: Vec<String> = places
        .iter()
        .filter(|it| matches!(it.takes, Takes::Prefix { stops: true, .. }))
        .map(|it| it.takes.text().to_owned())
        .filter(|it| it != "/")
        .collect();
    for place in places.iter_mut() {
        if let Takes::Prefix {
            text, stops: false, ..
        } = &place.takes
        {
            place.below = stops
                .iter()
                .any(|it| text != it && text.starts_with(it.as_str()));
        }
    }
    places.sort_by_key(|it| match &it.takes {
        Takes::Prefix { text, stops, .. } if *stops || it.below => (false, Reverse(text.len())),
        _ => (true, Reverse(0)),
    });
}

/// Pairs of `= /x` and `/x/` that do the same become one place.
fn twins(places: Vec<Place<'_>>) -> Vec<Place<'_>> {
    let mut found: Vec<Place<'_>> = Vec::new();
    for place in places {
        let same = |other: &Place<'_>| {
            let body = |it: &Place<'_>| it.directive.map(|it| shape(it.children()));
            body(other) == body(&place)
        };
        let twin = found
            .iter_mut()
            .find(|other| match (&other.takes, &place.takes) {
                (Takes::Exact(exact), Takes::Prefix { text, .. })
                | (Takes::Prefix { text, .. }, Takes::Exact(exact)) => {
                    text.strip_suffix('/') == Some(exact.as_str()) && same(other)
                }
                _ => false,
            });
        let Some(twin) = twin else {
            found.push(place);
            continue;
        };
        let stops = [&twin.takes, &place.takes]
            .iter()
            .any(|it| matches!(it, Takes::Prefix { stops: true, .. }));
        let text = twin.takes.text().trim_end_matches('/').to_owned();
        twin.takes = Takes::Prefix {
            text,
            stops,
            whole: true,
        };
        twin.twin = place.directive;
    }
    found
}

/// A block's text without its places.
fn shape(directives: &[Directive]) -> String {
    let mut text = String::new();
    for it in directives {
        text.push_str(&format!(
            "{:?} {:?} {{{}}}",
            it.name,
            it.texts(),
            shape(it.children())
        ));
    }
    text
}
