//! What the call says in place of the spec: a listener's port, an upstream's servers.

use std::str::FromStr;

use crate::ir::{Address, Gateway, Loc, Server, Set};
use crate::names;

/// What the call says in place of the spec.
#[derive(Clone, Default, Debug)]
pub struct Overrides {
    /// Listeners and their ports.
    pub ports: Vec<Override<u16>>,
    /// Upstreams and their servers; several of one upstream are several servers.
    pub upstreams: Vec<Override<Servers>>,
}

/// A name of the spec, and what holds for it.
#[derive(Clone, Debug)]
pub struct Override<T> {
    /// The name of a listener or an upstream.
    pub name: String,
    /// What holds.
    pub value: T,
}

/// What stands in place of an upstream's servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Servers {
    /// This server.
    Address(Address),
    /// A built-in echo server for each.
    Echo,
}

impl FromStr for Servers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "echo" => Ok(Self::Echo),
            _ => text.parse().map(Self::Address),
        }
    }
}

impl Overrides {
    /// Puts ports and servers into a spec. An upstream that is to be an echo server stays as it is: see `echoes`.
    ///
    /// # Errors
    /// A name that the spec does not have: a sentence, and what to write.
    pub fn apply(&self, gateway: &mut Gateway) -> Result<(), (String, String)> {
        for one in &self.ports {
            let Some(listener) = gateway.listeners.iter_mut().find(|it| it.name == one.name) else {
                let known = gateway.listeners.iter().map(|it| it.name.as_str());
                return Err(unknown("--port", "listener", &one.name, known.collect()));
            };
            // Clients see what is bound, unless the spec says what they see.
            if !listener.public_port.is_written() {
                listener.public_port.value = one.value;
            }
            listener.port.value = one.value;
        }
        for one in &self.upstreams {
            if !gateway.upstreams.iter().any(|it| it.name == one.name) {
                let known = gateway.upstreams.iter().map(|it| it.name.as_str());
                return Err(unknown(
                    "--upstream",
                    "upstream",
                    &one.name,
                    known.collect(),
                ));
            }
        }
        for upstream in &mut gateway.upstreams {
            let addresses = self.upstreams.iter().filter_map(|one| match &one.value {
                Servers::Address(address) if one.name == upstream.name => Some(address.clone()),
                _ => None,
            });
            let servers: Vec<Server> = addresses.map(|it| server(it, upstream.at)).collect();
            if !servers.is_empty() {
                upstream.servers = servers;
                // Another port than the server's was that of the servers which are gone.
                if let Some(health) = &mut upstream.health {
                    health.port = None;
                }
            }
        }
        Ok(())
    }

    /// Whether an upstream is to be an echo server.
    pub(super) fn echoes(&self, upstream: &str) -> bool {
        let mut own = self.upstreams.iter().filter(|one| one.name == upstream);
        own.any(|one| one.value == Servers::Echo)
    }

    /// Whether the call says where an upstream's servers are.
    pub(super) fn places(&self, upstream: &str) -> bool {
        let mut own = self.upstreams.iter().filter(|one| one.name == upstream);
        own.any(|one| one.value != Servers::Echo)
    }

    /// Whether the call says a listener's port.
    pub(super) fn moves(&self, listener: &str) -> bool {
        self.ports.iter().any(|one| one.name == listener)
    }
}

/// A server as the spec would name it with nothing but its address.
fn server(address: Address, at: Loc) -> Server {
    Server {
        at,
        address: Set::written(address, at),
        weight: Set::written(1, at),
        backup: Set::written(false, at),
    }
}

fn unknown(flag: &str, what: &str, name: &str, known: Vec<&str>) -> (String, String) {
    let help = match names::closest(name, known.iter().copied()) {
        Some(close) => format!("did you mean `{close}`?"),
        None => format!("the spec's are {}", known.join(", ")),
    };
    (format!("`{flag}`: the spec has no {what} `{name}`"), help)
}
