//! NGINX, the open-source edition with the modules of its core, versions 1.22 to 1.31.

mod plan;
mod support;

use super::{Changed, Env, Layout, Rollout, Support, Target, Verdicts, rollout};
use crate::emit::Page;
use crate::emit::lang::nginx::NGINX;
use crate::ir::{Feature, Gateway, Room, Version};

/// The target.
#[derive(Debug)]
pub struct Nginx;

impl Target for Nginx {
    fn id(&self) -> &'static str {
        "nginx"
    }

    fn title(&self) -> &'static str {
        "NGINX"
    }

    fn versions(&self) -> (Version, Version) {
        (Version::new(1, 22), Version::new(1, 31))
    }

    fn room<'a>(&self, gateway: &'a Gateway) -> &'a Room {
        &gateway.rooms.nginx.room
    }

    fn support(&self, feature: Feature) -> Support {
        support::support(feature)
    }

    fn rollout(&self, changed: &Changed<'_>) -> Rollout {
        rollout::drained(format!(
            "`nginx -s reload`: open tunnels live on under the old routes for at most {}, then end together without a close frame",
            changed.drain()
        ))
    }

    fn render(&self, gateway: &Gateway, verdicts: &Verdicts<'_>, env: &Env<'_>) -> Vec<Page> {
        let path = match env.layout {
            Layout::Full | Layout::Json => "nginx.conf",
            Layout::Include | Layout::Labels => "wsgen.conf",
        };
        let plan = plan::plan(gateway, verdicts, env);
        vec![Page::new(path, "nginx/nginx.conf", &NGINX, &plan)]
    }
}
