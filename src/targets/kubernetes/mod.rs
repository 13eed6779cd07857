//! What the two Kubernetes targets share: names that the API takes, Services for upstreams, Secrets for files.

pub(super) mod entry_points;
pub(super) mod middleware;
pub(super) mod names;
pub(super) mod objects;
pub(super) mod ranges;
pub(super) mod routes;
pub(super) mod secrets;
pub(super) mod services;

use crate::emit::lang::kubernetes;
use crate::emit::{Line, Node, Tok};
use crate::ir::{Gateway, Service, Set, Upstream};
use crate::source::Loc;
use crate::targets::Verdicts;

/// What every part of a plan reads.
pub(super) struct Context<'a> {
    /// The gateway.
    pub(super) g: &'a Gateway,
    /// What is lost.
    pub(super) v: &'a Verdicts<'a>,
    /// Where the objects are.
    pub(super) namespace: &'a str,
    /// Services that the room names, by upstream.
    pub(super) services: &'a [(String, Set<Service>)],
}

impl<'a> Context<'a> {
    pub(super) fn namespace(&self) -> &'a str {
        self.namespace
    }

    /// The name of an object of ours.
    pub(super) fn name(&self, parts: &[&str]) -> String {
        let all: Vec<&str> = std::iter::once(self.g.name.value.as_str())
            .chain(parts.iter().copied())
            .collect();
        names::name(&all)
    }

    /// The accepted losses, as lines of a comment.
    pub(super) fn accepted(&self) -> Vec<Tok> {
        let accepted = self.v.accepted(self.g);
        let lines = accepted.iter();
        lines.map(|(text, at)| line(text).at(*at).end()).collect()
    }

    /// The Service that the room names for an upstream.
    pub(super) fn named(&self, upstream: &Upstream) -> Option<&'a Set<Service>> {
        services::named(self.services, upstream)
    }
}

/// A text as a scalar.
pub(super) fn word(text: &str) -> Node {
    Node::tok(kubernetes::word(text))
}

/// A text of the spec as a scalar.
pub(super) fn text(text: &str, at: Loc) -> Node {
    Node::tok(kubernetes::word(text).at(at)).at(at)
}

/// A list of scalars.
pub(super) fn words<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Node {
    Node::list(texts.into_iter().map(|it| word(it.as_ref())))
}

/// A comment line.
pub(super) fn remark(text: &str) -> Tok {
    line(text).end()
}

fn line(text: &str) -> Line {
    Line::remark(&kubernetes::KUBERNETES, text)
}

/// Words of a command line that a shell reads back as they are.
pub(super) fn shell(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./=:@%+,".contains(&b);
    match !text.is_empty() && text.bytes().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}
