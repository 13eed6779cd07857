//! Caddy: one file of native JSON that starts as it is.

mod facts;
mod plan;
mod support;

use super::{Changed, Env, Rollout, Support, Target, Verdicts, rollout};
use crate::emit::Page;
use crate::emit::lang::caddy::CADDY;
use crate::ir::{Feature, Gateway, Room, Version};

/// Caddy with its standard modules.
#[derive(Debug)]
pub struct Caddy;

impl Target for Caddy {
    fn id(&self) -> &'static str {
        "caddy"
    }

    fn title(&self) -> &'static str {
        "Caddy"
    }

    fn versions(&self) -> (Version, Version) {
        (Version::new(2, 11), Version::new(2, 11))
    }

    fn room<'a>(&self, gateway: &'a Gateway) -> &'a Room {
        &gateway.rooms.caddy.room
    }

    fn support(&self, feature: Feature) -> Support {
        support::support(feature)
    }

    /// Limits are told, and their routes stay open: a limit keeps nobody out.
    fn closes(&self, guard: Feature) -> bool {
        !matches!(
            guard,
            Feature::LimitRequests | Feature::LimitConnections | Feature::LimitListenerConnections
        )
    }

    fn rollout(&self, changed: &Changed<'_>) -> Rollout {
        rollout::drained(format!(
            "`caddy reload`: open tunnels live on under the old routes for at most {}, then end together with 1001",
            changed.drain()
        ))
    }

    fn render(&self, gateway: &Gateway, verdicts: &Verdicts<'_>, env: &Env<'_>) -> Vec<Page> {
        let plan = plan::plan(gateway, verdicts, env);
        vec![Page::new("caddy.json", "caddy/caddy.json", &CADDY, &plan)]
    }
}
