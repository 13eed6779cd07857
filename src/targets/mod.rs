//! The targets: each program or platform that a gateway can be rendered for.

pub mod alb;
pub mod caddy;
pub mod envoy;
pub mod evidence;
pub mod gateway;
pub mod haproxy;
pub mod ingress;
mod kubernetes;
pub mod loss;
pub mod matrix;
pub mod nginx;
pub mod proxy;
pub mod rollout;
pub mod support;
pub mod traefik;
pub mod worker;

use std::cell::OnceCell;

use crate::diag::Report;
use crate::emit::Page;
use crate::ir::{Dur, Feature, Gateway, RawPlace, Room, Version};

pub use loss::{Finding, Verdicts, judge, report};
pub use rollout::{Changed, Open, Rollout};
pub use support::{Note, Seen, Support, Verdict};

/// Every target, in the order of the matrix.
pub static ALL: &[&dyn Target] = &[
    &nginx::Nginx,
    &haproxy::Haproxy,
    &traefik::Traefik,
    &envoy::Envoy,
    &caddy::Caddy,
    &alb::Alb,
    &ingress::Ingress,
    &gateway::GatewayApi,
    &worker::Worker,
    &proxy::Proxy,
];

/// The target of this id.
pub fn by_id(id: &str) -> Option<&'static dyn Target> {
    ALL.iter().copied().find(|target| target.id() == id)
}

/// A program or platform that a gateway can be rendered for.
pub trait Target: Sync {
    /// The id on the command line and in codes: lower case, one word.
    fn id(&self) -> &'static str;

    /// The name that people use.
    fn title(&self) -> &'static str;

    /// The oldest and the newest version whose behaviour is known; the newest is the default.
    fn versions(&self) -> (Version, Version);

    /// What a version of the record stands for, where it is more than the number of the target's own program.
    fn seen_on(&self, version: &str) -> String {
        version.to_owned()
    }

    /// Whether it is a service of others, or a cluster, which no machine runs: `all` does not mean it, for few specs are written for it.
    fn is_platform(&self) -> bool {
        false
    }

    /// Whether a version can be chosen: a service has none, unless several are known.
    fn has_versions(&self) -> bool {
        let (oldest, newest) = self.versions();
        !self.is_platform() || oldest != newest
    }

    /// The target's room in the gateway.
    fn room<'a>(&self, gateway: &'a Gateway) -> &'a Room;

    /// What the target does with a feature: a match without `_`.
    fn support(&self, feature: Feature) -> Support;

    /// Whether a route that loses this guard answers 503 to everybody, rather than to let pass whom the guard would not.
    fn closes(&self, _guard: Feature) -> bool {
        true
    }

    /// Whether the target can be written in this layout.
    fn lays_out(&self, layout: Layout) -> bool {
        matches!(layout, Layout::Full | Layout::Include)
    }

    /// Where a `raw` snippet can stand in the files; elsewhere it is an error.
    fn raw_places(&self) -> &'static [RawPlace] {
        &RawPlace::ALL
    }

    /// What it does to open connections to put changed files into force.
    fn rollout(&self, changed: &Changed<'_>) -> Rollout;

    /// What the platform would refuse, such as more rules than it takes: an error that nobody can accept, or a warning where a deployment can mend it.
    fn limits(&self, gateway: &Gateway, verdicts: &Verdicts<'_>) -> Report {
        let _ = (gateway, verdicts);
        Report::new()
    }

    /// The files, the main one first. Cannot fail: what can be lost is known from the verdicts before.
    fn render(&self, gateway: &Gateway, verdicts: &Verdicts<'_>, env: &Env<'_>) -> Vec<Page>;
}

/// What a target knows besides the gateway.
#[derive(Clone, Debug)]
pub struct Env<'a> {
    /// The gateway.
    pub gateway: &'a Gateway,
    /// The program's version.
    pub version: Version,
    /// Whole files, or only the parts for an existing configuration.
    pub layout: Layout,
    /// What [`Env::silence`] found.
    silence: OnceCell<Option<Dur>>,
}

impl<'a> Env<'a> {
    /// The surroundings of a target: the version of its room, else its newest.
    pub fn new(target: &dyn Target, gateway: &'a Gateway, layout: Layout) -> Self {
        let version = target
            .room(gateway)
            .version
            .as_ref()
            .map_or(target.versions().1, |version| version.value);
        Self {
            gateway,
            version,
            layout,
            silence: OnceCell::new(),
        }
    }

    /// [`Gateway::silence`], looked for once: for a target that has one timer for all.
    pub fn silence(&self) -> Option<Dur> {
        *self.silence.get_or_init(|| self.gateway.silence())
    }

    /// Whether the program is at least this version.
    pub fn since(&self, major: u16, minor: u16, patch: u16) -> bool {
        self.version >= Version::exact(major, minor, patch)
    }
}

/// How much of a configuration is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Layout {
    /// A complete file that starts as it is.
    #[default]
    Full,
    /// Only the parts that go into an existing configuration.
    Include,
    /// Whole files as JSON, where a target takes YAML and JSON.
    Json,
    /// Labels of a container, for a program that reads them.
    Labels,
}
