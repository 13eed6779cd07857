//! Key sets that are fetched: at the start and from time to time; where nobody answers, the last good set stays, and that is told.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use crate::proxy::fault::causes;
use crate::proxy::process::worker::Shared;
use crate::proxy::request::guard::{SetKey, set};
use crate::proxy::telemetry::metrics;
use crate::proxy::telemetry::trouble::Trouble;
use crate::proxy::tls;
use crate::proxy::upstream::dial::{Place, Secure, dial};
use crate::proxy::upstream::health::{Resolver, addresses};

/// How soon a fetch that failed is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// How long a fetch may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The largest set.
const LARGEST: usize = 1 << 20;

/// A key set that is fetched: for whom, where from, how often, and where it goes.
#[derive(Clone)]
pub(crate) struct Fetched {
    /// The entry of `auth`.
    pub(crate) auth: String,
    /// The URL.
    pub(crate) url: String,
    /// How often it is fetched again.
    pub(crate) refresh: Duration,
    /// What it replaces.
    pub(crate) keys: Arc<RwLock<Vec<SetKey>>>,
    /// Fetches that failed.
    pub(crate) failures: ::metrics::Counter,
}

impl Fetched {
    /// A set of which nothing is known yet.
    pub(crate) fn new(auth: &str, url: &str, refresh: Duration) -> Self {
        Self {
            auth: auth.to_owned(),
            url: url.to_owned(),
            refresh,
            keys: Arc::default(),
            failures: metrics::key_set_failures(auth),
        }
    }

    /// Has the keys of another one until it is fetched.
    pub(crate) fn keep(&self, known: &Self) {
        let keys = known.keys.read().unwrap_or_else(PoisonError::into_inner);
        let mut own = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        own.clone_from(&keys);
    }
}

/// Fetches a set again and again.
pub(crate) async fn refresh(fetched: Fetched, resolver: Resolver, shared: Arc<Shared>) {
    let what = format!("`auth.{}`: the key set of {}", fetched.auth, fetched.url);
    let trouble = Trouble::with(what);
    loop {
        let came = timeout(LIMIT, fetch(&fetched.url, &resolver)).await;
        let came = came.unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs())));
        let found = came.and_then(|text| set(&text).ok_or("it is no key set".to_owned()));
        let pause = match found {
            Ok(found) => {
                let mut keys = fetched.keys.write().unwrap_or_else(PoisonError::into_inner);
                *keys = found;
                trouble.ends(&shared.output, "it is fetched again");
                fetched.refresh
            }
            Err(why) => {
                fetched.failures.increment(1);
                let why = format!(
                    "{why}; meanwhile the last one counts, and where there was none, nobody gets in"
                );
                trouble.begins(&shared.output, &why);
                AGAIN.min(fetched.refresh)
            }
        };
        sleep(pause).await;
    }
}

async fn fetch(url: &str, resolver: &Resolver) -> Result<String, String> {
    let no_url = || "no URL".to_owned();
    let uri: Uri = url.parse().map_err(|_| no_url())?;
    let encrypted = uri.scheme_str() == Some("https");
    let authority = uri.authority().ok_or_else(no_url)?;
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let port = authority
        .port_u16()
        .unwrap_or(if encrypted { 443 } else { 80 });
    let known = match host.parse() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => addresses(resolver, &host, port).await?,
    };
    let config = encrypted.then(tls::of_machine).transpose()?;
    let secure = match &config {
        None => None,
        Some(config) => Some(Secure {
            config,
            name: ServerName::try_from(host).map_err(|why| why.to_string())?,
        }),
    };
    let stream = dial(Place::Sockets(&known), secure, None).await;
    let stream = stream.map_err(|unreached| unreached.why())?;
    let told = |error: hyper::Error| causes(&error);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(told)?;
    let running = Running(spawn_local(async move {
        let _ = connection.await;
    }));
    let mut request = Request::new(Empty::<Bytes>::new());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(|_| no_url())?;
    let headers = request.headers_mut();
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| no_url())?;
    headers.insert(header::HOST, host);
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let answer = sender.send_request(request).await.map_err(told)?;
    if !answer.status().is_success() {
        return Err(format!("the answer is {}", answer.status()));
    }
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    let body = body.map_err(|error| causes(&*error))?;
    drop(running);
    String::from_utf8(body.to_bytes().to_vec()).map_err(|_| "it is no text".to_owned())
}

/// A connection's task, which ends with the fetch, also where that takes too long.
struct Running(tokio::task::JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}
