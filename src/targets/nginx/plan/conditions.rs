//! Conditions of routes: each is a variable that is `1` where it holds.

use super::Planner;
use super::matching::{encoded, literal, one_of, pcre};
use super::site::Choice;
use super::words::{Directive, default, entry_regex, header_variable, word};
use crate::emit::Tok;
use crate::ir::{ClientRange, Condition, HostMatch, Loc, ValueMatch};

impl Planner<'_> {
    /// One variable that is `1` where all of these are.
    pub(super) fn all(&mut self, tests: Vec<String>, at: Loc) -> String {
        if let [one] = tests.as_slice() {
            return one.clone();
        }
        let source: String = tests.iter().map(|test| format!("${test}")).collect();
        let lines = vec![
            Directive::entry(word(&"1".repeat(tests.len())), Tok::fixed("1")),
            default(""),
        ];
        self.vars.map(&source, "all", lines, at)
    }

    /// The variables that must all be `1`.
    pub(super) fn conditions(&mut self, choice: &Choice) -> Vec<String> {
        let gateway = self.gateway;
        let route = gateway.route(choice.entry.route);
        let when = &route.when;
        let mut tests = Vec::new();
        if choice.check_host
            && let HostMatch::Regex(regex) = choice.entry.host(gateway)
        {
            let regex = format!("^(?:{})\\z", pcre(regex));
            tests.push(self.vars.test("$host", "host", &regex, route.at));
        }
        if let Some(methods) = &when.methods {
            let regex = one_of(&methods.value);
            tests.push(self.vars.test(
                "$request_method",
                "when_method",
                &format!("^(?:{regex})\\z"),
                methods.loc(),
            ));
        }
        for header in &when.headers {
            let source = format!("${}", header_variable(&header.value.name));
            tests.push(self.condition(&source, &header.value, header.loc()));
        }
        for parameter in &when.query {
            tests.push(self.query_condition(&parameter.value, parameter.loc()));
        }
        if let Some(clients) = &when.clients {
            tests.push(self.client_test(&clients.value, clients.loc()));
        }
        if let Some(upgrade) = &when.upgrade {
            let up = match &route.websocket {
                Some(websocket) => self.upgrade_variable(websocket),
                None => self.upgrade("GET", "websocket", upgrade.loc()),
            };
            let (yes, no) = if upgrade.value { ("1", "") } else { ("", "1") };
            let lines = vec![Directive::entry(word(""), word(no)), default(yes)];
            tests.push(
                self.vars
                    .map(&format!("${up}"), "when_up", lines, upgrade.loc()),
            );
        }
        tests
    }

    pub(super) fn client_test(&mut self, ranges: &[ClientRange], at: Loc) -> String {
        let mut lines = vec![default("")];
        for range in ranges {
            lines.push(Directive::entry(word(&range.to_string()), Tok::fixed("1")));
        }
        self.vars.make("geo", "$remote_addr", "client", lines, at)
    }

    pub(super) fn condition(&mut self, source: &str, condition: &Condition, at: Loc) -> String {
        match &condition.value {
            ValueMatch::Exact(value) => {
                let regex = format!("^{}\\z", literal(value));
                self.vars.test(source, "when_header", &regex, at)
            }
            ValueMatch::Regex(regex) => {
                let regex = format!("^(?:{})\\z", pcre(regex));
                self.vars.test(source, "when_header", &regex, at)
            }
            ValueMatch::Present(there) => {
                let (yes, no) = if *there { ("1", "") } else { ("", "1") };
                let lines = vec![Directive::entry(word(""), word(no)), default(yes)];
                self.vars.map(source, "when_header", lines, at)
            }
        }
    }

    pub(super) fn query_condition(&mut self, condition: &Condition, at: Loc) -> String {
        let name = encoded(&condition.name);
        match &condition.value {
            ValueMatch::Exact(value) => {
                // The first parameter of the name is the one that counts; one without `=` is empty.
                let sign = if value.is_empty() { "=?" } else { "=" };
                let regex = format!(
                    "^(?:(?!{name}(?:[=&]|\\z))[^&]*&)*{name}{sign}{}(?:&|\\z)",
                    encoded(value)
                );
                self.vars.test("$args", "when_query", &regex, at)
            }
            ValueMatch::Regex(regex) => {
                let value = self.query(&condition.name, at);
                let regex = format!("^(?:{})\\z", pcre(regex));
                self.vars.test(&value, "when_query", &regex, at)
            }
            ValueMatch::Present(there) => {
                let regex = format!("(?:^|&){name}(?:[=&]|\\z)");
                let (yes, no) = if *there { ("1", "") } else { ("", "1") };
                let lines = vec![entry_regex(&regex, word(yes)), default(no)];
                self.vars.map("$args", "when_query", lines, at)
            }
        }
    }
}
