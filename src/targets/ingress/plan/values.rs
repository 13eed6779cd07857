//! Helm values of the controller: what only its own configuration can say, ports and timers first.

use super::{Ctx, Values};
use crate::emit::lang::kubernetes;
use crate::emit::{Map, Node, Style};
use crate::ir::{HeaderNames, IngressController, Listener, Loc, TlsProfile};
use crate::targets::ingress::facts;
use crate::targets::kubernetes::entry_points::{
    self, Arguments, access_log, entry_point, metrics, port,
};
use crate::targets::kubernetes::routes::time;
use crate::targets::kubernetes::{remark, text, word};

/// The file.
pub(super) fn values(ctx: &Ctx<'_>) -> Values {
    let (chart, map) = match ctx.controller {
        IngressController::Traefik => ("traefik traefik/traefik", traefik(ctx)),
        IngressController::Nginx => ("ingress-nginx ingress-nginx/ingress-nginx", nginx(ctx)),
        IngressController::Haproxy => (
            "haproxy-ingress haproxytech/kubernetes-ingress",
            haproxy(ctx),
        ),
    };
    let about = [
        format!(
            "What the resources of `{}` expect of their controller, as values of its Helm chart:",
            ctx.g.name.value
        ),
        format!("  helm upgrade --install {chart} --values values.yaml"),
        "They hold for all that the controller serves.".to_owned(),
    ];
    Values {
        about: about.iter().map(|line| remark(line)).collect(),
        values: map.document(Style::Yaml),
    }
}

fn traefik(ctx: &Ctx<'_>) -> Map {
    let mut ports = Map::new();
    let mut arguments = Arguments::default();
    for listener in &ctx.g.listeners {
        let Some(point) = facts::entry_point(ctx.g, listener, ctx.controller) else {
            continue;
        };
        ports = ports.entry(
            kubernetes::word(&point),
            port(listener.port.value, listener.port.loc()),
        );
        redirect(ctx, listener, &point, &mut arguments);
        entry_point(ctx.g, listener, &point, &mut arguments);
    }
    if let Some(it) = &ctx.g.metrics {
        ports = ports.put("metrics", metrics(it, &mut arguments));
    }
    access_log(ctx.g, &mut arguments);
    // A prefix is one of whole segments.
    arguments.add(
        "providers.kubernetesIngress.strictPrefixMatching",
        "true",
        Loc::default(),
    );
    let drain = ctx.g.runtime.drain_timeout.value;
    let grace = i64::try_from(drain.as_secs_ceil().saturating_add(5)).unwrap_or(i64::MAX);
    let map = Map::new()
        .put("ports", ports)
        .put("additionalArguments", arguments.node())
        .put(
            "deployment",
            Map::new().put("terminationGracePeriodSeconds", Node::number(grace)),
        )
        .put(
            "providers",
            Map::new()
                .put("kubernetesCRD", Map::new().put("enabled", Node::flag(true)))
                .put(
                    "kubernetesIngress",
                    Map::new().put("enabled", Node::flag(true)),
                ),
        );
    entry_points::default_certificate(ctx.g, &ctx.secrets(), map)
}

/// A redirect of everything that no route takes.
fn redirect(ctx: &Ctx<'_>, it: &Listener, point: &str, arguments: &mut Arguments) {
    let Some(to) = &it.redirect else { return };
    let listener = ctx.g.listener(to.value);
    let at = to.loc();
    let port = format!(":{}", listener.public_port.value);
    let mut add = |name: &str, value: &str| {
        let name = format!("entryPoints.{point}.http.redirections.entryPoint.{name}");
        arguments.add(&name, value, at);
    };
    add("to", &port);
    add("scheme", listener.scheme());
    add("permanent", "true");
    // A route that names this listener comes before.
    add("priority", "1");
}

/// The ConfigMap of a controller: its keys are its own words, its values texts.
#[derive(Default)]
struct Config(Map);

impl Config {
    fn set(&mut self, key: &'static str, value: &str, at: Loc) {
        let map = std::mem::take(&mut self.0);
        self.0 = map.put(key, text(value, at));
    }
}

