//! Which requests a row of the table takes, and what is left of them where a rule asks further.

use super::test::{Host, Path, Test, Value};
use crate::ir::regex;

/// A set of requests: every part that is there has to hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Region {
    /// The names of the listeners.
    pub listeners: Vec<String>,
    /// Any host where it is empty.
    pub hosts: Vec<Host>,
    /// Any path where it is empty.
    pub paths: Vec<Path>,
    /// Any method where it is empty.
    pub methods: Vec<String>,
    /// Headers by name in lower case.
    pub headers: Vec<(String, Value)>,
    /// Query parameters.
    pub query: Vec<(String, Value)>,
    /// Any client where it is empty.
    pub clients: Vec<String>,
    /// Only requests for a WebSocket.
    pub upgrade: bool,
}

/// What a question leaves of a region.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Meet {
    /// Nothing: no request of the region answers yes.
    Nothing,
    /// All of it.
    All,
    /// This part.
    Part(Region),
    /// Nobody can tell, or no route can say it.
    Unsaid,
}

impl Region {
    /// What of this region answers yes. `tls` and `ports` say what listeners are.
    pub(super) fn meet(&self, test: &Test, listeners: &[(String, bool, String)]) -> Meet {
        let by_listener = |keep: &dyn Fn(&(String, bool, String)) -> bool| {
            let left: Vec<String> = self
                .listeners
                .iter()
                .filter(|name| listeners.iter().any(|one| one.0 == **name && keep(one)))
                .cloned()
                .collect();
            self.with(left.is_empty(), left == self.listeners, |region| {
                region.listeners = left.clone();
            })
        };
        match test {
            Test::Constant(true) => Meet::All,
            Test::Constant(false) => Meet::Nothing,
            Test::Tls => by_listener(&|one| one.1),
            Test::Ports(ports) => by_listener(&|one| ports.contains(&one.2)),
            Test::Hosts(hosts) => match narrowed(&self.hosts, hosts, host) {
                None => Meet::Unsaid,
                Some(left) => self.with(left.is_empty(), left == self.hosts, |region| {
                    region.hosts = left.clone();
                }),
            },
            Test::Paths(paths) => match narrowed(&self.paths, paths, path) {
                None => Meet::Unsaid,
                Some(left) => self.with(left.is_empty(), left == self.paths, |region| {
                    region.paths = left.clone();
                }),
            },
            Test::Methods(methods) => {
                let same = |a: &String, b: &String| Some((a == b).then(|| a.clone()));
                match narrowed(&self.methods, methods, same) {
                    None => Meet::Unsaid,
                    Some(left) => self.with(left.is_empty(), left == self.methods, |region| {
                        region.methods = left.clone();
                    }),
                }
            }
            Test::Header(name, value) => named(&self.headers, name, value, |headers| {
                let mut region = self.clone();
                region.headers = headers;
                region
            }),
            Test::Query(name, value) => named(&self.query, name, value, |query| {
                let mut region = self.clone();
                region.query = query;
                region
            }),
            Test::Clients(ranges) if self.clients.is_empty() => self.with(false, false, |region| {
                region.clients.clone_from(ranges);
            }),
            Test::Clients(ranges) if self.clients == *ranges => Meet::All,
            Test::Upgrade => self.with(false, self.upgrade, |region| region.upgrade = true),
            _ => Meet::Unsaid,
        }
    }

    /// What of this region answers no, where that is a region too.
    pub(super) fn without(
        &self,
        test: &Test,
        listeners: &[(String, bool, String)],
    ) -> Option<Self> {
        if !matches!(test, Test::Tls | Test::Ports(_)) {
            return None;
        }
        let Meet::Part(yes) = self.meet(test, listeners) else {
            return None;
        };
        let mut no = self.clone();
        no.listeners.retain(|name| !yes.listeners.contains(name));
        Some(no)
    }

    /// What is left without a part of it, where that is a region: other listeners. Else all of it, which is asked after the part.
    pub(super) fn less(&self, part: &Self) -> Self {
        let mut rest = self.clone();
        rest.listeners.clone_from(&part.listeners);
        if rest == *part {
            rest.listeners = self
                .listeners
                .iter()
                .filter(|it| !part.listeners.contains(it))
                .cloned()
                .collect();
            return rest;
        }
        self.clone()
    }

    /// The requests that both take; `Unsaid` where that is no region.
    pub(super) fn both(&self, other: &Self, listeners: &[(String, bool, String)]) -> Meet {
        let shared: Vec<String> = self
            .listeners
            .iter()
            .filter(|name| other.listeners.contains(name))
            .cloned()
            .collect();
        if shared.is_empty() {
            return Meet::Nothing;
        }
        let mut region = self.clone();
        region.listeners = shared;
        let mut tests = Vec::new();
        if !other.hosts.is_empty() {
            tests.push(Test::Hosts(other.hosts.clone()));
        }
        if !other.paths.is_empty() {
            tests.push(Test::Paths(other.paths.clone()));
        }
        if !other.methods.is_empty() {
            tests.push(Test::Methods(other.methods.clone()));
        }
        for (name, value) in &other.headers {
            tests.push(Test::Header(name.clone(), value.clone()));
        }
        for (name, value) in &other.query {
            tests.push(Test::Query(name.clone(), value.clone()));
        }
        if !other.clients.is_empty() {
            tests.push(Test::Clients(other.clients.clone()));
        }
        if other.upgrade {
            tests.push(Test::Upgrade);
        }
        for test in &tests {
            match region.meet(test, listeners) {
                Meet::All => {}
                Meet::Part(part) => region = part,
                nothing => return nothing,
            }
        }
        if region == *self {
            Meet::All
        } else {
            Meet::Part(region)
        }
    }

