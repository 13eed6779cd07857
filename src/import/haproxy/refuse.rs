//! Rules that refuse or answer: guards of a route, settings of a listener, or routes that answer.

use serde_json::json;

use super::condition::{All, Literal};
use super::guard::{self, Guard};
use super::rules::{Of, Rule, Walk};
use super::table::{End, Row};
use super::test::{Test, Value};
use super::units;
use super::value::{self, Answer};

impl Walk<'_, '_> {
    /// A rule that answers: a guard of a route, or a route that answers.
    pub(super) fn refuse(&mut self, rule: &Rule<'_>, answer: &Answer, of: Of<'_>) {
        let id = rule.line.id;
        for all in &rule.when {
            let all: All = all.iter().map(|literal| self.upgrade(literal)).collect();
            let single = |all: All| Rule {
                line: rule.line,
                when: vec![all],
                acls: rule.acls.clone(),
            };
            if self.listener_guard(answer.status, &all, rule) {
                continue;
            }
            if answer.status == 204 && super::cors::is_preflight(answer) {
                let (cors, all) = super::cors::read(answer, &all);
                match cors {
                    Some(cors) => self.apply_told(&single(all), of, &mut |row| {
                        row.set("cors", cors.clone(), id)
                    }),
                    None => self.moot(
                        rule,
                        "a preflight of another origin gets no `Access-Control` headers",
                    ),
                }
                continue;
            }
            if let Some((guard, rest)) = guard::find(answer.status, &all) {
                self.guard(&single(rest), guard, of);
                continue;
            }
            if answer.status == 404 && rule.when.len() == 1 && self.rest_only(&all) {
                self.moot(rule, "a request that no route takes gets 404");
                let _ = self.apply(&single(all), of, &mut |row| {
                    row.ends(End::Answer("none", json!(null)), id)
                });
                continue;
            }
            let end = End::Answer("respond", answer.respond());
            self.apply_told(&single(all), of, &mut |row| row.ends(end.clone(), id));
            for (name, format) in &answer.headers {
                if let Some(text) = value::value(format, &self.acls) {
                    let name = name.clone();
                    let path = format!("response_headers.set.{name}");
                    for row in &mut self.table.rows {
                        if row.end == Some(End::Answer("respond", answer.respond()))
                            && row.from.contains(&(id, String::new()))
                        {
                            row.set(&path, text.clone(), id);
                        }
                    }
                }
            }
        }
    }

    /// `var(txn.ws)` is the question whether a request asks for a WebSocket.
    pub(super) fn upgrade(&self, literal: &Literal) -> Literal {
        match &literal.test {
            Test::Variable(name, Value::Present) if self.upgrades.contains(name) => Literal {
                not: literal.not,
                test: Test::Upgrade,
            },
            _ => literal.clone(),
        }
    }

    /// Whether only a request without a route is left.
    pub(super) fn rest_only(&self, all: &All) -> bool {
        all.iter()
            .all(|one| one.not && matches!(one.test, Test::Variable(_, Value::Present)))
    }

    pub(super) fn guard(&mut self, rule: &Rule<'_>, guard: Guard, of: Of<'_>) {
        let id = rule.line.id;
        match guard {
            Guard::Moot(why) => self.moot(rule, why),
            Guard::Set("websocket", value, how) => {
                self.differs.entry(id).or_default().extend(how);
                self.both(rule, of, &mut |row| {
                    let keys = value.as_object().into_iter().flatten();
                    keys.fold(true, |said, (key, value)| {
                        row.guard(&format!("websocket.{key}"), value, id) && said
                    })
                });
            }
            Guard::Set(path, value, how) => {
                self.differs.entry(id).or_default().extend(how);
                self.both(rule, of, &mut |row| row.guard(path, &value, id));
            }
            Guard::Push("clients.allow", ranges) => {
                self.both(rule, of, &mut |row| {
                    row.guard("clients.allow", &json!(ranges), id)
                });
            }
            Guard::Push(path, values) => self.apply_told(rule, of, &mut |row| {
                for value in &values {
                    row.push(path, value.clone(), id);
                }
            }),
            Guard::Basic(list) => {
                let name = json!(super::global::auth_name(&list));
                self.both(rule, of, &mut |row| row.guard("auth", &name, id));
            }
            Guard::Rate(most, table) => self.rate(rule, most, &table, of),
        }
    }

