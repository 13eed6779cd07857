//! A probe: one promise of the contract about one thing of a gateway, and how to see whether a program keeps it.

use std::io;

use super::counts::Counts;
use super::lab::Lab;
use super::scale::Scale;
use crate::ir::{Auth, Feature, Listener, Loc, Route, Subject, Upstream};

/// What a promise is about: the kind and the index of a thing of the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct About {
    /// `listener`, `route`, `upstream` … as in a finding.
    pub kind: &'static str,
    /// The thing's name; empty for the gateway.
    pub name: String,
}

impl From<Subject<'_>> for About {
    fn from(subject: Subject<'_>) -> Self {
        let (kind, name) = subject.name();
        Self {
            kind,
            name: name.to_owned(),
        }
    }
}

impl From<&Route> for About {
    fn from(it: &Route) -> Self {
        Subject::Route(it).into()
    }
}

impl From<&Listener> for About {
    fn from(it: &Listener) -> Self {
        Subject::Listener(it).into()
    }
}

impl From<&Upstream> for About {
    fn from(it: &Upstream) -> Self {
        Subject::Upstream(it).into()
    }
}

impl From<&Auth> for About {
    fn from(it: &Auth) -> Self {
        Subject::Auth(it).into()
    }
}

/// The lab that a probe runs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Setup {
    /// How durations are brought down.
    pub scale: Scale,
    /// Which limits count as written.
    pub counts: Counts,
    /// Whether the answers in place of errors are there; elsewhere they would hide the errors that probes look for.
    pub error_pages: bool,
    /// Whether a variable that holds API keys has several, one a line; else it has one.
    pub many_keys: bool,
    /// Whether servers keep their host names, which the lab's DNS server then knows.
    pub names: bool,
    /// Whether certificates of an ACME authority are left to the program; else a private authority issues them.
    pub acme: bool,
    /// Whether the most client connections are so few that a probe can open them all.
    pub few_connections: bool,
    /// Whether the probe is alone: it stops servers, counts who answers, reloads. Others share a lab and run side by side.
    pub alone: bool,
}

/// How a promise was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// What was sent, or done.
    pub sent: String,
    /// What came.
    pub came: String,
    /// What was promised to come.
    pub promised: String,
}

impl Deviation {
    /// All three, each a clause without full stop.
    pub fn new(
        sent: impl Into<String>,
        came: impl Into<String>,
        promised: impl Into<String>,
    ) -> Self {
        Self {
            sent: sent.into(),
            came: came.into(),
            promised: promised.into(),
        }
    }
}

/// Why a probe says neither yes nor no, or how the promise was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// The promise was not kept.
    Broken(Deviation),
    /// It could not be seen here; the clause says why.
    Unseen(String),
}

impl Miss {
    /// The lab's gateway lacks what the probe was made for: a fault of the lab, never a promise kept.
    pub fn gone() -> Self {
        Self::Unseen("the lab has no such thing".to_owned())
    }
}

impl From<Deviation> for Miss {
    fn from(it: Deviation) -> Self {
        Self::Broken(it)
    }
}

impl From<io::Error> for Miss {
    fn from(why: io::Error) -> Self {
        Self::Broken(Deviation::new("a request", why.to_string(), "an answer"))
    }
}

/// What a probe comes to; `Ok` is a promise kept.
pub type Seen = Result<(), Miss>;

type Run = Box<dyn Fn(&Lab) -> Seen + Send + Sync>;

/// One promise about one thing, ready to be seen.
pub struct Probe {
    /// The feature that the promise belongs to.
    pub feature: Feature,
    /// Features whose loss explains a deviation too.
    pub excused_by: Vec<Feature>,
    /// What it is about.
    pub about: About,
    /// Its place in the spec.
    pub at: Loc,
    /// The promise: a clause of the contract, lower case, no full stop.
    pub promise: String,
    /// The lab that it needs.
    pub setup: Setup,
    /// Whether only a loss that leaves the feature out explains a deviation, not one that approximates it.
    pub strict: bool,
    run: Run,
}

impl Probe {
    /// A probe that shares a lab whose durations are as written.
    pub fn new(
        feature: Feature,
        about: impl Into<About>,
        at: Loc,
        promise: impl Into<String>,
        run: impl Fn(&Lab) -> Seen + Send + Sync + 'static,
    ) -> Self {
        Self {
            feature,
            excused_by: Vec::new(),
            about: about.into(),
            at,
            promise: promise.into(),
            setup: Setup {
                error_pages: matches!(feature, Feature::ErrorPages | Feature::ErrorPagesServer),
                ..Setup::default()
            },
            strict: false,
            run: Box::new(run),
        }
    }

    /// With durations brought down.
    #[must_use]
    pub fn scaled(mut self, scale: Scale) -> Self {
        self.setup.scale = scale;
        self
    }

    /// In a lab of its own.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.setup.alone = true;
        self
    }

    /// With limits that count as written.
    #[must_use]
    pub fn counted(mut self, counts: Counts) -> Self {
        self.setup.counts = counts;
        self
    }

    /// With several API keys in a variable.
    #[must_use]
    pub fn with_many_keys(mut self) -> Self {
        self.setup.many_keys = true;
        self
    }

    /// With host names and a DNS server that knows them.
    #[must_use]
    pub fn with_names(mut self) -> Self {
        self.setup.names = true;
        self
    }

    /// With certificates that the program has to get from an ACME authority.
    #[must_use]
    pub fn with_acme(mut self) -> Self {
        self.setup.acme = true;
        self
    }

    /// With so few client connections at most that the probe can open them all.
    #[must_use]
    pub fn few_connections(mut self) -> Self {
        self.setup.few_connections = true;
        self
    }

    /// What an approximation of the feature says does not touch this promise: such a loss explains no deviation of it.
    #[must_use]
    pub fn strictly(mut self) -> Self {
        self.strict = true;
        self
    }

    /// A loss of this feature explains a deviation too.
    #[must_use]
    pub fn or(mut self, feature: Feature) -> Self {
        self.excused_by.push(feature);
        self
    }

    /// Sees whether the promise is kept.
    pub(super) fn run(&self, lab: &Lab) -> Seen {
        (self.run)(lab)
    }
}
