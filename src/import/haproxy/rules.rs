//! What the rules of frontends and backends do to the rows of the table: `http-request`, `http-response`, `redirect`, `use_backend`.

use std::collections::{BTreeMap, BTreeSet};

use super::condition::{Acls, All};
use super::lines::{Line, Word};
use super::table::{End, Row, Table};
use super::test::Asked;
use super::value::{self, Answer};
use super::{proxies::Proxy, units};
use crate::import::{DirectiveId, Reading};

/// Which rows a rule is for.
pub(super) type Of<'a> = &'a dyn Fn(&Row) -> bool;

/// The walk over the rules of one frontend and its backends.
pub(super) struct Walk<'a, 'b> {
    /// Where the account and the texts are.
    pub reading: &'a mut Reading<'b>,
    /// The rows so far.
    pub table: Table,
    /// The acls and variables met so far.
    pub acls: Acls,
    /// The line of each acl, by name.
    pub acl_lines: BTreeMap<String, Vec<DirectiveId>>,
    /// How directives differ in the spec.
    pub differs: &'a mut BTreeMap<DirectiveId, Vec<String>>,
    /// Every proxy: tables are looked up by the name of theirs.
    pub proxies: &'a [Proxy],
    /// The proxy whose rules are read.
    pub own: &'a str,
    /// Variables that are there on requests for a WebSocket.
    pub upgrades: BTreeSet<String>,
    /// Whether something other than the client's address is counted, by counter: `sc0`.
    pub tracked: BTreeMap<String, (String, DirectiveId)>,
    /// Settings of the frontend's listeners that rules imply.
    pub listener: Vec<(&'static str, serde_json::Value, DirectiveId)>,
}

/// A rule and what its condition asks.
pub(super) struct Rule<'l> {
    pub line: &'l Line,
    /// The alternatives of the condition.
    pub when: Vec<All>,
    /// Lines of acls that it names.
    pub acls: Vec<DirectiveId>,
}

impl Walk<'_, '_> {
    /// Takes an acl in.
    pub(super) fn acl(&mut self, line: &Line) {
        let asked = self.acls.add(line);
        self.acl_lines
            .entry(line.word(1).to_owned())
            .or_default()
            .push(line.id);
        self.asked(line, &asked);
    }

    pub(super) fn asked(&mut self, line: &Line, asked: &Asked) {
        self.differs
            .entry(line.id)
            .or_default()
            .extend(asked.differs.iter().cloned());
        if let Some(prefix) = &asked.loose {
            super::remarks::loose(self.reading, line, prefix);
        }
    }

