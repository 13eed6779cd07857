//! Facts of a request as JavaScript: in header values, hash keys and limit keys.

use super::string;
use crate::emit::lang::js;
use crate::emit::{Node, Tok};
use crate::ir::{Fact, HashKey, HeaderOp, PerKey, Piece, Value};

/// Changes of headers: a list of `[what, name, value]`.
pub(super) fn changes(ops: &[HeaderOp]) -> Node {
    use crate::ir::Change;
    Node::list(ops.iter().map(|op| {
        let (what, to) = match &op.change {
            Change::Remove => ("remove", None),
            Change::Set(to) => ("set", Some(to)),
            Change::Add(to) => ("add", Some(to)),
            Change::SetIfAbsent(to) => ("setIfAbsent", Some(to)),
        };
        let mut items = vec![Node::word(what), string(&op.name)];
        items.extend(to.map(value));
        Node::list(items).at(op.at)
    }))
}

/// A value: a string, or a function of the request.
fn value(value: &Value) -> Node {
    if let Some(text) = value.literal() {
        return string(text);
    }
    if let [Piece::Fact(fact)] = value.0.as_slice() {
        return Node::tok(function(&fact_of(fact)));
    }
    let code: Vec<Tok> = value
        .0
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => js::template_text(text),
            Piece::Fact(fact) => js::template_code(&fact_of(fact)),
        })
        .collect();
    Node::tok(function(&js::template(&code)))
}

fn function(body: &Tok) -> Tok {
    Tok::row([&Tok::fixed("(asked) =>"), body], None)
}

/// A fact as an expression: a string, or null.
fn fact_of(fact: &Fact) -> Tok {
    match fact {
        Fact::ClientIp => Tok::fixed("asked.client"),
        Fact::RequestId => Tok::fixed("asked.id"),
        Fact::Scheme => Tok::fixed("asked.scheme"),
        Fact::Host => Tok::fixed("asked.host"),
        Fact::Port => Tok::fixed("`${asked.listener?.port}`"),
        Fact::Method => Tok::fixed("asked.request.method"),
        Fact::Path => Tok::fixed("asked.url.pathname"),
        Fact::QueryString => Tok::fixed("asked.query"),
        Fact::Uri => Tok::fixed("`${asked.url.pathname}${asked.url.search}`"),
        Fact::TlsSubject => Tok::fixed("subject(asked)"),
        Fact::Claim(name) => js::call("claimOf(asked, ", name),
        Fact::Query(name) => js::call("asked.url.searchParams.get(", name),
        Fact::Cookie(name) => js::call("cookie(asked, ", name),
        Fact::Header(name) => js::call("asked.request.headers.get(", name),
    }
}

/// What an upstream hashes.
pub(super) fn hash(key: &HashKey) -> Tok {
    function(&match key {
        HashKey::Source => fact_of(&Fact::ClientIp),
        HashKey::Path => Tok::fixed("asked.path ?? null"),
        HashKey::Header(name) => fact_of(&Fact::Header(name.clone())),
        HashKey::Cookie(name) => fact_of(&Fact::Cookie(name.clone())),
        HashKey::Query(name) => fact_of(&Fact::Query(name.clone())),
    })
}

/// What a limit counts by.
pub(super) fn limit_key(per: &PerKey, route: Option<String>) -> Tok {
    match (per, route) {
        (PerKey::Header(name), _) => function(&fact_of(&Fact::Header(name.clone()))),
        (PerKey::Route, Some(route)) => Tok::row([&Tok::fixed("() =>"), &js::string(&route)], None),
        (PerKey::Route | PerKey::Client, _) => function(&fact_of(&Fact::ClientIp)),
    }
}
