//! A location as a route: what it takes, and which of NGINX's ways to answer is its action.

use serde_json::json;

use crate::import::draft::word;

use super::Nginx;
use super::place::{Place, Takes};
use super::site::Taking;
use super::syntax::Directive;

/// Directives that lead requests elsewhere than to a server by HTTP.
const OTHER_HANDLERS: [&str; 6] = [
    "fastcgi_pass",
    "uwsgi_pass",
    "scgi_pass",
    "grpc_pass",
    "memcached_pass",
    "stub_status",
];
/// Why a place leads to no server.
const NOBODY: &str = "nobody is let through";

impl<'a> Nginx<'a, '_, '_> {
    /// A free name for the route of a path.
    pub(super) fn route_name(&self, path: &str, taking: &Taking) -> String {
        let own = word(path);
        let name = match (&taking.word, own) {
            (Some(site), Some(own)) if self.reading.draft.get(&["routes", &own]).is_some() => {
                format!("{site}-{own}")
            }
            (Some(site), None) => site.clone(),
            (_, Some(own)) => own,
            (None, None) => "site".to_owned(),
        };
        self.reading.draft.name("routes", &name, "site")
    }

    /// Writes which requests a route takes, but for the path.
    pub(super) fn matching(&mut self, name: &str, taking: &Taking) {
        if let Some(hosts) = &taking.hosts {
            self.set(&["routes", name, "host"], hosts.clone());
        }
        if !taking.listeners.is_empty() {
            let path = ["routes", name, "when", "listeners"];
            self.set(&path, taking.listeners.clone());
        }
    }

    /// Reads a location into a route.
    pub(super) fn place(&mut self, place: &Place<'a>, taking: &Taking, has_regex: bool) {
        let scope = &place.scope;
        if self.jump(place, taking, has_regex) || self.needless(place, taking) {
            return;
        }
        if let Some(answer) = scope.own("return").next() {
            return self.write(place, taking, has_regex, |nginx, name| {
                nginx.answer(answer, place, name);
            });
        }
        let own_pass = scope.own("proxy_pass").next();
        let fallback = self.fallback(place);
        // NGINX rewrites before it asks who may come: a redirect goes to everybody.
        let redirects = own_pass.is_none()
            && fallback.is_none()
            && scope.own("rewrite").any(|it| self.is_redirect(it));
        if self.refuses_everybody(scope) && !redirects {
            return self.write(place, taking, has_regex, |nginx, name| {
                nginx.clients(scope, name);
                for needless in own_pass.into_iter().chain(fallback.map(|it| it.0)) {
                    nginx.moot(needless, NOBODY);
                }
            });
        }
        if let Some(pass) = own_pass {
            return self.write(place, taking, has_regex, |nginx, name| {
                nginx.forward(pass, place, name);
            });
        }
        if let Some((tries, named)) = fallback {
            let scope = scope.inner(named.children());
            if let Some(pass) = scope.own("proxy_pass").next() {
                self.changed(
                    tries,
                    "routes",
                    "files are not looked for: every request goes on to the server",
                );
                self.moot(named, "its directives stand in the route that leads to it");
                let inner = Place {
                    scope,
                    ..place.clone()
                };
                return self.write(place, taking, has_regex, |nginx, name| {
                    if nginx.refuses_everybody(&inner.scope) {
                        nginx.clients(&inner.scope, name);
                        nginx.moot(pass, NOBODY);
                    } else {
                        nginx.forward(pass, &inner, name);
                    }
                });
            }
        }
        self.unserved(place, taking, has_regex);
    }

    /// `try_files … @name`: the location that is asked in the end.
    fn fallback(&self, place: &Place<'a>) -> Option<(&'a Directive, &'a Directive)> {
        let tries = place.scope.find("try_files")?;
        let last = tries.args.last()?.text.as_str();
        self.named.get(last).map(|named| (tries, *named))
    }