    /// Reads the condition of a rule; what cannot be read is lost.
    pub(super) fn rule<'l>(&mut self, line: &'l Line) -> Option<Rule<'l>> {
        match self.acls.condition(&line.words) {
            Ok((when, asked)) => {
                for asked in &asked {
                    self.asked(line, asked);
                }
                let names: Vec<String> = condition(&line.words)
                    .iter()
                    .map(|word| word.text.trim_start_matches('!').to_owned())
                    .collect();
                let acls = names.iter().filter_map(|name| self.acl_lines.get(name));
                let acls = acls.flatten().copied().collect();
                Some(Rule { line, when, acls })
            }
            Err(why) => {
                self.reading.account.lost(line.id, why);
                None
            }
        }
    }

    /// Does something to the rows that a rule is for. `Err`: why it cannot be said.
    pub(super) fn apply(
        &mut self,
        rule: &Rule<'_>,
        of: Of<'_>,
        act: &mut dyn FnMut(&mut Row),
    ) -> Result<usize, String> {
        let before = self.table.rows.clone();
        let mut done = 0;
        for all in &rule.when {
            let mut with_acls = |row: &mut Row| {
                act(row);
                for id in &rule.acls {
                    row.came(*id, "");
                }
            };
            match self.table.apply(of, all, &mut with_acls) {
                Ok(count) => done += count,
                Err(why) => {
                    self.table.rows = before;
                    return Err(why);
                }
            }
        }
        Ok(done)
    }

    /// The same, with what comes of it in the account.
    pub(super) fn apply_told(
        &mut self,
        rule: &Rule<'_>,
        of: Of<'_>,
        act: &mut dyn FnMut(&mut Row),
    ) {
        match self.apply(rule, of, act) {
            Ok(0) => {
                let why = "no request that comes here is asked: an earlier rule has decided";
                self.moot(rule, why);
            }
            Ok(_) => {}
            Err(why) => self.lost(rule, &why),
        }
    }

    pub(super) fn moot(&mut self, rule: &Rule<'_>, why: &str) {
        self.reading.account.moot(rule.line.id, why);
        for id in &rule.acls {
            if !self.reading.account.is_settled(*id) {
                self.reading
                    .account
                    .moot(*id, "a rule that asks it has nothing to say in the spec");
            }
        }
    }

    pub(super) fn lost(&mut self, rule: &Rule<'_>, why: &str) {
        self.reading.account.lost(rule.line.id, why);
        if matches!(
            rule.line.word(1),
            "deny" | "tarpit" | "reject" | "silent-drop" | "auth"
        ) {
            super::remarks::open(self.reading, rule.line);
        }
        for id in &rule.acls {
            self.reading
                .account
                .lost(*id, "a rule that asks it is lost");
        }
    }

    /// `use_backend`.
    pub(super) fn use_backend(&mut self, line: &Line) {
        let name = line.word(1).to_owned();
        if name.contains("%[") {
            self.reading.account.lost(
                line.id,
                "the backend's name is made of the request: a route names its upstream",
            );
            self.reading.account.help(
                line.id,
                "write a route for each backend that it can come to",
            );
            return;
        }
        let Some(rule) = self.rule(line) else { return };
        let id = line.id;
        self.apply_told(&rule, &|row| row.end.is_none(), &mut |row| {
            row.ends(End::Backend(name.clone()), id);
        });
    }

    /// `http-request`, and `redirect`, which is asked after it.
    pub(super) fn request(&mut self, line: &Line, of: Of<'_>) {
        let words = action(line);
        let first = words.first().copied().unwrap_or("");
        // An assignment is known by its value before its condition matters.
        if let Some(name) = first
            .strip_prefix("set-var(")
            .and_then(|it| it.strip_suffix(')'))
        {
            let expression = words.get(1).copied().unwrap_or("").to_owned();
            self.assign(line, name, &expression, of);
            return;
        }
        let Some(rule) = self.rule(line) else { return };
        let id = line.id;
        match first {
            "deny" | "tarpit" | "reject" | "silent-drop" => {
                let status = if first == "tarpit" { 500 } else { 403 };
                match Answer::read(&words[1..], status) {
                    Some(answer) => self.refuse(&rule, &answer, of),
                    None => self.lost(&rule, "its answer is not one that the language can say"),
                }
            }
            "return" => match Answer::read(&words[1..], 200) {
                Some(answer) if answer.file.is_some() => {
                    self.lost(&rule, "the file is read by HAProxy when it starts");
                    self.reading
                        .account
                        .help(id, "write it as `respond: { file: … }` of a route");
                }
                Some(answer) => self.refuse(&rule, &answer, of),
                None => self.lost(&rule, "its answer is made of the request"),
            },
            "redirect" => match value::redirect(&words[1..], &self.acls) {
                Some((redirect, differs)) => {
                    self.differs.entry(id).or_default().extend(differs);
                    self.apply_told(&rule, of, &mut |row| {
                        row.ends(End::Answer("redirect", redirect.clone()), id);
                    });
                }
                None => self.lost(
                    &rule,
                    "its target is made of what no redirect of the language names",
                ),
            },
            "auth" => self.refuse(
                &rule,
                &Answer {
                    status: 401,
                    ..Answer::default()
                },
                of,
            ),
            "set-header" | "add-header" | "del-header" => {
                self.header(&rule, &words, "request_headers", of)
            }
            "set-path" | "replace-path" | "replace-pathq" | "set-pathq" | "set-uri"
            | "replace-uri" => self.path(&rule, &words, of),
            "set-timeout" => {
                let (which, value) = (
                    words.get(1).copied().unwrap_or(""),
                    words.get(2).copied().unwrap_or(""),
                );
                match (which, units::time(value)) {
                    ("server", Some(time)) => self.apply_told(&rule, of, &mut |row| {
                        row.set("server timer", time.clone(), id)
                    }),
                    ("tunnel", Some(time)) => self.apply_told(&rule, of, &mut |row| {
                        row.set("tunnel timer", time.clone(), id)
                    }),
                    _ => self.lost(&rule, "no route changes this time"),
                }
            }
            "normalize-uri" => self.moot(
                &rule,
                "paths are normalized: `paths: normalize` is the default",
            ),
            "unset-var(txn.ws)" => {
                self.moot(&rule, "a handshake without `Connection: upgrade` is none")
            }
            "disable-l7-retry" => {
                self.moot(&rule, "only requests that change nothing are tried again")
            }
            first if first.starts_with("sc-inc-gpc0") => {
                self.moot(&rule, "counted where the limit is")
            }
            first if first.starts_with("track-sc") => {
                let counter = format!("sc{}", &first["track-sc".len()..]);
                let key = words.get(1).copied().unwrap_or("").to_owned();
                self.tracked.insert(counter, (key, id));
                self.moot(&rule, "counted where a rule refuses by it");
            }
            "set-query" if words.get(1) == Some(&"%[var(txn.asked)]") => {
                self.moot(&rule, "the query stays as it was sent")
            }
            "set-src" => self.trusted(&rule, &words),
            "use-service" => self.lost(
                &rule,
                "a service inside HAProxy: `metrics` of the spec has a port of its own",
            ),
            "allow" => self.lost(&rule, "no rule of the language ends the asking of others"),
            "wait-for-body" | "wait-for-handshake" => {
                self.moot(&rule, "a matter of HAProxy's buffers")
            }
            "capture" | "set-log-level" | "set-nice" | "set-mark" | "set-tos" | "set-dst"
            | "set-dst-port" | "set-src-port" | "cache-use" | "set-method" | "replace-header"
            | "replace-value" | "early-hint" | "send-spoe-group" | "strict-mode" | "pause"
            | "do-resolve" | "set-query" => self.lost(&rule, "wsgen has no word for it"),
            first if first.starts_with("lua.") => self.lost(&rule, "a program in Lua"),
            first if first.contains('(') => self.lost(&rule, "wsgen has no word for it"),
            _ => {
                let meant = super::known::closest(super::known::ACTIONS, first);
                self.reading.account.unknown(id, meant);
            }
        }
    }
}

/// The words of a rule's action, without the condition.
pub(super) fn action(line: &Line) -> Vec<&str> {
    let from = usize::from(line.word(0) != "redirect");
    let words = line.texts(from);
    let end = words
        .iter()
        .position(|it| *it == "if" || *it == "unless")
        .unwrap_or(words.len());
    words[..end].to_vec()
}

fn condition(words: &[Word]) -> &[Word] {
    let at = words
        .iter()
        .position(|it| it.text == "if" || it.text == "unless");
    at.map_or(&[], |at| &words[at + 1..])
}
