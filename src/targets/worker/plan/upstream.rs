//! Upstreams: their servers as URLs, what is hashed, the cookie that keeps a client on its server.

use super::value;
use super::{Ctx, string};
use crate::emit::lang::js;
use crate::emit::{Map, Node};
use crate::ir::{
    Address, Balance, Feature, HashKey, SameSite, Secure, Server, Stickiness, StickyCookie,
    Subject, Upstream,
};
use crate::targets::worker::facts;

/// Servers by upstream.
pub(super) fn upstreams(ctx: &Ctx<'_>) -> Map {
    ctx.g.upstreams.iter().fold(Map::new(), |map, it| {
        map.entry(js::key(&it.name), upstream(ctx, it))
    })
}

fn upstream(ctx: &Ctx<'_>, it: &Upstream) -> Node {
    let servers = match facts::url_of(ctx.g, it) {
        Some((url, at)) => {
            let map = Map::new()
                .put("id", string("origin"))
                .put("url", string(url));
            Node::list([Node::from(map).at(at)])
        }
        None => Node::list(it.servers.iter().map(|one| server(ctx, it, one))),
    };
    let map = match &it.balance.value {
        Balance::LeastConnections => Map::new()
            .remark("least_connections: drawn by weight, as what is open elsewhere is not known"),
        Balance::Random => Map::new().remark("random: drawn by weight"),
        Balance::RoundRobin | Balance::Hash(_) => Map::new(),
    };
    let map = map
        .put("servers", servers)
        .maybe(
            "hash",
            hash(ctx, it).map(|key| Node::tok(value::hash(&key)).at(it.balance.loc())),
        )
        .maybe("sticky", cookie_of(it).map(sticky));
    Node::from(map).at(it.at)
}

fn server(ctx: &Ctx<'_>, upstream: &Upstream, it: &Server) -> Node {
    let scheme = if upstream.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let url = match &it.address.value {
        // It cannot be reached; the name says so where somebody looks.
        Address::Unix { .. } => "http://unix.invalid".to_owned(),
        address @ (Address::Name { .. } | Address::Ip { .. }) => format!("{scheme}://{address}"),
    };
    let weight = (it.weight.value > 1
        && ctx.v.renders(
            Feature::UpstreamWeights,
            Subject::Upstream(upstream),
            it.weight.from,
        ))
    .then(|| Node::number(it.weight.value));
    let backup = it.backup.value.then(|| Node::flag(true));
    let map = Map::new()
        .put("id", string(&facts::server_id(it)))
        .put("url", string(&url))
        .maybe("weight", weight)
        .maybe("backup", backup);
    Node::from(map).at(it.at)
}

/// What the upstream hashes: what it says, or the client's address where that is remembered.
pub(super) fn hash(ctx: &Ctx<'_>, it: &Upstream) -> Option<HashKey> {
    let source = matches!(&it.stickiness, Some(Stickiness::Source { .. }))
        && ctx
            .v
            .renders_all(Feature::StickySource, Subject::Upstream(it));
    match &it.balance.value {
        _ if source => Some(HashKey::Source),
        Balance::Hash(key) => Some(key.clone()),
        Balance::RoundRobin | Balance::LeastConnections | Balance::Random => None,
    }
}

/// The cookie of the upstream.
pub(super) const fn cookie_of(it: &Upstream) -> Option<&StickyCookie> {
    match &it.stickiness {
        Some(Stickiness::Cookie(cookie)) => Some(cookie),
        Some(Stickiness::AppCookie { .. } | Stickiness::Source { .. }) | None => None,
    }
}

fn sticky(it: &StickyCookie) -> Node {
    let mut attributes = format!("Path={}", it.path.value);
    if let Some(ttl) = it.ttl.value {
        attributes.push_str(&format!("; Max-Age={}", ttl.as_secs_ceil()));
    }
    if it.http_only.value {
        attributes.push_str("; HttpOnly");
    }
    attributes.push_str(match it.same_site.value {
        SameSite::Strict => "; SameSite=Strict",
        SameSite::Lax => "; SameSite=Lax",
        SameSite::None => "; SameSite=None",
    });
    let secure = match it.secure.value {
        Secure::OnTls => Some(Node::word("on_tls")),
        Secure::Always => Some(Node::word("always")),
        Secure::Never => None,
    };
    Node::from(
        Map::new()
            .put("cookie", string(&it.name.value))
            .put("attributes", string(&attributes))
            .maybe("secure", secure),
    )
    .at(it.name.loc())
}