    /// A rate counted in a stick table.
    pub(super) fn rate(&mut self, rule: &Rule<'_>, most: u64, table: &str, of: Of<'_>) {
        let id = rule.line.id;
        let tables: Vec<String> = self.tracked.values().map(|it| it.0.clone()).collect();
        let table = if table.is_empty() { self.own } else { table };
        let store = self
            .proxies
            .iter()
            .filter(|it| it.name == table)
            .flat_map(|it| &it.lines)
            .find(|it| it.word(0) == "stick-table");
        let period = store.and_then(|line| super::global::window(&line.texts(1)));
        let (Some(store), Some(period)) = (store, period) else {
            self.lost(rule, "the table that it counts in is not there");
            return;
        };
        let store = store.id;
        let (count, unit) = match period {
            1..=60_000 => (most.saturating_mul(60_000) / period, "min"),
            _ => (most.saturating_mul(3_600_000) / period, "h"),
        };
        let (count, unit) = if unit == "min" && count.is_multiple_of(60) {
            (count / 60, "s")
        } else {
            (count, unit)
        };
        let mut limit = json!({ "rate": format!("{}/{unit}", count.max(1)), "per": "client" });
        if most > 0 && (period != 1000) {
            limit["burst"] = json!(most.min(100_000));
        }
        if let Some(header) = tables.iter().find_map(|key| header_of(key)) {
            limit["per"] = json!({ "header": header });
        }
        let how = format!(
            "a token bucket in place of a window of {}; 429",
            units::duration(period)
        );
        self.differs.entry(id).or_default().push(how);
        self.reading.account.moot(store, "the table of a limit");
        self.both(rule, of, &mut |row| {
            row.guard("limits.requests", &limit, id)
        });
    }

    /// A guard beside those of other rules; where no route has both, the later one is lost.
    fn both(&mut self, rule: &Rule<'_>, of: Of<'_>, guard: &mut dyn FnMut(&mut Row) -> bool) {
        let mut said = true;
        self.apply_told(rule, of, &mut |row| said &= guard(row));
        if !said {
            self.lost(
                rule,
                "an earlier rule guards the same requests in this way, and a route has no two such guards: that one holds",
            );
            super::remarks::open(self.reading, rule.line);
        }
    }

    /// Settings of the listener that a rule implies. Whether it was one.
    pub(super) fn listener_guard(&mut self, status: u16, all: &All, rule: &Rule<'_>) -> bool {
        match all.as_slice() {
            [
                Literal {
                    not: false,
                    test: Test::Other(text),
                },
            ] if status == 431 || status == 414 => {
                let mut words = text.split_whitespace();
                let most = text.rsplit(' ').next().and_then(units::bytes);
                match (words.next(), most) {
                    (Some("req.hdrs,length" | "url,length"), Some(most)) => {
                        self.listener
                            .push(("limits.head", json!(units::size(most)), rule.line.id));
                        for id in &rule.acls {
                            self.reading.account.kept(*id, "listeners");
                        }
                        true
                    }
                    _ => false,
                }
            }
            [
                Literal {
                    not: false,
                    test: Test::Other(text),
                },
            ] if status == 400 && text.starts_with("path -m reg") && text.contains("%(") => {
                self.moot(rule, "a path with a broken `%` gets 400");
                true
            }
            _ => false,
        }
    }

    /// `set-src`: whose `X-Forwarded-For` is believed.
    pub(super) fn trusted(&mut self, rule: &Rule<'_>, words: &[&str]) {
        let from = words.get(1).copied().unwrap_or("");
        let ranges = rule.when.iter().flatten().find_map(|one| match &one.test {
            Test::Clients(ranges) if !one.not => Some(ranges.clone()),
            _ => None,
        });
        match (
            from.contains("x-forwarded-for") || from.contains("X-Forwarded-For"),
            ranges,
        ) {
            (true, Some(ranges)) => {
                self.listener
                    .push(("trusted_proxies", json!(ranges), rule.line.id));
                for id in &rule.acls {
                    self.reading.account.kept(*id, "listeners");
                }
            }
            (true, None) => {
                self.lost(rule, "every client could choose its address: `trusted_proxies` of the listener names who may");
                super::remarks::trusts_everyone(self.reading, rule.line);
            }
            (false, _) => self.lost(
                rule,
                "the client's address is taken from `X-Forwarded-For` only",
            ),
        }
    }
}

fn header_of(key: &str) -> Option<String> {
    let sample = super::sample::Sample::read(key)?;
    matches!(sample.fetch.name.as_str(), "hdr" | "fhdr")
        .then(|| sample.fetch.args.first().cloned())
        .flatten()
}
