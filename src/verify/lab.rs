//! A lab: one program with a gateway moved to loopback, a stub for every server, and requests made for it.

use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::ask::{Ask, Asker};
use super::behind;
use super::certificates::Certificates;
use super::folder::Folder;
use super::form;
use super::keyring::Keyring;
use super::places::Places;
use super::probe::{Deviation, Miss, Seen, Setup};
use super::process::{Running, StartFailure};
use super::programs::Found;
use super::ranges::Ranges;
use super::stub::Stub;
use super::stub::dns::NameServer;
use super::wire::{Client, Request, Response, Tunnel};
use crate::compile::{Options, render_gateway};
use crate::emit::OutFile;
use crate::ir::{Gateway, ListenerId, Set, UpstreamId, Workers, normalize};
use crate::request::Outcome;
use crate::targets::Target;

/// The most client connections, where a probe opens them all.
const FEW_CONNECTIONS: u32 = 24;

/// What a lab is opened for.
#[derive(Clone)]
pub struct Job<'a> {
    /// The gateway as its target gets it, the version of the target's room that of the program.
    pub gateway: &'a Gateway,
    /// The target.
    pub target: &'static dyn Target,
    /// The program.
    pub found: &'a Found,
    /// The files as they are rendered for use.
    pub written: &'a [OutFile],
    /// Whether the folder stays.
    pub keep: bool,
    /// Changes the rendered main file before the program loads it: how a test plants a bug.
    pub patch: Option<&'a (dyn Fn(&str) -> String + Sync)>,
}

/// Why a lab could not be opened.
#[derive(Debug)]
pub enum NoLab {
    /// A port, a file: the machine's matter.
    Machine(io::Error),
    /// The target refused the scaled gateway: sentences from its report.
    Refused(Vec<String>),
    /// The program did not start.
    Program(Box<StartFailure>, Vec<OutFile>),
}

impl From<io::Error> for NoLab {
    fn from(why: io::Error) -> Self {
        Self::Machine(why)
    }
}

/// A program that serves a gateway on loopback.
pub struct Lab {
    /// The gateway as it is served: ports, addresses, files and durations are the lab's.
    pub gateway: Gateway,
    /// The authorities and a client's certificate.
    pub certificates: Certificates,
    /// Secrets, and what a client shows to get in.
    pub keyring: Keyring,
    /// Where everything listens.
    pub places: Places,
    /// Client addresses.
    pub ranges: Ranges,
    /// The rendered files, the main one first.
    pub files: Vec<OutFile>,
    /// Knows the servers' host names, where they keep them.
    pub names: Option<NameServer>,
    running: Mutex<Running>,
    stubs: Vec<Vec<Stub>>,
    checks: Vec<Vec<Stub>>,
}

impl Lab {
    /// Moves the gateway to loopback, renders it, and starts stubs and program. A port that somebody else took meanwhile is
    /// tried again elsewhere.
    ///
    /// # Errors
    /// See [`NoLab`].
    pub fn open(job: &Job<'_>, setup: Setup) -> Result<Self, NoLab> {
        let mut tries = 3;
        loop {
            tries -= 1;
            match Self::open_once(job, setup) {
                Err(NoLab::Program(why, _)) if why.is_port_clash() && tries > 0 => {}
                other => return other,
            }
        }
    }

    fn open_once(job: &Job<'_>, setup: Setup) -> Result<Self, NoLab> {
        let mut folder = Folder::new(&job.found.name().replace(' ', "-"))?;
        if job.keep {
            folder.keep();
        }
        let mut gateway = job.gateway.clone();
        let certificates = Certificates::apply(&mut gateway, &folder, setup.names)?;
        let keyring = Keyring::apply(&mut gateway, &folder, setup.many_keys)?;
        let ranges = Ranges::apply(&mut gateway);
        let places = Places::apply(&mut gateway, setup.names)?;
        setup.scale.apply(&mut gateway);
        if setup.few_connections {
            let most = &mut gateway.runtime.max_connections.value;
            *most = FEW_CONNECTIONS.min(*most);
        }
        setup.counts.apply(&mut gateway);
        own_files(&mut gateway, &folder);
        let names = match setup.names {
            true => Some(behind::names(&mut gateway, &places)?),
            false => None,
        };
        let stubs = behind::servers(&gateway, &places, &certificates)?;
        let checks = behind::checks(&gateway, &places, &certificates)?;

        let rendered = render_gateway(&gateway, job.target, Options::default(), &|_| String::new());
        if rendered.files.is_empty() {
            let said = rendered.report.diags.iter();
            return Err(NoLab::Refused(
                said.map(|diag| diag.title.clone()).collect(),
            ));
        }
        let files = rendered.files;
        let mut texts: Vec<(String, String)> = files
            .iter()
            .map(|file| (file.path.to_string_lossy().into_owned(), file.text.clone()))
            .collect();
        if let (Some(patch), Some((_, main))) = (job.patch, texts.first_mut()) {
            *main = patch(main);
        }
        let texts: Vec<(&str, &str)> = texts
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        let running = Running::start_in(folder, job.found, &texts, &places.listeners, &keyring.env)
            .map_err(|why| NoLab::Program(Box::new(why), files.clone()))?;
        Ok(Self {
            gateway,
            certificates,
            keyring,
            places,
            ranges,
            files,
            names,
            running: Mutex::new(running),
            stubs,
            checks,
        })
    }

