//! The reference proxy: one file of JSON, the gateway as every target reads it, which `wsgen proxy` serves as it serves a spec.

mod file;
mod plan;
mod support;

use super::{Changed, Env, Rollout, Support, Target, Verdicts, rollout};
use crate::emit::Page;
use crate::emit::lang::json::JSON;
use crate::ir::{Feature, Gateway, RawPlace, Room, Version};

pub use file::read;

/// The reference proxy; its version is that of this program.
#[derive(Debug)]
pub struct Proxy;

impl Target for Proxy {
    fn id(&self) -> &'static str {
        "proxy"
    }

    fn title(&self) -> &'static str {
        "wsgen proxy"
    }

    fn versions(&self) -> (Version, Version) {
        (Version::new(0, 1), Version::new(0, 1))
    }

    fn room<'a>(&self, gateway: &'a Gateway) -> &'a Room {
        &gateway.rooms.proxy.room
    }

    fn support(&self, feature: Feature) -> Support {
        support::support(feature)
    }

    /// The file is no configuration language: it holds the gateway and nothing else.
    fn raw_places(&self) -> &'static [RawPlace] {
        &[]
    }

    fn rollout(&self, changed: &Changed<'_>) -> Rollout {
        let stays = |name: &str| changed.new.routes.iter().any(|route| route.name == name);
        let gone = changed
            .old
            .routes
            .iter()
            .filter(|route| !stays(&route.name));
        let gone: Vec<String> = gone.map(|route| format!("`{}`", route.name)).collect();
        if changed.old.runtime.workers.value != changed.new.runtime.workers.value {
            return rollout::cut(
                "the number of workers is set at the start: a restart ends every tunnel with 1001",
            );
        }
        if gone.is_empty() {
            rollout::kept("`SIGHUP`: open tunnels live on under their routes")
        } else {
            rollout::drained(format!(
                "`SIGHUP`: tunnels of {} end with 1001 within {}, all others live on",
                gone.join(", "),
                changed.new.runtime.drain_timeout.value
            ))
        }
    }

    fn render(&self, gateway: &Gateway, verdicts: &Verdicts<'_>, _env: &Env<'_>) -> Vec<Page> {
        let plan = plan::plan(gateway, verdicts);
        vec![Page::new("proxy.json", "proxy/proxy.json", &JSON, &plan)]
    }
}
