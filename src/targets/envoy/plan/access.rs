//! Guards that no credential is asked for: client addresses, origins, rates, the size of bodies.

use super::Ctx;
use super::doc::{
    self, at, dormant, extension, header, kind, literal, present, range, text, typed,
};
use super::filters;
use crate::emit::Tok;
use crate::emit::lang::envoy;
use crate::emit::{Map, Node};
use crate::ir::{ClientRange, Per, PerKey, Rate, RequestLimit, Route, Size};

/// The request header that says which ranges the client's address is in; no client can send it.
pub(super) const TAG_HEADER: &str = "x-wsgen-ranges";
/// The request header that says in which networks the client's address is, before a route is chosen: a filter that says so
/// later would leave the filters of another route in the chain.
const NETWORKS: &str = "x-wsgen-networks";

/// How the client's address is told to the entries that ask for it.
pub(super) fn networks<'a>(ctx: &Ctx<'a>, served: &[&'a Route]) -> Option<Map> {
    let asking = served.iter().filter(|route| !ctx.is_closed(route));
    let lists: Vec<_> = asking.filter_map(|it| it.when.clients.as_ref()).collect();
    if lists.is_empty() {
        return None;
    }
    let mut lengths: Vec<u8> = lists
        .iter()
        .flat_map(|list| &list.value)
        .map(|it| it.net().prefix_len())
        .filter(|length| *length > 0)
        .collect();
    lengths.sort_unstable();
    lengths.dedup();
    let mut format = String::from("all");
    for length in lengths {
        format.push_str(&format!(
            " %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT({length})%"
        ));
    }
    let value = envoy::token(&[crate::emit::Part::Word(&format)]);
    Some(doc::mutation(doc::set(NETWORKS, Node::tok(value))))
}

/// A client from one of these ranges.
pub(super) fn from(list: &[ClientRange]) -> Map {
    let words: Vec<String> = list
        .iter()
        .map(|it| {
            if it.is_everyone() {
                return "all".to_owned();
            }
            super::matching::escaped(&it.net().trunc().to_string())
        })
        .collect();
    header(
        NETWORKS,
        doc::regex(&format!("(?:.* )?(?:{})(?: .*)?", words.join("|"))),
    )
}

/// The tag of a list of ranges: no other list's tag holds it.
pub(super) fn tag(list: &[ClientRange]) -> String {
    let texts: Vec<String> = list.iter().map(ToString::to_string).collect();
    format!("[{}]", texts.join(" "))
}

/// The filter that says which ranges the client's address is in, where some condition asks.
pub(super) fn tags(served: &[&Route], name: &'static str) -> Option<Map> {
    let mut lists: Vec<&[ClientRange]> = Vec::new();
    for route in served {
        let exempt = route.requests.as_ref().map(|it| it.exempt.value.as_slice());
        if let Some(list) = exempt
            && !list.is_empty()
            && !lists.contains(&list)
        {
            lists.push(list);
        }
    }
    if lists.is_empty() {
        return None;
    }
    let tags = lists.iter().map(|list| {
        Map::new()
            .put("ip_tag_name", text(&tag(list)))
            .put("ip_list", Node::list(list.iter().map(|it| range(*it))))
    });
    let header = Map::new()
        .put("header", Node::word(TAG_HEADER))
        .put("action", Node::word("SANITIZE"));
    Some(extension(
        name,
        typed(kind!("extensions.filters.http.ip_tagging.v3.IPTagging"))
            .put("request_type", Node::word("BOTH"))
            .put("ip_tag_header", header)
            .put("ip_tags", Node::list(tags)),
    ))
}

/// One rule by the name of a policy.
pub(super) fn rules(action: &'static str, name: &'static str, principal: Map) -> Map {
    let policy = Map::new()
        .put(
            "permissions",
            Node::list([Map::new().put("any", Node::flag(true))]),
        )
        .put("principals", Node::list([principal]));
    Map::new()
        .put("action", Node::word(action))
        .put("policies", Map::new().put(name, policy))
}

fn of_route(action: &'static str, principal: Map) -> Map {
    let rules = rules(action, "all", principal);
    typed(kind!("extensions.filters.http.rbac.v3.RBACPerRoute"))
        .put("rbac", Map::new().put("rules", rules))
}

/// Any of several conditions on who asks.
pub(super) fn any_of(ids: Vec<Map>) -> Map {
    Map::new().put("or_ids", Map::new().put("ids", Node::list(ids)))
}

/// All of several conditions on who asks.
pub(super) fn all_of(ids: Vec<Map>) -> Map {
    Map::new().put("and_ids", Map::new().put("ids", Node::list(ids)))
}