    /// Makes requests for this gateway.
    pub fn asker(&self) -> Asker<'_> {
        Asker {
            gateway: &self.gateway,
            router: crate::request::Router::new(&self.gateway),
            ranges: &self.ranges,
            keyring: &self.keyring,
        }
    }

    /// The program.
    pub fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stubs of an upstream, in the order of its servers.
    pub fn stubs(&self, upstream: UpstreamId) -> &[Stub] {
        &self.stubs[upstream.index()]
    }

    /// What the health checks of an upstream ask, in the order of its servers: the stubs, or others where checks have a port of
    /// their own.
    pub fn checked(&self, upstream: UpstreamId) -> &[Stub] {
        match self.checks[upstream.index()].as_slice() {
            [] => self.stubs(upstream),
            own => own,
        }
    }

    /// Every request with this ask's mark that reached a server: upstream, index of the server, request.
    pub fn arrivals(&self, ask: &Ask) -> Vec<(UpstreamId, usize, Request)> {
        let mut found = Vec::new();
        for (upstream, stubs) in (0..).map(UpstreamId).zip(&self.stubs) {
            for (server, stub) in stubs.iter().enumerate() {
                let ours = stub.requests_with(super::ask::MARK, &ask.mark);
                found.extend(ours.into_iter().map(|request| (upstream, server, request)));
            }
        }
        found
    }

    /// A client of a listener at this address, speaking TLS where the listener does; `authority` is its `Host` line, and the
    /// name in TLS where the listener has a certificate for it.
    pub fn client(
        &self,
        listener: ListenerId,
        from: Option<IpAddr>,
        authority: &str,
    ) -> io::Result<Client> {
        let it = self.gateway.listener(listener);
        let mut client = Client::new(self.places.listeners[listener.index()]).host(authority);
        if let Some(tls) = &it.tls {
            let config = match &tls.client_auth {
                Some(_) => self
                    .certificates
                    .site
                    .client_as(&self.certificates.client)?,
                None => self.certificates.site.client(),
            };
            client = client.tls_with(config).server_name(&tls_name(
                &self.gateway,
                listener,
                bare(authority),
            ));
        }
        Ok(match from {
            Some(ip) if it.proxy_protocol.value => client.from(&ip.to_string()),
            Some(ip) if ip.is_loopback() => client.source(ip),
            _ if it.proxy_protocol.value => client.from("192.0.2.1"),
            _ => client,
        })
    }

    /// The client that an ask needs.
    pub fn client_of(&self, ask: &Ask) -> io::Result<Client> {
        self.client(ask.listener, ask.peer(), &ask.authority())
    }

    /// Sends a plain request.
    ///
    /// # Errors
    /// Where no answer came.
    pub fn send(&self, ask: &Ask) -> io::Result<Response> {
        self.client_of(ask)?
            .try_send(&ask.request.method, &ask.target(), &ask.lines(), &ask.body)
    }

    /// Asks for a WebSocket: a tunnel, or the answer that refused it.
    ///
    /// # Errors
    /// Where no answer came.
    pub fn upgrade(&self, ask: &Ask) -> io::Result<Result<Tunnel, Response>> {
        self.client_of(ask)?
            .try_websocket(&ask.target(), &ask.lines())
    }

    /// The answer to an ask, as a handshake where it is one; a tunnel that comes about is let go.
    ///
    /// # Errors
    /// Where no answer came.
    pub fn answer(&self, ask: &Ask) -> io::Result<Response> {
        if !ask.request.is_websocket() {
            return self.send(ask);
        }
        let came = self.upgrade(ask)?;
        Ok(came.map_or_else(|refused| refused, |tunnel| tunnel.response.clone()))
    }

    /// Asks for a WebSocket that has to come about.
    ///
    /// # Errors
    /// Where it does not.
    pub fn tunnel(&self, ask: &Ask) -> Result<Tunnel, Miss> {
        match self.upgrade(ask) {
            Ok(Ok(tunnel)) => Ok(tunnel),
            Ok(Err(refused)) => Err(deviation(ask, status(&refused), "101 and a tunnel")),
            Err(why) => Err(deviation(ask, why.to_string(), "101 and a tunnel")),
        }
    }

    /// Sends an ask, as a handshake where it is one, and compares what becomes of it with what the contract says.
    ///
    /// # Errors
    /// What differs: the answer, the upstream, the path that the server saw, a tunnel that came about or not.
    pub fn behaves(&self, ask: &Ask) -> Seen {
        let asker = self.asker();
        let outcome = asker.outcome(ask).ok_or_else(|| {
            Miss::Unseen(format!("{} reaches no listener of the spec", ask.says()))
        })?;
        self.compare(ask, &outcome, self.answer(ask))
    }

    fn compare(&self, ask: &Ask, outcome: &Outcome, came: io::Result<Response>) -> Seen {
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
                && response.header("location") != Some(location.as_str())
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
        if let Some(path) = &outcome.path
            && request.target != *path
            && normalized(&request.target).as_ref() != Some(path)
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

    /// How the probed gateway differs from the written one beyond ports, addresses and durations; a clause each.
    pub(super) fn changes(&self) -> impl Iterator<Item = &String> {
        self.places.changes.iter().chain(&self.certificates.changes)
    }

    /// Lines of the probed files that the written ones have in no form, a `#` for each number, address and path.
    pub(super) fn strange_lines(&self, job: &Job<'_>) -> Vec<String> {
        form::strange(job.written, &self.files)
    }

    /// What the program wrote to its own log, and to the files of its logs.
    pub fn logs(&self) -> String {
        let running = self.running();
        let mut text = running.log();
        for name in ["access.log", "error.log"] {
            text.push_str(&running.folder().read(name).unwrap_or_default());
        }
        text
    }
}

