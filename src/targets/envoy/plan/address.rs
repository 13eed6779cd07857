//! Who the client is: which header says so behind trusted proxies, and what is refused because nobody can tell.

use super::access;
use super::doc::{self, at, extension, kind, present, range, typed};
use super::filters;
use crate::emit::lang::envoy;
use crate::emit::{Map, Node, Part};
use crate::ir::Listener;

/// The policy that refuses a list in which the client cannot be read, as the details of the answer name it.
pub(super) const UNREADABLE: &str = "unreadable";

/// The list that proxies write.
const LIST: &str = "x-forwarded-for";

/// The list as it came, where the script at the head writes it anew for the server.
pub(super) const CAME: &str = "x-wsgen-list";

/// How many entries of the list, from its end, are read in any form: Envoy itself reads bare addresses only.
const READ: usize = 4;

/// What the manager of a listener is told.
pub(super) fn of(it: &Listener) -> Map {
    let trusted = &it.trusted_proxies;
    // The forwarded headers are this file's own matter.
    let map = Map::new()
        .put("skip_xff_append", Node::flag(true))
        .put("strip_trailing_host_dot", Node::flag(true))
        .put("generate_request_id", Node::flag(true))
        .put("preserve_external_request_id", Node::flag(false));
    if trusted.value.is_empty() {
        return map.put("use_remote_address", Node::flag(true));
    }
    let ranges = trusted.value.iter().map(|it| range(*it));
    let config = typed(kind!(
        "extensions.http.original_ip_detection.xff.v3.XffConfig"
    ))
    .put(
        "xff_trusted_cidrs",
        Map::new().put("cidrs", Node::list(ranges)),
    )
    .put("skip_xff_append", Node::flag(true));
    map.put("use_remote_address", Node::flag(false)).put(
        "original_ip_detection_extensions",
        at(
            Node::list([extension("envoy.http.original_ip_detection.xff", config)]),
            trusted.loc(),
        ),
    )
}

/// What happens to the list before Envoy reads it.
pub(super) fn early(it: &Listener) -> Vec<Map> {
    if it.trusted_proxies.value.is_empty() {
        return vec![doc::removal(LIST)];
    }
    // Who it was before anybody looked behind it.
    let peer = Node::word("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%");
    vec![
        doc::mutation(doc::set("x-wsgen-peer", peer)),
        doc::mutation(doc::set(LIST, bare())),
    ]
}

/// The list with its last entries as bare addresses: without a port, without brackets, IPv4 as such and not inside IPv6. Nothing
/// where the list is of bare IPv4 addresses already.
fn bare() -> Node {
    let list = format!("request.headers['{LIST}']");
    let entries = (0..READ).fold(list.clone(), |text, behind| {
        let regex = format!(
            "^(?:(.*,)? *(?:[[]?(?:::[fF]{{4}}:)?([0-9]+(?:[.][0-9]+){{3}})[]]?|[[]([0-9a-fA-F:.]+)[]])(?::[0-9]+)? *((?:,[^,]*){{{behind}}})|(.*))$"
        );
        format!("re.extract({text}, '{regex}', '\\\\1\\\\2\\\\3\\\\4\\\\5')")
    });
    let format = format!("%CEL({list}.matches('^[0-9., ]*$') ? '' : {entries})%");
    Node::tok(envoy::token(&[Part::Word(&format)]))
}

/// What refuses a trusted proxy's request where the address in front of the proxy cannot be read: for Envoy the client would be
/// the proxy. `scripted` where the script at the head has written the list anew.
pub(super) fn unreadable(it: &Listener, scripted: bool) -> Option<Map> {
    let trusted = &it.trusted_proxies;
    if trusted.value.is_empty() {
        return None;
    }
    let list = if scripted { CAME } else { LIST };
    let within = |which: &'static str| {
        let ids = trusted.value.iter();
        access::any_of(ids.map(|it| Map::new().put(which, range(*it))).collect())
    };
    let header = |matcher: Map| Map::new().put("header", matcher);
    let entry = format!("\\s*(?:{IPV4}|{})\\s*", ipv6());
    let readable = doc::regex(&format!("{entry}(?:,{entry})*"));
    let unread = access::all_of(vec![
        within("remote_ip"),
        access::not(header(doc::header(list, readable))),
    ]);
    // Ranges of IPv4 do not hold an address of IPv4 that is written as one of IPv6.
    let mapped = Map::new()
        .put("address_prefix", Node::word("::ffff:0:0"))
        .put("prefix_len", Node::number(96));
    let mapped = Map::new().put("remote_ip", mapped);
    let refused = access::all_of(vec![
        within("direct_remote_ip"),
        header(present(list, true)),
        access::any_of(vec![unread, mapped]),
    ]);
    let rules = Map::new().put("rules", access::rules("DENY", UNREADABLE, refused));
    let config = typed(kind!("extensions.filters.http.rbac.v3.RBAC")).and(rules);
    let map = extension(filters::UNREADABLE, config);
    Some(map)
}

/// What Envoy reads as an address of IPv4.
const IPV4: &str = "(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3})";

/// What Envoy reads as an address of IPv6: eight groups, of which a run of zeros is left out once.
fn ipv6() -> String {
    let group = "[0-9a-fA-F]{1,4}";
    let mut forms = vec![
        format!("(?:{group}:){{7}}{group}"),
        format!("(?:{group}:){{1,7}}:"),
        format!(":(?::{group}){{1,7}}"),
        "::".to_owned(),
    ];
    forms.extend((1..=6).map(|before| {
        let after = 7 - before;
        format!("(?:{group}:){{1,{before}}}(?::{group}){{1,{after}}}")
    }));
    format!("(?:{})", forms.join("|"))
}
