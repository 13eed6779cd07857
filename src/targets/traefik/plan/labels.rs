//! Labels of a Docker Compose service: the routers that labels can say; what they name stays in the dynamic file.

use super::router::{self, Router};
use super::{Ctx, Named, Plan, about, line};
use crate::emit::lang::traefik;
use crate::emit::{Map, Node, Style};
use crate::targets::Layout;

/// The routers and middlewares of the dynamic file, and the Compose file with the other routers.
///
/// A router behind another one has no label, nor has what it stands behind; what the entry points name is looked up in the file.
pub(super) fn split(ctx: &Ctx<'_>, routers: Vec<Router>, middlewares: Named) -> (Map, Map, Plan) {
    if ctx.env.layout != Layout::Labels {
        let plan = Plan {
            about: Vec::new(),
            parts: Vec::new(),
        };
        return (router::numbered(routers), middlewares.map(), plan);
    }
    let mut kept = Map::new();
    let mut labelled = Map::new();
    let mut text: Vec<(String, String, crate::ir::Loc)> = vec![(
        "traefik.enable".to_owned(),
        "true".to_owned(),
        ctx.g.name.loc(),
    )];
    for (router, priority) in router::with_priorities(routers) {
        let name = traefik::word(&router.name);
        if router.parent.is_some() || router.service.is_empty() {
            kept = kept.entry(name, router::node(&router, priority, ""));
        } else {
            labelled = labelled.entry(name, router::node(&router, priority, "@file"));
        }
    }
    text.extend(labelled.labels("traefik.http.routers"));
    let mut labels = Map::new();
    for (name, value, at) in &text {
        // Compose reads `$` as the start of a variable.
        let value = value.replace('$', "$$");
        labels = labels.entry(traefik::word(name), super::text(&value, *at));
    }
    let service = Map::new().put("labels", labels);
    let compose = Map::new().put("services", Map::new().put("traefik", Node::from(service)));
    let mut head = about(
        ctx,
        &[
            "Put these labels on a container that Traefik sees, such as its own: they name services and middlewares of dynamic.yml.",
        ],
    );
    head.push(line("Labels cannot say: servers by address, how servers are spoken to, TLS, and routers behind others.").end());
    let plan = Plan {
        about: head,
        parts: vec![compose.document(Style::Yaml)],
    };
    (kept, middlewares.map(), plan)
}
