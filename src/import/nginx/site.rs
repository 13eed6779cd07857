//! Servers: which hosts they are for, on which listeners, which of them only send clients elsewhere, and in which order they are read.

use serde_json::{Value, json};

use crate::spec::units::is_host_name;

use super::listener::{Listen, Listener, listeners};
use super::scope::Scope;
use super::syntax::Directive;
use super::values::anchored;
use super::{Nginx, Parts};

/// A host that a server is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Host {
    /// A name, also with `*.`.
    Name(String),
    /// A regex over the whole host.
    Regex(String),
}

impl Host {
    fn value(&self) -> Value {
        match self {
            Self::Name(name) => name.as_str().into(),
            Self::Regex(regex) => json!({ "regex": regex }),
        }
    }
}

/// A server.
#[derive(Clone, Debug)]
pub(super) struct Site<'a> {
    /// Its block; `None` for a text that is only a part of one.
    pub(super) directive: Option<&'a Directive>,
    pub(super) scope: Scope<'a>,
    pub(super) listens: Vec<Listen<'a>>,
    pub(super) hosts: Vec<Host>,
}

/// Which requests the routes of a server are for.
#[derive(Clone, Debug, Default)]
pub(super) struct Taking {
    /// What `host` says; `None` for every host that no other route names.
    pub(super) hosts: Option<Value>,
    /// What `when.listeners` says; empty for every listener that does not redirect.
    pub(super) listeners: Vec<String>,
    /// A word for the server in names of routes.
    pub(super) word: Option<String>,
}

impl<'a> Nginx<'a, '_, '_> {
    /// Reads every server into listeners and routes.
    pub(super) fn sites(&mut self, parts: &Parts<'a>) {
        let mut sites = Vec::new();
        for (directive, scope) in &parts.servers {
            let site = self.site(*directive, scope.clone());
            if !site.listens.is_empty() {
                sites.push(site);
            }
        }
        let mut listeners = listeners(&sites);
        self.redirects(&mut listeners, &sites);
        for listener in &listeners {
            self.listener(listener, &sites);
            if listener.tls {
                self.tls(listener, &sites);
            }
            if let Some(to) = &listener.redirect {
                self.set(&["listeners", &listener.name, "redirect"], to.as_str());
            }
        }
        let on = |number: usize| -> Vec<&Listener> {
            let here = listeners.iter().filter(|it| it.sites.contains(&number));
            here.collect()
        };
        let serves = |number: &usize| on(*number).iter().any(|it| it.redirect.is_none());
        let several = (0..sites.len()).filter(serves).count() > 1;
        self.open = listeners
            .iter()
            .filter(|it| it.redirect.is_none())
            .any(|it| {
                let default = sites.get(it.default).and_then(sole_location);
                let refuses = |it: &Directive| it.children().iter().any(|it| it.name == "return");
                !default.is_some_and(refuses)
            });
        for (number, site) in sites.iter().enumerate() {
            self.server(number, site, &on(number), &listeners, several);
        }
    }

