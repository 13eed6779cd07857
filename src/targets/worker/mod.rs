//! Cloudflare Workers: an ES module without dependencies, and the file with which wrangler deploys it.

mod facts;
mod limits;
mod plan;
mod support;

use super::{Changed, Env, Rollout, Support, Target, Verdicts, rollout};
use crate::diag::Report;
use crate::emit::Page;
use crate::emit::lang::js::{JS, JSONC};
use crate::ir::{Feature, Gateway, RawPlace, Room, Version};

/// The compatibility date that the tests run.
pub(crate) const COMPATIBILITY_DATE: &str = "2026-11-01";

/// Since then `fetch` connects to the port that a URL names (workerd: `allow_custom_ports`).
const OLDEST_DATE: &str = "2024-09-02";

/// The newest date that the runtime of the tests knows: it refuses later ones.
const NEWEST_DATE: &str = "2026-11-24";

/// What a Worker finds in its `env`.
#[cfg(all(unix, feature = "verify"))]
pub(crate) enum Binding {
    /// A secret: its name, and the file whose text it is; `None` is the environment variable of this name.
    Secret(String, Option<String>),
    /// A limiter: its name, so many requests, in so many seconds.
    Limiter(String, u64, u64),
}

/// Everything that the Worker of a gateway is bound to.
#[cfg(all(unix, feature = "verify"))]
pub(crate) fn bindings(gateway: &Gateway) -> Vec<Binding> {
    let secrets = gateway
        .auth
        .iter()
        .filter_map(|it| facts::binding(gateway, it));
    let secrets = secrets.map(|(name, file)| Binding::Secret(name, file.map(str::to_owned)));
    let limiters = facts::limiters(gateway).into_iter();
    secrets
        .chain(limiters.map(|(name, most, period, _)| Binding::Limiter(name, most, period)))
        .collect()
}

/// Cloudflare Workers. A version is the year and month of the runtime, `workerd`.
#[derive(Debug)]
pub struct Worker;

impl Target for Worker {
    fn id(&self) -> &'static str {
        "worker"
    }

    fn title(&self) -> &'static str {
        "Cloudflare Worker"
    }

    fn versions(&self) -> (Version, Version) {
        (Version::new(2026, 11), Version::new(2026, 11))
    }

    fn seen_on(&self, version: &str) -> String {
        let parts = version.split('.').map(|part| format!("{part:0>2}"));
        format!("run in workerd {}", parts.collect::<Vec<_>>().join("-"))
    }

    fn is_platform(&self) -> bool {
        true
    }

    /// That of the runtime, which machines have.
    fn has_versions(&self) -> bool {
        true
    }

    fn raw_places(&self) -> &'static [RawPlace] {
        &[RawPlace::Top]
    }

    fn room<'a>(&self, gateway: &'a Gateway) -> &'a Room {
        &gateway.rooms.worker.room
    }

    fn support(&self, feature: Feature) -> Support {
        support::support(feature)
    }

    fn limits(&self, gateway: &Gateway, _verdicts: &Verdicts<'_>) -> Report {
        limits::limits(gateway)
    }

    fn rollout(&self, _changed: &Changed<'_>) -> Rollout {
        rollout::kept(
            "`wrangler deploy`: open tunnels stay with their server until Cloudflare ends them",
        )
    }

    fn render(&self, gateway: &Gateway, verdicts: &Verdicts<'_>, env: &Env<'_>) -> Vec<Page> {
        let plan = plan::plan(gateway, verdicts, env);
        let deployment = plan::deployment(gateway, verdicts, env);
        vec![
            Page::new("worker.js", "worker/worker.js", &JS, &plan),
            Page::new(
                "wrangler.jsonc",
                "worker/wrangler.jsonc",
                &JSONC,
                &deployment,
            ),
        ]
    }
}
