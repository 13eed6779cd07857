//! Active checks and names looked up again, on a thread of their own: what they find, every worker reads.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use http::header::{self, HeaderValue};
use http_body_util::Empty;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use metrics::Counter;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{sleep, timeout};

use crate::ir::{Address, Check, Gateway, Health, Protocol};

use crate::proxy::clock;
use crate::proxy::fault::causes;
use crate::proxy::process::generation::Generation;
use crate::proxy::process::worker::Shared;
use crate::proxy::request::{guard, outgoing};
use crate::proxy::telemetry::trouble::Trouble;
use crate::proxy::upstream::connect::Here;
use crate::proxy::upstream::dial::{For, to_server};
use crate::proxy::upstream::servers::Server;
use crate::proxy::wire::Stream;

/// How soon a name that was not found is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// Starts every check, look-up and fetch of a spec; they end when they are aborted.
pub(crate) fn start(
    generation: &Arc<Generation>,
    resolver: &Resolver,
    shared: &Arc<Shared>,
) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    for (at, upstream) in generation.gateway.upstreams.iter().enumerate() {
        let servers = &generation.upstreams[at].servers;
        for (index, server) in servers.list.iter().enumerate() {
            if let Some(host) = server.address.name() {
                let name = Name {
                    upstream: upstream.name.clone(),
                    host: host.to_owned(),
                    server: Arc::clone(server),
                    every: upstream.resolve.value.map(clock::of),
                    failures: generation.upstreams[at].lookup_failures.clone(),
                };
                let (resolver, shared) = (Arc::clone(resolver), Arc::clone(shared));
                tasks.push(spawn_local(look_up(name, resolver, shared)));
            }
            if upstream.health.is_none() {
                // Nobody would find it well again.
                server.set_healthy(true);
            }
            if let Some(health) = &upstream.health {
                tasks.push(spawn_local(check(
                    Arc::clone(generation),
                    at,
                    index,
                    health.clone(),
                )));
            }
        }
    }
    for set in &generation.fetched {
        let (resolver, shared) = (Arc::clone(resolver), Arc::clone(shared));
        let fetching = guard::jwks::refresh(set.clone(), resolver, shared);
        tasks.push(spawn_local(fetching));
    }
    tasks
}

/// Asks for addresses.
pub(crate) type Resolver = Arc<hickory_resolver::TokioResolver>;

/// The resolver that the spec names, else that of this machine.
///
/// # Errors
/// A sentence, if its settings cannot be read.
pub(crate) fn resolver(gateway: &Gateway) -> Result<Resolver, String> {
    let mut builder = match &gateway.rooms.proxy.resolvers {
        None => hickory_resolver::TokioResolver::builder_tokio().map_err(|it| it.to_string())?,
        Some(named) => {
            let mut config = ResolverConfig::default();
            for name in &named.value {
                config.add_name_server(name_server(name)?);
            }
            hickory_resolver::TokioResolver::builder_with_config(
                config,
                TokioRuntimeProvider::default(),
            )
        }
    };
    // Each upstream says how often it wants to know.
    builder.options_mut().cache_size = 0;
    builder.build().map(Arc::new).map_err(|it| it.to_string())
}

/// `127.0.0.53`, with or without a port.
fn name_server(name: &str) -> Result<NameServerConfig, String> {
    let (ip, port) = match (name.parse::<IpAddr>(), name.parse::<SocketAddr>()) {
        (Ok(ip), _) => (ip, None),
        (_, Ok(address)) => (address.ip(), Some(address.port())),
        _ => return Err(format!("`{name}` is no address of a DNS server")),
    };
    let mut server = NameServerConfig::udp_and_tcp(ip);
    for connection in &mut server.connections {
        connection.port = port.unwrap_or(connection.port);
    }
    Ok(server)
}