/// A request target with its path as routes match it: whether the server gets the path in that form or as the client sent it is
/// the program's matter, as both lead to the same resource.
fn normalized(target: &str) -> Option<String> {
    match target.split_once('?') {
        Some((path, query)) => Some(format!("{}?{query}", normalize(path)?)),
        None => normalize(target),
    }
}

/// An authority without its port.
fn bare(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// A deviation of what an ask came to.
pub fn deviation(ask: &Ask, came: impl Into<String>, promised: impl Into<String>) -> Miss {
    Deviation::new(ask.says(), came, promised).into()
}

/// An answer in a word.
pub fn status(response: &Response) -> String {
    format!("status {}", response.status)
}

/// The name for SNI: the host, where the listener has a certificate for it; else that of its first certificate, as a client
/// that verifies needs one it can trust.
fn tls_name(gateway: &Gateway, listener: ListenerId, host: &str) -> String {
    let Some(tls) = &gateway.listener(listener).tls else {
        return host.to_owned();
    };
    let names = tls
        .certificates
        .value
        .iter()
        .flat_map(|id| &gateway.certificate(*id).hosts.value);
    let covers = |name: &String| {
        name == host
            || name
                .strip_prefix("*.")
                .is_some_and(|zone| host.split_once('.').is_some_and(|(_, rest)| rest == zone))
    };
    let all: Vec<&String> = names.collect();
    match all.iter().find(|name| covers(name)) {
        Some(_) => host.to_owned(),
        None => all
            .first()
            .map_or_else(|| host.to_owned(), |name| name.replacen('*', "w", 1)),
    }
}

/// What the program writes goes into the folder, and two workers are enough.
fn own_files(gateway: &mut Gateway, folder: &Folder) {
    let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let nginx = &mut gateway.rooms.nginx;
    nginx.access_log.value = file("access.log");
    nginx.error_log.value = file("error.log");
    if gateway.runtime.workers.value == Workers::Auto {
        let from = gateway.runtime.workers.from;
        gateway.runtime.workers = Set {
            value: Workers::Count(2),
            from,
        };
    }
}