    fn site(&mut self, directive: Option<&'a Directive>, scope: Scope<'a>) -> Site<'a> {
        let mut listens = Vec::new();
        let mut said = false;
        for listen in scope.own("listen") {
            said = true;
            match Listen::read(listen) {
                Ok(mut read) => {
                    read.tls |= scope.is_on("ssl");
                    listens.push(read);
                }
                Err(why) => self.lost(listen, why),
            }
        }
        if !said {
            listens.push(Listen::implied());
        }
        let hosts = self.hosts(&scope);
        Site {
            directive,
            scope,
            listens,
            hosts,
        }
    }

    fn hosts(&mut self, scope: &Scope<'a>) -> Vec<Host> {
        let mut hosts = Vec::new();
        for directive in scope.own("server_name") {
            for word in &directive.args {
                let text = word.text.as_str();
                // What people write where they mean no name.
                if matches!(text, "_" | "" | "-" | "--" | "__" | "!@#" | "*") {
                    continue;
                }
                if let Some(regex) = text.strip_prefix('~') {
                    match anchored(regex, true, false) {
                        Ok(regex) => {
                            hosts.push(Host::Regex(regex.trim_start_matches("(?i)").to_owned()))
                        }
                        Err(why) => {
                            self.lost(directive, format!("its regex cannot be said in RE2: {why}"))
                        }
                    }
                } else if let Some(apex) = text.strip_prefix('.') {
                    hosts.push(Host::Name(apex.to_ascii_lowercase()));
                    hosts.push(Host::Name(format!("*.{}", apex.to_ascii_lowercase())));
                } else if let Some(start) = text.strip_suffix(".*") {
                    hosts.push(Host::Regex(format!("{}\\..*", regex_syntax::escape(start))));
                } else if is_host_name(text.strip_prefix("*.").unwrap_or(text)) {
                    hosts.push(Host::Name(text.to_ascii_lowercase()));
                } else {
                    self.lost(directive, format!("`{text}` is no host name"));
                }
            }
        }
        hosts
    }

    /// Finds the listeners on which every server only sends clients to the same place on TLS.
    fn redirects(&mut self, listeners: &mut [Listener], sites: &[Site<'a>]) {
        for at in 0..listeners.len() {
            let all: Option<Vec<_>> = listeners[at]
                .sites
                .iter()
                .map(|number| sites.get(*number).and_then(to_tls))
                .collect();
            let Some(all) = all.filter(|_| !listeners[at].tls) else {
                continue;
            };
            let port = all.first().map_or(443, |first| first.port);
            let target = listeners.iter().find(|it| it.tls && it.key.port == port);
            let Some(target) = target.map(|it| it.name.clone()) else {
                continue;
            };
            if all.iter().any(|one| one.port != port) {
                continue;
            }
            let path = format!("listeners.{}.redirect", listeners[at].name);
            for one in all {
                let mut how = Vec::new();
                if one.status != "301" {
                    how.push(format!("with 301 in place of {}", one.status));
                }
                if one.fixed_host {
                    how.push(
                        "to the host that was asked for, not to the server's first name".to_owned(),
                    );
                }
                if how.is_empty() {
                    self.kept(one.directive, path.clone());
                } else {
                    self.changed(one.directive, path.clone(), how.join(", "));
                }
                for place in one.places {
                    self.kept(place, path.clone());
                }
            }
            listeners[at].redirect = Some(target);
        }
    }

    /// Reads a server's locations into routes.
    fn server(
        &mut self,
        number: usize,
        site: &Site<'a>,
        on: &[&Listener],
        all: &[Listener],
        several: bool,
    ) {
        let serving: Vec<&&Listener> = on.iter().filter(|it| it.redirect.is_none()).collect();
        if let Some(directive) = site.directive {
            for listener in on {
                self.kept(directive, format!("listeners.{}", listener.name));
            }
        }
        let is_default = !serving.is_empty() && serving.iter().all(|it| it.default == number);
        let mut taking = Taking {
            hosts: None,
            listeners: Vec::new(),
            word: None,
        };
        if !is_default {
            match site.hosts.as_slice() {
                [] => {}
                [one] => taking.hosts = Some(one.value()),
                hosts => {
                    taking.hosts = Some(hosts.iter().map(Host::value).collect::<Vec<_>>().into())
                }
            }
        }
        if several {
            taking.word = site.hosts.iter().find_map(|host| match host {
                Host::Name(name) => {
                    let name = name.trim_start_matches("*.").trim_start_matches("www.");
                    name.split('.').next().map(str::to_owned)
                }
                Host::Regex(_) => None,
            });
        }
        self.name_fates(site, is_default, on);
        let open = all.iter().filter(|it| it.redirect.is_none()).count();
        if serving.len() < open && !serving.is_empty() {
            taking.listeners = serving.iter().map(|it| it.name.clone()).collect();
        }
        if serving.is_empty() {
            return;
        }
        self.log(
            site.scope
                .find("access_log")
                .filter(|it| it.arg(0) != "off"),
        );
        let closes = is_default && self.refuses(site);
        if closes {
            for listener in serving {
                self.set(&["listeners", &listener.name, "unknown_host"], "close");
            }
        }
        self.named = site
            .scope
            .own("location")
            .filter(|it| it.arg(0).starts_with('@'))
            .map(|it| (it.arg(0).to_owned(), it))
            .collect();
        if !closes {
            self.places(site, &taking);
        }
    }

    fn name_fates(&mut self, site: &Site<'a>, is_default: bool, on: &[&Listener]) {
        let names: Vec<_> = site.scope.own("server_name").collect();
        let redirect = on.iter().find(|it| it.redirect.is_some());
        let serves = on.iter().any(|it| it.redirect.is_none());
        for directive in names {
            if let (Some(listener), false) = (redirect, serves) {
                self.kept(directive, format!("listeners.{}.redirect", listener.name));
                continue;
            }
            if !is_default {
                self.kept(directive, "routes.*.host");
                continue;
            }
            if site.hosts.is_empty() {
                self.moot(directive, "no name: the server takes every host");
            } else {
                self.changed(
                    directive,
                    "routes",
                    "it is the first server of its port, so NGINX gives it every host that no other server names: its routes name no host",
                );
                let account = &mut self.reading.account;
                account.help(
                    directive.id,
                    "write `host` on the routes to answer other hosts with 404",
                );
            }
        }
    }

    /// Whether a default server only refuses: closes without an answer, or refuses the handshake.
    fn refuses(&mut self, site: &Site<'a>) -> bool {
        if let Some(reject) = site
            .scope
            .own("ssl_reject_handshake")
            .find(|it| it.arg(0) == "on")
        {
            self.kept(reject, "listeners.*.unknown_host");
            return true;
        }
        let returns = site
            .scope
            .own("return")
            .chain(sole_location(site).into_iter().flat_map(|it| {
                let children = it.children().iter();
                children.filter(|it| it.name == "return")
            }));
        let closing: Vec<&'a Directive> = returns.filter(|it| it.arg(0) == "444").collect();
        for directive in &closing {
            self.kept(directive, "listeners.*.unknown_host");
        }
        !closing.is_empty()
    }
}

