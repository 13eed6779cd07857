//! Who may come and how often: addresses, passwords, subrequests, rates and connections.

use serde_json::{Value, json};

use crate::spec::units::ClientRange;

use super::Nginx;
use super::scope::Scope;
use super::syntax::Directive;

/// Why a rule on clients is not asked.
const DECIDED: &str = "a rule before it decides for everybody";
/// Why a rule on clients cannot be said.
const UNKNOWN_CLIENT: &str = "clients are known by IP ranges";

impl<'a> Nginx<'a, '_, '_> {
    /// Reads everything that keeps requests from a route.
    pub(super) fn guards(&mut self, scope: &Scope<'a>, name: &str) {
        if let Some(satisfy) = scope.find("satisfy").filter(|it| it.arg(0) == "any") {
            self.lost_but(
                satisfy,
                "every guard of a route has to be met, not any of them",
                "write a route with `when: { clients: […] }` before this one, without `auth`",
            );
        }
        self.clients(scope, name);
        self.auth(scope, name);
        self.rates(scope, name);
        self.connections_open(scope, name);
    }

    /// Whether a place lets nobody through at all, by its own rules or by those that it inherits.
    pub(super) fn refuses_everybody(&self, scope: &Scope<'a>) -> bool {
        for rule in scope.all(&["allow", "deny"]) {
            match (rule.name.as_str(), rule.arg(0)) {
                (name, "all") => return name == "deny",
                ("allow", text) if text.parse::<ClientRange>().is_ok() => return false,
                _ => {}
            }
        }
        false
    }

