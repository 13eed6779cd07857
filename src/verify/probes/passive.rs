//! Passive checks (contract §4.5): errors of real requests take a server out for a while.

use std::time::{Duration, Instant};

use super::ends::most;
use super::way::{Way, until};
use crate::ir::{Feature, Passive, Upstream, UpstreamId};
use crate::verify::ask::Ask;
use crate::verify::lab::Lab;
use crate::verify::probe::{Deviation, Miss, Probe, Seen};
use crate::verify::scale::Scale;
use crate::verify::stub::Answer;

pub(super) fn probes(upstream: &Upstream, passive: &Passive, probes: &mut Vec<Probe>) {
    let id = upstream.id;
    let (errors, within, eject) = (
        passive.errors.value,
        passive.within.value,
        passive.eject.value,
    );
    let scale = Scale::around(eject);
    let mut add = |promise: String, run: fn(&Lab, UpstreamId) -> Seen| {
        let probe = Probe::new(
            Feature::HealthPassive,
            upstream,
            passive.at,
            promise,
            move |lab| run(lab, id),
        );
        probes.push(probe.scaled(scale).alone());
    };
    add(
        format!(
            "{errors} errors within {within} take a server out for {eject}, good answers between them or not"
        ),
        ejected,
    );
    if errors > 1 {
        add(
            format!("errors further apart than {within} do not count together"),
            apart,
        );
    }
}

/// One server whose requests go wrong as is said, and the others that help to reach it.
struct Patient<'a> {
    way: Way<'a>,
    server: usize,
    path: String,
}

impl<'a> Patient<'a> {
    fn new(lab: &'a Lab, id: UpstreamId) -> Result<Self, Miss> {
        let way = Way::to(lab, id)?;
        let path = way.path(&way.fresh());
        let server = way.active().first().copied().unwrap_or(0);
        Ok(Self { way, server, path })
    }

    /// Sends requests until one reaches the server, whose answer is broken or good. `false` where none does.
    fn meets(&self, broken: bool) -> bool {
        let stub = &self.way.lab.stubs(self.way.upstream.id)[self.server];
        match broken {
            true => stub.answer(&self.path, Answer::broken()),
            false => stub.answer_as_usual(&self.path),
        }
        (0..self.way.upstream.servers.len() * 6).any(|_| {
            let ask: Ask = self.way.fresh();
            let _ = self.way.send(&ask);
            self.way.seen_by(&ask).contains(&self.server)
        })
    }

    /// Reports what should not have been.
    fn wrong(&self, sent: &str, came: String, promised: &str) -> Seen {
        let sent = format!("{sent} at a server of {}", self.way.upstream.name);
        Err(Deviation::new(sent, came, promised).into())
    }
}

fn ejected(lab: &Lab, id: UpstreamId) -> Seen {
    let it = Patient::new(lab, id)?;
    let Some(passive) = &it.way.upstream.passive else {
        return Err(Miss::gone());
    };
    let errors = passive.errors.value;
    let start = Instant::now();
    let mut out = start;
    for number in 1..=errors {
        out = Instant::now();
        if number > 1 && !it.meets(false) || !it.meets(true) {
            let came = "it gets no requests any more".to_owned();
            return it.wrong(
                &format!("{} errors", number - 1),
                came,
                "requests, as there were fewer errors than are written",
            );
        }
    }
    if start.elapsed() > Duration::from_millis(passive.within.value.as_millis()) {
        return Err(Miss::Unseen("the errors took too long to make".to_owned()));
    }
    let sent = format!("{errors} errors with good answers between them");
    let mut back = None;
    until(most(passive.eject.value) + Duration::from_secs(2), || {
        if it.meets(false) {
            back = Some(out.elapsed());
        }
        back.is_some()
    });
    let least = Duration::from_millis(passive.eject.value.as_millis() * 9 / 10);
    match back {
        Some(after) if after < least => it.wrong(
            &sent,
            format!("a request after {:.2} s", after.as_secs_f64()),
            &format!("none for {}", passive.eject.value),
        ),
        Some(_) => Ok(()),
        None => it.wrong(
            &sent,
            "it is left out for good".to_owned(),
            &format!("requests again after {}", passive.eject.value),
        ),
    }
}

fn apart(lab: &Lab, id: UpstreamId) -> Seen {
    let it = Patient::new(lab, id)?;
    let Some(passive) = &it.way.upstream.passive else {
        return Err(Miss::gone());
    };
    let within = Duration::from_millis(passive.within.value.as_millis());
    if within > Duration::from_secs(3) {
        return Err(Miss::Unseen(
            "errors so far apart take too long to make".to_owned(),
        ));
    }
    // The last error comes when the first is forgotten; a good answer shows that the server is in use.
    for number in 1..=passive.errors.value {
        if number == passive.errors.value {
            std::thread::sleep(within + within / 2 + Duration::from_millis(200));
            it.meets(false);
        }
        if !it.meets(true) {
            let came = "it gets no requests any more".to_owned();
            return it.wrong("errors far apart", came, "requests");
        }
    }
    if it.meets(false) {
        Ok(())
    } else {
        let came = "it gets no requests any more".to_owned();
        it.wrong(
            &format!(
                "{} errors, the last long after the others",
                passive.errors.value
            ),
            came,
            "requests, as they do not count together",
        )
    }
}
