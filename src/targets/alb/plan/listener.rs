//! A listener: its certificates, who must show one, what it answers when no rule takes a request, headers on every answer.

use super::{Ctx, Parameters, certificate_id, listener_id, rule};
use crate::emit::{Map, Node};
use crate::ir::{CertificateId, Feature, Hsts, Listener, ListenerTls, Set, Subject, TlsProfile};
use crate::targets::alb::ids::named;
use crate::targets::alb::steps::fixed_header;
use crate::targets::alb::support_route::is_server;
use crate::targets::alb::{facts, redirect};

pub(super) fn resources(ctx: &Ctx<'_>, listener: &Listener, parameters: &mut Parameters) -> Map {
    let id = listener_id(listener);
    let tls = listener.tls.as_ref();
    let mut properties = Map::new()
        .put("LoadBalancerArn", ctx.reference("LoadBalancer"))
        .put(
            "Port",
            Node::number(listener.port.value).at(listener.port.loc()),
        )
        .put(
            "Protocol",
            Node::word(if tls.is_some() { "HTTPS" } else { "HTTP" }),
        );
    let mut more = Map::new();
    if let Some(tls) = tls {
        let policy = match tls.profile.value {
            TlsProfile::Modern => "ELBSecurityPolicy-TLS13-1-3-2021-06",
            TlsProfile::Intermediate => "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
        };
        let certificates = certificates(ctx, tls, parameters);
        properties = properties
            .put("SslPolicy", Node::word(policy).at(tls.profile.loc()))
            .put(
                "Certificates",
                Node::list(certificates.iter().take(1).map(|arn| certificate(ctx, arn))),
            );
        if let Some(auth) = &tls.client_auth
            && ctx.v.renders(
                Feature::TlsClientAuth,
                Subject::Listener(listener),
                auth.ca.from,
            )
        {
            let (store, arn) = trust_store(ctx, listener, &auth.ca, parameters);
            more = more.and(store);
            properties = properties.put(
                "MutualAuthentication",
                Node::from(
                    Map::new()
                        .put("Mode", Node::word("verify"))
                        .put("TrustStoreArn", arn),
                )
                .at(auth.ca.loc()),
            );
        }
        let most = if facts::is_closed(ctx.v, listener) {
            0
        } else {
            certificates.len()
        };
        for arn in certificates.iter().take(most).skip(1) {
            let extra = Map::new()
                .put("ListenerArn", ctx.reference(&id))
                .put("Certificates", Node::list([certificate(ctx, arn)]));
            more = more.entry(
                ctx.tok(&format!("{id}{}", arn.trim_end_matches("Arn"))),
                ctx.resource("AWS::ElasticLoadBalancingV2::ListenerCertificate", extra),
            );
        }
    }
    properties = properties.put(
        "DefaultActions",
        Node::list([default_action(ctx, listener)]),
    );
    let attributes = attributes(ctx, listener);
    if !attributes.is_empty() {
        properties = properties.put("ListenerAttributes", ctx.attributes(&attributes));
    }
    let raw = ctx.g.rooms.alb.room.raw.listeners.iter();
    for (_, snippet) in raw.filter(|(of, _)| *of == listener.id) {
        properties = ctx.raw(properties, snippet);
    }
    let resource = ctx.resource("AWS::ElasticLoadBalancingV2::Listener", properties);
    Map::new()
        .entry(ctx.tok(&id), Node::from(resource).at(listener.at))
        .and(more)
}

fn certificate(ctx: &Ctx<'_>, parameter: &str) -> Map {
    Map::new().put("CertificateArn", ctx.reference(parameter))
}

/// The parameters that hold the certificates' ARNs, the default one first.
fn certificates(ctx: &Ctx<'_>, tls: &ListenerTls, parameters: &mut Parameters) -> Vec<String> {
    let mut list = Vec::new();
    for id in &tls.certificates.value {
        list.push(certificate_parameter(ctx, *id, parameters));
    }
    list
}