/// The opposite of a condition on who asks.
pub(super) fn not(id: Map) -> Map {
    Map::new().put("not_id", id)
}

fn nobody() -> Map {
    not(Map::new().put("any", Node::flag(true)))
}

fn within(list: &[ClientRange]) -> Map {
    if list.is_empty() {
        return nobody();
    }
    any_of(
        list.iter()
            .map(|it| Map::new().put("remote_ip", range(*it)))
            .collect(),
    )
}

/// Who may come.
pub(super) fn clients(route: &Route) -> Option<Node> {
    let clients = route.clients.as_ref()?;
    let mut ids = Vec::new();
    if !clients.deny.value.is_empty() {
        ids.push(not(within(&clients.deny.value)));
    }
    if let Some(allow) = &clients.allow {
        ids.push(within(&allow.value));
    }
    if ids.is_empty() {
        ids.push(Map::new().put("any", Node::flag(true)));
    }
    Some(at(of_route("ALLOW", all_of(ids)), clients.at))
}

/// From which pages a socket may be opened; a host that must be the request's own is asked by the script at the head.
pub(super) fn origins(route: &Route) -> Option<Node> {
    let socket = route.websocket.as_ref()?;
    let origin = |there| Map::new().put("header", present("origin", there));
    let mut refused = Vec::new();
    if socket.require_origin.value {
        refused.push(origin(false));
    }
    if let Some(origins) = socket.origins.as_ref().filter(|it| !it.value.same_host) {
        let mut ids = vec![origin(true)];
        ids.extend(origins.value.exact.iter().map(|it| {
            let exact = doc::exactly(it).put("ignore_case", Node::flag(true));
            not(Map::new().put("header", header("origin", exact)))
        }));
        refused.push(all_of(ids));
    }
    if refused.is_empty() {
        return None;
    }
    let loc = socket.origins.as_ref().map_or(socket.at, |it| it.loc());
    Some(at(of_route("DENY", any_of(refused)), loc))
}

/// The bucket of a rate: one token in each interval, or several where an interval would be shorter than Envoy's shortest.
fn bucket(rate: Rate, burst: u32) -> Map {
    const SHORTEST: u64 = 50_000;
    let micros = match rate.per {
        Per::Second => 1_000_000,
        Per::Minute => 60_000_000,
        Per::Hour => 3_600_000_000_u64,
    };
    let count = u64::from(rate.count);
    let tokens = (SHORTEST * count).div_ceil(micros).max(1);
    let interval = tokens * micros / count;
    let seconds = format!("{}.{:06}", interval / 1_000_000, interval % 1_000_000);
    let seconds = format!("{}s", seconds.trim_end_matches('0').trim_end_matches('.'));
    Map::new()
        // As many at once as a second brings, also without a burst.
        .put(
            "max_tokens",
            doc::count((u64::from(burst) + 1).max((count * 1_000_000).div_ceil(micros))),
        )
        .put("tokens_per_fill", doc::count(tokens))
        .put("fill_interval", text(&seconds))
}

/// The seconds after which one more request has room.
fn retry_after(rate: Rate) -> u64 {
    rate.per.secs().div_ceil(u64::from(rate.count)).max(1)
}

/// The name of the filter that counts for a bucket.
fn bucket_name(limit: &RequestLimit) -> Option<String> {
    let bucket = limit.bucket.as_ref()?;
    let kind = match &limit.per.value {
        PerKey::Client => "client",
        PerKey::Route => "route",
        PerKey::Header(_) => "header",
    };
    Some(format!("{}.{}.{kind}", filters::RATE, bucket.value))
}

/// The filter that counts a route's requests, and what the route tells it.
pub(super) fn rate(route: &Route) -> Option<(Tok, Node)> {
    let limit = route.requests.as_ref()?;
    Some(match bucket_name(limit) {
        Some(name) => (envoy::word(&name), at(filters::awake(), limit.rate.loc())),
        None => (
            envoy::word(filters::RATE),
            at(limiter(limit), limit.rate.loc()),
        ),
    })
}

/// The filters of buckets that routes share.
pub(super) fn buckets(_: &Ctx<'_>, served: &[&Route]) -> Vec<Map> {
    let mut names = Vec::new();
    let mut all = Vec::new();
    for limit in served.iter().filter_map(|route| route.requests.as_ref()) {
        if let Some(name) = bucket_name(limit)
            && !names.contains(&name)
        {
            all.push(
                Map::new()
                    .put("name", text(&name))
                    .put("disabled", Node::flag(true))
                    .put("typed_config", at(limiter(limit), limit.rate.loc())),
            );
            names.push(name);
        }
    }
    all
}