fn nginx(ctx: &Ctx<'_>) -> Map {
    let g = ctx.g;
    let mut config = Config::default();
    let listeners = || {
        g.listeners
            .iter()
            .filter(|it| facts::entry_point(g, it, ctx.controller).is_some())
    };
    let secs = |dur: crate::ir::Dur| dur.as_secs_ceil().to_string();
    if let Some(it) = listeners().max_by_key(|it| it.head_timeout.value) {
        config.set(
            "client-header-timeout",
            &secs(it.head_timeout.value),
            it.head_timeout.loc(),
        );
        config.set("keep-alive", &secs(it.keepalive.value), it.keepalive.loc());
        let size = it.head_limit.value.as_bytes();
        config.set(
            "large-client-header-buffers",
            &format!("4 {}", (size / 4).max(1024)),
            it.head_limit.loc(),
        );
    }
    if let Some(it) = listeners().find(|it| it.proxy_protocol.value) {
        config.set("use-proxy-protocol", "true", it.proxy_protocol.loc());
    }
    if let Some(it) = listeners().find(|it| !it.trusted_proxies.value.is_empty()) {
        let trusted: Vec<String> = it
            .trusted_proxies
            .value
            .iter()
            .map(ToString::to_string)
            .collect();
        config.set("use-forwarded-headers", "true", it.trusted_proxies.loc());
        config.set(
            "proxy-real-ip-cidr",
            &trusted.join(","),
            it.trusted_proxies.loc(),
        );
    }
    if let Some(it) = listeners().find(|it| it.header_names.value == HeaderNames::Lenient) {
        config.set(
            "enable-underscores-in-headers",
            "true",
            it.header_names.loc(),
        );
    }
    if let Some(it) = listeners().find_map(|it| it.redirect.as_ref()) {
        config.set("http-redirect-code", "301", it.loc());
    }
    if let Some(tls) = listeners().find_map(|it| it.tls.as_ref()) {
        let (protocols, ciphers) = match tls.profile.value {
            TlsProfile::Modern => ("TLSv1.3", None),
            TlsProfile::Intermediate => ("TLSv1.2 TLSv1.3", Some(CIPHERS)),
        };
        config.set("ssl-protocols", protocols, tls.profile.loc());
        if let Some(ciphers) = ciphers {
            config.set("ssl-ciphers", ciphers, tls.profile.loc());
        }
        match &tls.hsts {
            Some(hsts) => {
                let flag = |flag: bool| if flag { "true" } else { "false" };
                config.set("hsts", "true", hsts.loc());
                config.set("hsts-max-age", &secs(hsts.value.max_age), hsts.loc());
                config.set(
                    "hsts-include-subdomains",
                    flag(hsts.value.subdomains),
                    hsts.loc(),
                );
                config.set("hsts-preload", flag(hsts.value.preload), hsts.loc());
            }
            // Its own default is a year, with all subdomains.
            None => config.set("hsts", "false", tls.at),
        }
    }
    if let Some(route) = g.routes.iter().find(|it| it.compression.value) {
        config.set("use-gzip", "true", route.compression.loc());
    }
    let drain = &g.runtime.drain_timeout;
    config.set(
        "worker-shutdown-timeout",
        &format!("{}s", secs(drain.value)),
        drain.loc(),
    );
    let mut controller = Map::new().put("config", config.0);
    controller = controller.put("containerPort", two_ports(ctx, "http", "https"));
    controller = controller.put(
        "service",
        Map::new().put("ports", two_ports(ctx, "http", "https")),
    );
    let first = listeners().find_map(|it| it.tls.as_ref());
    if let Some(tls) = first
        && let Some(secret) = ctx.secrets().of(g.certificate(tls.certificates.value[0]))
    {
        let secret = format!("{}/{secret}", ctx.namespace());
        let node = text(&secret, tls.certificates.loc());
        controller = controller.put("extraArgs", Map::new().put("default-ssl-certificate", node));
    }
    if let Some(metrics) = &g.metrics {
        let node = Map::new().put("enabled", Node::flag(true));
        controller = controller.put("metrics", Node::from(node).at(metrics.at));
    }
    Map::new().put("controller", controller)
}

/// What Mozilla's *intermediate* has, in OpenSSL's names.
const CIPHERS: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

fn two_ports(ctx: &Ctx<'_>, plain: &'static str, secure: &'static str) -> Map {
    let mut map = Map::new();
    for listener in &ctx.g.listeners {
        let key = match facts::entry_point(ctx.g, listener, ctx.controller).as_deref() {
            Some("web") => plain,
            Some(_) => secure,
            None => continue,
        };
        map = map.put(
            key,
            Node::number(listener.port.value).at(listener.port.loc()),
        );
    }
    map
}

fn haproxy(ctx: &Ctx<'_>) -> Map {
    let g = ctx.g;
    let mut config = Config::default();
    let listeners = || {
        g.listeners
            .iter()
            .filter(|it| facts::entry_point(g, it, ctx.controller).is_some())
    };
    if let Some(it) = listeners().max_by_key(|it| it.head_timeout.value) {
        config.set(
            "timeout-http-request",
            &time(it.head_timeout.value),
            it.head_timeout.loc(),
        );
        config.set(
            "timeout-http-keep-alive",
            &time(it.keepalive.value),
            it.keepalive.loc(),
        );
    }
    let tunnels = g.routes.iter().filter_map(|it| it.websocket.as_ref());
    if let Some(it) = tunnels.max_by_key(|it| it.idle.value) {
        config.set("timeout-tunnel", &time(it.idle.value), it.idle.loc());
    }
    if let Some(it) = listeners().find(|it| it.proxy_protocol.value) {
        let trusted: Vec<String> = it
            .trusted_proxies
            .value
            .iter()
            .map(ToString::to_string)
            .collect();
        let trusted = if trusted.is_empty() {
            "0.0.0.0/0".to_owned()
        } else {
            trusted.join(",")
        };
        config.set("proxy-protocol", &trusted, it.proxy_protocol.loc());
    }
    let drain = &g.runtime.drain_timeout;
    config.set("hard-stop-after", &time(drain.value), drain.loc());
    let mut controller = Map::new().put("config", config.0);
    let ports = two_ports(ctx, "http", "https");
    controller = controller.put("service", Map::new().put("ports", ports));
    if let Some(metrics) = &g.metrics {
        let node = Map::new().put("enabled", Node::flag(true));
        controller = controller.put("serviceMonitor", Node::from(node).at(metrics.at));
    }
    if let Some(class) = &g.rooms.ingress.class {
        controller = controller.put("ingressClass", word(&class.value));
    }
    Map::new().put("controller", controller)
}
