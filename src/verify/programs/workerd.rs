//! The open runtime of Cloudflare Workers as a program, and what stands in for Cloudflare's network before it.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::Command;

use super::{By, Complaint, Home, Program, Reload};
use crate::ir::{CertificateSource, ClientAuthMode, Feature, Gateway, Listener, Version};
use crate::targets::worker::{self, Binding};

pub(super) struct Workerd;

/// The file that says what is served where.
const CONFIG: &str = "config.capnp";

/// The file of what stands in for the network: it tells the Worker who asks and on which port, and counts for limits.
const EDGE: &str = "edge.mjs";

/// What Cloudflare's network does for a Worker, as far as a Worker sees it.
const NETWORK: &str = r#"import { WorkerEntrypoint } from "cloudflare:workers";

const windows = new Map();

export class Limiter extends WorkerEntrypoint {
  async limit({ key }) {
    const { name, limit, period } = this.ctx.props;
    const id = `${name} ${key}`;
    const now = Date.now();
    let window = windows.get(id);
    if (!window || now >= window.end) windows.set(id, (window = { end: now + period * 1000, count: 0 }));
    window.count += 1;
    return { success: window.count <= limit };
  }
}

/** Answers when everything is loaded. */
export class Ready extends WorkerEntrypoint {
  async fetch() {
    return new Response("ready");
  }
}

export default {
  async fetch(request, env) {
    const [scheme, port, certified] = request.headers.get("x-wsgen-listener").split(" ");
    const url = new URL(request.url);
    url.protocol = scheme;
    url.port = port;
    const headers = new Headers(request.headers);
    headers.delete("x-wsgen-listener");
    headers.set("cf-connecting-ip", request.cf.clientIp.replace(/:\d+$/, "").replace(/^\[|\]$/g, ""));
    const cf = { httpProtocol: "HTTP/1.1" };
    if (certified) cf.tlsClientAuth = { certPresented: "1", certVerified: "SUCCESS", certSubjectDNRFC2253: certified };
    const { method, body } = request;
    // Between Workers every handshake is a GET.
    if (method !== "GET") headers.delete("upgrade");
    return env.WORKER.fetch(url.href, { method, headers, body, cf, redirect: "manual" });
  },
};
"#;

