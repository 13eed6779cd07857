//! The spec that every program gets, its certificate, and the files that the library renders from it.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use wsgen::compile::{Input, NoFiles, Options, World, compile, for_target, render};
use wsgen::spec::params::NoParams;
use wsgen::targets;
use wsgen::verify::folder::Folder;

/// A certificate for `localhost`, with its key in one file as HAProxy 2.8 wants it, and a client that trusts it.
pub(crate) struct Tls {
    file: PathBuf,
    _folder: Folder,
    certificate: CertificateDer<'static>,
}

impl Tls {
    /// Makes one: ECDSA on P-256.
    pub(crate) fn new() -> Result<Self, String> {
        let failed = |why: &dyn std::fmt::Display| format!("no certificate can be made: {why}");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])
            .map_err(|why| failed(&why))?;
        let text = made.cert.pem() + &made.signing_key.serialize_pem();
        let write = || -> io::Result<(Folder, PathBuf)> {
            let folder = Folder::new("bench")?;
            let file = folder.write("both.pem", text)?;
            Ok((folder, file))
        };
        let (folder, file) = write().map_err(|why| failed(&why))?;
        Ok(Self {
            file,
            _folder: folder,
            certificate: made.cert.der().clone(),
        })
    }

    /// A client without memory of sessions: every handshake is a whole one.
    pub(crate) fn client(&self, alpn: &[u8]) -> Result<Arc<ClientConfig>, String> {
        let mut roots = RootCertStore::empty();
        roots
            .add(self.certificate.clone())
            .map_err(|why| why.to_string())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|why| why.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Arc::new(config))
    }
}

/// Where one program listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    /// HTTP.
    pub(crate) plain: u16,
    /// HTTPS.
    pub(crate) secure: u16,
    /// Metrics.
    pub(crate) metrics: u16,
}

/// One spec: what differs between runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Workers.
    pub(crate) workers: usize,
    /// Routes besides the two that everybody has, ten on each host.
    pub(crate) routes: usize,
    /// A comment's number, so that a file differs from the one before.
    pub(crate) turn: usize,
}

impl Shape {
    /// One worker, two routes.
    pub(crate) const USUAL: Self = Self {
        workers: 1,
        routes: 0,
        turn: 0,
    };

    /// The spec.
    pub(crate) fn spec(self, ports: Ports, backend: u16, tls: &Tls) -> String {
        let Ports {
            plain,
            secure,
            metrics,
        } = ports;
        let file = tls.file.display();
        let workers = self.workers;
        let turn = self.turn;
        // Heads for which NGINX and HAProxy have buffers of their own usual sizes: with the contract's 64 KiB for answers NGINX
        // passes long messages on as quickly as the proxy, and keeps 54 kB for every tunnel that has carried one.
        let mut spec = format!(
            "wsgen: 1
name: bench
listeners:
  plain: {{ port: {plain}, address: 127.0.0.1, limits: {{ head: 15KiB }} }}
  secure: {{ port: {secure}, address: 127.0.0.1, limits: {{ head: 15KiB }}, tls: {{ certificates: [own] }} }}
certificates:
  own: {{ hosts: [localhost], cert: {file}, key: {file} }}
upstreams:
  app: {{ servers: [127.0.0.1:{backend}], keepalive: 256, limits: {{ response_head: 4KiB }} }}
routes:
  - {{ name: ws, path: /ws, upstream: app, websocket: {{ idle: 1h }} }}
  - {{ name: all, path: /, upstream: app, timeouts: {{ response: {}s }} }}
",
            60 + turn
        );
        for number in 0..self.routes {
            let _ = writeln!(
                spec,
                "  - {{ name: r{number}, host: h{}.example.com, path: /p{number}, upstream: app }}",
                number / 10
            );
        }
        let _ = write!(
            spec,
            // NGINX closes connections that wait for a head once fifteen sixteenths of its own limit are open.
            "log: {{ format: json }}
metrics: {{ port: {metrics} }}
runtime: {{ workers: {workers} }}
targets:
  nginx: {{ version: \"1.22\", access_log: access.log, error_log: error.log, set: {{ runtime.max_connections: 11000 }} }}
  haproxy: {{ version: \"2.8\" }}
  traefik: {{ on_loss: warn }}
  caddy: {{ on_loss: warn }}
"
        );
        spec
    }
}

/// A target's files, the main one first.
///
/// # Errors
/// What is wrong with the spec.
pub(crate) fn files(spec: String, target: &str) -> Result<Vec<(String, String)>, String> {
    let world = World {
        params: &NoParams,
        files: &NoFiles,
    };
    let compiled = compile(vec![Input::new("bench.yaml", spec)], world);
    let own = for_target(&compiled, target, world);
    let compiled = own.as_ref().unwrap_or(&compiled);
    let target = targets::by_id(target).ok_or_else(|| format!("no target {target}"))?;
    let rendered = render(compiled, target, Options::default());
    if rendered.files.is_empty() {
        return Err(format!(
            "{} renders nothing from the bench's spec",
            target.id()
        ));
    }
    Ok(rendered
        .files
        .into_iter()
        .map(|file| (file.path.to_string_lossy().into_owned(), file.text))
        .collect())
}
