//! Kubernetes Gateway API: a Gateway and its routes, and the policies of the implementation that the room names.

mod facts;
mod order;
mod plan;
mod support;
mod verdicts;

use super::{Changed, Env, Layout, Rollout, Support, Target, Verdicts, rollout};
use crate::emit::Page;
use crate::emit::lang::kubernetes::KUBERNETES;
use crate::ir::{Feature, Gateway, GatewayImplementation, RawPlace, Room, Version};

/// Resources of `gateway.networking.k8s.io/v1`, standard channel.
#[derive(Debug)]
pub struct GatewayApi;

impl Target for GatewayApi {
    fn id(&self) -> &'static str {
        "gateway"
    }

    fn title(&self) -> &'static str {
        "Gateway API"
    }

    /// The version of the API; what is run is Traefik, which has numbers of its own.
    fn versions(&self) -> (Version, Version) {
        (Version::new(1, 5), Version::new(3, 7))
    }

    fn is_platform(&self) -> bool {
        true
    }

    fn room<'a>(&self, gateway: &'a Gateway) -> &'a Room {
        &gateway.rooms.gateway.room
    }

    fn support(&self, feature: Feature) -> Support {
        support::support(feature)
    }

    fn raw_places(&self) -> &'static [RawPlace] {
        // A route is several rules of several resources: a field of theirs has no one place.
        &[RawPlace::Top]
    }

    fn rollout(&self, _changed: &Changed<'_>) -> Rollout {
        rollout::kept(
            "`kubectl apply`: open tunnels live on under the old routes with Traefik; with Envoy a change of a listener drains it",
        )
    }

    fn render(&self, gateway: &Gateway, verdicts: &Verdicts<'_>, env: &Env<'_>) -> Vec<Page> {
        let (resources, values) = plan::plan(gateway, verdicts, env);
        let resources = Page::new(
            "gateway.yaml",
            "gateway/gateway.yaml",
            &KUBERNETES,
            &resources,
        );
        let traefik = gateway.rooms.gateway.implementation.value == GatewayImplementation::Traefik;
        match (env.layout, traefik) {
            (Layout::Full, true) => vec![
                resources,
                Page::new("values.yaml", "gateway/values.yaml", &KUBERNETES, &values),
            ],
            // The others take all that concerns them from resources.
            (Layout::Full, false) | (Layout::Include | Layout::Json | Layout::Labels, _) => {
                vec![resources]
            }
        }
    }
}
