//! The requests of a frontend as rows, and what each rule does to them: a row is split where a rule asks further.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::condition::{All, Literal};
use super::region::{Meet, Region};
use super::test::{Test, Value};
use crate::import::DirectiveId;

/// The most rows that a file may come to.
pub(super) const MOST: usize = 2000;

/// What becomes of the requests of a row.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum End {
    /// They go to this backend.
    Backend(String),
    /// The proxy answers: the key of the language and its value.
    Answer(&'static str, Json),
}

/// What a variable holds on a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Held {
    /// This text.
    Text(String),
    /// It is there where the request asks for a WebSocket.
    Upgrade,
}

/// Some requests, and what is known of them so far.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Row {
    /// Which requests.
    pub region: Region,
    /// What becomes of them, once it is decided.
    pub end: Option<End>,
    /// Variables.
    pub variables: BTreeMap<String, Held>,
    /// Settings of the route, by path.
    pub settings: Map<String, Json>,
    /// What the directives became: the setting below the route, empty for the route itself.
    pub from: Vec<(DirectiveId, String)>,
    /// The name that something gave it.
    pub name: Option<String>,
    /// An upgrade request is taken its `Upgrade`.
    pub plain: bool,
}

impl Row {
    /// Writes a setting, such as `limits.body`.
    pub(super) fn set(&mut self, path: &str, value: impl Into<Json>, from: DirectiveId) {
        self.settings.insert(path.to_owned(), value.into());
        self.came(from, path);
    }

    /// Adds to a setting that is a list.
    pub(super) fn push(&mut self, path: &str, value: impl Into<Json>, from: DirectiveId) {
        let list = self
            .settings
            .entry(path)
            .or_insert_with(|| Json::Array(Vec::new()));
        let value = value.into();
        if let Json::Array(list) = list
            && !list.contains(&value)
        {
            list.push(value);
        }
        self.came(from, path);
    }

    /// A directive is in this route now.
    pub(super) fn came(&mut self, from: DirectiveId, path: &str) {
        let note = (from, path.to_owned());
        if !self.from.contains(&note) {
            self.from.push(note);
        }
    }

    /// Decides what becomes of the requests.
    pub(super) fn ends(&mut self, end: End, from: DirectiveId) {
        self.end = Some(end);
        self.came(from, "");
    }

    /// Whether two rows do the same to their requests.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.end == other.end && self.settings == other.settings && self.plain == other.plain
    }

    /// A question about a variable, as one about the request.
    fn known(&self, test: &Test) -> Test {
        let Test::Variable(name, value) = test else {
            return test.clone();
        };
        match (self.variables.get(name), value) {
            (None, _) => Test::Constant(false),
            (Some(Held::Text(_)), Value::Present) => Test::Constant(true),
            (Some(Held::Text(text)), Value::Is(values)) => Test::Constant(values.contains(text)),
            (Some(Held::Upgrade), Value::Present) => Test::Upgrade,
            _ => Test::Other(format!("var({name})")),
        }
    }
}

/// The rows of a frontend, in the order in which they are asked.
#[derive(Clone, Default, Debug)]
pub(super) struct Table {
    /// The rows.
    pub rows: Vec<Row>,
    /// Every listener: its name, whether it is TLS, its port.
    pub listeners: Vec<(String, bool, String)>,
}

impl Table {
    /// Does something to the requests of the rows of `of` for which the questions hold. Returns how many rows it was done to.
    ///
    /// # Errors
    /// The question that no route can ask.
    pub(super) fn apply(
        &mut self,
        of: &dyn Fn(&Row) -> bool,
        all: &All,
        act: &mut dyn FnMut(&mut Row),
    ) -> Result<usize, String> {
        let mut rows = Vec::with_capacity(self.rows.len() + 1);
        let mut done = 0;
        for row in &self.rows {
            if !of(row) {
                rows.push(row.clone());
                continue;
            }
            match self.split(row, all)? {
                None => rows.push(row.clone()),
                Some((kept, region)) => {
                    rows.extend(kept.into_iter().map(|region| Row {
                        region,
                        ..row.clone()
                    }));
                    let whole = region == row.region;
                    let acted_region = region.clone();
                    let mut acted = Row {
                        region,
                        ..row.clone()
                    };
                    act(&mut acted);
                    rows.push(acted);
                    done += 1;
                    if !whole {
                        let region = row.region.less(&acted_region);
                        rows.push(Row {
                            region,
                            ..row.clone()
                        });
                    }
                }
            }
            if rows.len() > MOST {
                return Err("the rules come to too many routes".to_owned());
            }
        }
        self.rows = rows;
        Ok(done)
    }

    /// The part of a row for which the questions hold, and the parts before it for which they do not.
    fn split(&self, row: &Row, all: &All) -> Result<Option<(Vec<Region>, Region)>, String> {
        let mut region = row.region.clone();
        let mut kept = Vec::new();
        for Literal { not, test } in all {
            let test = row.known(test);
            if *not {
                continue;
            }
            match region.meet(&test, &self.listeners) {
                Meet::Nothing => return Ok(None),
                Meet::All => {}
                Meet::Part(part) => region = part,
                Meet::Unsaid => return Err(unsaid(&test)),
            }
        }
        for Literal { not, test } in all {
            if !*not {
                continue;
            }
            let test = row.known(test);
            if let Some(rest) = region.without(&test, &self.listeners) {
                region = rest;
                continue;
            }
            match region.meet(&test, &self.listeners) {
                Meet::Nothing => {}
                Meet::All => return Ok(None),
                Meet::Part(part) => kept.push(part),
                Meet::Unsaid => return Err(unsaid(&test)),
            }
        }
        Ok(Some((kept, region)))
    }
}

fn unsaid(test: &Test) -> String {
    match test {
        Test::Other(text) => format!("no route asks `{text}`"),
        Test::Variable(name, _) => format!("no route asks for the variable `{name}`"),
        Test::RateOver(..) | Test::OpenOver(..) | Test::BodyOver(_) => {
            "a route counts only to refuse".to_owned()
        }
        Test::User(_) => "a route asks for a name and password only to refuse".to_owned(),
        _ => "what it takes beside an earlier condition is no host, path or condition of a route"
            .to_owned(),
    }
}