    /// The 403 of a place that lets nobody through.
    fn nobody(&mut self, rules: &[&'a Directive], name: &str) {
        let path = self.set(&["routes", name, "respond"], json!({ "status": 403 }));
        let mut over = false;
        for rule in rules {
            if over {
                self.moot(rule, DECIDED);
            } else if rule.name == "allow" {
                self.lost(rule, UNKNOWN_CLIENT);
            } else {
                self.kept(rule, path.clone());
            }
            over |= rule.arg(0) == "all";
        }
    }

    /// `allow` and `deny`: the first that fits counts; a spec asks `deny` first.
    pub(super) fn clients(&mut self, scope: &Scope<'a>, name: &str) {
        let rules = scope.all(&["allow", "deny"]);
        if self.refuses_everybody(scope) {
            return self.nobody(&rules, name);
        }
        let (mut allowed, mut over) = (false, false);
        let closed = rules
            .iter()
            .find(|it| it.arg(0) == "all")
            .is_some_and(|it| it.name == "deny");
        for (number, rule) in rules.iter().enumerate() {
            let text = rule.arg(0);
            let is_allow = rule.name == "allow";
            if text == "all" {
                over = true;
                let path = format!("routes.{name}.clients");
                self.kept(rule, path);
                continue;
            }
            if over {
                self.moot(rule, DECIDED);
                continue;
            }
            if text.parse::<ClientRange>().is_err() {
                self.lost(rule, UNKNOWN_CLIENT);
                continue;
            }
            let list = if is_allow { "allow" } else { "deny" };
            if is_allow && !closed {
                if is_denied(text, &rules[number + 1..]) {
                    let how = "refused where a range below covers it: a spec asks `deny` first";
                    self.changed(rule, format!("routes.{name}.clients.deny"), how);
                } else {
                    self.moot(rule, "everybody who is not denied may come");
                }
                continue;
            }
            let path = self
                .reading
                .draft
                .push(&["routes", name, "clients", list], text);
            if !is_allow && allowed {
                let how = "refused also where a range above allows it: a spec asks `deny` first";
                self.changed(rule, path, how);
            } else {
                self.kept(rule, path);
            }
            allowed |= is_allow;
        }
    }

    fn auth(&mut self, scope: &Scope<'a>, name: &str) {
        if let Some(basic) = scope.find("auth_basic") {
            if basic.arg(0) == "off" {
                self.moot(basic, "as the spec's default");
            } else {
                self.basic(basic, scope, name);
            }
        }
        if let Some(request) = scope.find("auth_request") {
            if request.arg(0) == "off" {
                self.moot(request, "as the spec's default");
            } else {
                self.forward_auth(request, scope, name);
            }
        }
    }

    fn basic(&mut self, basic: &'a Directive, scope: &Scope<'a>, name: &str) {
        let Some(file) = scope.find("auth_basic_user_file") else {
            return self.lost_but(
                basic,
                "no file of users is named",
                "write `auth: { staff: { basic: { file: … } } }` and name it on the route",
            );
        };
        let key = format!("basic\n{}\n{}", file.arg(0), basic.arg(0));
        let auth = match self.auths.get(&key) {
            Some(auth) => auth.clone(),
            None => {
                let auth = self.reading.draft.name("auth", "users", "users");
                self.set(&["auth", &auth, "basic", "file"], file.arg(0));
                self.set(&["auth", &auth, "basic", "realm"], basic.arg(0));
                self.auths.insert(key, auth.clone());
                auth
            }
        };
        self.set(&["routes", name, "auth"], auth.as_str());
        self.kept(basic, format!("auth.{auth}.basic.realm"));
        self.kept(basic, format!("routes.{name}.auth"));
        self.kept(file, format!("auth.{auth}.basic.file"));
    }

    /// `auth_request`: the location that is asked becomes a service that decides.
    fn forward_auth(&mut self, request: &'a Directive, scope: &Scope<'a>, name: &str) {
        let help =
            "write `auth: { sso: { forward: { upstream: …, path: … } } }` and name it on the route";
        let places = scope.everywhere("location");
        let wanted = request.arg(0);
        let place = places
            .into_iter()
            .find(|it| it.args.last().is_some_and(|arg| arg.text == wanted));
        let Some(place) = place else {
            return self.lost_but(request, "the location that it asks is not there", help);
        };
        let inner = scope.inner(place.children());
        let Some(pass) = inner.own("proxy_pass").next() else {
            return self.lost_but(
                request,
                "the location that it asks leads to no server",
                help,
            );
        };
        let key = format!("forward\n{wanted}\n{}", pass.arg(0));
        if let Some(auth) = self.auths.get(&key).cloned() {
            self.passed_on(&auth, scope);
            let path = self.set(&["routes", name, "auth"], auth);
            return self.kept(request, path);
        }
        let Some((upstream, uri)) = self.upstream(pass, &inner) else {
            return self.lost_but(request, "the service that it asks cannot be named", help);
        };
        let auth = self.reading.draft.name("auth", &upstream, "sso");
        self.set(&["auth", &auth, "forward", "upstream"], upstream);
        let path = uri.unwrap_or_else(|| wanted.to_owned());
        self.set(&["auth", &auth, "forward", "path"], path);
        self.passed_on(&auth, scope);
        let at = format!("auth.{auth}.forward");
        self.kept(pass, at.clone());
        self.kept(place, at.clone());
        for child in place.children() {
            if child.id != pass.id {
                self.moot(
                    child,
                    "the subrequest has the client's credentials and `X-Forwarded-*` by itself",
                );
            }
        }
        let path = self.set(&["routes", name, "auth"], auth.as_str());
        self.kept(request, path);
        self.changed(
            request,
            at,
            "the service sees `Authorization` and `Cookie`, not every header; what it answers but 2xx goes to the client, where NGINX makes 500 of all but 401 and 403",
        );
        self.auths.insert(key, auth);
    }

    /// `auth_request_set $user $upstream_http_x_user` with `proxy_set_header X-User $user`.
    fn passed_on(&mut self, auth: &str, scope: &Scope<'a>) {
        for set in scope.all(&["auth_request_set"]) {
            let Some(header) = set.arg(1).strip_prefix("$upstream_http_") else {
                self.lost(set, "only headers of the service's answer are passed on");
                continue;
            };
            let header = super::values::header_name(header);
            let list = if header.eq_ignore_ascii_case("Set-Cookie") {
                "answer"
            } else {
                "pass"
            };
            let path = self
                .reading
                .draft
                .push(&["auth", auth, "forward", list], header.as_str());
            self.kept(set, path.clone());
            for use_of in scope.all(&["proxy_set_header"]) {
                if use_of.arg(1) == set.arg(0) {
                    if use_of.arg(0).eq_ignore_ascii_case(&header) {
                        self.kept(use_of, path.clone());
                    } else {
                        self.changed(use_of, path.clone(), format!("it is called `{header}`"));
                    }
                }
            }
        }
    }

    fn rates(&mut self, scope: &Scope<'a>, name: &str) {
        let limits = scope.all(&["limit_req"]);
        for (number, limit) in limits.into_iter().enumerate() {
            if number > 0 {
                self.lost(limit, "a route has one rate");
                continue;
            }
            let words = limit.texts();
            let option = |name: &str| {
                words
                    .iter()
                    .find_map(|it| it.strip_prefix(name)?.strip_prefix('='))
            };
            let zone = self.zone("limit_req_zone", option("zone").unwrap_or(""));
            let Some(zone) = zone else {
                self.lost(limit, "the zone that it names is not there");
                continue;
            };
            let rate = zone.texts().iter().find_map(|it| it.strip_prefix("rate="));
            let rate = rate.and_then(rate_text);
            let (Some(rate), Some(per)) = (rate, per(zone.arg(0))) else {
                self.lost(
                    limit,
                    "a rate is for each client, each value of a header, or the route as a whole",
                );
                continue;
            };
            let path = ["routes", name, "limits", "requests"];
            self.set(&[path[0], path[1], path[2], path[3], "rate"], rate);
            if let Some(burst) = option("burst").and_then(|it| it.parse::<u64>().ok()) {
                self.set(
                    &[path[0], path[1], path[2], path[3], "burst"],
                    burst.min(100_000),
                );
            }
            if per != "client" {
                self.set(&[path[0], path[1], path[2], path[3], "per"], per);
            }
            let path = path.join(".");
            self.kept(zone, path.clone());
            let mut how = vec!["each route counts alone, unless `bucket` joins them"];
            let status = scope.find("limit_req_status");
            if status.is_none_or(|it| it.arg(0) != "429") {
                how.push("429 is answered");
            }
            if let Some(status) = status {
                self.kept(status, path.clone());
            }
            if option("burst").is_some() && !words.contains(&"nodelay") {
                how.push("a burst is served at once, not delayed");
            }
            self.changed(limit, path, how.join("; "));
        }
    }

    fn connections_open(&mut self, scope: &Scope<'a>, name: &str) {
        let limits = scope.all(&["limit_conn"]);
        for (number, limit) in limits.into_iter().enumerate() {
            let zone = self.zone("limit_conn_zone", limit.arg(0));
            let max = limit
                .arg(1)
                .parse::<u64>()
                .ok()
                .filter(|it| (1..=1_000_000).contains(it));
            let per = zone.and_then(|zone| per(zone.arg(0)));
            let (0, Some(zone), Some(max), Some(per)) = (number, zone, max, per) else {
                self.lost(limit, "a route has one ceiling of connections: for each client, each value of a header, or the route as a whole");
                continue;
            };
            let path = ["routes", name, "limits", "connections"];
            self.set(&[path[0], path[1], path[2], path[3], "max"], max);
            if per != "client" {
                self.set(&[path[0], path[1], path[2], path[3], "per"], per);
            }
            let path = path.join(".");
            self.kept(zone, path.clone());
            let status = scope
                .find("limit_conn_status")
                .filter(|it| it.arg(0) != "503");
            match status {
                Some(status) => self.changed(status, path.clone(), "503 is answered"),
                None => {
                    if let Some(status) = scope.find("limit_conn_status") {
                        self.kept(status, path.clone());
                    }
                }
            }
            self.kept(limit, path);
        }
    }

    fn zone(&self, name: &str, zone: &str) -> Option<&'a Directive> {
        let zones = self.http.everywhere(name);
        zones.into_iter().find(|it| {
            let words = it.texts();
            let mut named = words.iter().filter_map(|it| it.strip_prefix("zone="));
            named.any(|it| it.split(':').next() == Some(zone))
        })
    }
}

/// Whether a later rule refuses clients of this range, too.
fn is_denied(range: &str, later: &[&Directive]) -> bool {
    let Ok(range) = range.parse::<ClientRange>() else {
        return false;
    };
    let rules = later.iter().take_while(|it| it.arg(0) != "all");
    rules
        .filter(|it| it.name == "deny")
        .filter_map(|it| it.arg(0).parse::<ClientRange>().ok())
        .any(|it| it.net().contains(&range.net()) || range.net().contains(&it.net()))
}

/// Who is counted by a key.
fn per(key: &str) -> Option<Value> {
    match key {
        "$binary_remote_addr" | "$remote_addr" => Some("client".into()),
        "$server_name" | "$host" => Some("route".into()),
        key => {
            let header = key.strip_prefix("$http_")?;
            Some(json!({ "header": super::values::header_name(header) }))
        }
    }
}

/// `10r/s` as `10/s`.
fn rate_text(text: &str) -> Option<String> {
    let (number, unit) = text.split_once("r/")?;
    let number: u64 = number
        .parse()
        .ok()
        .filter(|it| (1..=1_000_000).contains(it))?;
    match unit {
        "s" => Some(format!("{number}/s")),
        "m" => Some(format!("{number}/min")),
        _ => None,
    }
}
