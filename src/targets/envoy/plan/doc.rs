//! The words of an Envoy bootstrap that every part of the plan uses: typed configurations, times, headers, addresses.

use std::net::IpAddr;

use crate::emit::Tok;
use crate::emit::lang::envoy;
use crate::emit::{Map, Node};
use crate::ir::{Address, ClientRange, Dur, Loc};

/// The name of a type, such as `config.route.v3.FilterConfig`, as `@type` has it.
macro_rules! kind {
    ($name:literal) => {
        concat!("type.googleapis.com/envoy.", $name)
    };
}
pub(super) use kind;

/// A user's text, literally.
pub(super) fn text(text: &str) -> Node {
    Node::tok(envoy::word(text))
}

/// Texts of a user, literally.
pub(super) fn texts<'t>(list: impl IntoIterator<Item = &'t String>) -> Node {
    Node::list(list.into_iter().map(|it| text(it)))
}

/// A user's text where Envoy reads a format.
pub(super) fn literal(text: &str) -> Node {
    Node::tok(envoy::fmt(text))
}

/// A map that says its type first.
pub(super) fn typed(kind: &'static str) -> Map {
    Map::new().put("@type", Node::word(kind))
}

/// An extension: its name and its configuration.
pub(super) fn extension(name: &'static str, config: Map) -> Map {
    Map::new()
        .put("name", Node::word(name))
        .put("typed_config", config)
}

/// An extension that is off but where a route turns it on.
pub(super) fn dormant(name: &'static str, config: Map) -> Map {
    Map::new()
        .put("name", Node::word(name))
        .put("disabled", Node::flag(true))
        .put("typed_config", config)
}

/// A time in seconds, the only unit that Envoy reads.
pub(super) fn time(dur: Dur) -> Node {
    let millis = dur.as_millis();
    let (whole, rest) = (millis / 1000, millis % 1000);
    let written = match rest {
        0 => format!("{whole}s"),
        _ => format!("{whole}.{rest:03}s"),
    };
    Node::tok(envoy::word(&written))
}

/// A number that a spec may write as large as it likes.
pub(super) fn count(number: u64) -> Node {
    Node::number(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A port at an address.
pub(super) fn socket(ip: IpAddr, port: u16) -> Map {
    let socket = Map::new()
        .put("address", text(&ip.to_string()))
        .put("port_value", Node::number(port));
    Map::new().put("socket_address", socket)
}

/// A server's address.
pub(super) fn address(address: &Address) -> Map {
    match address {
        Address::Ip { ip, port } => socket(*ip, *port),
        Address::Name { host, port } => {
            let socket = Map::new()
                .put("address", text(host))
                .put("port_value", Node::number(*port));
            Map::new().put("socket_address", socket)
        }
        Address::Unix { path } => Map::new().put("pipe", Map::new().put("path", text(path))),
    }
}

/// A listener inside the process.
pub(super) fn inside(name: &'static str) -> Map {
    let listener = Map::new().put("server_listener_name", Node::word(name));
    Map::new().put("envoy_internal_address", listener)
}

/// A range of addresses.
pub(super) fn range(range: ClientRange) -> Map {
    let net = range.net();
    Map::new()
        .put("address_prefix", text(&net.network().to_string()))
        .put("prefix_len", Node::number(net.prefix_len()))
}

/// Sets a header in place of any that were there.
pub(super) fn set(name: &str, value: Node) -> Map {
    append(name, value, "OVERWRITE_IF_EXISTS_OR_ADD")
}

/// A change to a header, where Envoy lists them as options.
pub(super) fn append(name: &str, value: Node, action: &'static str) -> Map {
    let header = Map::new().put("key", text(name)).put("value", value);
    Map::new()
        .put("header", header)
        .put("append_action", Node::word(action))
}

/// A change to a header, where Envoy lists them as mutations.
pub(super) fn mutation(option: Map) -> Map {
    Map::new().put("append", option)
}

/// Takes a header away, where Envoy lists mutations.
pub(super) fn removal(name: &str) -> Map {
    Map::new().put("remove", text(name))
}

/// A condition on a header.
pub(super) fn header(name: &str, matcher: Map) -> Map {
    Map::new()
        .put("name", text(name))
        .put("string_match", matcher)
}

/// A header that is there, or not.
pub(super) fn present(name: &str, there: bool) -> Map {
    Map::new()
        .put("name", text(name))
        .put("present_match", Node::flag(there))
}

/// A text that matches as a whole.
pub(super) fn exactly(value: &str) -> Map {
    Map::new().put("exact", text(value))
}

/// A regex that matches as a whole, as Envoy's always do.
pub(super) fn regex(value: &str) -> Map {
    Map::new().put("safe_regex", Map::new().put("regex", text(value)))
}

/// A regex that holds nothing of a user's but what is quoted in it.
pub(super) fn safe_regex(parts: &[crate::emit::Part<'_>]) -> Map {
    let regex = Map::new().put("regex", envoy::token(parts));
    Map::new().put("safe_regex", regex)
}

/// A script that the program brings along.
pub(super) fn script(lines: &'static str) -> Node {
    Node::block(lines.lines().map(Tok::fixed).collect())
}

/// A value with its origin.
pub(super) fn at(node: impl Into<Node>, loc: Loc) -> Node {
    let node: Node = node.into();
    node.at(loc)
}
