//! What is seen of a request at both ends, without what is nobody's promise: names of programs, dates, the lab's own ports and addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use wsgen::ir::{Feature, normalize};
use wsgen::verify::ask::Ask;
use wsgen::verify::lab::Lab;
use wsgen::verify::wire::{Request, Response};

use super::requests::CLIMBING;

/// What a difference is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Aspect {
    /// The status, the upstream, how often it was asked.
    Outcome,
    /// A line that the server saw.
    Server(String),
    /// A line that the client saw.
    Client(String),
}

impl Aspect {
    /// Whether the loss of a feature shows here.
    pub(super) fn is_of(&self, feature: Feature) -> bool {
        let families: &[&str] = match self {
            Self::Outcome => return true,
            Self::Server(name) => match name.as_str() {
                "host" => &["headers", "upstream.protocol"],
                "x-forwarded-for" | "x-forwarded-proto" | "x-forwarded-host"
                | "x-forwarded-port" | "x-real-ip" => {
                    &["headers", "listener.public_port", "listener.proxy_protocol"]
                }
                "cookie" | "authorization" => &["auth", "headers"],
                "sec-websocket-protocol" => &["auth", "websocket"],
                "x_kind" => &["listener.header_names"],
                "target" => &["auth", "listener", "path", "rewrite"],
                "method" | "upgrade" => &["websocket"],
                "body" => &["limit.body", "stream"],
                _ => &["auth", "headers"],
            },
            Self::Client(name) => match name.as_str() {
                "location" => &[
                    "error_pages",
                    "headers.response",
                    "listener",
                    "redirect",
                    "rewrite",
                ],
                "allow" => &["route.methods"],
                "www-authenticate" => &["auth", "error_pages"],
                "set-cookie" => &[
                    "auth",
                    "error_pages",
                    "headers.response",
                    "rewrite",
                    "stickiness",
                ],
                "content-encoding" => &["compression"],
                "strict-transport-security" => &["tls.hsts"],
                "upgrade" | "sec-websocket-protocol" => &["websocket"],
                name if name.starts_with("access-control-") => &["cors"],
                _ => &["auth", "headers"],
            },
        };
        let id = feature.id();
        families
            .iter()
            .any(|family| id == *family || id.starts_with(&format!("{family}.")))
    }
}

/// What is seen of a request.
pub(super) struct View {
    outcome: String,
    server: BTreeMap<String, String>,
    client: BTreeMap<String, String>,
}

/// What a server sees of every request by the contract, and what the requests bring along.
const TO_SERVERS: [&str; 13] = [
    "host",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-real-ip",
    "upgrade",
    "cookie",
    "authorization",
    "origin",
    "x-kind",
    "x_kind",
    "sec-websocket-protocol",
];

/// What a client sees by the contract, and what the servers are asked to say.
const TO_CLIENTS: [&str; 15] = [
    "location",
    "allow",
    "www-authenticate",
    "set-cookie",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-allow-credentials",
    "access-control-expose-headers",
    "access-control-max-age",
    "content-encoding",
    "strict-transport-security",
    "sec-websocket-protocol",
    "upgrade",
    "x-told",
];

/// The lines of one end: what a difference there is, ours, theirs.
type Side<'a> = (fn(String) -> Aspect, &'a Lines, &'a Lines);

type Lines = BTreeMap<String, String>;

impl View {
    /// Sends the request.
    pub(super) fn of(lab: &Lab, ask: &Ask) -> View {
        let Ok(answer) = lab.answer(ask) else {
            return View {
                outcome: "closed".to_owned(),
                server: BTreeMap::new(),
                client: BTreeMap::new(),
            };
        };
        let arrivals = lab.arrivals(ask);
        let upstreams: BTreeSet<&str> = arrivals
            .iter()
            .map(|(id, ..)| lab.gateway.upstream(*id).name.as_str())
            .collect();
        let upstreams: Vec<&str> = upstreams.into_iter().collect();
        View {
            outcome: format!(
                "{} from {} by {}",
                answer.status,
                if upstreams.is_empty() {
                    "itself".to_owned()
                } else {
                    upstreams.join("+")
                },
                arrivals.len()
            ),
            server: arrivals
                .last()
                .map(|(.., request)| at_server(lab, ask, request))
                .unwrap_or_default(),
            client: at_client(lab, ask, &answer),
        }
    }

    /// What the other one has otherwise.
    pub(super) fn differences(&self, other: &View) -> Vec<(Aspect, String)> {
        if self.outcome != other.outcome {
            // The rest follows from that.
            let said = format!("{}, the reference {}", other.outcome, self.outcome);
            return vec![(Aspect::Outcome, said)];
        }
        let mut found = Vec::new();
        let sides: [Side<'_>; 2] = [
            (Aspect::Server, &self.server, &other.server),
            (Aspect::Client, &self.client, &other.client),
        ];
        for (aspect, ours, theirs) in sides {
            let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            for name in names {
                let (ours, theirs) = (ours.get(name), theirs.get(name));
                if ours != theirs {
                    let aspect = aspect(name.clone());
                    let said = format!("{aspect:?}: {theirs:?}, the reference {ours:?}");
                    found.push((aspect, said));
                }
            }
        }
        found
    }
}

