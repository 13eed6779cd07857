//! Another service decides (contract §4.6): what it is asked, whom it lets in, and that its silence is never a pass.

use std::time::{Duration, Instant};

use super::ends::most;
use crate::ir::{AuthId, AuthKind, Feature, Forward, Gateway, RouteId};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};
use crate::verify::scale::Scale;
use crate::verify::stub::{Answer, Stub};
use crate::verify::wire::{Request, Response};

/// Entries beyond these get no lab of their own.
const ALONE: usize = 3;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    let mut count = 0;
    for auth in &gateway.auth {
        let (AuthKind::Forward(it), Some(route)) =
            (&auth.kind, super::guarded::guarded(gateway, auth.id))
        else {
            continue;
        };
        let (id, route) = (auth.id, route.id);
        let probe = |promise: &str, run: fn(&Case<'_>) -> Seen| {
            let seen = move |lab: &Lab| run(&Case::new(lab, id, route)?);
            Probe::new(Feature::AuthForward, auth, it.upstream.loc(), promise, seen)
        };
        let asked = probe(
            "the service is asked with the headers to send and `X-Forwarded-*`, and its 2xx lets in",
            question,
        );
        probes.push(asked.strictly());
        count += 1;
        if count > ALONE {
            continue;
        }
        probes.push(
            probe(
                "headers of its 2xx reach the server, and any other answer reaches the client as it is",
                answers,
            )
            .strictly()
            .alone(),
        );
        if !it.answer.value.is_empty() {
            probes.push(probe("headers of its 2xx reach the client", told).alone());
        }
        probes.push(probe("its 403 reaches the client as it is", forbids).alone());
        probes.push(probe("it is asked once for each request", once).alone());
        let unreachable = probe("where it is unreachable nobody passes", unreachable);
        probes.push(unreachable.strictly().alone());
        probes.push(
            probe(
                "where it is silent or unreachable the client gets 503",
                silence,
            )
            .scaled(Scale::to(it.timeout.value, crate::ir::Dur::from_secs(1)))
            .alone(),
        );
    }
    probes
}

struct Case<'a> {
    lab: &'a Lab,
    route: RouteId,
    forward: &'a Forward,
}

impl<'a> Case<'a> {
    fn new(lab: &'a Lab, auth: AuthId, route: RouteId) -> Result<Self, Miss> {
        match &lab.gateway.auth[auth.index()].kind {
            AuthKind::Forward(forward) => Ok(Self {
                lab,
                route,
                forward,
            }),
            AuthKind::Jwt(_) | AuthKind::Basic(_) | AuthKind::ApiKey(_) => {
                Err(Miss::Unseen("nobody else decides".to_owned()))
            }
        }
    }

    fn ask(&self) -> Result<Ask, Miss> {
        Ok(super::beside::fresh(
            self.lab,
            &super::beside::good(self.lab, self.route)?,
            self.route,
        ))
    }

    fn services(&self) -> &[Stub] {
        self.lab.stubs(self.forward.upstream.value)
    }

    /// What the service says from now on.
    fn says(&self, answer: &Answer) {
        for stub in self.services() {
            stub.answer(&self.forward.path.value, answer.clone());
        }
    }

    /// The questions about a request: told by the client's address, which no other request has.
    fn questions(&self, ask: &Ask) -> Vec<Request> {
        let client = ask.client().map(|ip| ip.to_string()).unwrap_or_default();
        let about = |seen: &Request| {
            seen.path() == self.forward.path.value
                && seen.headers.lists("x-forwarded-for", &client)
                && seen.header(crate::verify::ask::MARK).is_none()
        };
        let all = self.services().iter().flat_map(Stub::requests);
        all.filter(about).collect()
    }
}

fn question(case: &Case<'_>) -> Seen {
    let mut ask = case.ask()?.header("X-Other", "secret");
    for name in &case.forward.send.value {
        let own = ask.request.header(name).is_some();
        if !own {
            let value = match name.to_ascii_lowercase().as_str() {
                "cookie" => "session=1",
                "authorization" => "Custom probe",
                _ => "sent",
            };
            ask = ask.header(name, value);
        }
    }
    for name in &case.forward.pass.value {
        ask = ask.header(name, "spoofed");
    }
    let seen = super::arrival::deliver(case.lab, &ask)?;
    for name in &case.forward.pass.value {
        let values = seen.headers.all(name);
        if values.contains(&"spoofed") {
            let came = format!("a server that sees {name}: {}", values.join(", "));
            return Err(deviation(
                &ask,
                came,
                "nothing that the service did not say",
            ));
        }
    }
    let questions = case.questions(&ask);
    let Some(asked) = questions.first() else {
        return Err(deviation(&ask, "the service was not asked", "a question"));
    };
    let host = ask.authority();
    let scheme = if ask.request.tls { "https" } else { "http" };
    let mut wanted: Vec<(&str, Option<String>)> = vec![
        ("X-Forwarded-Proto", Some(scheme.to_owned())),
        ("X-Forwarded-Host", Some(host)),
        ("X-Other", None),
        ("Upgrade", None),
    ];
    for name in &case.forward.send.value {
        wanted.push((name, ask.request.header(name)));
    }
    for (name, value) in wanted {
        if asked.header(name) != value.as_deref() {
            let came = format!("a question with {name}: {:?}", asked.header(name));
            return Err(deviation(&ask, came, format!("{name}: {value:?}")));
        }
    }
    Ok(())
}

