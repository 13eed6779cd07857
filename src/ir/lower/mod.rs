//! Spec → Gateway: names become ids, defaults are filled in with their reasons, contradictions are told. All faults in one run.

mod access;
mod checks;
mod headers;
mod listener;
mod matching;
mod operations;
mod request;
mod room;
mod route;
mod upstream;

pub(super) use room::rooms_unwritten;

use rustc_hash::FxHashMap as HashMap;
use std::ops::RangeInclusive;

use super::{
    AuthId, CertificateId, Dur, Gateway, ListenerId, Loc, Set, UpstreamId, defaults, order,
};
use crate::diag::Report;
use crate::names::closest;
use crate::spec::de::At;
use crate::spec::model::{Block, Many, Named, OnOff, Spec};
use crate::spec::scalar::written;

/// Files that a spec has read at compile time (`respond.file`).
pub trait Files {
    /// The text of a file, or why it cannot be read.
    ///
    /// # Errors
    /// A sentence that says why.
    fn read(&self, path: &str) -> Result<String, String>;
}

/// Lowers a spec. `None` if the report has errors.
pub fn lower(spec: &Spec, files: &dyn Files, report: &mut Report) -> Option<Gateway> {
    let before = report.count(crate::diag::Level::Error);
    let mut lower = Lower::new(spec, files, report);
    let gateway = lower.gateway(spec);
    (report.count(crate::diag::Level::Error) == before).then_some(gateway)
}

/// A name of the spec that may be off.
#[derive(Clone, Copy)]
enum Slot<Id> {
    On(Id),
    Off,
}

struct Lower<'a> {
    report: &'a mut Report,
    files: &'a dyn Files,
    listeners: HashMap<&'a str, Slot<ListenerId>>,
    certificates: HashMap<&'a str, CertificateId>,
    upstreams: HashMap<&'a str, Slot<UpstreamId>>,
    auth: HashMap<&'a str, AuthId>,
    /// Where `defaults.route` wrote what only a route with an upstream can have.
    inherited: Vec<Loc>,
}

impl<'a> Lower<'a> {
    fn new(spec: &'a Spec, files: &'a dyn Files, report: &'a mut Report) -> Self {
        let listeners = index(spec.listeners.as_ref(), |it| is_on(it.enabled), ListenerId);
        let upstreams = index(spec.upstreams.as_ref(), |it| is_on(it.enabled), UpstreamId);
        let certificates = plain_index(spec.certificates.as_ref(), CertificateId);
        let auth = plain_index(spec.auth.as_ref(), AuthId);
        let inherited = spec
            .defaults
            .as_ref()
            .and_then(|defaults| defaults.route.as_ref())
            .map_or_else(Vec::new, |route| {
                let it = &route.value;
                let places = [
                    it.websocket.as_ref().map(|field| field.at),
                    it.stream.as_ref().map(|field| field.at),
                    it.rewrite.as_ref().map(|field| field.at),
                    it.request_headers.as_ref().map(|field| field.at),
                    it.retries.as_ref().map(|field| field.at),
                    it.host_header.as_ref().map(|field| field.at),
                ];
                places.into_iter().flatten().collect()
            });
        Self {
            report,
            files,
            listeners,
            certificates,
            upstreams,
            auth,
            inherited,
        }
    }

    fn gateway(&mut self, spec: &'a Spec) -> Gateway {
        match &spec.wsgen {
            Some(version) if version.value == 1 => {}
            Some(version) => {
                self.report
                    .error("spec::version", version.at)
                    .says(format!(
                        "version {} of the language is not known",
                        version.value
                    ))
                    .help("write `wsgen: 1`");
            }
            None => {
                self.report
                    .error("spec::missing", Loc(0))
                    .says("`wsgen: 1` is missing")
                    .help("write `wsgen: 1` at the top");
            }
        }
        let name = self.gateway_name(spec);
        let listeners = self.listeners(spec);
        let certificates = self.certificates(spec);
        let upstreams = self.upstreams(spec);
        let auth = self.auth_entries(spec);
        let routes = self.routes(spec, &upstreams);
        let log = self.log(spec, &auth);
        let metrics = self.metrics(spec, &listeners);
        let runtime = self.runtime(spec);
        let rooms = self.rooms(spec, &routes);
        let accept = self.accept(spec);
        let tests = self.tests(spec, &routes);
        let table = order::table(&routes);
        Gateway {
            name,
            listeners,
            certificates,
            upstreams,
            auth,
            routes,
            table,
            log,
            metrics,
            runtime,
            rooms,
            accept,
            tests,
        }
    }

    fn gateway_name(&mut self, spec: &Spec) -> Set<String> {
        match &spec.name {
            Some(name) => {
                // Some targets add words to it, and allow 63 characters in all.
                let text = &name.value;
                if text.len() > 40 || text.contains('_') || text.ends_with('-') {
                    self.report
                        .error("spec::name", name.at)
                        .says(format!("`{}` is no name for a gateway", text.escape_debug()))
                        .help("start with a letter; go on with letters, digits and, inside, `-`, up to 40 in all");
                } else {
                    self.check_name("gateway", name);
                }
                Set::written(name.value.clone(), name.at)
            }
            None => Set::default(defaults::NAME.0.to_owned(), Loc(0), defaults::NAME.1),
        }
    }