fn at_server(lab: &Lab, ask: &Ask, request: &Request) -> BTreeMap<String, String> {
    let own = lab.gateway.routes.iter().flat_map(|it| &it.request_headers);
    let names = TO_SERVERS.iter().copied();
    let names = names.chain(own.map(|it| it.name.as_str()));
    let mut seen = BTreeMap::new();
    for name in names {
        let values = request.headers.all(name);
        if !values.is_empty() {
            let name = name.to_ascii_lowercase();
            let value = blank(ask, &name, &values.join(", "));
            // To an upstream of HTTP/2 a handshake may be an extended CONNECT (RFC 8441), which has no such line.
            if name != "upgrade" || !request.is_websocket() {
                seen.insert(name, value);
            }
        }
    }
    let target = match request.target.split_once('?') {
        Some((path, query)) => format!("{}?{query}", normal(path)),
        None => normal(&request.target),
    };
    seen.insert("target".to_owned(), target);
    seen.insert(
        "method".to_owned(),
        request
            .line
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned(),
    );
    if request.is_websocket() {
        seen.insert("method".to_owned(), "a handshake".to_owned());
    }
    // A fact that is not there: no line, or an empty one.
    seen.retain(|_, value| !value.is_empty());
    seen.insert(
        "body".to_owned(),
        String::from_utf8_lossy(&request.body).into_owned(),
    );
    seen
}

/// Whether a server gets a path in the form in which it is matched is the program's matter.
fn normal(path: &str) -> String {
    normalize(path).unwrap_or_else(|| path.to_owned())
}

fn at_client(lab: &Lab, ask: &Ask, answer: &Response) -> BTreeMap<String, String> {
    let entry = lab.asker().outcome(ask).and_then(|it| it.entry);
    let route = entry.map(|entry| lab.gateway.route(entry.route));
    let own = route.into_iter().flat_map(|it| &it.response_headers);
    // Without an origin nobody asks whether it may read the answer.
    let asks = ask.request.header("origin").is_some();
    let names = TO_CLIENTS.iter().copied();
    let names = names.filter(|name| asks || !name.starts_with("access-control-"));
    let names = names.chain(own.map(|it| it.name.as_str()));
    let mut seen = BTreeMap::new();
    for name in names {
        let values = answer.headers.all(name);
        if values.is_empty() {
            continue;
        }
        let name = name.to_ascii_lowercase();
        let value = match name.as_str() {
            "set-cookie" => cookies(&values),
            // The realm is each program's own word.
            "www-authenticate" => values[0].split(' ').next().unwrap_or_default().to_owned(),
            "allow" | "access-control-allow-methods" | "access-control-allow-headers" => {
                sorted(&values.join(","))
            }
            _ => blank(ask, &name, &values.join(", ")),
        };
        if !value.is_empty() {
            seen.insert(name, value.to_ascii_lowercase());
        }
    }
    // A browser reads the others only where its origin is allowed.
    if !seen.contains_key("access-control-allow-origin") {
        seen.retain(|name, _| !name.starts_with("access-control-"));
    }
    seen
}

fn sorted(list: &str) -> String {
    let words: BTreeSet<String> = list
        .split(',')
        .map(|word| word.trim().to_ascii_lowercase())
        .collect();
    words.into_iter().collect::<Vec<_>>().join(", ")
}

/// Their names and attributes: a value is opaque.
fn cookies(lines: &[&str]) -> String {
    let mut all: Vec<String> = lines
        .iter()
        .map(|line| {
            let mut parts = line.split(';').map(str::trim);
            let first = parts.next().unwrap_or_default();
            let name = first.split('=').next().unwrap_or_default();
            let attributes: BTreeSet<String> = parts
                .map(str::to_ascii_lowercase)
                // The older word for `Max-Age`.
                .filter(|it| !it.starts_with("expires="))
                .collect();
            let attributes: Vec<String> = attributes.into_iter().collect();
            format!("{name}; {}", attributes.join("; "))
        })
        .collect();
    all.sort();
    all.join(" | ")
}

/// A value without what belongs to this lab, or to this request alone.
fn blank(ask: &Ask, name: &str, value: &str) -> String {
    static PORT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r":[0-9]{2,5}\b").expect("a regex"));
    static ID: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"[0-9a-fA-F][0-9a-fA-F-]{15,}").expect("a regex"));
    static SERVER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"127(\.[0-9]+){3}").expect("a regex"));
    let mut value = value.to_owned();
    for (address, word) in [(ask.client(), "CLIENT"), (ask.peer(), "PEER")] {
        if let Some(address) = address {
            value = value.replace(&address.to_string(), word);
        }
    }
    if name == "x-forwarded-port" {
        return "PORT".to_owned();
    }
    for (regex, word) in [(&PORT, ":PORT"), (&ID, "ID"), (&SERVER, "SERVER")] {
        value = regex.replace_all(&value, word).into_owned();
    }
    match value.len() > 100 {
        true => "LONG".to_owned(),
        // Some resolve only the dots.
        false => value
            .replace(CLIMBING, &normal(CLIMBING))
            .replace("/y//z", "/y/z"),
    }
}
