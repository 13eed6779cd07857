//! A lab: one program with a gateway moved to loopback, a stub for every server, and requests made for it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::ask::Ask;
use super::asker::Asker;
use super::behind;
use super::certificates::Certificates;
use super::folder::Folder;
use super::form;
use super::judge::Losses;
use super::keyring::Keyring;
use super::original;
use super::places::Places;
use super::probe::Setup;
use super::process::{Running, StartFailure};
use super::programs::Found;
use super::ranges::Ranges;
use super::stub::Stub;
use super::stub::dns::NameServer;
use super::wire::Request;
use crate::compile::{Options, render_gateway};
use crate::emit::OutFile;
use crate::import::nginx::Original;
use crate::ir::{Gateway, ListenerId, Route, RouteId, Set, UpstreamId, Workers};
use crate::targets::Target;

/// The most client connections, where a probe opens them all.
const FEW_CONNECTIONS: u32 = 24;

/// What a lab is opened for.
#[derive(Clone)]
pub struct Job<'a> {
    /// The gateway as its target gets it, the version of the target's room that of the program.
    pub gateway: &'a Gateway,
    /// What the gateway is rendered for.
    pub target: &'static dyn Target,
    /// The program that loads the files.
    pub found: &'a Found,
    /// The files as they are rendered for use.
    pub written: &'a [OutFile],
    /// Whether the folder stays.
    pub keep: bool,
    /// Changes each rendered file before the program loads it: how a test plants a bug.
    pub patch: Option<&'a (dyn Fn(&str) -> String + Sync)>,
    /// What the program loads in place of the rendered files: the configuration that the spec was imported from.
    pub original: Option<&'a Original>,
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
    /// Routes that nobody may pass, or whose requests get another answer.
    closed: Vec<RouteId>,
    /// Listeners that nobody listens on, as the losses say.
    unbound: Vec<ListenerId>,
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
        let certificates = Certificates::apply(&mut gateway, &folder, setup.names, setup.acme)?;
        let mut keyring = Keyring::apply(&mut gateway, &folder, setup.many_keys)?;
        let ranges = Ranges::apply(&mut gateway);
        let places = Places::apply(&mut gateway, setup.names)?;
        if let Some(acme) = &certificates.acme {
            behind::reach(acme, &gateway, &places);
            // Programs trust the system's authorities for the directory.
            let trusted = folder.path().join(Certificates::SERVERS);
            let trusted = trusted.to_string_lossy().into_owned();
            keyring.env.push(("SSL_CERT_FILE".to_owned(), trusted));
        }
        setup.scale.apply(&mut gateway);
        if setup.few_connections {
            let most = &mut gateway.runtime.max_connections.value;
            *most = FEW_CONNECTIONS.min(*most);
        }
        setup.counts.apply(&mut gateway);
        if !setup.error_pages {
            for route in &mut gateway.routes {
                route.error_pages = None;
            }
        }
        own_files(&mut gateway, &folder);
        let names = match setup.names {
            true => Some(behind::names(&mut gateway, &places)?),
            false => None,
        };
        let stubs = behind::servers(&gateway, &places, &certificates)?;
        let checks = behind::checks(&gateway, &places, &certificates)?;

        let losses = Losses::of(job.target, &gateway);
        let (closed, unbound) = (losses.closed(&gateway), losses.unbound());
        let rendered = render_gateway(&gateway, job.target, Options::default(), &|_| String::new());
        if rendered.files.is_empty() {
            let said = rendered.report.diags.iter();
            return Err(NoLab::Refused(
                said.map(|diag| diag.title.clone()).collect(),
            ));
        }
        let mut files = rendered.files;
        if let (Some(original), Some(main)) = (job.original, files.first_mut()) {
            main.text = original::moved(original, job.gateway, &gateway, setup.scale);
            main.lines = vec![None; main.text.lines().count()];
        }
        let mut texts: Vec<(String, String)> = files
            .iter()
            .map(|file| (file.path.to_string_lossy().into_owned(), file.text.clone()))
            .collect();
        if let Some(patch) = job.patch {
            for (_, text) in &mut texts {
                *text = patch(text);
            }
        }
        texts.extend(job.found.program.surroundings(&gateway)?);
        let texts: Vec<(&str, &str)> = texts
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        let listeners = gateway.listeners.iter().zip(&places.listeners);
        let bound: Vec<SocketAddr> = listeners
            .filter(|(it, _)| !unbound.contains(&it.id))
            .map(|(_, at)| *at)
            .collect();
        let running = Running::start_in(folder, job.found, &texts, &bound, &keyring.env)
            .map_err(|why| NoLab::Program(Box::new(why), files.clone()))?;
        Ok(Self {
            gateway,
            certificates,
            keyring,
            places,
            ranges,
            files,
            closed,
            unbound,
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
            unbound: &self.unbound,
        }
    }

    /// The routes that requests can pass: those whose every guard the target can do, and that it finds. The others are
    /// closed or gone, as the losses say.
    pub fn open_routes(&self) -> impl Iterator<Item = &Route> {
        let routes = self.gateway.routes.iter();
        routes.filter(|route| !self.closed.contains(&route.id))
    }

    /// The program, to be asked, told or ended; nobody else can meanwhile.
    pub fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the program load its files again, as they were rendered.
    ///
    /// # Errors
    /// What it said against them.
    pub fn reload(&self) -> Result<(), StartFailure> {
        let files: Vec<(String, &str)> = self
            .files
            .iter()
            .map(|file| (file.path.to_string_lossy().into_owned(), file.text.as_str()))
            .collect();
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (name.as_str(), *text))
            .collect();
        self.running().reload(&files)
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

    /// How the probed gateway differs from the written one beyond ports, addresses and durations; a clause each.
    pub(super) fn changes(&self) -> impl Iterator<Item = &String> {
        self.places.changes.iter().chain(&self.certificates.changes)
    }

    /// Lines of the probed files that the written ones have in no form, a `#` for each number, address and path.
    pub(super) fn strange_lines(&self, job: &Job<'_>) -> Vec<String> {
        match job.original {
            Some(_) => Vec::new(),
            None => form::strange(job.written, &self.files),
        }
    }

    /// What the program wrote to the files of its logs, access and errors; where it has none, to its standard output.
    pub fn logs(&self) -> String {
        let running = self.running();
        let files: String = ["access.log", "error.log"]
            .iter()
            .filter_map(|name| running.folder().read(name).ok())
            .collect();
        match running.folder().path().join("error.log").exists() {
            true => files,
            false => running.said(),
        }
    }
}

/// What the program writes goes into the folder, and two workers are enough.
fn own_files(gateway: &mut Gateway, folder: &Folder) {
    let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    gateway.rooms.traefik.storage.value = file("acme.json");
    if let Some(storage) = &mut gateway.rooms.caddy.storage {
        storage.value = file("storage");
    }
    // The servers themselves are asked, not what stands in their place.
    gateway.rooms.worker.upstreams.clear();
    let nginx = &mut gateway.rooms.nginx;
    nginx.access_log.value = file("access.log");
    nginx.error_log.value = file("error.log");
    // A lab's cluster takes the addresses that a real one refuses.
    gateway.rooms.ingress.loopback = true;
    gateway.rooms.gateway.loopback = true;
    if gateway.runtime.workers.value == Workers::Auto {
        let from = gateway.runtime.workers.from;
        gateway.runtime.workers = Set {
            value: Workers::Count(2),
            from,
        };
    }
}
