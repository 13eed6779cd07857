//! Answers of the program itself (contract §4.6): redirects, fixed answers, and pages in place of errors.

use super::beside::{behind_auth, compare, fresh, good};
use crate::ir::{
    Action, ErrorPage, ErrorPages, Feature, Gateway, Replace, Respond, Route, RouteId,
};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};
use crate::verify::scale::Scale;
use crate::verify::wire::Response;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    let mut paged = 0;
    for route in &gateway.routes {
        let id = route.id;
        let mut all = Vec::new();
        match &route.action {
            Action::Forward(_) => {}
            Action::Redirect(to) => {
                let promise = format!("the client is sent elsewhere with {}", to.value.status);
                let run = move |lab: &Lab| redirected(lab, id);
                all.push(Probe::new(Feature::Redirect, route, to.loc(), promise, run));
            }
            Action::Respond(respond) => {
                let promise = format!("{} with this body and type", respond.value.status);
                let own = respond.value.clone();
                let run = move |lab: &Lab| responded(lab, id, &own);
                let at = respond.loc();
                all.push(Probe::new(Feature::Respond, route, at, promise, run));
            }
        }
        if let Some(pages) = route.error_pages.as_deref() {
            all.extend(of_program(route, pages));
            all.extend(of_server(route, pages));
            paged += 1;
            if paged <= 3 {
                all.extend(unreachable(route, pages));
            }
        }
        let guarded = all.into_iter();
        probes.extend(guarded.map(|probe| behind_auth(probe, gateway, route)));
    }
    probes
}

fn redirected(lab: &Lab, route: RouteId) -> Seen {
    for ask in lab.asker().every_good(route) {
        compare(lab, &ask, route)?;
        compare(lab, &fresh(lab, &ask, route).query("wsgen", "a%20b"), route)?;
        let below = format!("{}/probe-7", ask.request.path.trim_end_matches('/'));
        compare(lab, &fresh(lab, &ask, route).path(&below), route)?;
        let post = fresh(lab, &ask, route).method("POST");
        let outcome = lab.asker().outcome(&post);
        if outcome.is_some_and(|it| it.entry.is_some_and(|entry| entry.route == route)) {
            compare(lab, &post, route)?;
        }
    }
    Ok(())
}

fn responded(lab: &Lab, route: RouteId, respond: &Respond) -> Seen {
    let ask = good(lab, route)?;
    compare(lab, &ask, route)?;
    let ask = fresh(lab, &ask, route);
    is_answer(&ask, &lab.send(&ask)?, respond.status, respond)
}

/// Whether a fixed answer came whole.
fn is_answer(ask: &Ask, came: &Response, code: u16, wanted: &Respond) -> Seen {
    let bodiless = matches!(code, 204 | 304);
    let kind = came.header("content-type").unwrap_or("none");
    let same_kind = wanted.body.is_empty() || bodiless || kind == wanted.content_type;
    if came.status == code && (bodiless || came.text() == wanted.body) && same_kind {
        return Ok(());
    }
    let short = |text: &str| text.chars().take(80).collect::<String>();
    let body = short(&came.text());
    Err(deviation(
        ask,
        format!("{}, Content-Type: {kind}, body `{body}`", status(came)),
        format!(
            "{code}, Content-Type: {}, body `{}`",
            wanted.content_type,
            short(&wanted.body)
        ),
    ))
}

/// What stands in place of a status.
fn page_of(pages: &ErrorPages, code: u16) -> Option<&ErrorPage> {
    let found = pages.pages.iter().find(|page| {
        let range = page.value.0;
        (range.first..=range.last).contains(&code)
    });
    found.map(|page| &page.value.1)
}

/// Whether the page of a status came.
fn is_page(ask: &Ask, came: &Response, code: u16, page: &ErrorPage) -> Seen {
    match page {
        ErrorPage::Respond(other, respond) => is_answer(ask, came, other.unwrap_or(code), respond),
        ErrorPage::Redirect(to)
            if came.status == to.status && came.header("location").is_some() =>
        {
            Ok(())
        }
        ErrorPage::Redirect(to) => Err(deviation(
            ask,
            status(came),
            format!("{} and a Location in place of {code}", to.status),
        )),
    }
}

/// Errors that the program itself makes, as many as a request can cause.
fn of_program(route: &Route, pages: &ErrorPages) -> Vec<Probe> {
    let id = route.id;
    if pages.replace.value == Replace::Server {
        return Vec::new();
    }
    let run = move |lab: &Lab| {
        let route = lab.gateway.route(id);
        let Some(pages) = route.error_pages.as_deref() else {
            return Err(Miss::gone());
        };
        let ask = good(lab, id)?;
        compare(lab, &ask, id)?;
        for (code, ask) in refused(lab, route, &ask) {
            let came = lab.send(&ask)?;
            match page_of(pages, code) {
                Some(page) => is_page(&ask, &came, code, page)?,
                None if came.status == code => {}
                None => return Err(deviation(&ask, status(&came), code.to_string())),
            }
        }
        if pages.replace.value == Replace::Proxy && !route.shares().is_empty() {
            return of_servers_stays(lab, id, pages, &ask);
        }
        Ok(())
    };
    let mut probes = vec![Probe::new(
        Feature::ErrorPages,
        route,
        pages.at,
        "the page stands in place of an error of the program, and only of those",
        run,
    )];
    if page_of(pages, 504).is_some() && !route.shares().is_empty() {
        let late = move |lab: &Lab| {
            let ask = good(lab, id)?.header("X-Delay", "4500");
            let pages = lab.gateway.route(id).error_pages.as_deref();
            match pages.and_then(|pages| page_of(pages, 504)) {
                Some(page) => is_page(&ask, &lab.send(&ask)?, 504, page),
                None => Ok(()),
            }
        };
        probes.push(
            Probe::new(
                Feature::ErrorPages,
                route,
                pages.at,
                "the page stands in place of the 504 for a server that is late",
                late,
            )
            .or(Feature::TimeoutResponse)
            .scaled(Scale::around(route.response.value)),
        );
    }
    probes
}

