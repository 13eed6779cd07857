//! What a probe's outcome means beside the loss report: held, as reported, broken, or a report that is too modest.

use std::time::Duration;

use serde::Serialize;

use super::probe::{About, Deviation, Miss, Probe, Seen};
use crate::ir::{Feature, Gateway, ListenerId, Loc, Route, RouteId, Subject, uses};
use crate::targets::{self, Env, Finding, Layout, Target, Verdicts};

/// What became of a promise on a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// It was kept.
    Held,
    /// It was not kept, as the loss report says.
    Reported,
    /// The loss report says that it is not kept, and it was.
    Modest,
    /// It could not be seen.
    Unseen,
    /// It was not kept, and the loss report does not say so.
    Broken,
}

impl Judgement {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Reported => "as reported",
            Self::Modest => "too modest",
            Self::Unseen => "not seen",
            Self::Broken => "BROKEN",
        }
    }
}

/// One promise on one program.
#[derive(Clone, Debug)]
pub struct Result {
    /// The feature that the promise belongs to.
    pub feature: Feature,
    /// What it is about.
    pub about: About,
    /// Its place in the spec.
    pub at: Loc,
    /// The promise: a clause of the contract, lower case, no full stop.
    pub promise: String,
    /// What became of it.
    pub judgement: Judgement,
    /// How it was not kept.
    pub deviation: Option<Deviation>,
    /// What the loss report says of it.
    pub loss: Option<String>,
    /// Why it could not be seen.
    pub unseen: Option<String>,
    /// What was changed to probe it.
    pub scaled: Option<String>,
    /// How long the probe took.
    pub took: Duration,
}

/// The losses of a gateway on a target.
pub struct Losses<'a> {
    target: &'a dyn Target,
    gateway: &'a Gateway,
    verdicts: Verdicts<'a>,
}

impl<'a> Losses<'a> {
    /// Asks the target about every use.
    pub fn of(target: &'a dyn Target, gateway: &'a Gateway) -> Self {
        let env = Env::new(target, gateway, Layout::Full);
        let uses = uses(gateway);
        Self {
            target,
            gateway,
            verdicts: targets::judge(target, gateway, &uses, &env),
        }
    }

    /// The routes that nobody may pass, as a guard of theirs is not rendered, and those whose requests get another answer.
    pub(super) fn closed(&self, gateway: &Gateway) -> Vec<RouteId> {
        let lost = |route: &&Route| {
            let auth = gateway.auth_of(route).map(Subject::Auth);
            let subjects = [Some(Subject::Route(route)), auth];
            let mut subjects = subjects.into_iter().flatten();
            let closing = |feature: &&Feature| feature.is_guard() && self.target.closes(**feature);
            subjects.any(|on| {
                let mut guards = Feature::ALL.iter().filter(closing);
                guards.any(|guard| !self.verdicts.renders_all(*guard, on))
            })
        };
        let elsewhere = |route: &Route| {
            let mut led = self.all().iter().filter(|it| it.verdict.note().elsewhere);
            led.any(|loss| About::from(loss.used.on) == route.into())
        };
        let routes = gateway.routes.iter();
        routes
            .filter(|it| lost(it) || elsewhere(it))
            .map(|it| it.id)
            .collect()
    }

    /// Every loss.
    pub fn all(&self) -> &[Finding<'a>] {
        self.verdicts.findings()
    }

