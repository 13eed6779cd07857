//! AWS Application Load Balancer: one CloudFormation template.

mod facts;
mod ids;
mod limits;
mod order;
mod plan;
mod priorities;
mod probe;
mod redirect;
mod room;
mod rules;
mod steps;
mod support;
mod support_answer;
mod support_route;
mod support_upstream;
mod transform;
mod weights;

use super::{Changed, Env, Layout, Rollout, Support, Target, Verdicts, rollout};
use crate::diag::Report;
use crate::emit::Page;
use crate::emit::lang::cloudformation::{CLOUDFORMATION_JSON, CLOUDFORMATION_YAML};
use crate::ir::{Feature, Gateway, Room, Version};

/// The Application Load Balancer of AWS, as a template for CloudFormation.
#[derive(Debug)]
pub struct Alb;

impl Target for Alb {
    fn id(&self) -> &'static str {
        "alb"
    }

    fn title(&self) -> &'static str {
        "AWS ALB"
    }

    fn versions(&self) -> (Version, Version) {
        // A service has no versions; this is the API's, which has been the same since 2015.
        (Version::new(2, 0), Version::new(2, 0))
    }

    fn is_platform(&self) -> bool {
        true
    }

    fn room<'a>(&self, gateway: &'a Gateway) -> &'a Room {
        &gateway.rooms.alb.room
    }

    fn support(&self, feature: Feature) -> Support {
        support::support(feature)
    }

    fn lays_out(&self, layout: Layout) -> bool {
        layout != Layout::Labels
    }

    fn limits(&self, gateway: &Gateway, verdicts: &Verdicts<'_>) -> Report {
        limits::limits(gateway, verdicts)
    }

    fn rollout(&self, _changed: &Changed<'_>) -> Rollout {
        rollout::kept(
            "a deployment of the template: a change of rules ends no connection; what becomes of those to a server that is taken out is not promised",
        )
    }

    fn render(&self, gateway: &Gateway, verdicts: &Verdicts<'_>, env: &Env<'_>) -> Vec<Page> {
        let plan = plan::plan(gateway, verdicts, env);
        let (name, lang) = match env.layout {
            Layout::Json => ("alb.json", &CLOUDFORMATION_JSON),
            Layout::Full | Layout::Include | Layout::Labels => ("alb.yaml", &CLOUDFORMATION_YAML),
        };
        vec![Page::new(name, "alb/template", lang, &plan)]
    }
}
