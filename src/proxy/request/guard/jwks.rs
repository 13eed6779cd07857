//! Key sets that are fetched: at the start and from time to time; where nobody answers, the last good set stays.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::proxy::request::guard::{SetKey, set};
use crate::proxy::upstream::health::{Resolver, addresses};
use crate::proxy::wire::Stream;

/// How soon a fetch that failed is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// How long a fetch may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The largest set.
const LARGEST: usize = 1 << 20;

/// Fetches a set again and again.
pub(crate) async fn refresh(
    url: String,
    every: Duration,
    keys: Arc<RwLock<Vec<SetKey>>>,
    resolver: Resolver,
) {
    loop {
        let fetched = timeout(LIMIT, fetch(&url, &resolver)).await.ok().flatten();
        let found = fetched.and_then(|text| set(&text));
        let failed = found.is_none();
        if let Some(found) = found {
            *keys.write().unwrap_or_else(PoisonError::into_inner) = found;
        }
        sleep(if failed { AGAIN.min(every) } else { every }).await;
    }
}

async fn fetch(url: &str, resolver: &Resolver) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let tls = uri.scheme_str() == Some("https");
    let host = uri.host()?.trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let known = match host.parse() {
        Ok(ip) => vec![std::net::SocketAddr::new(ip, port)],
        Err(_) => addresses(resolver, &host, port).await,
    };
    let tcp = TcpStream::connect(known.as_slice()).await.ok()?;
    let stream = if tls {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .ok()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(host).ok()?;
        let connector = TlsConnector::from(Arc::new(config));
        Stream::ToServer(Box::new(connector.connect(name, tcp).await.ok()?))
    } else {
        Stream::Tcp(tcp)
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let running = spawn_local(async move {
        let _ = connection.await;
    });
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = uri.path_and_query()?.as_str().parse().ok()?;
    let headers = request.headers_mut();
    headers.insert(
        header::HOST,
        HeaderValue::from_str(uri.authority()?.as_str()).ok()?,
    );
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let answer = sender.send_request(request).await.ok()?;
    let good = answer.status().is_success();
    let body = Limited::new(answer.into_body(), LARGEST)
        .collect()
        .await
        .ok()?;
    running.abort();
    let bytes = body.to_bytes();
    good.then(|| String::from_utf8(bytes.to_vec()).ok())?
}