/// The service says yes, with these headers: the server's view of the request, and the client's answer.
fn agreed(case: &Case<'_>, names: &[String]) -> Result<(Ask, Request, Response), Miss> {
    let mut good = Answer::status(200);
    for name in names {
        good = good.header(name, &said_of(name));
    }
    case.says(&good);
    let mut ask = case.ask()?;
    for name in &case.forward.pass.value {
        ask = ask.header(name, "spoofed");
    }
    let answer = case.lab.answer(&ask)?;
    match case.lab.arrivals(&ask).pop() {
        Some((.., seen)) if case.lab.arrivals(&ask).len() == 1 => Ok((ask, seen, answer)),
        _ => Err(deviation(
            &ask,
            status(&answer),
            "a server that sees it once",
        )),
    }
}

fn said_of(name: &str) -> String {
    format!("probe-of={name}")
}

fn told(case: &Case<'_>) -> Seen {
    let names = &case.forward.answer.value;
    let (ask, _, answer) = agreed(case, names)?;
    for name in names {
        if answer.headers.all(name) != [said_of(name)] {
            let came = answer.headers.all(name).join(", ");
            let came = format!("the client sees {name}: {came}");
            return Err(deviation(&ask, came, format!("{name}: {}", said_of(name))));
        }
    }
    Ok(())
}

fn answers(case: &Case<'_>) -> Seen {
    let names = &case.forward.pass.value;
    let (ask, seen, _) = agreed(case, names)?;
    for name in names {
        if seen.headers.all(name) != [said_of(name)] {
            let came = seen.headers.all(name).join(", ");
            let came = format!("the server sees {name}: {came}");
            return Err(deviation(&ask, came, format!("{name}: {}", said_of(name))));
        }
    }
    for (code, name, value) in [
        (401, "WWW-Authenticate", "Custom realm=\"probe\""),
        (302, "Location", "https://id.example/login?from=probe"),
        (404, "X-Why", "unknown"),
    ] {
        case.says(&Answer::status(code).header(name, value).body("the reason"));
        as_it_is(case, &case.ask()?, code, (name, value))?;
    }
    Ok(())
}

fn forbids(case: &Case<'_>) -> Seen {
    case.says(
        &Answer::status(403)
            .header("X-Why", "not you")
            .body("the reason"),
    );
    as_it_is(case, &case.ask()?, 403, ("X-Why", "not you"))
}

/// The service's refusal, whole, and nothing at the server.
fn as_it_is(case: &Case<'_>, ask: &Ask, code: u16, (name, value): (&str, &str)) -> Seen {
    let answer = case.lab.answer(ask)?;
    let whole = answer.status == code
        && answer.header(name) == Some(value)
        && answer.text() == "the reason"
        && case.lab.arrivals(ask).is_empty();
    if whole {
        return Ok(());
    }
    let said = |answer: &Response| {
        format!(
            "{}, {name}: {}, body `{}`",
            status(answer),
            answer.header(name).unwrap_or_default(),
            answer.text().chars().take(40).collect::<String>()
        )
    };
    let promised = format!("status {code}, {name}: {value}, body `the reason`");
    Err(deviation(ask, said(&answer), promised))
}

fn once(case: &Case<'_>) -> Seen {
    for code in [200, 401] {
        case.says(&Answer::status(code));
        let ask = case.ask()?;
        let answer = case.lab.answer(&ask)?;
        let count = case.questions(&ask).len();
        if count != 1 {
            let came = format!("{}, asked {count} times", status(&answer));
            return Err(deviation(&ask, came, "one question"));
        }
    }
    Ok(())
}

fn unreachable(case: &Case<'_>) -> Seen {
    case.services().iter().for_each(Stub::stop);
    for _ in 0..2 {
        let ask = case.ask()?;
        let answer = case.lab.answer(&ask)?;
        if answer.status < 500 || !case.lab.arrivals(&ask).is_empty() {
            let promised = "an error, and no server sees it";
            return Err(deviation(&ask, status(&answer), promised));
        }
    }
    Ok(())
}

fn silence(case: &Case<'_>) -> Seen {
    let limit = case.forward.timeout.value;
    case.says(&Answer::status(200).after(Duration::from_millis(limit.as_millis() + 2500)));
    let ask = case.ask()?;
    let start = Instant::now();
    refused(case, &ask)?;
    if start.elapsed() > most(limit) {
        let came = format!("503 after {:.1} s", start.elapsed().as_secs_f64());
        return Err(deviation(&ask, came, format!("503 after {limit}")));
    }
    case.services().iter().for_each(Stub::stop);
    refused(case, &case.ask()?)?;
    refused(case, &case.ask()?)
}

fn refused(case: &Case<'_>, ask: &Ask) -> Seen {
    let answer = case.lab.answer(ask)?;
    if answer.status == 503 && case.lab.arrivals(ask).is_empty() {
        return Ok(());
    }
    Err(deviation(
        ask,
        status(&answer),
        "503, and no server sees it",
    ))
}