impl Program for Workerd {
    fn target(&self) -> &'static str {
        "worker"
    }

    fn executables(&self) -> &'static [&'static str] {
        &["workerd"]
    }

    fn ask_version(&self) -> &'static str {
        "--version"
    }

    /// `workerd 2026-11-17`.
    fn version(&self, said: &str) -> Option<Version> {
        let date = said.trim().strip_prefix("workerd ")?;
        super::number(&date.replace('-', ".").replace(".0", "."))
    }

    fn main_file(&self) -> &'static str {
        "worker.js"
    }

    fn confine(&self, _name: &str, text: &str, _home: &Home<'_>) -> String {
        text.to_owned()
    }

    fn serve(&self, command: &mut Command, home: &Home<'_>) {
        let config = home.folder.join(CONFIG);
        if !config.exists() {
            // Files alone, without a gateway: what cannot be loaded shows all the same, and what cannot be written at the start.
            let _ = std::fs::write(home.folder.join(EDGE), NETWORK);
            let _ = std::fs::write(&config, services(worker::COMPATIBILITY_DATE, &[], &[], &[]));
        }
        let admin = format!("wsgen-ready={}", home.admin);
        command.arg("serve").arg(config).args(["-s", &admin]);
    }

    fn check(&self, _command: &mut Command, _home: &Home<'_>) -> bool {
        false
    }

    fn is_clean(&self, success: bool, said: &str) -> bool {
        success && !said.to_ascii_lowercase().contains("error")
    }

    /// It listens before every script is loaded, and ends if one cannot be.
    fn is_ready(&self, home: &Home<'_>, _process: u32, _log: &str) -> bool {
        home.ask("/").is_some()
    }

    fn reload(&self, _changed: &[&str]) -> Reload {
        Reload {
            by: By::Restart,
            done: "",
            refused: "",
        }
    }

    fn soft_stop(&self) -> &'static str {
        "TERM"
    }

    fn has_resolvers(&self) -> bool {
        false
    }

    fn surroundings(&self, gateway: &Gateway) -> io::Result<Vec<(String, String)>> {
        Ok(vec![
            (EDGE.to_owned(), NETWORK.to_owned()),
            (CONFIG.to_owned(), config(gateway)?),
        ])
    }

    fn unseen(&self, feature: Feature) -> Option<&'static str> {
        use Feature::*;
        match feature {
            ListenerBind
            | ListenerHttp2
            | ListenerHttp3
            | ListenerProxyProtocol
            | ListenerTcpKeepalive
            | TlsTermination
            | TlsProfile
            | TlsClientAuth
            | TlsAcme
            | WebSocketOverHttp2
            | TimeoutHead
            | TimeoutClientKeepalive
            | LimitHead
            | LimitListenerConnections
            | TimeoutUpstreamKeepalive
            | UpstreamKeepalive
            | UpstreamResolve
            | UpstreamTcpKeepalive
            | UpstreamProtocol
            | UpstreamTls
            | UpstreamTlsClient
            | UpstreamResponseHead
            | HeaderTlsSubject
            | DrainTimeout
            | DrainSpread
            | MaxConnections
            | Files
            | WorkerCount => {
                Some("it is the matter of Cloudflare's network, which cannot be run here")
            }
            _ => None,
        }
    }

    /// Route patterns, the public DNS, and passwords in other hashes than those of a lab are not here; and a server that returns
    /// is drawn by chance, which may take long to be seen.
    fn hides(&self, _gateway: &Gateway, feature: Feature) -> bool {
        matches!(
            feature,
            Feature::HostRegex
                | Feature::UpstreamServers
                | Feature::UpstreamSlowStart
                | Feature::AuthBasic
        )
    }

    /// `*** Fatal uncaught kj::Exception: …`, `service worker: Uncaught SyntaxError: …` and `    at worker.js:12`.
    fn complaints(&self, log: &str, main: &Path) -> Vec<Complaint> {
        let file = main.file_name().map(|name| name.to_string_lossy());
        let place = format!("{}:", file.unwrap_or_default());
        let lines: Vec<&str> = log.lines().collect();
        let said = lines.iter().enumerate();
        said.filter(|(_, line)| line.contains("Error: ") || line.contains("xception"))
            .map(|(at, line)| {
                let after = lines[at..].iter().take(3);
                let number = after.filter_map(|line| {
                    let (_, rest) = line.split_once(&place)?;
                    rest.split(|c: char| !c.is_ascii_digit())
                        .next()?
                        .parse()
                        .ok()
                });
                Complaint {
                    line: number.clone().next(),
                    message: line.trim().to_owned(),
                }
            })
            .collect()
    }
}

/// A Worker of one module.
fn module(file: &str, date: &str, bindings: &[String]) -> String {
    format!(
        "(\n      modules = [ ( name = \"{file}\", esModule = embed \"{file}\" ) ],\n      compatibilityDate = \"{}\",\n      bindings = [ {} ] )",
        date,
        bindings.join(", ")
    )
}

/// What is served where.
fn config(gateway: &Gateway) -> io::Result<String> {
    let mut bindings = Vec::new();
    for binding in worker::bindings(gateway) {
        bindings.push(match binding {
            Binding::Secret(name, None) => format!("( name = {0}, fromEnvironment = {0} )", text(&name)),
            Binding::Secret(name, Some(file)) => {
                format!("( name = {}, text = {} )", text(&name), text(&read(&file)?))
            }
            Binding::Limiter(name, limit, period) => {
                let props = serde_json::json!({ "name": name, "limit": limit, "period": period });
                format!(
                    "( name = {}, service = ( name = \"edge\", entrypoint = \"Limiter\", props = ( json = {} ) ) )",
                    text(&name),
                    text(&props.to_string())
                )
            }
        });
    }
    let mut trusted = Vec::new();
    for tls in gateway.upstreams.iter().filter_map(|it| it.tls.as_ref()) {
        if let Some(ca) = &tls.ca {
            trusted.push(text(&read(&ca.value)?));
        }
    }
    let sockets: Vec<String> = gateway
        .listeners
        .iter()
        .map(|it| socket(gateway, it))
        .collect::<io::Result<_>>()?;
    let date = gateway.rooms.worker.compatibility_date.as_ref();
    let date = date.map_or(worker::COMPATIBILITY_DATE, |date| &date.value);
    Ok(services(date, &bindings, &trusted, &sockets))
}

