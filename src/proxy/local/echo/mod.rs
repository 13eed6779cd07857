//! Servers that stand in: each says what reached it, echoes messages, and streams events, on a thread of its own.

mod answer;
mod page;
mod socket;

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::{Handle, Runtime};
use tokio_rustls::TlsAcceptor;

/// What a server stands in for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Setup {
    /// The upstream's name.
    pub(super) upstream: String,
    /// The address of the server that does not answer.
    pub(super) server: String,
    /// Key and certificate, where the upstream speaks TLS.
    pub(super) certified: Option<PathBuf>,
    /// The path and the status of a good check.
    pub(super) health: Option<(String, u16)>,
    /// Whether it decides about requests to others.
    pub(super) authority: Option<Authority>,
    /// Where the page can open sockets and streams.
    pub(super) paths: Vec<Path>,
}

/// How a stand-in decides about requests to others: who shows the key may pass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Authority {
    /// Where it is asked.
    pub(super) path: String,
    /// What a client has to show.
    pub(super) key: String,
    /// The headers in which it looks.
    pub(super) send: Vec<String>,
    /// The headers that it tells.
    pub(super) pass: Vec<String>,
}

/// Where a route takes sockets or streams.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Path {
    /// The host, where it is one.
    pub(super) host: Option<String>,
    /// The path.
    pub(super) path: String,
    /// Whether sockets open there.
    pub(super) websocket: bool,
    /// Whether streams come from there.
    pub(super) stream: bool,
}

/// What a server answers from, changed by a reload.
type Shared = Arc<RwLock<Arc<Setup>>>;

/// The servers that run.
pub(super) struct Echoes {
    handle: Handle,
    servers: HashMap<(String, String, Option<PathBuf>), (SocketAddr, Shared)>,
}

impl Echoes {
    /// Starts the thread.
    ///
    /// # Errors
    /// There is none to be had.
    pub(super) fn start() -> io::Result<Self> {
        let runtime: Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        std::thread::Builder::new()
            .name("echo".to_owned())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
        Ok(Self {
            handle,
            servers: HashMap::new(),
        })
    }

    /// Serves this, where the same server was served before if there is one; tells where.
    ///
    /// # Errors
    /// No port is free, or the certificate cannot be read.
    pub(super) fn serve(&mut self, setup: Setup) -> io::Result<SocketAddr> {
        let key = (
            setup.upstream.clone(),
            setup.server.clone(),
            setup.certified.clone(),
        );
        if let Some((address, shared)) = self.servers.get(&key) {
            *shared.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(setup);
            return Ok(*address);
        }
        let tls = setup.certified.as_deref().map(tls).transpose()?;
        let socket = std::net::TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let shared: Shared = Arc::new(RwLock::new(Arc::new(setup)));
        let running = accept(socket, tls, Arc::clone(&shared));
        self.handle.spawn(async move {
            let _ = running.await;
        });
        self.servers.insert(key, (address, shared));
        Ok(address)
    }
}

fn tls(file: &std::path::Path) -> io::Result<TlsAcceptor> {
    let certificate = CertificateDer::from_pem_file(file).map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_file(file).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(
    socket: std::net::TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Shared,
) -> io::Result<()> {
    let socket = TcpListener::from_std(socket)?;
    loop {
        let Ok((stream, peer)) = socket.accept().await else {
            // No descriptor left: the next one may do better.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            match tls {
                None => converse(stream, peer, shared).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        converse(stream, peer, shared).await;
                    }
                }
            }
        });
    }
}

async fn converse<S>(stream: S, peer: SocketAddr, shared: Shared)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let setup = Arc::clone(&shared.read().unwrap_or_else(PoisonError::into_inner));
        async move { Ok::<_, Infallible>(answer::answer(&setup, peer, request).await) }
    });
    // What ends here ends a connection, nothing else.
    let _ = Builder::new(TokioExecutor::new())
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .await;
}
