//! What the proxy says of itself on the metrics listener: metrics, whether it lives and is ready, its routes.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, spawn_local};

use crate::proxy::process::generation::Generation;
use crate::proxy::telemetry::metrics;

/// How long a head may take here.
const HEAD: std::time::Duration = std::time::Duration::from_secs(10);

/// What is answered from.
pub(crate) struct Admin {
    /// The counters.
    pub(crate) metrics: PrometheusHandle,
    /// The spec as it is served now.
    pub(crate) generation: std::cell::RefCell<Arc<Generation>>,
    /// Whether the proxy takes requests.
    pub(crate) ready: Cell<bool>,
}

/// Answers at an address.
pub(crate) fn serve(
    admin: &Rc<Admin>,
    socket: std::net::TcpListener,
) -> std::io::Result<JoinHandle<()>> {
    let socket = TcpListener::from_std(socket)?;
    let admin = Rc::clone(admin);
    Ok(spawn_local(async move {
        loop {
            let Ok((stream, _)) = socket.accept().await else {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            };
            let admin = Rc::clone(&admin);
            spawn_local(async move {
                let service = service_fn(|request| {
                    let answer = admin.answer(&request);
                    async move { Ok::<_, std::convert::Infallible>(answer) }
                });
                // What ends here ends a connection, nothing else.
                let _ = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }))
}

impl Admin {
    fn answer(&self, request: &Request<hyper::body::Incoming>) -> Response<Full<Bytes>> {
        let generation = self.generation.borrow();
        let metrics = generation.gateway.metrics.as_ref();
        let text = |status: StatusCode, kind: &'static str, text: String| {
            let mut answer = Response::new(Full::new(Bytes::from(text)));
            *answer.status_mut() = status;
            answer
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            answer
        };
        const PLAIN: &str = "text/plain; charset=utf-8";
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, PLAIN, String::new());
        }
        match request.uri().path() {
            path if metrics.is_some_and(|it| it.path.value == path) => text(
                StatusCode::OK,
                "text/plain; version=0.0.4; charset=utf-8",
                self.numbers(),
            ),
            "/healthz" => text(StatusCode::OK, PLAIN, "ok\n".to_owned()),
            "/readyz" if self.ready.get() => text(StatusCode::OK, PLAIN, "ok\n".to_owned()),
            "/readyz" => text(
                StatusCode::SERVICE_UNAVAILABLE,
                PLAIN,
                "draining\n".to_owned(),
            ),
            "/routes" => text(StatusCode::OK, "application/json", routes(&generation)),
            _ => text(StatusCode::NOT_FOUND, PLAIN, "not found\n".to_owned()),
        }
    }
}

impl Admin {
    /// Everything that is counted.
    pub(crate) fn numbers(&self) -> String {
        let generation = self.generation.borrow();
        let upstreams = generation.upstreams.iter();
        let servers = metrics::servers(upstreams.map(|upstream| &*upstream.servers));
        self.metrics.render() + &servers
    }
}

/// The computed order, as JSON.
fn routes(generation: &Generation) -> String {
    let gateway = &generation.gateway;
    let table: Vec<serde_json::Value> = gateway
        .table
        .iter()
        .map(|entry| {
            let route = gateway.route(entry.route);
            serde_json::json!({
                "route": route.name,
                "host": entry.host(gateway).to_string(),
                "path": entry.path(gateway).to_string(),
                "conditions": route.when.count(),
                "upstreams": route
                    .shares()
                    .iter()
                    .map(|share| gateway.upstream(share.upstream.value).name.as_str())
                    .collect::<Vec<_>>(),
            })
        })
        .collect();
    serde_json::to_string_pretty(&table).unwrap_or_default()
}