fn certificate_parameter(ctx: &Ctx<'_>, id: CertificateId, parameters: &mut Parameters) -> String {
    let certificate = ctx.g.certificate(id);
    let named = ctx
        .g
        .rooms
        .alb
        .certificates
        .iter()
        .find(|(name, _)| *name == certificate.name);
    parameters.add(
        ctx,
        &certificate_id(certificate),
        "String",
        &format!(
            "The ARN of the certificate in ACM for {}",
            certificate.hosts.value.join(", ")
        ),
        named.map(|(_, arn)| (arn.value.as_str(), arn.loc())),
    )
}

/// The trust store that client certificates are verified against: an existing one, or one of its own from a bucket.
fn trust_store(
    ctx: &Ctx<'_>,
    listener: &Listener,
    ca: &Set<String>,
    parameters: &mut Parameters,
) -> (Map, Node) {
    if let Some(arn) = &ctx.g.rooms.alb.trust_store {
        let name = parameters.add(
            ctx,
            "TrustStoreArn",
            "String",
            "The ARN of the trust store for client certificates",
            Some((&arn.value, arn.loc())),
        );
        return (Map::new(), ctx.reference(&name));
    }
    let bucket = parameters.add(
        ctx,
        "TrustStoreBucket",
        "String",
        "The bucket with the authorities of client certificates",
        None,
    );
    let file = ca.value.rsplit('/').next().unwrap_or(&ca.value);
    let key = parameters.add(
        ctx,
        &format!("{}TrustStoreKey", named(&listener.name, '-')),
        "String",
        &format!("The key of {} in that bucket", ca.value),
        Some((file, ca.loc())),
    );
    let id = format!("{}TrustStore", named(&listener.name, '-'));
    let properties = Map::new()
        .put("CaCertificatesBundleS3Bucket", ctx.reference(&bucket))
        .put("CaCertificatesBundleS3Key", ctx.reference(&key));
    let store = ctx.resource("AWS::ElasticLoadBalancingV2::TrustStore", properties);
    (
        Map::new().entry(ctx.tok(&id), Node::from(store).at(ca.loc())),
        ctx.reference(&id),
    )
}

/// What requests get that no rule takes.
fn default_action(ctx: &Ctx<'_>, listener: &Listener) -> Node {
    if facts::is_closed(ctx.v, listener) {
        return rule::refusal(ctx, 503).into();
    }
    match &listener.redirect {
        Some(to)
            if ctx.v.renders(
                Feature::ListenerRedirect,
                Subject::Listener(listener),
                to.from,
            ) =>
        {
            let other = ctx.g.listener(to.value);
            let target = redirect::Target {
                protocol: Some(if other.tls.is_some() { "HTTPS" } else { "HTTP" }),
                host: None,
                port: Some(other.public_port.value),
                path: None,
                query: None,
            };
            Node::from(rule::redirect(ctx, &target, "HTTP_301")).at(to.loc())
        }
        _ => rule::refusal(ctx, 404).into(),
    }
}

/// Headers that every answer of the listener gets.
fn attributes(ctx: &Ctx<'_>, listener: &Listener) -> Vec<(&'static str, Node)> {
    let mut list: Vec<(&'static str, Node)> = Vec::new();
    let hsts: Option<&Set<Hsts>> = listener.tls.as_ref().and_then(|tls| tls.hsts.as_ref());
    if let Some(hsts) = hsts {
        let value = ctx.text(&hsts.value.header()).at(hsts.loc());
        list.push((
            "routing.http.response.strict_transport_security.header_value",
            value,
        ));
    }
    for route in ctx
        .g
        .routes
        .iter()
        .filter(|route| ctx.g.serves(listener, route))
    {
        for op in &route.response_headers {
            let from = crate::ir::Origin::written(op.at);
            if !ctx
                .v
                .renders(Feature::ResponseHeaders, Subject::Route(route), from)
            {
                continue;
            }
            let (key, value) = match fixed_header(op) {
                Some((key, text)) => (key, ctx.text(text)),
                None if is_server(op) => {
                    ("routing.http.response.server.enabled", ctx.text("false"))
                }
                None => continue,
            };
            if list.iter().all(|(known, _)| *known != key) {
                list.push((key, value.at(op.at)));
            }
        }
    }
    list
}