    /// A required field; a missing one is an error and its placeholder is never seen.
    fn required<T>(
        &mut self,
        field: Option<&At<T>>,
        at: Loc,
        what: &str,
        help: &str,
    ) -> Option<At<T>>
    where
        T: Clone,
    {
        if field.is_none() {
            self.report
                .error("spec::missing", at)
                .says(format!("{what} is missing"))
                .help(help);
        }
        field.cloned()
    }

    /// Tells a name that nothing has, with the closest one that something has.
    fn unknown<'n>(&mut self, kind: &str, name: &At<String>, known: impl Iterator<Item = &'n str>) {
        let mut known: Vec<&str> = known.collect();
        known.sort_unstable();
        let diag = self.report.error("spec::unknown-name", name.at);
        diag.says(format!("there is no {kind} `{}`", name.value));
        if let Some(close) = closest(&name.value, known.iter().copied()) {
            diag.help(format!("did you mean `{close}`?"))
                .fix(name.at, written(close));
        } else if known.is_empty() {
            diag.help(format!("write it under `{}`", plural(kind)));
        } else {
            diag.help(format!("known are `{}`", known.join("`, `")));
        }
    }

    /// A number within the bounds that the schema tells too.
    fn number(&mut self, number: &At<u64>, bounds: RangeInclusive<u64>) -> u64 {
        if !bounds.contains(&number.value) {
            let (least, most) = (bounds.start(), bounds.end());
            self.report.error("spec::range", number.at).says(format!(
                "expected a number from {least} to {most}, found {}",
                number.value
            ));
        }
        number.value.clamp(*bounds.start(), *bounds.end())
    }

    /// A number of two bytes within its bounds.
    fn bounded(&mut self, number: &At<u64>, bounds: RangeInclusive<u64>) -> Set<u16> {
        Set::written(small(self.number(number, bounds)), number.at)
    }

    fn upstream_id(&mut self, name: &At<String>) -> Option<Slot<UpstreamId>> {
        let found = self.upstreams.get(name.value.as_str()).copied();
        if found.is_none() {
            let known: Vec<&str> = self.upstreams.keys().copied().collect();
            self.unknown("upstream", name, known.into_iter());
        }
        found
    }

    fn listener_id(&mut self, name: &At<String>) -> Option<Slot<ListenerId>> {
        let found = self.listeners.get(name.value.as_str()).copied();
        if found.is_none() {
            let known: Vec<&str> = self.listeners.keys().copied().collect();
            self.unknown("listener", name, known.into_iter());
        }
        found
    }
}

fn plural(kind: &str) -> &'static str {
    match kind {
        "upstream" => "upstreams",
        "listener" => "listeners",
        "certificate" => "certificates",
        "route" => "routes",
        _ => "auth",
    }
}

fn is_on(enabled: Option<At<OnOff>>) -> bool {
    enabled.is_none_or(|on| on.value.0)
}

fn index<T, Id: Copy>(
    named: Option<&Named<T>>,
    on: impl Fn(&T) -> bool,
    id: impl Fn(u32) -> Id,
) -> HashMap<&str, Slot<Id>> {
    let mut next = 0;
    let mut found = HashMap::default();
    for (name, it) in named.map_or(&[][..], |named| &named.0) {
        let entry = if on(&it.value) {
            next += 1;
            Slot::On(id(next - 1))
        } else {
            Slot::Off
        };
        found.insert(name.value.as_str(), entry);
    }
    found
}

fn plain_index<T, Id>(named: Option<&Named<T>>, id: impl Fn(u32) -> Id) -> HashMap<&str, Id> {
    let entries = named.map_or(&[][..], |named| &named.0);
    (0..)
        .zip(entries)
        .map(|(number, (name, _))| (name.value.as_str(), id(number)))
        .collect()
}

/// A written value, or a default with its reason.
fn or<T: Clone>(field: Option<&At<T>>, at: Loc, default: (T, &'static str)) -> Set<T> {
    match field {
        Some(written) => Set::written(written.value.clone(), written.at),
        None => Set::default(default.0, at, default.1),
    }
}

/// A written switch, or a default with its reason.
fn switch(field: Option<&At<OnOff>>, at: Loc, default: (bool, &'static str)) -> Set<bool> {
    match field {
        Some(written) => Set::written(written.value.0, written.at),
        None => Set::default(default.0, at, default.1),
    }
}

/// A written limit that may be `off`, or a default with its reason.
fn limit<T: Clone>(
    field: Option<&At<Block<T>>>,
    at: Loc,
    default: (Option<T>, &'static str),
) -> Set<Option<T>> {
    match field {
        Some(written) => Set::written(written.value.with().cloned(), written.at),
        None => Set::default(default.0, at, default.1),
    }
}

/// A block that may be `off`, with its place.
fn block<T>(field: Option<&At<Block<T>>>) -> Option<(&T, Loc)> {
    field.and_then(|block| block.value.with().map(|value| (value, block.at)))
}

/// The items of a list, without their places.
fn plain<T: Clone>(list: &At<Many<At<T>>>) -> Vec<T> {
    list.value.0.iter().map(|item| item.value.clone()).collect()
}

/// Text of a setting with a default text.
fn text(field: Option<&At<String>>, at: Loc, default: (&str, &'static str)) -> Set<String> {
    or(field, at, (default.0.to_owned(), default.1))
}

/// A duration with a default.
fn dur(field: Option<&At<Dur>>, at: Loc, default: (Dur, &'static str)) -> Set<Dur> {
    or(field, at, default)
}

/// A number that has been checked against bounds that fit.
fn small(number: u64) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// Every port but 0, which lets the system choose.
const PORT: RangeInclusive<u64> = 1..=65535;