/// Requests that the program itself refuses, with the status that they come to.
fn refused(lab: &Lab, route: &Route, ask: &Ask) -> Vec<(u16, Ask)> {
    let mut all = vec![(405, fresh(lab, ask, route.id).method("PATCH"))];
    let body = route.body.value.map(|limit| limit.as_bytes());
    if let Some(limit) = body.filter(|limit| *limit <= 1 << 20) {
        let much = vec![b'x'; limit as usize + 1];
        let post = fresh(lab, ask, route.id).method("POST").body(much);
        if lab
            .asker()
            .outcome(&post)
            .is_some_and(|it| it.status.is_none())
        {
            all.push((413, post));
        }
    }
    all.push((403, ask.again().from(lab.ranges.stranger())));
    let pass = lab
        .gateway
        .auth_of(route)
        .and_then(|auth| lab.keyring.pass(auth));
    if let Some(pass) = pass.filter(|pass| pass.query.is_empty() && !pass.headers.is_empty()) {
        let bare = fresh(lab, ask, route.id);
        let names = pass.headers.iter();
        all.push((401, names.fold(bare, |ask, (name, _)| ask.without(name))));
    }
    // Which of them is refused is the contract's matter.
    all.retain(|(code, ask)| {
        let outcome = lab.asker().outcome(ask);
        *code == 413
            || outcome.is_some_and(|it| {
                it.upstreams.is_empty() && it.entry.is_some_and(|entry| entry.route == route.id)
            })
    });
    all
}

/// An error of a server that nobody replaces.
fn of_servers_stays(lab: &Lab, route: RouteId, pages: &ErrorPages, ask: &Ask) -> Seen {
    for code in [404, 500, 503] {
        if page_of(pages, code).is_none() {
            continue;
        }
        let ask = fresh(lab, ask, route).header("X-Status", &code.to_string());
        let came = lab.send(&ask)?;
        if came.status != code || came.server().is_empty() {
            return Err(deviation(
                &ask,
                status(&came),
                format!("{code} as the server gave it"),
            ));
        }
    }
    Ok(())
}

/// Errors of the server.
fn of_server(route: &Route, pages: &ErrorPages) -> Option<Probe> {
    if pages.replace.value == Replace::Proxy || route.shares().is_empty() {
        return None;
    }
    let id = route.id;
    let ranges: Vec<u16> = pages
        .pages
        .iter()
        .flat_map(|page| [page.value.0.first, page.value.0.last])
        .collect();
    let run = move |lab: &Lab| {
        let ask = good(lab, id)?;
        let Some(pages) = lab.gateway.route(id).error_pages.as_deref() else {
            return Err(Miss::gone());
        };
        for code in &ranges {
            let ask = fresh(lab, &ask, id).header("X-Status", &code.to_string());
            let came = lab.send(&ask)?;
            match page_of(pages, *code) {
                Some(page) => is_page(&ask, &came, *code, page)?,
                None => return Err(Miss::Unseen("the pages are gone".to_owned())),
            }
        }
        let ask = fresh(lab, &ask, id).header("X-Status", "200");
        match lab.send(&ask)? {
            fine if fine.status == 200 && !fine.server().is_empty() => Ok(()),
            other => Err(deviation(&ask, status(&other), "200 as the server gave it")),
        }
    };
    Some(Probe::new(
        Feature::ErrorPagesServer,
        route,
        pages.replace.loc(),
        "the page stands in place of an error of the server",
        run,
    ))
}

/// What the client gets once no server is left: the page, or the program's own error.
fn unreachable(route: &Route, pages: &ErrorPages) -> Option<Probe> {
    page_of(pages, 503)?;
    if route.shares().is_empty() {
        return None;
    }
    let id = route.id;
    let (feature, at, promise) = match pages.replace.value {
        Replace::Server => (
            Feature::ErrorPagesServer,
            pages.replace.loc(),
            "errors of the program itself stay as they are",
        ),
        Replace::Proxy | Replace::Both => (
            Feature::ErrorPages,
            pages.at,
            "the page stands in place of the 503 when no server is left",
        ),
    };
    let run = move |lab: &Lab| {
        let ask = good(lab, id)?;
        for upstream in lab.asker().upstreams(&ask) {
            lab.stubs(upstream)
                .iter()
                .for_each(crate::verify::stub::Stub::stop);
        }
        let route = lab.gateway.route(id);
        let Some(pages) = route.error_pages.as_deref() else {
            return Err(Miss::gone());
        };
        let came = lab.send(&ask)?;
        match (page_of(pages, 503), pages.replace.value) {
            (Some(page), Replace::Proxy | Replace::Both) => is_page(&ask, &came, 503, page),
            (Some(ErrorPage::Respond(_, respond)), Replace::Server)
                if came.status != 503 || came.text() == respond.body =>
            {
                Err(deviation(
                    &ask,
                    format!("{}, with the page's body", status(&came)),
                    "503 of the program's own",
                ))
            }
            (Some(ErrorPage::Redirect(_)), Replace::Server) if came.status != 503 => {
                Err(deviation(&ask, status(&came), "503 of the program's own"))
            }
            _ => Ok(()),
        }
    };
    Some(Probe::new(feature, route, at, promise, run).alone())
}
