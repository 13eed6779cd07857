//! What a target loses of a gateway, and how that changes.

use serde::Serialize;

use super::{Kind, Subject};
use crate::ir::{self, Gateway};
use crate::targets::{self, Env, Layout, Target};

/// A promise that a target does not keep.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Loss {
    /// Of what.
    #[serde(flatten)]
    pub of: Subject,
    /// The feature's id.
    pub feature: &'static str,
    /// Whether nothing of it is rendered.
    pub unsupported: bool,
    /// What happens instead.
    pub instead: String,
    /// Whether somebody wrote what is lost; else a default is.
    pub written: bool,
    /// Why it was accepted, if it was.
    pub accepted: Option<String>,
}

/// How a loss changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "change", content = "loss", rename_all = "snake_case")]
pub enum LossChange {
    /// It was not there before.
    New(Loss),
    /// It is there no more.
    Gone(Loss),
    /// It is there still, and is another: in value, or in what happens instead.
    Other(Loss),
}

impl LossChange {
    /// The loss.
    pub const fn loss(&self) -> &Loss {
        match self {
            Self::New(loss) | Self::Gone(loss) | Self::Other(loss) => loss,
        }
    }
}

/// What a target loses of a gateway, each once.
pub fn losses(target: &dyn Target, gateway: &Gateway, layout: Layout) -> Vec<Loss> {
    let env = Env::new(target, gateway, layout);
    let uses = ir::uses(gateway);
    let verdicts = targets::judge(target, gateway, &uses, &env);
    let mut losses: Vec<Loss> = verdicts
        .findings()
        .iter()
        .map(|finding| {
            let (kind, name) = finding.used.on.name();
            Loss {
                of: Subject {
                    kind: kind_of(kind),
                    name: name.to_owned(),
                },
                feature: finding.used.feature.id(),
                unsupported: finding.verdict.is_unsupported(),
                instead: finding.verdict.note().instead.clone().into_owned(),
                written: finding.used.at.is_written(),
                accepted: finding
                    .accepted
                    .and_then(|at| gateway.accept.get(at))
                    .map(|accept| accept.because.clone()),
            }
        })
        .collect();
    losses.sort();
    losses.dedup();
    losses
}

/// How what is lost changes: new losses first, then those that are others now, then those that are gone.
pub fn losses_between(old: &[Loss], new: &[Loss]) -> Vec<LossChange> {
    let only = |these: &[Loss], others: &[Loss]| {
        // Both are sorted.
        let only = these
            .iter()
            .filter(|loss| others.binary_search(loss).is_err());
        only.cloned().collect::<Vec<_>>()
    };
    // Neither is told twice: what was lost in one way, and is lost in another that is as loud.
    let same = |a: &Loss, b: &Loss| {
        let key = |it: &Loss| {
            (
                it.of.clone(),
                it.feature,
                it.unsupported,
                it.written,
                it.accepted.is_some(),
            )
        };
        key(a) == key(b)
    };
    let (mut gone, now) = (only(old, new), only(new, old));
    let (mut added, mut other) = (Vec::new(), Vec::new());
    for loss in now {
        match gone.iter().position(|before| same(before, &loss)) {
            Some(at) => {
                gone.remove(at);
                other.push(LossChange::Other(loss));
            }
            None => added.push(LossChange::New(loss)),
        }
    }
    let gone = gone.into_iter().map(LossChange::Gone);
    added.into_iter().chain(other).chain(gone).collect()
}

fn kind_of(word: &str) -> Kind {
    match word {
        "listener" => Kind::Listener,
        "certificate" => Kind::Certificate,
        "upstream" => Kind::Upstream,
        "auth" => Kind::Auth,
        "route" => Kind::Route,
        _ => Kind::Gateway,
    }
}
