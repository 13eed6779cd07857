//! What is counted, in Prometheus' format: requests, their times, tunnels, health, limits.

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use http::StatusCode;
use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::proxy::clock;
use crate::proxy::tunnel::relay::Carried;
use crate::proxy::tunnel::watch::Amounts;
use crate::proxy::upstream::servers::{Server, Servers};

/// How often times are put into their buckets.
const UPKEEP: Duration = Duration::from_secs(1);

/// The bounds of the histogram of times, in seconds.
const BOUNDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// Sets the recorder up, once per process.
///
/// # Errors
/// A sentence, if there is one already.
pub(crate) fn install() -> Result<PrometheusHandle, String> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BOUNDS)
        .map_err(|error| error.to_string())?
        .install_recorder()
        .map_err(|error| error.to_string())?;
    describe_counter!(
        "wsgen_requests_total",
        "Requests answered, by route and class of status."
    );
    describe_histogram!(
        "wsgen_request_seconds",
        "From a request's head to its answer's head."
    );
    describe_counter!(
        "wsgen_refused_total",
        "Requests that no route was asked for: no HTTP, or against RFC 9112."
    );
    describe_counter!(
        "wsgen_unrouted_total",
        "Requests that no route takes, by listener and what became of them."
    );
    describe_counter!(
        "wsgen_accept_failures_total",
        "Clients that could not be accepted, for want of descriptors most often."
    );
    describe_counter!(
        "wsgen_limited_total",
        "Requests refused by a limit, by route and limit."
    );
    describe_counter!(
        "wsgen_upstream_requests_total",
        "Requests sent to servers, each try of one, by upstream."
    );
    describe_counter!(
        "wsgen_lookup_failures_total",
        "Look-ups of servers' names without an answer, by upstream."
    );
    describe_counter!(
        "wsgen_key_set_failures_total",
        "Fetches of key sets that failed, by entry of `auth`."
    );
    describe_gauge!("wsgen_tunnels_open", "Tunnels that are open.");
    describe_counter!("wsgen_tunnels_opened_total", "Tunnels that were opened.");
    describe_counter!("wsgen_tunnels_closed_total", "Tunnels that ended, by why.");
    describe_counter!(
        "wsgen_tunnel_bytes_total",
        "Bytes through tunnels, by direction."
    );
    describe_counter!(
        "wsgen_tunnel_messages_total",
        "Messages through tunnels, by direction."
    );
    describe_gauge!(
        "wsgen_connections_open",
        "Client connections that are open."
    );
    describe_counter!(
        "wsgen_log_lines_lost_total",
        "Lines of the log that nobody read in time."
    );
    describe_gauge!(
        "wsgen_generations",
        "Specs that are held: more than one while something of an older one is under way."
    );
    Ok(handle)
}

/// Requests that were sent to an upstream's servers.
pub(crate) fn upstream(name: &str) -> Counter {
    counter!("wsgen_upstream_requests_total", "upstream" => name.to_owned())
}

/// Look-ups of an upstream's names that failed.
pub(crate) fn lookup_failures(upstream: &str) -> Counter {
    counter!("wsgen_lookup_failures_total", "upstream" => upstream.to_owned())
}

/// Fetches of a key set that failed.
pub(crate) fn key_set_failures(auth: &str) -> Counter {
    counter!("wsgen_key_set_failures_total", "auth" => auth.to_owned())
}

/// What a route counts.
pub(crate) struct RouteCounters {
    classes: [Counter; 5],
    times: Histogram,
    name: String,
}

impl RouteCounters {
    /// The counters of a route.
    pub(crate) fn new(name: &str) -> Self {
        let class = |class: &'static str| counter!("wsgen_requests_total", "route" => name.to_owned(), "status" => class);
        Self {
            classes: [
                class("1xx"),
                class("2xx"),
                class("3xx"),
                class("4xx"),
                class("5xx"),
            ],
            times: histogram!("wsgen_request_seconds", "route" => name.to_owned()),
            name: name.to_owned(),
        }
    }

    /// A request was answered.
    pub(crate) fn answered(&self, status: StatusCode, since: Instant) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.classes[class].increment(1);
        self.times.record(since.elapsed().as_secs_f64());
    }

    /// A limit refused a request.
    pub(crate) fn limited(&self, limit: &'static str) {
        counter!("wsgen_limited_total", "route" => self.name.clone(), "limit" => limit)
            .increment(1);
    }
}

/// What a listener counts.
pub(crate) struct ListenerCounters {
    refused: Counter,
    not_accepted: Counter,
    unrouted: [Counter; 4],
}