/// The only location of a server, if it is `/`.
fn sole_location<'a>(site: &Site<'a>) -> Option<&'a Directive> {
    let mut locations = site
        .scope
        .own("location")
        .filter(|it| !it.arg(0).starts_with('@'));
    let first = locations.next().filter(|it| it.arg(0) == "/")?;
    locations.next().is_none().then_some(first)
}

/// A server that sends every request to the same place on TLS.
struct ToTls<'a> {
    directive: &'a Directive,
    /// The blocks and conditions around it.
    places: Vec<&'a Directive>,
    status: &'a str,
    port: u16,
    fixed_host: bool,
}

fn to_tls<'a>(site: &Site<'a>) -> Option<ToTls<'a>> {
    let mut places = Vec::new();
    let own = site.scope.own("return").next();
    let returns = match own {
        Some(directive) if directive.arg(0) != "404" => directive,
        _ => {
            // What certbot writes: a condition for each host, and 404 behind them.
            let located = site.scope.own("location").next().is_some();
            let by_host = site.scope.own("if").filter(|_| !located).find(|it| {
                let words = it.texts().concat();
                words.starts_with("($host=") && it.children().len() == 1
            });
            let block = match by_host {
                Some(block) => {
                    places.extend(site.scope.own("if"));
                    places.extend(own);
                    block
                }
                None => {
                    let sole = sole_location(site)?;
                    places.push(sole);
                    sole
                }
            };
            block.children().iter().find(|it| it.name == "return")?
        }
    };
    let (status, url) = match returns.args.len() {
        1 => ("302", returns.arg(0)),
        _ => (returns.arg(0), returns.arg(1)),
    };
    let rest = url.strip_prefix("https://")?;
    let rest = rest
        .strip_suffix("$request_uri")
        .or_else(|| rest.strip_suffix("$uri$is_args$args"))?;
    let (host, port) = rest.split_once(':').unwrap_or((rest, "443"));
    let own_name = matches!(&site.hosts[..], [Host::Name(name)] if name == host);
    let fixed_host = match host {
        "$host" | "$http_host" => false,
        "$server_name" => site.hosts.len() > 1,
        _ if own_name => false,
        _ => return None,
    };
    Some(ToTls {
        directive: returns,
        places,
        status,
        port: port.parse().ok()?,
        fixed_host,
    })
}
