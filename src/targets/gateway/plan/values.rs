//! Helm values of Traefik: entry points for the Gateway's listeners, and what only they can be told.

use super::{Ctx, Values};
use crate::emit::lang::kubernetes;
use crate::emit::{Map, Node, Style};
use crate::targets::kubernetes::entry_points::{
    self, Arguments, access_log, entry_point, metrics, port,
};
use crate::targets::kubernetes::remark;

pub(super) use crate::targets::kubernetes::entry_points::pod_port;

/// The file.
pub(super) fn values(ctx: &Ctx<'_>) -> Values {
    let about = [
        format!(
            "What the resources of `{}` expect of Traefik, as values of its Helm chart:",
            ctx.g.name.value
        ),
        "  helm upgrade --install traefik traefik/traefik --values values.yaml".to_owned(),
        "They hold for all that it serves.".to_owned(),
    ];
    let mut ports = Map::new();
    let mut arguments = Arguments::default();
    for listener in &ctx.g.listeners {
        let point = entry_points::name(ctx.g, listener);
        let node = port(listener.port.value, listener.port.loc());
        ports = ports.entry(kubernetes::word(&point), node);
        entry_point(ctx.g, listener, &point, &mut arguments);
    }
    if let Some(it) = &ctx.g.metrics {
        ports = ports.put("metrics", metrics(it, &mut arguments));
    }
    access_log(ctx.g, &mut arguments);
    let drain = ctx.g.runtime.drain_timeout.value;
    let grace = i64::try_from(drain.as_secs_ceil().saturating_add(5)).unwrap_or(i64::MAX);
    let enabled = || Map::new().put("enabled", Node::flag(true));
    let map = Map::new()
        .put("ports", ports)
        .put("additionalArguments", arguments.node())
        .put(
            "deployment",
            Map::new().put("terminationGracePeriodSeconds", Node::number(grace)),
        )
        .put("gateway", Map::new().put("enabled", Node::flag(false)))
        .put(
            "providers",
            Map::new()
                .put("kubernetesCRD", enabled())
                .put("kubernetesGateway", enabled()),
        );
    let map = entry_points::default_certificate(ctx.g, &ctx.secrets(), map);
    Values {
        about: about.iter().map(|line| remark(line)).collect(),
        values: map.document(Style::Yaml),
    }
}