/// What becomes of a request that no route takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unrouted {
    /// 404.
    NotFound,
    /// The listener's redirect to another one.
    Redirected,
    /// The connection ended unanswered: its host is unknown.
    Closed,
    /// 400: its path is none that this listener takes.
    BadPath,
}

impl ListenerCounters {
    /// The counters of a listener.
    pub(crate) fn new(name: &str) -> Self {
        let unrouted = |outcome: &'static str| counter!("wsgen_unrouted_total", "listener" => name.to_owned(), "outcome" => outcome);
        Self {
            refused: counter!("wsgen_refused_total", "listener" => name.to_owned()),
            not_accepted: counter!("wsgen_accept_failures_total", "listener" => name.to_owned()),
            // In the order of `Unrouted`.
            unrouted: ["not_found", "redirect", "closed", "bad_path"].map(unrouted),
        }
    }

    /// A request was refused before any route was asked.
    pub(crate) fn refused(&self) {
        self.refused.increment(1);
    }

    /// The system gave no connection.
    pub(crate) fn not_accepted(&self) {
        self.not_accepted.increment(1);
    }

    /// A request that no route takes.
    pub(crate) fn unrouted(&self, outcome: Unrouted) {
        self.unrouted[outcome as usize].increment(1);
    }
}

/// Counts what histograms were told: until then every single time is kept.
pub(crate) async fn keep_up(handle: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        handle.run_upkeep();
    }
}

/// What tunnels and connections count, found once by their names.
struct Counted {
    opened: Counter,
    open: Gauge,
    /// Up, then down.
    bytes: [Counter; 2],
    messages: [Counter; 2],
    connections: Gauge,
    /// Lines of the log.
    lost: Counter,
}

static COUNTED: LazyLock<Counted> = LazyLock::new(|| Counted {
    opened: counter!("wsgen_tunnels_opened_total"),
    open: gauge!("wsgen_tunnels_open"),
    bytes: ["up", "down"].map(|way| counter!("wsgen_tunnel_bytes_total", "way" => way)),
    messages: ["up", "down"].map(|way| counter!("wsgen_tunnel_messages_total", "way" => way)),
    connections: gauge!("wsgen_connections_open"),
    lost: counter!("wsgen_log_lines_lost_total"),
});

/// So many lines of the log found no room.
pub(crate) fn log_lost(lines: u64) {
    COUNTED.lost.increment(lines);
}

/// A tunnel was opened.
pub(crate) fn tunnel_opened() {
    COUNTED.opened.increment(1);
    COUNTED.open.increment(1);
}

/// A tunnel ended.
pub(crate) fn tunnel_closed(carried: &Carried) {
    COUNTED.open.decrement(1);
    counter!("wsgen_tunnels_closed_total", "why" => carried.end.word()).increment(1);
    tunnels_carried(carried.untold);
}

/// So much went through tunnels.
pub(crate) fn tunnels_carried(amounts: Amounts) {
    let [up, down] = &COUNTED.bytes;
    up.increment(amounts.up);
    down.increment(amounts.down);
    let [up, down] = &COUNTED.messages;
    up.increment(amounts.messages_up);
    down.increment(amounts.messages_down);
}

/// What is known of the servers of a spec. They are written when they are asked for: a server that a reload has taken away is not told of.
pub(crate) fn servers<'a>(upstreams: impl Iterator<Item = &'a Servers> + Clone) -> String {
    let now = clock::now();
    let label = |text: &str| {
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    };
    let mut text = String::new();
    let mut family = |name: &str, help: &str, number: &dyn Fn(&Server) -> u32| {
        // A string takes every line.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for servers in upstreams.clone() {
            for server in &servers.list {
                let (upstream, address) =
                    (label(&servers.name), label(&server.address.to_string()));
                let number = number(server);
                let _ = writeln!(
                    text,
                    "{name}{{upstream=\"{upstream}\",server=\"{address}\"}} {number}"
                );
            }
        }
        text.push('\n');
    };
    family(
        "wsgen_server_healthy",
        "Whether a server takes requests: by active checks, and by its errors.",
        &|server| u32::from(server.is_well(now)),
    );
    family(
        "wsgen_server_open",
        "Requests and tunnels that are open at a server.",
        &Server::open,
    );
    text
}

/// How many client connections are open.
pub(crate) fn connections() -> &'static Gauge {
    &COUNTED.connections
}

/// How many specs are held.
pub(crate) fn generations() -> Gauge {
    gauge!("wsgen_generations")
}
