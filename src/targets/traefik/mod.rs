//! Traefik: a static file that starts as it is, and the dynamic file that it watches.

pub(super) mod facts;
mod plan;
mod support;
mod verdicts;

use super::{Changed, Env, Layout, Rollout, Support, Target, Verdicts, rollout};
use crate::emit::Page;
use crate::emit::lang::traefik::TRAEFIK;
use crate::ir::{Feature, Gateway, RawPlace, Room, Version};

/// Traefik Proxy, the open-source build.
#[derive(Debug)]
pub struct Traefik;

impl Target for Traefik {
    fn id(&self) -> &'static str {
        "traefik"
    }

    fn title(&self) -> &'static str {
        "Traefik"
    }

    fn versions(&self) -> (Version, Version) {
        (Version::new(3, 0), Version::new(3, 7))
    }

    fn room<'a>(&self, gateway: &'a Gateway) -> &'a Room {
        &gateway.rooms.traefik.room
    }

    fn support(&self, feature: Feature) -> Support {
        support::support(feature)
    }

    fn lays_out(&self, layout: Layout) -> bool {
        layout != Layout::Json
    }

    fn raw_places(&self) -> &'static [RawPlace] {
        // A route is several routers, an upstream several services: an entry of theirs has no one place.
        &[RawPlace::Top, RawPlace::Listener]
    }

    fn rollout(&self, changed: &Changed<'_>) -> Rollout {
        if changed
            .files
            .iter()
            .any(|name| name.ends_with("traefik.yml"))
        {
            rollout::cut(format!(
                "`traefik.yml` is read at the start: a restart gives open tunnels at most {}, then ends them together without a close frame",
                changed.drain()
            ))
        } else {
            rollout::kept("read while it runs: open tunnels live on under the old routes")
        }
    }

    fn render(&self, gateway: &Gateway, verdicts: &Verdicts<'_>, env: &Env<'_>) -> Vec<Page> {
        let plan::Plans {
            fixed,
            dynamic,
            labels,
        } = plan::plan(gateway, verdicts, env);
        let dynamic = Page::new("dynamic.yml", "traefik/dynamic.yml", &TRAEFIK, &dynamic);
        match env.layout {
            Layout::Labels => vec![
                Page::new("compose.yml", "traefik/dynamic.yml", &TRAEFIK, &labels),
                Page::new("traefik.yml", "traefik/traefik.yml", &TRAEFIK, &fixed),
                dynamic,
            ],
            // Whoever has a Traefik has its static file too.
            Layout::Include => vec![dynamic],
            Layout::Full | Layout::Json => vec![
                Page::new("traefik.yml", "traefik/traefik.yml", &TRAEFIK, &fixed),
                dynamic,
            ],
        }
    }
}
