//! What NGINX answers by itself: `return`, redirects by `rewrite`, error pages.

use serde_json::{Value, json};

use super::Nginx;
use super::own::is_own;
use super::place::Place;
use super::scope::Scope;
use super::syntax::Directive;
use super::values::{Piece, has_variable, pieces};

impl<'a> Nginx<'a, '_, '_> {
    /// Reads a `return` as a redirect or a fixed answer.
    pub(super) fn answer(&mut self, answer: &'a Directive, place: &Place<'a>, name: &str) {
        let (status, text) = match answer.args.len() {
            1 if answer.arg(0).bytes().all(|c| c.is_ascii_digit()) => (answer.arg(0), ""),
            1 => ("302", answer.arg(0)),
            _ => (answer.arg(0), answer.arg(1)),
        };
        let Ok(code) = status.parse::<u16>() else {
            return self.lost(answer, "the status is no number");
        };
        match code {
            301 | 302 | 303 | 307 | 308 => self.redirect(answer, code, text, name),
            444 => {
                let value = json!({ "status": 404 });
                let path = self.set(&["routes", name, "respond"], value);
                let how = "404 is answered; a whole listener may close for unknown hosts (`unknown_host: close`)";
                self.changed(answer, path, how);
            }
            200..=599 => {
                let pieces = self.pieces(text, &place.scope);
                let body = match pieces.as_slice() {
                    [] => None,
                    [Piece::Text(body)] => Some(body.clone()),
                    _ => {
                        return self.lost_but(
                            answer,
                            "a fixed answer has no variables",
                            "let an application answer",
                        );
                    }
                };
                let at = ["routes", name, "respond"];
                if code != 200 {
                    self.set(&[at[0], at[1], at[2], "status"], code);
                }
                if let Some(body) = body.filter(|body| !body.is_empty()) {
                    self.set(&[at[0], at[1], at[2], "body"], body);
                }
                let mut path = at.join(".");
                if self.reading.draft.get(&at).is_none() {
                    path = self.set(&[at[0], at[1], at[2], "status"], code);
                }
                self.kept(answer, path.clone());
                let own = place.scope.find("default_type");
                let added = place.scope.all(&["add_header"]);
                let typed = added
                    .into_iter()
                    .find(|it| it.arg(0).eq_ignore_ascii_case("Content-Type"));
                let kind = typed.map(|it| it.arg(1)).or(own.map(|it| it.arg(0)));
                if let Some(kind) =
                    kind.filter(|it| !has_variable(it) && !it.starts_with("text/plain"))
                {
                    let path = self.set(&[at[0], at[1], at[2], "content_type"], kind);
                    for directive in typed.into_iter().chain(own) {
                        self.kept(directive, path.clone());
                    }
                }
            }
            _ => self.lost(answer, "an answer has a status from 200 to 599"),
        }
    }

    fn redirect(&mut self, answer: &Directive, code: u16, url: &str, name: &str) {
        let Some(mut value) = target(url) else {
            return self.lost_but(
                answer,
                "the target needs variables beyond the request's own scheme, host and path",
                "write `redirect` with `scheme`, `host`, `path` or `to`",
            );
        };
        let status = if code == 303 { 302 } else { code };
        if let (Value::Object(map), true) = (&mut value, status != 302) {
            map.insert("status".to_owned(), status.into());
        }
        let path = self.set(&["routes", name, "redirect"], value);
        if code == 303 {
            self.changed(answer, path, "302 in place of 303");
        } else {
            self.kept(answer, path);
        }
    }

    /// Whether a `rewrite` sends clients elsewhere.
    pub(super) fn is_redirect(&self, rewrite: &Directive) -> bool {
        matches!(rewrite.arg(2), "permanent" | "redirect") || rewrite.arg(1).contains("://")
    }

    /// A `rewrite` that sends clients elsewhere.
    pub(super) fn redirect_by_rewrite(&mut self, rewrite: &Directive, name: &str) {
        let code = if rewrite.arg(2) == "permanent" {
            301
        } else {
            302
        };
        let all = matches!(
            rewrite.arg(0),
            "^" | "^/(.*)$" | "^(.*)$" | "^/(.*)" | "^(.*)" | ".*" | "^.*$" | "(.*)"
        );
        let to = rewrite
            .arg(1)
            .replace("/$1", "$request_uri")
            .replace("$1", "$request_uri");
        if !all || to.matches("$request_uri").count() > 1 {
            return self.lost_but(
                rewrite,
                "a redirect that is computed by a regex",
                "write a route with the paths that are meant, and `redirect`",
            );
        }
        self.redirect(rewrite, code, &to, name);
    }