    fn with(&self, nothing: bool, all: bool, change: impl FnOnce(&mut Self)) -> Meet {
        if nothing {
            return Meet::Nothing;
        }
        if all {
            return Meet::All;
        }
        let mut region = self.clone();
        change(&mut region);
        Meet::Part(region)
    }
}

/// The values that both lists take; an empty first list takes every value. `None`: nobody can tell.
fn narrowed<T: Clone + PartialEq>(
    have: &[T],
    asked: &[T],
    meet: impl Fn(&T, &T) -> Option<Option<T>>,
) -> Option<Vec<T>> {
    if have.is_empty() {
        return Some(asked.to_vec());
    }
    let mut left = Vec::new();
    for one in have {
        for other in asked {
            if let Some(both) = meet(one, other)?
                && !left.contains(&both)
            {
                left.push(both);
            }
        }
    }
    Some(left)
}

/// The host that both take; the outer `None` where it cannot be written.
fn host(a: &Host, b: &Host) -> Option<Option<Host>> {
    let below = |host: &str, suffix: &str| {
        host.strip_suffix(suffix)
            .is_some_and(|rest| rest.ends_with('.'))
    };
    Some(match (a, b) {
        (a, b) if a == b => Some(a.clone()),
        (Host::Exact(_), Host::Exact(_)) => None,
        (Host::Exact(exact), Host::Suffix(suffix)) | (Host::Suffix(suffix), Host::Exact(exact)) => {
            below(exact, suffix).then(|| Host::Exact(exact.clone()))
        }
        (Host::Exact(exact), Host::Regex(text)) | (Host::Regex(text), Host::Exact(exact)) => {
            regex::matcher(text)?
                .is_match(exact.as_bytes())
                .then(|| Host::Exact(exact.clone()))
        }
        (Host::Suffix(one), Host::Suffix(other)) if below(one, other) => Some(a.clone()),
        (Host::Suffix(one), Host::Suffix(other)) if below(other, one) => Some(b.clone()),
        (Host::Suffix(_), Host::Suffix(_)) => None,
        (Host::Regex(_), _) | (_, Host::Regex(_)) => return None,
    })
}

/// The path that both take; the outer `None` where it cannot be written.
fn path(a: &Path, b: &Path) -> Option<Option<Path>> {
    let below = |path: &str, prefix: &str| {
        path == prefix
            || path
                .strip_prefix(prefix)
                .is_some_and(|rest| prefix.ends_with('/') || rest.starts_with('/'))
    };
    Some(match (a, b) {
        (a, b) if a == b => Some(a.clone()),
        (Path::Prefix(root), other) | (other, Path::Prefix(root)) if root == "/" => {
            Some(other.clone())
        }
        (Path::Exact(_), Path::Exact(_)) => None,
        (Path::Exact(exact), Path::Prefix(prefix)) | (Path::Prefix(prefix), Path::Exact(exact)) => {
            below(exact, prefix).then(|| Path::Exact(exact.clone()))
        }
        (Path::Exact(exact), Path::Regex(text)) | (Path::Regex(text), Path::Exact(exact)) => {
            regex::matcher(text)?
                .is_match(exact.as_bytes())
                .then(|| Path::Exact(exact.clone()))
        }
        (Path::Prefix(one), Path::Prefix(other)) if below(one, other) => Some(a.clone()),
        (Path::Prefix(one), Path::Prefix(other)) if below(other, one) => Some(b.clone()),
        (Path::Prefix(_), Path::Prefix(_)) => None,
        (Path::Prefix(prefix), Path::Regex(text)) | (Path::Regex(text), Path::Prefix(prefix)) => {
            let literal: String = text
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || "/_-".contains(*c))
                .collect();
            if literal.len() > prefix.len() && below(&literal, prefix) {
                Some(Path::Regex(text.clone()))
            } else if literal.len() > 1
                && !prefix.starts_with(&literal)
                && !literal.starts_with(prefix.as_str())
            {
                None
            } else {
                return None;
            }
        }
        (Path::Regex(_), Path::Regex(_)) => return None,
    })
}

fn named(
    have: &[(String, Value)],
    name: &str,
    value: &Value,
    with: impl FnOnce(Vec<(String, Value)>) -> Region,
) -> Meet {
    let mut all = have.to_vec();
    match have.iter().position(|(one, _)| one == name) {
        None => all.push((name.to_owned(), value.clone())),
        Some(at) => match (&have[at].1, value) {
            (_, Value::Present) => return Meet::All,
            (a, b) if a == b => return Meet::All,
            (Value::Present, _) => all[at].1 = value.clone(),
            (Value::Is(a), Value::Is(b)) => {
                let both: Vec<String> = a.iter().filter(|it| b.contains(it)).cloned().collect();
                if both.is_empty() {
                    return Meet::Nothing;
                }
                if both == *a {
                    return Meet::All;
                }
                all[at].1 = Value::Is(both);
            }
            _ => return Meet::Unsaid,
        },
    }
    Meet::Part(with(all))
}
