//! `if` and `unless`: acls and anonymous questions as alternatives of questions that hold together.

use std::collections::BTreeMap;

use super::lines::{Line, Word};
use super::matching;
use super::test::{self, Asked, Test};

/// A question and whether the answer has to be no.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Literal {
    /// The answer has to be no.
    pub not: bool,
    /// The question.
    pub test: Test,
}

/// Questions that hold together.
pub(super) type All = Vec<Literal>;

/// The most alternatives that a condition may come to.
const MOST: usize = 64;

/// The acls of a proxy.
#[derive(Clone, Default, Debug)]
pub(super) struct Acls {
    /// What each asks, one of several.
    pub by_name: BTreeMap<String, Vec<Test>>,
    /// Variables that are another name for an expression: `txn.host` for `req.hdr(host),lower`.
    pub aliases: BTreeMap<String, String>,
}

impl Acls {
    /// Takes an acl line in and says what it asks.
    pub(super) fn add(&mut self, line: &Line) -> Asked {
        let mut words = line.texts(2);
        let first = self.resolved(words.first().copied().unwrap_or(""));
        if let Some(word) = words.first_mut() {
            *word = &first;
        }
        let asked = test::read(&words);
        let tests = self.by_name.entry(line.word(1).to_owned()).or_default();
        tests.push(asked.test.clone());
        *tests = matching::together(std::mem::take(tests));
        asked
    }

    /// An expression with a variable's own expression in its place.
    pub(super) fn resolved(&self, expression: &str) -> String {
        let Some(inner) = expression.strip_prefix("var(") else {
            return expression.to_owned();
        };
        let Some((name, rest)) = inner.split_once(')') else {
            return expression.to_owned();
        };
        self.aliases
            .get(name)
            .map_or_else(|| expression.to_owned(), |alias| format!("{alias}{rest}"))
    }

    /// Reads the condition that begins at `if` or `unless`; without one it always holds.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn condition(&self, words: &[Word]) -> Result<(Vec<All>, Vec<Asked>), String> {
        let Some(at) = words
            .iter()
            .position(|it| it.text == "if" || it.text == "unless")
        else {
            return Ok((vec![Vec::new()], Vec::new()));
        };
        let unless = words[at].text == "unless";
        let mut asked = Vec::new();
        let mut alternatives: Vec<Vec<All>> = vec![vec![Vec::new()]];
        let mut rest = words[at + 1..].iter();
        while let Some(word) = rest.next() {
            let text = word.text.as_str();
            if text == "or" || text == "||" {
                alternatives.push(vec![Vec::new()]);
                continue;
            }
            let (not, name) = match text.strip_prefix('!') {
                Some(name) => (true, name),
                None => (false, text),
            };
            // `! name`, with a space.
            let (not, name) = if name.is_empty() {
                (true, rest.next().map_or("", |it| it.text.as_str()))
            } else {
                (not, name)
            };
            let tests = if name == "{" {
                let inner: Vec<&str> = rest
                    .by_ref()
                    .map(|it| it.text.as_str())
                    .take_while(|it| *it != "}")
                    .collect();
                let first = self.resolved(inner.first().copied().unwrap_or(""));
                let mut inner = inner;
                if let Some(word) = inner.first_mut() {
                    *word = &first;
                }
                let one = test::read(&inner);
                asked.push(one.clone());
                matching::together(vec![one.test])
            } else if let Some(tests) = self.by_name.get(name) {
                tests.clone()
            } else {
                let predefined = test::read(&[name]);
                if matches!(predefined.test, Test::Other(_)) {
                    return Err(format!("no acl `{name}` is there"));
                }
                vec![predefined.test]
            };
            let Some(last) = alternatives.last_mut() else {
                continue;
            };
            *last = if not {
                let literals = tests.into_iter().map(|test| Literal { not: true, test });
                last.iter()
                    .map(|all| all.iter().cloned().chain(literals.clone()).collect())
                    .collect()
            } else {
                last.iter()
                    .flat_map(|all| {
                        tests.iter().map(|test| {
                            let mut all = all.clone();
                            all.push(Literal {
                                not: false,
                                test: test.clone(),
                            });
                            all
                        })
                    })
                    .collect()
            };
            if last.len() > MOST {
                return Err("its condition has too many alternatives".to_owned());
            }
        }
        let mut alternatives: Vec<All> = alternatives.into_iter().flatten().collect();
        if unless {
            alternatives = negated(&alternatives)?;
        }
        if alternatives.len() > MOST {
            return Err("its condition has too many alternatives".to_owned());
        }
        Ok((alternatives, asked))
    }
}

/// What holds where none of the alternatives does.
fn negated(alternatives: &[All]) -> Result<Vec<All>, String> {
    let mut all: Vec<All> = vec![Vec::new()];
    for alternative in alternatives {
        all = all
            .iter()
            .flat_map(|before| {
                alternative.iter().map(|literal| {
                    let mut next = before.clone();
                    next.push(Literal {
                        not: !literal.not,
                        test: literal.test.clone(),
                    });
                    next
                })
            })
            .collect();
        if all.len() > MOST {
            return Err("its condition has too many alternatives".to_owned());
        }
    }
    Ok(all)
}