/// The file of a Worker with these bindings, behind these sockets.
fn services(date: &str, bindings: &[String], trusted: &[String], sockets: &[String]) -> String {
    let edge = ["( name = \"WORKER\", service = \"worker\" )".to_owned()];
    let admin = "    ( name = \"wsgen-ready\", http = (), service = ( name = \"edge\", entrypoint = \"Ready\" ) )";
    let sockets: Vec<&str> = sockets.iter().map(String::as_str).chain([admin]).collect();
    format!(
        "using Workerd = import \"/workerd/workerd.capnp\";\nconst config :Workerd.Config = (\n  services = [\n    ( name = \"edge\", worker = {} ),\n    ( name = \"worker\", worker = {} ),\n    ( name = \"internet\", network = (\n      allow = [\"local\", \"private\", \"public\"],\n      tlsOptions = ( trustBrowserCas = true, trustedCertificates = [ {} ] ) ) )\n  ],\n  sockets = [\n{}\n  ]\n);\n",
        module(EDGE, worker::COMPATIBILITY_DATE, &edge),
        module("worker.js", date, bindings),
        trusted.join(", "),
        sockets.join(",\n")
    )
}

fn socket(gateway: &Gateway, it: &Listener) -> io::Result<String> {
    let auth = it.tls.as_ref().and_then(|tls| tls.client_auth.as_ref());
    let required = auth.filter(|auth| auth.mode.value == ClientAuthMode::Require);
    let mut facts = format!("{} {}", it.scheme(), it.public_port.value);
    if required.is_some() {
        facts.push_str(" CN=client.example");
    }
    let options = format!(
        "( injectRequestHeaders = [ ( name = \"x-wsgen-listener\", value = {} ) ] )",
        text(&facts)
    );
    let kind = match &it.tls {
        None => format!("http = {options}"),
        Some(tls) => {
            let first = gateway.certificate(tls.certificates.value[0]);
            let CertificateSource::Files { cert, key } = &first.source else {
                return Err(io::Error::other("the certificate has no file"));
            };
            let clients = match required {
                Some(auth) => format!(
                    ", requireClientCerts = true, trustedCertificates = [ {} ]",
                    text(&read(&auth.ca.value)?)
                ),
                None => String::new(),
            };
            format!(
                "https = ( options = {options}, tlsOptions = ( keypair = ( privateKey = {}, certificateChain = {} ){clients} ) )",
                text(&read(&key.value)?),
                text(&read(&cert.value)?)
            )
        }
    };
    let address = it
        .address
        .value
        .map(|ip| std::net::SocketAddr::new(ip, it.port.value));
    Ok(format!(
        "    ( name = {}, address = \"{}\", service = \"edge\", {kind} )",
        text(&it.name),
        address.map_or_else(|| format!("*:{}", it.port.value), |at| at.to_string())
    ))
}

fn read(file: &str) -> io::Result<String> {
    std::fs::read_to_string(file).map_err(|why| io::Error::other(format!("{file}: {why}")))
}

/// A text as Cap'n Proto reads it.
fn text(text: &str) -> String {
    let mut out = String::from('"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b'\n' => out.push_str("\\n"),
            0x20..=0x7e => out.push(char::from(byte)),
            other => {
                let _ = write!(out, "\\x{other:02x}");
            }
        }
    }
    out.push('"');
    out
}
