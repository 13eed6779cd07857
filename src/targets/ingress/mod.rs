//! Kubernetes Ingress: resources for one controller, and the Helm values of what only the controller itself can be told.

mod facts;
mod plan;
mod rewrite;
mod sites;
mod support;
mod verdicts;

use super::{Changed, Env, Layout, Rollout, Support, Target, Verdicts, rollout};
use crate::emit::Page;
use crate::emit::lang::kubernetes::KUBERNETES;
use crate::ir::{Feature, Gateway, IngressController, RawPlace, Room, Version};

/// Ingress resources of `networking.k8s.io/v1`.
#[derive(Debug)]
pub struct Ingress;

impl Target for Ingress {
    fn id(&self) -> &'static str {
        "ingress"
    }

    fn title(&self) -> &'static str {
        "Kubernetes Ingress"
    }

    /// The version of the controller: the newest that is run is Traefik's.
    fn versions(&self) -> (Version, Version) {
        (Version::new(1, 0), Version::new(3, 7))
    }

    fn is_platform(&self) -> bool {
        true
    }

    fn room<'a>(&self, gateway: &'a Gateway) -> &'a Room {
        &gateway.rooms.ingress.room
    }

    fn support(&self, feature: Feature) -> Support {
        support::support(feature)
    }

    fn raw_places(&self) -> &'static [RawPlace] {
        // Annotations of an Ingress or a Service; a listener has no resource.
        &[RawPlace::Top, RawPlace::Upstream, RawPlace::Route]
    }

    fn rollout(&self, changed: &Changed<'_>) -> Rollout {
        match changed.new.rooms.ingress.controller.value {
            IngressController::Traefik => {
                rollout::kept("`kubectl apply`: open tunnels live on under the old routes")
            }
            IngressController::Nginx | IngressController::Haproxy => rollout::drained(
                "`kubectl apply`: the controller may reload, and ends old tunnels after its own drain time",
            ),
        }
    }

    fn render(&self, gateway: &Gateway, verdicts: &Verdicts<'_>, env: &Env<'_>) -> Vec<Page> {
        let (resources, values) = plan::plan(gateway, verdicts, env);
        let resources = Page::new(
            "ingress.yaml",
            "ingress/ingress.yaml",
            &KUBERNETES,
            &resources,
        );
        match env.layout {
            // Whoever has a controller has its values too.
            Layout::Include | Layout::Json | Layout::Labels => vec![resources],
            Layout::Full => vec![
                resources,
                Page::new("values.yaml", "ingress/values.yaml", &KUBERNETES, &values),
            ],
        }
    }
}
