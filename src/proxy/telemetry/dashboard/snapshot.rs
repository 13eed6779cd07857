//! What the dashboard shows at one moment, read from the metrics as anybody could read them.

use std::collections::HashMap;
use std::time::Duration;

use crate::ir::Gateway;

/// The metrics, by name with labels.
#[derive(Default)]
pub(super) struct Numbers(HashMap<String, f64>);

impl Numbers {
    /// Reads Prometheus' text format.
    pub(super) fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let numbers = lines.filter_map(|line| {
            let (name, number) = line.rsplit_once(' ')?;
            Some((name.to_owned(), number.parse().ok()?))
        });
        Self(numbers.collect())
    }

    fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }
}

/// One picture.
#[derive(Default)]
pub(super) struct Snapshot {
    /// The spec's name.
    pub(super) name: String,
    /// Since the proxy started.
    pub(super) up: Duration,
    /// Whether it drains.
    pub(super) draining: bool,
    /// Listeners with their addresses.
    pub(super) listeners: Vec<String>,
    /// Client connections that are open.
    pub(super) connections: f64,
    /// Tunnels that are open, and opened since the start.
    pub(super) tunnels: (f64, f64),
    /// Requests per second.
    pub(super) requests: f64,
    /// Tunnels' bytes per second, from clients and to them.
    pub(super) bytes: (f64, f64),
    /// Tunnels' messages per second, from clients and to them.
    pub(super) messages: (f64, f64),
    /// Why tunnels ended, how many.
    pub(super) closed: Vec<(String, f64)>,
    /// Routes in the computed order.
    pub(super) routes: Vec<Route>,
    /// Servers in the order of the file.
    pub(super) servers: Vec<Server>,
    /// The last lines of the log, the latest last.
    pub(super) log: Vec<String>,
    /// Which tab is shown.
    pub(super) tab: usize,
    /// How far down.
    pub(super) scroll: usize,
}

/// A route.
pub(super) struct Route {
    /// Its name.
    pub(super) name: String,
    /// Host and path of its first entry.
    pub(super) takes: String,
    /// Requests per second.
    pub(super) rate: f64,
    /// Requests since the start.
    pub(super) total: f64,
    /// Of these, answered with 4xx and with 5xx.
    pub(super) errors: (f64, f64),
    /// The mean time to an answer's head, in milliseconds.
    pub(super) mean: f64,
}

/// A server.
pub(super) struct Server {
    /// Its upstream.
    pub(super) upstream: String,
    /// Its address.
    pub(super) address: String,
    /// Whether it takes requests.
    pub(super) healthy: bool,
    /// Requests and tunnels that are open.
    pub(super) open: f64,
}

impl Snapshot {
    /// What these numbers say; rates are those since `before`.
    pub(super) fn new(
        gateway: &Gateway,
        numbers: &Numbers,
        before: Option<(&Numbers, Duration)>,
    ) -> Self {
        let rate = |name: &str| {
            before.map_or(0.0, |(before, since)| {
                (numbers.get(name) - before.get(name)) / since.as_secs_f64().max(0.001)
            })
        };
        let ways = |name: &str| {
            let way = |way: &str| rate(&format!("{name}{{way=\"{way}\"}}"));
            (way("up"), way("down"))
        };
        let mut routes: Vec<Route> = Vec::new();
        let mut told = std::collections::HashSet::new();
        for entry in &gateway.table {
            if !told.insert(entry.route) {
                continue;
            }
            let name = &gateway.route(entry.route).name;
            let class = |class: u8| {
                format!("wsgen_requests_total{{route=\"{name}\",status=\"{class}xx\"}}")
            };
            let time = |what: &str| {
                numbers.get(&format!("wsgen_request_seconds_{what}{{route=\"{name}\"}}"))
            };
            routes.push(Route {
                takes: format!("{}{}", entry.host(gateway), entry.path(gateway)),
                rate: (1..=5).map(|it| rate(&class(it))).sum(),
                total: (1..=5).map(|it| numbers.get(&class(it))).sum(),
                errors: (numbers.get(&class(4)), numbers.get(&class(5))),
                mean: time("sum") * 1000.0 / time("count").max(1.0),
                name: name.clone(),
            });
        }
        let mut servers = Vec::new();
        for upstream in &gateway.upstreams {
            for server in &upstream.servers {
                let address = server.address.value.to_string();
                let labels = format!("{{upstream=\"{}\",server=\"{address}\"}}", upstream.name);
                servers.push(Server {
                    upstream: upstream.name.clone(),
                    healthy: numbers.get(&format!("wsgen_server_healthy{labels}")) > 0.0,
                    open: numbers.get(&format!("wsgen_server_open{labels}")),
                    address,
                });
            }
        }
        let ended = "wsgen_tunnels_closed_total{why=\"";
        let ends = numbers.0.iter().filter_map(|(name, count)| {
            let why = name.strip_prefix(ended)?.strip_suffix("\"}")?;
            Some((why.to_owned(), *count))
        });
        let mut closed: Vec<(String, f64)> = ends.collect();
        closed.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Self {
            name: gateway.name.value.clone(),
            listeners: gateway
                .listeners
                .iter()
                .map(|it| format!("{} {}:{}", it.name, it.scheme(), it.port.value))
                .collect(),
            connections: numbers.get("wsgen_connections_open"),
            tunnels: (
                numbers.get("wsgen_tunnels_open"),
                numbers.get("wsgen_tunnels_opened_total"),
            ),
            requests: routes.iter().map(|route| route.rate).sum(),
            bytes: ways("wsgen_tunnel_bytes_total"),
            messages: ways("wsgen_tunnel_messages_total"),
            closed,
            routes,
            servers,
            ..Self::default()
        }
    }
}
