//! What becomes of a request beside what the contract says becomes of it.

use std::io;

use super::ask::Ask;
use super::lab::Lab;
use super::probe::{Deviation, Miss, Seen};
use super::wire::Response;
use crate::ir::normalize;
use crate::request::Outcome;

impl Lab {
    /// Sends an ask, as a handshake where it is one, and compares what becomes of it with what the contract says. What a route
    /// changes in the query is left to that promise's own probe, which this one stands without.
    ///
    /// # Errors
    /// What differs: the answer, the upstream, the path that the server saw, a tunnel that came about or not.
    pub fn behaves(&self, ask: &Ask) -> Seen {
        self.compared(ask, false)
    }

    /// The same, with the query that the server sees on every route.
    ///
    /// # Errors
    /// What differs.
    pub fn behaves_in_query(&self, ask: &Ask) -> Seen {
        self.compared(ask, true)
    }

    fn compared(&self, ask: &Ask, query: bool) -> Seen {
        let asker = self.asker();
        let outcome = asker.outcome(ask).ok_or_else(|| {
            Miss::Unseen(format!("{} reaches no listener of the spec", ask.says()))
        })?;
        self.compare(ask, &outcome, query, self.answer(ask))
    }

    fn compare(
        &self,
        ask: &Ask,
        outcome: &Outcome,
        query: bool,
        came: io::Result<Response>,
    ) -> Seen {
        let promised = self.promised(outcome);
        let differs = |came: String| Err(deviation(ask, came, promised.clone()));
        let response = match came {
            Err(_) if outcome.closed => return Ok(()),
            Err(why) => return differs(why.to_string()),
            Ok(response) if outcome.closed => return differs(status(&response)),
            Ok(response) => response,
        };
        let arrivals = self.arrivals(ask);
        if let Some(wanted) = outcome.status {
            if response.status != wanted {
                return differs(status(&response));
            }
            if let Some(location) = &outcome.location
                && !response
                    .header("location")
                    .is_some_and(|got| leads_to(got, location))
            {
                let got = response.header("location").unwrap_or("no Location");
                return differs(format!("{}, Location: {got}", status(&response)));
            }
            return match arrivals.first() {
                Some((upstream, ..)) => {
                    let name = &self.gateway.upstream(*upstream).name;
                    differs(format!(
                        "{}, and the request reached {name}",
                        status(&response)
                    ))
                }
                None => Ok(()),
            };
        }
        let [(upstream, _, request), rest @ ..] = arrivals.as_slice() else {
            return differs(format!("{}; no server saw it", status(&response)));
        };
        let name = &self.gateway.upstream(*upstream).name;
        if !outcome.upstreams.iter().any(|(id, _)| id == upstream) {
            return differs(format!("{}; it reached upstream {name}", status(&response)));
        }
        let entry = outcome.entry.map(|it| self.gateway.route(it.route));
        let rewrites = entry
            .and_then(|route| route.rewrite.as_ref())
            .is_some_and(|it| !it.query_set.is_empty() || !it.query_remove.is_empty());
        let compared = |target: &str| match target.split_once('?') {
            Some((path, _)) if rewrites && !query => path.to_owned(),
            _ => target.to_owned(),
        };
        if let Some(path) = &outcome.path
            && compared(&request.target) != compared(path)
            && normalized(&compared(&request.target)) != Some(compared(path))
        {
            return differs(format!(
                "{}; the server saw {}",
                status(&response),
                request.target
            ));
        }
        if !rest.is_empty() {
            return differs(format!("servers saw it {} times", arrivals.len()));
        }
        if (response.status == 101) != outcome.tunnel {
            return differs(status(&response));
        }
        Ok(())
    }

    /// What the contract promises, in words.
    fn promised(&self, outcome: &Outcome) -> String {
        if outcome.closed {
            return "the connection closed unanswered".to_owned();
        }
        match (outcome.status, &outcome.location) {
            (Some(status), Some(location)) => format!("{status}, Location: {location}"),
            (Some(status), None) => format!("{status} from the program itself"),
            (None, _) => {
                let names: Vec<&str> = outcome
                    .upstreams
                    .iter()
                    .map(|(id, _)| self.gateway.upstream(*id).name.as_str())
                    .collect();
                let kind = if outcome.tunnel {
                    "a tunnel to"
                } else {
                    "an answer of"
                };
                let path = outcome.path.as_deref().unwrap_or_default();
                format!("{kind} upstream {}, which sees {path}", names.join(" or "))
            }
        }
    }
}

/// Whether a `Location` is this one, its path in whatever form.
fn leads_to(got: &str, wanted: &str) -> bool {
    fn parts(location: &str) -> (&str, &str) {
        let authority = location.find("://").map_or(0, |at| at + 3);
        let path = location[authority..]
            .find('/')
            .map_or(location.len(), |at| authority + at);
        location.split_at(path)
    }
    let ((site, target), (own, path)) = (parts(got), parts(wanted));
    let same = |it: String| Some(it) == normalized(path);
    got == wanted || site == own && normalized(target).is_some_and(same)
}

/// A request target with its path as routes match it: whether the server gets the path in that form or as the client sent it is
/// the program's matter, as both lead to the same resource.
fn normalized(target: &str) -> Option<String> {
    match target.split_once('?') {
        Some((path, query)) => Some(format!("{}?{query}", normalize(path)?)),
        None => normalize(target),
    }
}

/// A deviation of what an ask came to.
pub(super) fn deviation(ask: &Ask, came: impl Into<String>, promised: impl Into<String>) -> Miss {
    Deviation::new(ask.says(), came, promised).into()
}

/// An answer in a word.
pub(super) fn status(response: &Response) -> String {
    format!("status {}", response.status)
}