    /// `error_page` with a page or a place elsewhere, and whose errors it replaces.
    pub(super) fn error_pages(&mut self, scope: &Scope<'a>, name: &str) {
        let intercepts = scope.find("proxy_intercept_errors");
        let mut written = false;
        for page in scope.all(&["error_page"]) {
            let texts = page.texts();
            let Some((to, codes)) = texts.split_last() else {
                continue;
            };
            if is_own(to) {
                self.moot(page, "what a spec answers to errors by itself");
                continue;
            }
            let codes: Vec<&str> = codes
                .iter()
                .filter(|it| !it.starts_with('='))
                .copied()
                .collect();
            let named = self.named.get(*to).copied();
            let value = if to.contains("://") && !has_variable(to) {
                Some(json!({ "redirect": { "to": to } }))
            } else {
                named.and_then(|named| self.page(named))
            };
            let Some(value) = value else {
                self.lost_but(
                    page,
                    "an error page is a fixed answer or a redirect; files are out of scope",
                    "write `error_pages` on the route: `502: { respond: { file: … } }` reads a file when the spec is compiled",
                );
                continue;
            };
            for code in codes {
                if !code.parse::<u16>().is_ok_and(|it| (300..600).contains(&it)) {
                    continue;
                }
                let path = self.set(&["routes", name, "error_pages", code], value.clone());
                self.kept(page, path);
                written = true;
            }
        }
        let Some(directive) = intercepts else { return };
        if directive.arg(0) == "on" && written {
            let path = self.set(&["routes", name, "error_pages", "replace"], "both");
            self.kept(directive, path);
        } else {
            self.moot(
                directive,
                "without pages there is nothing to put in the place of errors",
            );
        }
    }

    /// A named location that only answers.
    fn page(&mut self, named: &'a Directive) -> Option<Value> {
        let answer = named.children().iter().find(|it| it.name == "return")?;
        if has_variable(answer.arg(1)) {
            return None;
        }
        let status = answer
            .arg(0)
            .parse::<u16>()
            .ok()
            .filter(|it| (200..600).contains(it))?;
        self.moot(named, "its answer stands in the route's error pages");
        self.moot(answer, "its answer stands in the route's error pages");
        if matches!(status, 301 | 302 | 307 | 308) {
            return Some(json!({ "redirect": { "to": answer.arg(1), "status": status } }));
        }
        let mut respond = serde_json::Map::from_iter([("status".to_owned(), status.into())]);
        if !answer.arg(1).is_empty() {
            respond.insert("body".to_owned(), answer.arg(1).into());
        }
        Some(json!({ "respond": respond }))
    }
}

/// A redirect's target in the words of a spec, where the status is not said.
fn target(url: &str) -> Option<Value> {
    if !has_variable(url) {
        return Some(json!({ "to": url }));
    }
    let pieces = pieces(url);
    let mut rest = pieces.as_slice();
    let mut map = serde_json::Map::new();
    let mut host = match rest {
        [Piece::Var(scheme), Piece::Text(text), ..]
            if scheme == "scheme" && text.starts_with("://") =>
        {
            rest = &rest[1..];
            text["://".len()..].to_owned()
        }
        [Piece::Text(text), ..] if text.starts_with("https://") => {
            map.insert("scheme".to_owned(), "https".into());
            text["https://".len()..].to_owned()
        }
        [Piece::Text(text), ..] if text.starts_with("http://") => {
            map.insert("scheme".to_owned(), "http".into());
            text["http://".len()..].to_owned()
        }
        _ => return None,
    };
    rest = &rest[1..];
    match rest {
        [Piece::Var(var), after @ ..]
            if host.is_empty() && matches!(var.as_str(), "host" | "http_host" | "server_name") =>
        {
            rest = after;
            if let [Piece::Text(text), after @ ..] = rest {
                host = text.clone();
                rest = after;
            }
            if !host.is_empty() {
                let path = host.starts_with('/').then_some(host)?;
                map.insert("path".to_owned(), path.into());
                return rest.is_empty().then_some(Value::Object(map));
            }
        }
        _ if host.is_empty() => return None,
        _ => {
            if host.contains('/')
                || host.starts_with("www.")
                    && rest.iter().any(|it| *it == Piece::Var("host".to_owned()))
            {
                return None;
            }
            map.insert("host".to_owned(), host.into());
        }
    }
    let keeps = match rest {
        [Piece::Var(uri)] => uri == "request_uri" || uri == "uri",
        [Piece::Var(uri), Piece::Var(is), Piece::Var(args)] => {
            uri == "uri" && is == "is_args" && args == "args"
        }
        _ => false,
    };
    (keeps && !map.is_empty()).then_some(Value::Object(map))
}