    /// What NGINX serves by itself: files, FastCGI. The route answers 404, so that none of it reaches another route's servers.
    fn unserved(&mut self, place: &Place<'a>, taking: &Taking, has_regex: bool) {
        let scope = &place.scope;
        let own = |name: &str| scope.own(name).next();
        let rewrites = own("rewrite").filter(|it| self.is_redirect(it));
        if let Some(rewrite) = rewrites {
            return self.write(place, taking, has_regex, |nginx, name| {
                nginx.redirect_by_rewrite(rewrite, name);
            });
        }
        let handler = OTHER_HANDLERS.iter().find_map(|name| own(name));
        let files = [
            "alias",
            "root",
            "try_files",
            "index",
            "autoindex",
            "expires",
        ];
        let files = files.iter().find_map(|name| own(name));
        let nested = own("location").is_some();
        let what = match (handler, files, place.directive) {
            (Some(handler), ..) => format!("NGINX leads this to `{}`", handler.name),
            (None, Some(_), _) => "NGINX serves files here".to_owned(),
            (None, None, Some(_)) if !nested => {
                "NGINX serves files here, by what stands around it".to_owned()
            }
            _ => return,
        };
        for name in ["alias", "root"] {
            if let Some(directive) = own(name) {
                self.lost_but(
                    directive,
                    "static files are out of scope",
                    "serve the files with a program of their own, and lead a route to it",
                );
            }
        }
        let is_root = matches!(&place.takes, Takes::Prefix { text, .. } if text == "/");
        if is_root && taking.hosts.is_none() && taking.listeners.is_empty() {
            // No route, no answer but 404: the same without a word.
            if let Some(directive) = place.directive {
                self.lost_but(
                    directive,
                    format!("{what}, which is out of scope: the spec answers 404"),
                    "serve the files with a program of their own, and lead a route to it",
                );
            }
            return;
        }
        self.write(place, taking, has_regex, |nginx, name| {
            nginx.set(&["routes", name, "respond"], json!({ "status": 404 }));
            let note =
                format!("{what}, which is out of scope: lead the route to a program that does.");
            nginx.reading.draft.note(&["routes", name], note);
            if let Some(directive) = place.directive {
                nginx.lost_but(
                    directive,
                    format!("{what}, which is out of scope: the route `{name}` answers 404"),
                    "lead the route to a program that does it",
                );
            }
        });
    }

    /// `location / { return 404; }`: what a spec answers where no route fits. Whether it is that.
    fn needless(&mut self, place: &Place<'a>, taking: &Taking) -> bool {
        let is_root = matches!(&place.takes, Takes::Prefix { text, .. } if text == "/");
        let answer = place.scope.own("return").next();
        let Some(answer) = answer.filter(|it| it.texts() == ["404"]) else {
            return false;
        };
        if !is_root || taking.hosts.is_some() && self.open {
            return false;
        }
        for directive in place.directive.into_iter().chain([answer]) {
            self.moot(directive, "404 is what a spec answers where no route fits");
        }
        true
    }

    /// A route that another server has too: its hosts join.
    fn again(&mut self, name: &str, place: &Place<'a>, taking: &Taking) {
        let at = ["routes", name, "host"];
        let mut hosts = match self.reading.draft.get(&at) {
            Some(serde_json::Value::Array(list)) => list.clone(),
            Some(one) => vec![one.clone()],
            None => Vec::new(),
        };
        match &taking.hosts {
            Some(serde_json::Value::Array(list)) => hosts.extend(list.iter().cloned()),
            Some(one) => hosts.push(one.clone()),
            None => {}
        }
        if !hosts.is_empty() {
            let mut once = Vec::new();
            for host in hosts {
                if !once.contains(&host) {
                    once.push(host);
                }
            }
            let one = once.len() == 1;
            let value = if one { once.remove(0) } else { once.into() };
            self.set(&at, value);
        }
        for directive in place.directive.into_iter().chain(place.twin) {
            self.kept(directive, at.join("."));
            for child in directive.children() {
                self.kept(child, format!("routes.{name}"));
            }
        }
    }

    /// Writes a route's name, hosts and paths, then what `rest` says.
    fn write(
        &mut self,
        place: &Place<'a>,
        taking: &Taking,
        has_regex: bool,
        rest: impl FnOnce(&mut Self, &str),
    ) {
        let own = self.own_name(&place.scope);
        if let Some(own) = own
            .as_ref()
            .filter(|it| self.reading.draft.get(&["routes", it]).is_some())
        {
            return self.again(own, place, taking);
        }
        let name = own.unwrap_or_else(|| self.route_name(place.takes.text(), taking));
        let Some(path) = self.path(place, &format!("routes.{name}"), has_regex) else {
            return;
        };
        self.matching(&name, taking);
        let at = self.set(&["routes", &name, "path"], path.clone());
        rest(self, &name);
        if path == "/"
            && self
                .reading
                .draft
                .get(&["routes", &name])
                .is_some_and(|route| route.as_object().is_some_and(|route| route.len() > 1))
        {
            self.reading.draft.remove(&["routes", &name, "path"]);
            self.reading.account.moved(&at, &format!("routes.{name}"));
        }
        let acts = ["upstream", "redirect", "respond"];
        let is_route = acts
            .iter()
            .any(|act| self.reading.draft.get(&["routes", &name, act]).is_some());
        if !is_route {
            // Why is said where the action was read.
            self.reading.draft.remove(&["routes", &name]);
        }
    }
}
