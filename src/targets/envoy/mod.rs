//! Envoy: one bootstrap that starts as it is.

mod facts;
mod plan;
mod support;

use super::{Changed, Env, Rollout, Support, Target, Verdicts, rollout};
use crate::emit::Page;
use crate::emit::lang::envoy::ENVOY;
use crate::ir::{Feature, Gateway, Room, Version};

/// Envoy, the stock build with a static bootstrap: no control plane.
#[derive(Debug)]
pub struct Envoy;

impl Target for Envoy {
    fn id(&self) -> &'static str {
        "envoy"
    }

    fn title(&self) -> &'static str {
        "Envoy"
    }

    fn versions(&self) -> (Version, Version) {
        // Headers are removed by the start of their names, and a handshake has a time-out, since 1.36.
        (Version::new(1, 36), Version::new(1, 40))
    }

    fn room<'a>(&self, gateway: &'a Gateway) -> &'a Room {
        &gateway.rooms.envoy.room
    }

    fn support(&self, feature: Feature) -> Support {
        support::support(feature)
    }

    fn rollout(&self, changed: &Changed<'_>) -> Rollout {
        rollout::drained(format!(
            "a hot restart (`--restart-epoch`): open tunnels live on in the old process for at most {}; any other restart ends them at once",
            changed.drain()
        ))
    }

    fn render(&self, gateway: &Gateway, verdicts: &Verdicts<'_>, env: &Env<'_>) -> Vec<Page> {
        let plan = plan::plan(gateway, verdicts, env);
        vec![Page::new("envoy.yaml", "envoy/envoy.yaml", &ENVOY, &plan)]
    }
}
