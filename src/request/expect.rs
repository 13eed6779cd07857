//! The spec's `tests`: what each expects against what becomes of its request.

use super::{Outcome, Request, Router};
use crate::diag::Report;
use crate::ir::{Gateway, Loc, Test};

/// Checks every entry of `tests`; one that fails is an error `test::failed` at the expectation. Says how many passed.
pub fn run_tests(gateway: &Gateway, report: &mut Report) -> usize {
    let router = Router::new(gateway);
    gateway
        .tests
        .iter()
        .filter(|test| {
            let before = report.diags.len();
            check(&router, test, report);
            report.diags.len() == before
        })
        .count()
}

fn check(router: &Router<'_>, test: &Test, report: &mut Report) {
    let outcome = Request::of(test).and_then(|request| router.outcome(&request));
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(why) => {
            report
                .error("test::failed", test.at)
                .says("this request reaches nothing")
                .note(why)
                .help("write the scheme and port of a listener");
            return;
        }
    };
    let gateway = router.gateway;
    let expect = &test.expect;
    if expect.is_empty() {
        report
            .error("test::failed", test.at)
            .says("this test expects nothing")
            .note("it would pass whatever becomes of the request")
            .help("write what must become of it: `expect: {route: …}`, `upstream`, `status`, `location` or `path`");
        return;
    }
    let mut failed = Failed {
        gateway,
        outcome: &outcome,
        report,
    };
    let route = outcome
        .entry
        .map(|entry| gateway.route(entry.route).name.as_str());
    if let Some(wanted) = &expect.route
        && wanted.value.as_deref() != route
    {
        let got = match route {
            Some(name) => format!("route {name} takes it"),
            None => "no route takes it".to_owned(),
        };
        failed.tell(wanted.loc(), got, wanted.value.as_deref());
    }
    if let Some(wanted) = &expect.status
        && Some(wanted.value) != outcome.status
    {
        let got = match outcome.status {
            Some(status) => format!("the proxy answers {status}"),
            None if outcome.closed => "the connection is closed unanswered".to_owned(),
            None => "the request is passed on, and the server answers".to_owned(),
        };
        failed.tell(wanted.loc(), got, None);
    }
    if let Some(wanted) = &expect.upstream {
        let names: Vec<&str> = outcome
            .upstreams
            .iter()
            .map(|(id, _)| gateway.upstream(*id).name.as_str())
            .collect();
        if !names.contains(&wanted.value.as_str()) {
            let got = match names.as_slice() {
                [] => "it goes to no upstream".to_owned(),
                names => format!("it goes to {}", names.join(" or ")),
            };
            failed.tell(wanted.loc(), got, None);
        }
    }
    if let Some(wanted) = &expect.location
        && Some(&wanted.value) != outcome.location.as_ref()
    {
        let got = match &outcome.location {
            Some(location) => format!("the client is sent to {location}"),
            None => "there is no redirect".to_owned(),
        };
        failed.tell(wanted.loc(), got, None);
    }
    if let Some(wanted) = &expect.path
        && Some(&wanted.value) != outcome.path.as_ref()
    {
        let got = match &outcome.path {
            Some(path) => format!("the server sees {path}"),
            None => "no server sees it".to_owned(),
        };
        failed.tell(wanted.loc(), got, None);
    }
}

struct Failed<'a> {
    gateway: &'a Gateway,
    outcome: &'a Outcome,
    report: &'a mut Report,
}

impl Failed<'_> {
    fn tell(&mut self, at: Loc, got: String, wanted_route: Option<&str>) {
        let gateway = self.gateway;
        let diag = self.report.error("test::failed", at);
        diag.says(got).label("expected this");
        for sentence in &self.outcome.because {
            diag.note(sentence.as_str());
        }
        let missed = wanted_route.and_then(|name| {
            self.outcome
                .why
                .iter()
                .find(|step| gateway.route(step.entry.route).name == name)
        });
        if let Some(step) = missed {
            diag.note(format!(
                "route {} does not take it: {}",
                gateway.route(step.entry.route).name,
                step.says(gateway)
            ));
        } else if let (Some(name), Some(_)) = (wanted_route, self.outcome.entry) {
            diag.note(format!(
                "route {name} comes later in the order, or has another host"
            ));
        }
        if let Some(entry) = self.outcome.entry {
            let route = gateway.route(entry.route);
            diag.also(route.at, format!("takes it by {}", entry.path(gateway)));
        }
    }
}
