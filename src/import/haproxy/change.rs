//! Rules that change a request or an answer: headers, paths, variables.

use serde_json::json;

use super::condition::{All, Literal};
use super::lines::Line;
use super::rules::{Of, Rule, Walk, action};
use super::table::{Held, Row};
use super::test::{Test, Value};
use super::value;

impl Walk<'_, '_> {
    pub(super) fn assign(&mut self, line: &Line, name: &str, expression: &str, of: Of<'_>) {
        let constant = expression
            .strip_prefix("str(")
            .and_then(|it| it.strip_suffix(')'));
        let id = line.id;
        if let Some(text) = constant {
            let Some(rule) = self.rule(line) else { return };
            let text = text.trim_matches(['\'', '"']).to_owned();
            let route = name == "txn.route";
            let told = self.apply(&rule, of, &mut |row| {
                row.variables
                    .insert(name.to_owned(), Held::Text(text.clone()));
                row.came(id, "");
                if route {
                    row.name = Some(text.clone());
                }
            });
            if let Err(why) = told {
                self.lost(&rule, &why);
            }
        } else if matches!(expression, "bool(true)" | "bool(1)" | "int(1)") {
            let Some(mut rule) = self.rule(line) else {
                return;
            };
            let is_upgrade = |one: &Literal| !one.not && matches!(one.test, Test::Upgrade);
            let upgrade = rule.when.iter().any(|all| all.iter().any(is_upgrade));
            let held = if upgrade {
                Held::Upgrade
            } else {
                Held::Text("true".to_owned())
            };
            if upgrade {
                self.upgrades.insert(name.to_owned());
                for all in &mut rule.when {
                    all.retain(|one| !is_upgrade(one) && !matches!(one.test, Test::Methods(_)));
                }
            }
            let told = self.apply(&rule, of, &mut |row| {
                row.variables.insert(name.to_owned(), held.clone());
                row.came(id, "websocket");
            });
            if let Err(why) = told {
                self.lost(&rule, &why);
            }
        } else {
            let expression = self.acls.resolved(expression);
            self.acls.aliases.insert(name.to_owned(), expression);
            self.named(line);
        }
    }

    /// A variable that is another name for an expression, wherever it is asked.
    fn named(&mut self, line: &Line) {
        if line
            .words
            .iter()
            .any(|it| it.text == "if" || it.text == "unless")
        {
            self.reading.account.changed(
                line.id,
                "routes",
                "the variable stands for its expression in every request, whether the condition holds or not",
            );
        } else {
            self.reading
                .account
                .moot(line.id, "a name for what the spec says itself");
        }
    }

    /// `set-header` and its kin.
    pub(super) fn header(&mut self, rule: &Rule<'_>, words: &[&str], of_what: &str, of: Of<'_>) {
        let id = rule.line.id;
        let (verb, name) = (words[0], words.get(1).copied().unwrap_or("").to_owned());
        let lower = name.to_lowercase();
        let request = of_what == "request_headers";
        if request && verb != "add-header" && matches!(lower.as_str(), "upgrade" | "connection") {
            if lower == "upgrade" && verb == "del-header" {
                self.plain(rule, of);
            } else {
                self.moot(
                    rule,
                    "a matter of each connection: a route with `websocket` passes upgrades on",
                );
            }
            return;
        }
        if request && super::forwarded::is_one(&lower) {
            self.forwarded(rule, &lower, words.get(2).copied().unwrap_or(""), verb, of);
            return;
        }
        if !request && (lower.starts_with("access-control-") || lower == "vary") {
            let cors = self
                .table
                .rows
                .iter()
                .any(|row| of(row) && row.settings.contains_key("cors"));
            if cors || words.get(2).is_some_and(|it| it.contains("txn.origin")) {
                self.moot(rule, "`cors` of the route answers so");
                return;
            }
        }
        if verb == "del-header" {
            self.apply_told(rule, of, &mut |row| {
                row.push(&format!("{of_what}.remove"), name.clone(), id)
            });
            return;
        }
        let Some(value) = value::value(words.get(2).copied().unwrap_or(""), &self.acls) else {
            self.lost(
                rule,
                "its value is made of what no header of the language names",
            );
            return;
        };
        // `if !{ hdr(x) -m found }`
        let absent = rule.when.len() == 1
            && matches!(rule.when[0].as_slice(), [Literal { not: true, test: Test::Header(header, Value::Present) }] if *header == lower);
        if absent {
            let always = Rule {
                line: rule.line,
                when: vec![Vec::new()],
                acls: rule.acls.clone(),
            };
            self.apply_told(&always, of, &mut |row| {
                row.set(
                    &format!("{of_what}.set_if_absent.{name}"),
                    value.clone(),
                    id,
                )
            });
            return;
        }
        if request
            && lower == "host"
            && let Some(host) = value.as_str()
        {
            let host = json!({ "set": host });
            self.apply_told(rule, of, &mut |row| {
                row.set("host_header", host.clone(), id)
            });
            return;
        }
        let list = if verb == "add-header" { "add" } else { "set" };
        self.apply_told(rule, of, &mut |row| {
            row.set(&format!("{of_what}.{list}.{name}"), value.clone(), id)
        });
    }

    /// The `Upgrade` is taken out of requests.
    pub(super) fn plain(&mut self, rule: &Rule<'_>, of: Of<'_>) {
        let id = rule.line.id;
        let mut only = Vec::new();
        for all in &rule.when {
            let all: All = all
                .iter()
                .map(|one| self.upgrade(one))
                .filter(|one| !(one.not && one.test == Test::Upgrade))
                .collect();
            only.push(all);
        }
        let spared = rule.when.iter().any(|all| {
            all.iter().any(|one| {
                one.not
                    && matches!(&one.test, Test::Variable(name, _) if self.upgrades.contains(name))
            })
        });
        let held = self.upgrades.clone();
        let rule = Rule {
            line: rule.line,
            when: only,
            acls: rule.acls.clone(),
        };
        self.apply_told(&rule, of, &mut |row| {
            row.plain = !(spared && row.variables.keys().any(|name| held.contains(name)));
            row.came(id, if row.plain { "" } else { "websocket" });
        });
    }

