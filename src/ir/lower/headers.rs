//! Header operations and values.

use super::{At, Lower};
use crate::ir::{Change, Fact, HeaderOp, Piece, Value};
use crate::spec::model::{self, Named};

/// Headers that belong to one connection or to the framing: changing them breaks the message.
const FRAMING: [&str; 9] = [
    "connection",
    "upgrade",
    "transfer-encoding",
    "content-length",
    "keep-alive",
    "te",
    "trailer",
    "proxy-connection",
    "sec-websocket-key",
];

impl Lower<'_> {
    pub(super) fn header_ops(
        &mut self,
        ops: Option<&At<Box<model::HeaderOps>>>,
        request: bool,
    ) -> Vec<HeaderOp> {
        let Some(ops) = ops else { return Vec::new() };
        let mut changes = Vec::new();
        for name in ops.value.remove.iter().flat_map(|list| &list.value.0) {
            if self.check_header_name(name, request) {
                changes.push(HeaderOp {
                    at: name.at,
                    name: name.value.clone(),
                    change: Change::Remove,
                });
            }
        }
        self.values(&mut changes, ops.value.set.as_ref(), Change::Set, request);
        self.values(&mut changes, ops.value.add.as_ref(), Change::Add, request);
        self.values(
            &mut changes,
            ops.value.set_if_absent.as_ref(),
            Change::SetIfAbsent,
            request,
        );
        changes
    }

    fn values(
        &mut self,
        changes: &mut Vec<HeaderOp>,
        group: Option<&Named<model::Value>>,
        change: fn(Value) -> Change,
        request: bool,
    ) {
        for (name, value) in group.iter().flat_map(|named| &named.0) {
            if self.check_header_name(name, request) {
                let change = change(self.value(value));
                changes.push(HeaderOp {
                    at: value.at,
                    name: name.value.clone(),
                    change,
                });
            }
        }
    }

    /// A header that may be changed.
    pub(super) fn check_header_name(&mut self, name: &At<String>, request: bool) -> bool {
        if !self.check_token("header name", &name.value, name.at) {
            return false;
        }
        let lower = name.value.to_ascii_lowercase();
        if FRAMING.contains(&lower.as_str()) {
            self.report
                .error("spec::header", name.at)
                .says(format!(
                    "`{}` belongs to the connection and cannot be changed",
                    name.value
                ))
                .note("changing it would break the message or the upgrade")
                .help(if lower == "upgrade" || lower == "connection" {
                    "write `websocket` on the route"
                } else {
                    "take it out"
                });
            return false;
        }
        if request && lower == "host" {
            self.report
                .error("spec::header", name.at)
                .says("`Host` has a field of its own")
                .help("write `host_header: {set: …}` on the route or upstream");
            return false;
        }
        true
    }

    fn value(&mut self, value: &At<model::Value>) -> Value {
        match &value.value {
            model::Value::Literal(text) => {
                self.check_value("the value", text, value.at);
                Value(if text.is_empty() {
                    Vec::new()
                } else {
                    vec![Piece::Text(text.clone())]
                })
            }
            model::Value::From(source) => Value(vec![Piece::Fact(self.fact(&source.value))]),
            model::Value::Template(text) => {
                self.check_value("the template", &text.value, text.at);
                self.template(text)
            }
        }
    }

    fn fact(&mut self, source: &model::Source) -> Fact {
        match source {
            model::Source::ClientIp => Fact::ClientIp,
            model::Source::RequestId => Fact::RequestId,
            model::Source::Scheme => Fact::Scheme,
            model::Source::Host => Fact::Host,
            model::Source::TlsSubject => Fact::TlsSubject,
            model::Source::Claim(claim) => {
                self.check_claim(claim);
                Fact::Claim(claim.value.clone())
            }
            model::Source::Query(name) => {
                self.check_query_name(name);
                Fact::Query(name.value.clone())
            }
            model::Source::Cookie(name) => {
                self.check_token("cookie name", &name.value, name.at);
                Fact::Cookie(name.value.clone())
            }
            model::Source::Header(name) => {
                self.check_token("header name", &name.value, name.at);
                Fact::Header(name.value.clone())
            }
        }
    }

    fn template(&mut self, text: &At<String>) -> Value {
        const KNOWN: [(&str, Fact); 9] = [
            ("scheme", Fact::Scheme),
            ("host", Fact::Host),
            ("port", Fact::Port),
            ("method", Fact::Method),
            ("path", Fact::Path),
            ("query", Fact::QueryString),
            ("uri", Fact::Uri),
            ("client_ip", Fact::ClientIp),
            ("request_id", Fact::RequestId),
        ];
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text.value.as_str();
        while let Some(open) = rest.find(['{', '}']) {
            literal.push_str(&rest[..open]);
            let tail = &rest[open..];
            if let Some(after) = tail.strip_prefix("{{").or_else(|| tail.strip_prefix("}}")) {
                literal.push_str(&tail[..1]);
                rest = after;
                continue;
            }
            let name = tail.strip_prefix('{').and_then(|tail| tail.split_once('}'));
            let Some((name, after)) = name else {
                self.report
                    .error("spec::template", text.at)
                    .says("a brace in this template has no partner")
                    .help("write `{{` for a literal `{` and `}}` for a literal `}`");
                return Value(Vec::new());
            };
            match KNOWN.iter().find(|(known, _)| *known == name) {
                Some((_, fact)) => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    }
                    pieces.push(Piece::Fact(fact.clone()));
                }
                None => {
                    let known: Vec<&str> = KNOWN.iter().map(|(known, _)| *known).collect();
                    self.report
                        .error("spec::template", text.at)
                        .says(format!(
                            "`{{{}}}` is no fact of a request",
                            name.escape_debug()
                        ))
                        .help(format!("known are {{{}}}", known.join("}, {")));
                }
            }
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Value(pieces)
    }
}