/// Addresses of a host, `localhost` and literal ones without asking.
///
/// # Errors
/// Why there are none.
pub(crate) async fn addresses(
    resolver: &Resolver,
    host: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, String> {
    let found = resolver.lookup_ip(host).await;
    let found = found.map_err(|error| causes(&error))?;
    let found: Vec<_> = found.iter().map(|ip| SocketAddr::new(ip, port)).collect();
    if found.is_empty() {
        return Err(format!("{host} has no address"));
    }
    Ok(found)
}

/// A server's name, looked up again and again.
struct Name {
    upstream: String,
    host: String,
    server: Arc<Server>,
    /// How often; `None` once.
    every: Option<Duration>,
    failures: Counter,
}

async fn look_up(name: Name, resolver: Resolver, shared: Arc<Shared>) {
    let port = name.server.address.port().unwrap_or(0);
    let what = format!("`upstreams.{}`: {}", name.upstream, name.host);
    let trouble = Trouble::with(what);
    loop {
        match addresses(&resolver, &name.host, port).await {
            Ok(found) => {
                name.server.set_addresses(found);
                trouble.ends(&shared.output, "the name has addresses again");
                match name.every {
                    Some(every) => sleep(every).await,
                    None => return,
                }
            }
            // What was known stays while nobody answers.
            Err(why) => {
                name.failures.increment(1);
                trouble.begins(&shared.output, &format!("the name has no address: {why}"));
                sleep(AGAIN).await;
            }
        }
    }
}

async fn check(generation: Arc<Generation>, upstream: usize, server: usize, health: Health) {
    let servers = &generation.upstreams[upstream].servers;
    let own = &servers.list[server];
    let (mut good, mut bad) = (0, 0);
    loop {
        let limit = clock::of(health.timeout.value);
        let well = timeout(limit, is_well(&generation, upstream, own, &health))
            .await
            .unwrap_or(false);
        (good, bad) = if well { (good + 1, 0) } else { (0, bad + 1) };
        if well && good >= u32::from(health.rise.value) {
            own.set_healthy(true);
        } else if !well && bad >= u32::from(health.fall.value) {
            own.set_healthy(false);
        }
        sleep(clock::of(health.interval.value)).await;
    }
}

async fn is_well(
    generation: &Generation,
    upstream: usize,
    server: &Server,
    health: &Health,
) -> bool {
    let http2 = generation.gateway.upstreams[upstream].protocol.value == Protocol::Http2
        && !matches!(health.check.value, Check::WebSocket { .. });
    let what = For {
        http2,
        port: health.port.as_ref().map(|port| port.value),
    };
    let Ok(stream) = to_server(generation, upstream, server, what).await else {
        return false;
    };
    let own = |host: &Option<String>| {
        host.clone().unwrap_or_else(|| match &server.address {
            Address::Unix { .. } => "localhost".to_owned(),
            address => address.to_string(),
        })
    };
    match &health.check.value {
        Check::Tcp => true,
        Check::Http {
            path,
            host,
            method,
            status,
        } => {
            let tls = generation.upstreams[upstream].tls.is_some();
            let answered = match http2 {
                true => ask_http2(stream, tls, method, path, &own(host)).await,
                false => ask(stream, method, path, &own(host), false).await,
            };
            answered.is_some_and(|answered| {
                status
                    .iter()
                    .any(|range| (range.first..=range.last).contains(&answered))
            })
        }
        Check::WebSocket { path, host } => {
            ask(stream, "GET", path, &own(host), true).await == Some(101)
        }
    }
}

/// The status that a server of HTTP/2 answers a check with.
async fn ask_http2(stream: Stream, tls: bool, method: &str, path: &str, host: &str) -> Option<u16> {
    let (mut sender, connection) = http2::handshake(Here, TokioIo::new(stream)).await.ok()?;
    let running = spawn_local(async move {
        let _ = connection.await;
    });
    let mut request = http::Request::new(Empty::<bytes::Bytes>::new());
    *request.method_mut() = method.parse().ok()?;
    *request.uri_mut() = outgoing::absolute(tls, host, &path.parse().ok()?)?;
    let agent = HeaderValue::from_static("wsgen-health");
    request.headers_mut().insert(header::USER_AGENT, agent);
    let answer = sender.send_request(request).await.ok();
    running.abort();
    Some(answer?.status().as_u16())
}

/// The status that a server answers a check with.
async fn ask(stream: Stream, method: &str, path: &str, host: &str, upgrade: bool) -> Option<u16> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let running = spawn_local(async move {
        let _ = connection.await;
    });
    let mut request = http::Request::new(Empty::<bytes::Bytes>::new());
    *request.method_mut() = method.parse().ok()?;
    *request.uri_mut() = path.parse().ok()?;
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_str(host).ok()?);
    headers.insert(header::USER_AGENT, HeaderValue::from_static("wsgen-health"));
    if upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(
            header::SEC_WEBSOCKET_VERSION,
            HeaderValue::from_static("13"),
        );
        let mut key = [0; 16];
        key[..8].copy_from_slice(&crate::proxy::random::random().to_be_bytes());
        let key = guard::base64_of(&key);
        headers.insert(header::SEC_WEBSOCKET_KEY, HeaderValue::from_str(&key).ok()?);
    } else {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let answer = sender.send_request(request).await.ok();
    running.abort();
    Some(answer?.status().as_u16())
}