    /// `X-Forwarded-…`, which the language sets by itself.
    pub(super) fn forwarded(
        &mut self,
        rule: &Rule<'_>,
        name: &str,
        format: &str,
        verb: &str,
        of: Of<'_>,
    ) {
        let id = rule.line.id;
        if verb == "del-header" {
            self.moot(rule, "what a client sends of it does not count");
            return;
        }
        if let Some(how) = super::forwarded::differs(name, format) {
            self.differs.entry(id).or_default().push(how);
        }
        if asks(rule, &|it| matches!(it, Test::Tls | Test::Ports(_))) {
            let how = "the header is set on every request, whether the condition holds or not";
            self.differs.entry(id).or_default().push(how.to_owned());
        }
        let any = Rule {
            line: rule.line,
            when: vec![Vec::new()],
            acls: rule.acls.clone(),
        };
        self.apply_told(&any, of, &mut |row| row.set("forwarded", true, id));
    }

    /// What a path becomes.
    pub(super) fn path(&mut self, rule: &Rule<'_>, words: &[&str], of: Of<'_>) {
        let id = rule.line.id;
        let mut failed = false;
        let words: Vec<String> = words.iter().map(|it| (*it).to_owned()).collect();
        let mut hows = Vec::new();
        let set = |row: &mut Row| {
            let prefix = match row.region.paths.as_slice() {
                [super::test::Path::Prefix(prefix)] => Some(prefix.as_str()),
                _ => None,
            };
            let word = |at: usize| words.get(at).map_or("", String::as_str);
            let rewrite = match word(0) {
                "set-path" if !word(1).contains('%') && word(1).starts_with('/') => {
                    Some((json!({ "path": word(1) }), None))
                }
                "set-path" if word(1).contains("regsub(") => {
                    super::forwarded::set_path(word(1), prefix)
                }
                "set-path" => match word(1).strip_suffix("%[path]") {
                    Some(before) if before.starts_with('/') && !before.contains('%') => Some((
                        json!({ "regex": { "match": "(.*)", "to": format!("{before}$1") } }),
                        None,
                    )),
                    _ => None,
                },
                "replace-path" => value::rewrite(word(1), word(2), prefix),
                _ => None,
            };
            match rewrite {
                Some((rewrite, how)) => {
                    hows.extend(how);
                    row.set("rewrite", rewrite, id);
                }
                None => failed = true,
            }
        };
        let mut set = set;
        let before = self.table.rows.clone();
        match self.apply(rule, of, &mut set) {
            Ok(0) => self.moot(
                rule,
                "no request that comes here is asked: an earlier rule has decided",
            ),
            Ok(_) if failed => {
                self.table.rows = before;
                self.lost(
                    rule,
                    "its path is made of what no rewrite of the language names",
                );
            }
            Ok(_) => self
                .differs
                .entry(id)
                .or_default()
                .extend(hows.into_iter().map(str::to_owned)),
            Err(why) => self.lost(rule, &why),
        }
    }

    /// `http-response` and `http-after-response`.
    pub(super) fn response(&mut self, line: &Line, of: Of<'_>) {
        let words = action(line);
        let first = words.first().copied().unwrap_or("");
        if let Some(name) = first.strip_prefix("set-var(") {
            let name = name.trim_end_matches(')').to_owned();
            self.acls
                .aliases
                .insert(name, words.get(1).copied().unwrap_or("").to_owned());
            self.named(line);
            return;
        }
        let Some(rule) = self.rule(line) else { return };
        match first {
            "set-header"
                if words
                    .get(1)
                    .is_some_and(|it| it.eq_ignore_ascii_case("strict-transport-security")) =>
            {
                match super::forwarded::hsts(words.get(2).copied().unwrap_or("")) {
                    Some(hsts) => {
                        let everywhere = self.table.rows.iter().all(of);
                        if !everywhere || asks(&rule, &|it| matches!(it, Test::Tls)) {
                            self.reading.account.changed(
                                line.id,
                                "listeners",
                                "every answer of the listener says so, not only these",
                            );
                        }
                        self.listener.push(("tls.hsts", hsts, line.id));
                        for id in &rule.acls {
                            self.reading.account.kept(*id, "listeners");
                        }
                    }
                    None => self.header(&rule, &words, "response_headers", of),
                }
            }
            "set-header" | "add-header" | "del-header" => {
                self.header(&rule, &words, "response_headers", of)
            }
            "replace-header"
                if words
                    .get(1)
                    .is_some_and(|it| it.eq_ignore_ascii_case("set-cookie")) =>
            {
                self.lost(&rule, "cookies of servers pass as they are");
            }
            "set-status" | "deny" | "return" | "replace-header" | "replace-value"
            | "cache-store" | "capture" | "set-log-level" | "allow" | "strict-mode"
            | "redirect" | "track-sc0" | "track-sc1" | "track-sc2" | "wait-for-body" => {
                self.lost(&rule, "wsgen has no word for it");
            }
            _ => {
                let meant = super::known::closest(super::known::ACTIONS, first);
                self.reading.account.unknown(line.id, meant);
            }
        }
    }
}

/// Whether a rule asks anything but what the language asks there too.
fn asks(rule: &Rule<'_>, same: &dyn Fn(&Test) -> bool) -> bool {
    rule.when.iter().flatten().any(|one| !same(&one.test))
}
