//! HAProxy: one file that starts as it is.

mod facts;
mod plan;
mod support;

use super::{Changed, Env, Rollout, Support, Target, Verdicts, rollout};
use crate::emit::Page;
use crate::emit::lang::haproxy::HAPROXY;
use crate::ir::{Feature, Gateway, Room, Version};

/// HAProxy, community edition, a stock build with OpenSSL, PCRE and the Prometheus exporter.
#[derive(Debug)]
pub struct Haproxy;

impl Target for Haproxy {
    fn id(&self) -> &'static str {
        "haproxy"
    }

    fn title(&self) -> &'static str {
        "HAProxy"
    }

    fn versions(&self) -> (Version, Version) {
        (Version::new(2, 6), Version::new(3, 2))
    }

    fn room<'a>(&self, gateway: &'a Gateway) -> &'a Room {
        &gateway.rooms.haproxy.room
    }

    fn support(&self, feature: Feature) -> Support {
        support::support(feature)
    }

    fn rollout(&self, changed: &Changed<'_>) -> Rollout {
        rollout::drained(format!(
            "a reload: open tunnels live on under the old routes for at most {}, then end together without a close frame",
            changed.drain()
        ))
    }

    fn render(&self, gateway: &Gateway, verdicts: &Verdicts<'_>, env: &Env<'_>) -> Vec<Page> {
        let plan = plan::plan(gateway, verdicts, env);
        vec![Page::new(
            "haproxy.cfg",
            "haproxy/haproxy.cfg",
            &HAPROXY,
            &plan,
        )]
    }
}