fn limiter(limit: &RequestLimit) -> Map {
    let always = || {
        let all = Map::new()
            .put("numerator", Node::number(100))
            .put("denominator", Node::word("HUNDRED"));
        Map::new().put("default_value", all)
    };
    let own = bucket(limit.rate.value, limit.burst.value);
    let mut map = typed(kind!(
        "extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
    ))
    .put("stat_prefix", Node::word("rate"))
    .put("filter_enabled", always())
    .put("filter_enforced", always())
    .put(
        "response_headers_to_add",
        Node::list([doc::append(
            "retry-after",
            literal(&retry_after(limit.rate.value).to_string()),
            "OVERWRITE_IF_EXISTS_OR_ADD",
        )]),
    );
    let mut actions = Vec::new();
    let mut entries = Vec::new();
    match &limit.per.value {
        PerKey::Client => {
            actions.push(Map::new().put("remote_address", Map::new()));
            entries.push(Map::new().put("key", Node::word("remote_address")));
        }
        PerKey::Header(name) => {
            let header = Map::new()
                .put("header_name", text(name))
                .put("descriptor_key", Node::word("header"));
            actions.push(Map::new().put("request_headers", header));
            entries.push(Map::new().put("key", Node::word("header")));
        }
        PerKey::Route => {}
    }
    if !limit.exempt.value.is_empty() {
        let matcher = Map::new().put("contains", text(&tag(&limit.exempt.value)));
        let counted = Map::new()
            .put("descriptor_value", Node::word("counted"))
            .put("expect_match", Node::flag(false))
            .put("headers", Node::list([header(TAG_HEADER, matcher)]));
        actions.push(Map::new().put("header_value_match", counted));
        entries.push(
            Map::new()
                .put("key", Node::word("header_match"))
                .put("value", Node::word("counted")),
        );
    }
    if entries.is_empty() {
        return map.put("token_bucket", own);
    }
    // Who is not counted takes from a bucket that has no end.
    let endless = Map::new()
        .put("max_tokens", Node::number(4_000_000_000_i64))
        .put("tokens_per_fill", Node::number(4_000_000_000_i64))
        .put("fill_interval", Node::word("1s"));
    map = map
        .put("token_bucket", endless)
        .put("always_consume_default_token_bucket", Node::flag(false))
        // So many are told apart; the one who was away longest is forgotten first.
        .put("max_dynamic_descriptors", Node::number(100_000))
        .put(
            "rate_limits",
            Node::list([Map::new().put("actions", Node::list(actions))]),
        )
        .put(
            "descriptors",
            Node::list([Map::new()
                .put("entries", Node::list(entries))
                .put("token_bucket", own)]),
        );
    map
}

/// What the script that counts open requests is told; a route as a whole is counted by its cluster.
pub(super) fn open(route: &Route) -> Option<Map> {
    let limit = route.connections.as_ref()?;
    let map = Map::new()
        .put("route", text(&route.name))
        .put("max", Node::number(limit.max.value));
    let map = match &limit.per.value {
        PerKey::Route if route.shares().is_empty() => map.put("header", Node::word(":method")),
        PerKey::Route => return None,
        PerKey::Client => map,
        PerKey::Header(name) => map.put("header", text(name)),
    };
    Some(Map::new().put("open", at(map, limit.max.loc())))
}

/// The name of the filter that bounds bodies by a size.
pub(super) fn body_name(size: Size) -> Tok {
    envoy::word(&format!("{}.{}", filters::BODY, size.as_bytes()))
}

/// The filters that bound bodies: one for each size.
pub(super) fn bodies(served: &[&Route]) -> Vec<Map> {
    let mut sizes: Vec<Size> = served.iter().filter_map(|route| route.body.value).collect();
    sizes.sort_by_key(|size| size.as_bytes());
    sizes.dedup();
    sizes
        .into_iter()
        .map(|size| {
            let config = typed(kind!(
                "extensions.filters.http.body_size_limit.v3.BodySizeLimit"
            ))
            .put("max_request_bytes", doc::count(size.as_bytes()));
            Map::new()
                .put("name", body_name(size))
                .put("disabled", Node::flag(true))
                .put("typed_config", config)
        })
        .collect()
}

/// Before there was a filter that counts: one that holds the whole body first.
pub(super) fn buffer() -> Map {
    dormant(
        filters::BODY,
        typed(kind!("extensions.filters.http.buffer.v3.Buffer"))
            .put("max_request_bytes", Node::number(1)),
    )
}

/// What a route tells the filter that holds bodies.
pub(super) fn buffered(size: Size) -> Map {
    let own = Map::new().put(
        "max_request_bytes",
        doc::count(size.as_bytes().min(u64::from(u32::MAX))),
    );
    typed(kind!("extensions.filters.http.buffer.v3.BufferPerRoute")).put("buffer", own)
}