    /// The loss that a probe's deviation would be: of its own feature on its own subject, else one that excuses it.
    fn explaining(&self, probe: &Probe) -> Option<&Finding<'a>> {
        let own = |loss: &&Finding<'_>| {
            loss.used.feature == probe.feature && About::from(loss.used.on) == probe.about
        };
        let exact = |loss: &&Finding<'_>| own(loss) && loss.used.at.loc == probe.at;
        let told = |loss: &&Finding<'_>| !probe.strict || loss.verdict.is_unsupported();
        let all = || self.all().iter().filter(told);
        all()
            .find(exact)
            .or_else(|| all().find(own))
            .or_else(|| all().find(|loss| probe.excused_by.contains(&loss.used.feature)))
            .or_else(|| all().find(|loss| self.closes(loss, &probe.about)))
            .or_else(|| all().find(|loss| self.leads_elsewhere(loss, &probe.about)))
    }

    /// Whether requests of what the promise is about find another route, or nobody.
    fn leads_elsewhere(&self, loss: &Finding<'_>, about: &About) -> bool {
        let lost = About::from(loss.used.on);
        loss.verdict.note().elsewhere
            && (lost == *about || {
                let route = self.gateway.routes.iter().find(|it| lost == (*it).into());
                let mut shares = route.into_iter().flat_map(Route::shares);
                shares.any(|it| *about == self.gateway.upstream(it.upstream.value).into())
            })
    }

    /// The listeners that nobody listens on.
    pub(super) fn unbound(&self) -> Vec<ListenerId> {
        let unbound = self.all().iter().filter(|loss| {
            loss.used.feature == Feature::ListenerBind && loss.verdict.note().elsewhere
        });
        unbound
            .filter_map(|loss| Some(loss.used.on.listener()?.id))
            .collect()
    }

    /// Whether a guard is lost, so that nobody passes: nothing else that is promised behind it can be kept then.
    fn closes(&self, loss: &Finding<'_>, about: &About) -> bool {
        let guard = loss.used.feature;
        if !(loss.verdict.is_unsupported() && guard.is_guard() && self.target.closes(guard)) {
            return false;
        }
        let lost = About::from(loss.used.on);
        let on = |route: &&Route| {
            lost == About::from(*route)
                || self
                    .gateway
                    .auth_of(route)
                    .is_some_and(|it| lost == it.into())
        };
        let mut closed = self.gateway.routes.iter().filter(on);
        lost == *about
            || closed.any(|route| {
                let mut upstreams = route.shares().iter().map(|share| share.upstream.value);
                *about == route.into()
                    || upstreams.any(|id| *about == self.gateway.upstream(id).into())
            })
    }

    /// Judges what a probe saw; `scaled` are the losses of the gateway as it was probed.
    pub(super) fn judge(
        &self,
        probe: &Probe,
        seen: Seen,
        scaled: Option<&Losses<'_>>,
        took: Duration,
    ) -> Result {
        let loss = self.explaining(probe);
        let mut result = Result {
            feature: probe.feature,
            about: probe.about.clone(),
            at: probe.at,
            promise: probe.promise.clone(),
            judgement: Judgement::Held,
            deviation: None,
            loss: loss.map(|it| it.verdict.note().instead.to_string()),
            unseen: None,
            scaled: probe.setup.scale.says(),
            took,
        };
        match seen {
            // A loss that only the written value has, such as a longest time, does not show at the scaled one.
            Ok(())
                if loss.is_some()
                    && scaled.is_some_and(|losses| losses.explaining(probe).is_none()) =>
            {
                result.judgement = Judgement::Unseen;
                result.unseen = Some(
                    "the loss shows only at the written value, not at the scaled one".to_owned(),
                );
            }
            Ok(()) => {}
            Err(Miss::Unseen(why)) => {
                result.judgement = Judgement::Unseen;
                result.unseen = Some(why);
            }
            Err(Miss::Broken(deviation)) => {
                let only_scaled = loss.is_none()
                    && scaled.is_some_and(|losses| losses.explaining(probe).is_some());
                if only_scaled {
                    result.judgement = Judgement::Unseen;
                    result.unseen = Some(
                        "the target cannot do the scaled value, only the written one".to_owned(),
                    );
                } else {
                    result.judgement = match loss {
                        Some(_) => Judgement::Reported,
                        None => Judgement::Broken,
                    };
                }
                result.deviation = Some(deviation);
            }
        }
        result
    }

    /// A loss whose every probe held is told too modestly, unless it is of a feature whose losses are hidden here, or of some
    /// requests only that find another route.
    pub(super) fn find_modest(&self, results: &mut [Result], hidden: impl Fn(Feature) -> bool) {
        let shown = |it: &&Finding<'_>| {
            let some = it.verdict.note().elsewhere && !it.verdict.is_unsupported();
            !some && !hidden(it.used.feature)
        };
        for loss in self.all().iter().filter(shown) {
            let about = About::from(loss.used.on);
            let own = |it: &Result| it.feature == loss.used.feature && it.about == about;
            let exact = |it: &Result| own(it) && it.at == loss.used.at.loc;
            let narrow = results.iter().any(exact);
            let ours = |it: &Result| if narrow { exact(it) } else { own(it) };
            let held = |it: &Result| matches!(it.judgement, Judgement::Held | Judgement::Modest);
            let any = results.iter().any(&ours);
            if any && results.iter().filter(|it| ours(it)).all(held) {
                for result in results.iter_mut().filter(|it| ours(it)) {
                    result.judgement = Judgement::Modest;
                    result.loss = Some(loss.verdict.note().instead.to_string());
                }
            }
        }
    }
}
