//! An ACME authority (RFC 8555) on loopback: it takes orders, connects to what the client shows, and certifies.
//!
//! Signatures of requests are not verified, and nothing is ever revoked: what matters is whether a program comes to its
//! certificate. Hosts are proved by HTTP-01 and TLS-ALPN-01, at the addresses that [`Acme::reach`] names in place of ports
//! 80 and 443 of the host.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::super::base64;
use super::super::port;
use super::super::wire::{Authority, Client, Request};
use super::{Answer, Stub, lock};
use crate::ir::AcmeChallenge;

/// The protocol that a TLS-ALPN-01 handshake asks for (RFC 8737).
const TLS_ALPN: &[u8] = b"acme-tls/1";

/// The extension of its certificate.
const IDENTIFIER: &str = "1.3.6.1.5.5.7.1.31";

/// How often a host is asked for what it has to show.
const TRIES: u32 = 4;

/// How long between two tries.
const PAUSE: Duration = Duration::from_millis(250);

/// How long a host may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// An ACME authority. It goes silent on drop.
#[derive(Debug)]
pub struct Acme {
    stub: Stub,
    desk: Arc<Desk>,
}

/// What happened to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The host.
    pub host: String,
    /// How it was to be proved.
    pub challenge: AcmeChallenge,
    /// Why it was not.
    pub failure: Option<String>,
}

#[derive(Debug)]
struct Desk {
    base: String,
    issuer: Arc<Authority>,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    http: Option<SocketAddr>,
    tls: Option<SocketAddr>,
    nonces: usize,
    /// The thumbprint of each account's key.
    accounts: Vec<String>,
    orders: Vec<Order>,
    trials: Vec<Trial>,
    /// DER.
    issued: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Order {
    account: usize,
    hosts: Vec<(String, &'static str)>,
    certificate: Option<String>,
}

impl Acme {
    /// On a free port of 127.0.0.1, over TLS with a certificate of `servers`; what it certifies is signed by `issuer`.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start(issuer: Arc<Authority>, servers: &Authority) -> io::Result<Acme> {
        let pair = servers.try_issue(&["127.0.0.1"])?;
        let address = port::free_on([127, 0, 0, 1].into())?;
        let desk = Arc::new(Desk {
            base: format!("https://{address}"),
            issuer,
            books: Mutex::default(),
        });
        let own = Arc::clone(&desk);
        let stub = Stub::answering("acme", address, Some(pair.server()?), move |request| {
            own.answer(request)
        })?;
        Ok(Acme { stub, desk })
    }

    /// The URL of its directory.
    pub fn directory(&self) -> String {
        format!("{}/directory", self.desk.base)
    }

    /// Where hosts are reached: by plain HTTP, and by TLS.
    pub fn reach(&self, http: Option<SocketAddr>, tls: Option<SocketAddr>) {
        let mut books = lock(&self.desk.books);
        (books.http, books.tls) = (http, tls);
    }

    /// Whether anybody came.
    pub fn is_asked(&self) -> bool {
        self.stub.connections() > 0
    }

    /// Every proof that was tried, in order.
    pub fn trials(&self) -> Vec<Trial> {
        lock(&self.desk.books).trials.clone()
    }

    /// Whether it issued this certificate, DER.
    pub fn has_issued(&self, certificate: &[u8]) -> bool {
        let books = lock(&self.desk.books);
        books.issued.iter().any(|it| it == certificate)
    }
}

impl Desk {
    fn answer(&self, request: &Request) -> Answer {
        let path: Vec<&str> = request.path().split('/').skip(1).collect();
        let number = |index: usize| path.get(index).and_then(|it| it.parse::<usize>().ok());
        let answer = match (path.first().copied(), number(1), number(2)) {
            (Some("directory"), ..) => Ok(said(200, &self.directory())),
            (Some("nonce"), ..) => Ok(Answer::status(200).body("")),
            (Some("account"), ..) => self.account(request),
            (Some("orders"), ..) => self.order(request),
            (Some("order"), Some(order), _) => self.shown(order),
            (Some("authorization"), Some(order), Some(host)) => self.authorization(order, host),
            (Some("challenge"), Some(order), Some(host)) => {
                let challenge = match path.get(3).copied() {
                    Some("http-01") => AcmeChallenge::Http,
                    _ => AcmeChallenge::TlsAlpn,
                };
                self.challenge(order, host, challenge)
            }
            (Some("finalize"), Some(order), _) => self.finalize(order, request),
            (Some("certificate"), Some(order), _) => self.certificate(order),
            _ => Err("there is no such thing".to_owned()),
        };
        let answer = answer.unwrap_or_else(|why| {
            let kind = "urn:ietf:params:acme:error:malformed";
            said(400, &json!({ "type": kind, "detail": why }))
        });
        let mut books = lock(&self.books);
        books.nonces += 1;
        answer
            .header("Replay-Nonce", &base64::url(&books.nonces.to_be_bytes()))
            .header("Cache-Control", "no-store")
            .header("Link", &format!("<{}/directory>;rel=\"index\"", self.base))
    }

    fn directory(&self) -> Value {
        let at = |path: &str| format!("{}/{path}", self.base);
        json!({
            "newNonce": at("nonce"),
            "newAccount": at("account"),
            "newOrder": at("orders"),
            "revokeCert": at("revoke"),
            "keyChange": at("key"),
            "meta": { "termsOfService": at("terms") },
        })
    }

    fn account(&self, request: &Request) -> Result<Answer, String> {
        let (head, _) = opened(request)?;
        let mine = thumbprint(&head["jwk"]).ok_or("no key that is known")?;
        let mut books = lock(&self.books);
        let known = books.accounts.iter().position(|it| *it == mine);
        let (status, number) = match known {
            Some(number) => (200, number),
            None => {
                books.accounts.push(mine);
                (201, books.accounts.len() - 1)
            }
        };
        let url = format!("{}/account/{number}", self.base);
        Ok(said(status, &json!({ "status": "valid" })).header("Location", &url))
    }

    fn order(&self, request: &Request) -> Result<Answer, String> {
        let (head, wish) = opened(request)?;
        let account = head["kid"].as_str().and_then(|it| it.rsplit('/').next());
        let account = account.and_then(|it| it.parse().ok()).ok_or("no account")?;
        let hosts = wish["identifiers"].as_array().ok_or("no hosts")?.iter();
        let hosts = hosts
            .filter_map(|host| Some((host["value"].as_str()?.to_owned(), "pending")))
            .collect();
        let number = {
            let mut books = lock(&self.books);
            books.orders.push(Order {
                account,
                hosts,
                certificate: None,
            });
            books.orders.len() - 1
        };
        let url = format!("{}/order/{number}", self.base);
        Ok(said(201, &self.told(number)?).header("Location", &url))
    }

    fn shown(&self, order: usize) -> Result<Answer, String> {
        Ok(said(200, &self.told(order)?))
    }

    fn told(&self, number: usize) -> Result<Value, String> {
        let books = lock(&self.books);
        let order = books.orders.get(number).ok_or("no such order")?;
        let at = |what: &str| format!("{}/{what}/{number}", self.base);
        let is = |state: &str| order.hosts.iter().any(|(_, it)| *it == state);
        let status = match &order.certificate {
            Some(_) => "valid",
            None if is("invalid") => "invalid",
            None if is("pending") => "pending",
            None => "ready",
        };
        let hosts = order.hosts.iter();
        let mut told = json!({
            "status": status,
            "identifiers": hosts.map(|(host, _)| json!({ "type": "dns", "value": host })).collect::<Value>(),
            "authorizations": (0..order.hosts.len())
                .map(|host| format!("{}/{host}", at("authorization")))
                .collect::<Value>(),
            "finalize": at("finalize"),
        });
        if order.certificate.is_some() {
            told["certificate"] = at("certificate").into();
        }
        Ok(told)
    }

    fn authorization(&self, order: usize, host: usize) -> Result<Answer, String> {
        let books = lock(&self.books);
        let it = books.orders.get(order).and_then(|it| it.hosts.get(host));
        let (name, status) = it.ok_or("no such host")?;
        let offered = |kind: &str| self.offer(order, host, kind, status);
        Ok(said(
            200,
            &json!({
                "status": status,
                "identifier": { "type": "dns", "value": name },
                "challenges": [offered("http-01"), offered("tls-alpn-01")],
            }),
        ))
    }

    fn offer(&self, order: usize, host: usize, kind: &str, status: &str) -> Value {
        json!({
            "type": kind,
            "status": status,
            "token": token(order, host),
            "url": format!("{}/challenge/{order}/{host}/{kind}", self.base),
        })
    }

    /// Tries the proof before it answers.
    fn challenge(
        &self,
        order: usize,
        host: usize,
        challenge: AcmeChallenge,
    ) -> Result<Answer, String> {
        let (name, proof, at) = {
            let books = lock(&self.books);
            let it = books.orders.get(order).ok_or("no such order")?;
            let (name, _) = it.hosts.get(host).ok_or("no such host")?;
            let account = books.accounts.get(it.account).ok_or("no such account")?;
            let proof = format!("{}.{account}", token(order, host));
            let at = match challenge {
                AcmeChallenge::Http => books.http,
                AcmeChallenge::TlsAlpn => books.tls,
            };
            (name.clone(), proof, at)
        };
        let mut outcome = Err("the host is not reached".to_owned());
        for _ in 0..TRIES {
            outcome = match (at, challenge) {
                (None, _) => break,
                (Some(at), AcmeChallenge::Http) => by_http(at, &name, &token(order, host), &proof),
                (Some(at), AcmeChallenge::TlsAlpn) => by_tls(at, &name, &proof),
            };
            if outcome.is_ok() {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        let status = if outcome.is_ok() { "valid" } else { "invalid" };
        let kind = match challenge {
            AcmeChallenge::Http => "http-01",
            AcmeChallenge::TlsAlpn => "tls-alpn-01",
        };
        let mut told = self.offer(order, host, kind, status);
        if let Err(why) = &outcome {
            let kind = "urn:ietf:params:acme:error:unauthorized";
            told["error"] = json!({ "type": kind, "detail": why });
        }
        let mut books = lock(&self.books);
        books.trials.push(Trial {
            host: name,
            challenge,
            failure: outcome.err(),
        });
        if let Some(it) = books
            .orders
            .get_mut(order)
            .and_then(|it| it.hosts.get_mut(host))
        {
            it.1 = status;
        }
        let up = format!("<{}/authorization/{order}/{host}>;rel=\"up\"", self.base);
        // Some wait five seconds where they are told nothing.
        Ok(said(200, &told)
            .header("Link", &up)
            .header("Retry-After", "1"))
    }

    fn finalize(&self, number: usize, request: &Request) -> Result<Answer, String> {
        let (_, wish) = opened(request)?;
        let csr = wish["csr"].as_str().and_then(base64::from_url);
        let csr = csr.ok_or("no certificate request")?;
        if self.told(number)?["status"] != "ready" {
            return Err("the hosts are not proved".to_owned());
        }
        let (pem, der) = self.issuer.try_sign(&csr).map_err(|why| why.to_string())?;
        {
            let mut books = lock(&self.books);
            books.issued.push(der);
            if let Some(order) = books.orders.get_mut(number) {
                order.certificate = Some(pem);
            }
        }
        self.shown(number)
    }

    fn certificate(&self, number: usize) -> Result<Answer, String> {
        let books = lock(&self.books);
        let order = books.orders.get(number).ok_or("no such order")?;
        let pem = order.certificate.as_ref().ok_or("no certificate yet")?;
        let chain = format!("{pem}{}", self.issuer.pem());
        Ok(Answer::status(200)
            .header("Content-Type", "application/pem-certificate-chain")
            .body(chain))
    }
}

fn said(status: u16, what: &Value) -> Answer {
    let kind = match status {
        400.. => "application/problem+json",
        _ => "application/json",
    };
    Answer::status(status)
        .header("Content-Type", kind)
        .body(what.to_string())
}

fn token(order: usize, host: usize) -> String {
    let seed = format!("wsgen {order} {host}");
    base64::url(digest(&SHA256, seed.as_bytes()).as_ref())
}

/// The protected header and the payload of a request (RFC 7515).
fn opened(request: &Request) -> Result<(Value, Value), String> {
    let whole: Value = serde_json::from_slice(&request.body).map_err(|why| why.to_string())?;
    let part = |name: &str| {
        let bytes = base64::from_url(whole[name].as_str()?)?;
        // To ask for a thing again is to send nothing.
        match bytes.is_empty() {
            true => Some(Value::Null),
            false => serde_json::from_slice(&bytes).ok(),
        }
    };
    let opened = part("protected").zip(part("payload"));
    opened.ok_or_else(|| "no signed JSON".to_owned())
}

/// A key's name (RFC 7638).
fn thumbprint(key: &Value) -> Option<String> {
    let members: &[&str] = match key["kty"].as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "RSA" => &["e", "kty", "n"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    let members = members
        .iter()
        .map(|name| Some(format!("\"{name}\":{}", key.get(name)?)))
        .collect::<Option<Vec<_>>>()?;
    let text = format!("{{{}}}", members.join(","));
    Some(base64::url(digest(&SHA256, text.as_bytes()).as_ref()))
}

fn by_http(at: SocketAddr, host: &str, token: &str, proof: &str) -> Result<(), String> {
    let client = Client::new(at).host(host).patience(PATIENCE);
    let path = format!("/.well-known/acme-challenge/{token}");
    let answer = client.try_get(&path, &[]).map_err(|why| why.to_string())?;
    match (answer.status, answer.text().trim() == proof) {
        (200, true) => Ok(()),
        (200, false) => Err("the file holds something else".to_owned()),
        (status, _) => Err(format!("status {status} for {path}")),
    }
}

fn by_tls(at: SocketAddr, host: &str, proof: &str) -> Result<(), String> {
    let client = Client::new(at).patience(PATIENCE);
    let leaf = client.leaf_for(Some(host), Some(TLS_ALPN));
    let leaf = leaf.map_err(|why| why.to_string())?;
    let (_, leaf) = X509Certificate::from_der(&leaf).map_err(|why| why.to_string())?;
    let extension = leaf
        .extensions()
        .iter()
        .find(|it| it.oid.to_id_string() == IDENTIFIER)
        .ok_or("a certificate without the proof")?;
    // An octet string of 32 bytes.
    let hash = digest(&SHA256, proof.as_bytes());
    match extension.value.strip_prefix(&[4, 32]) {
        Some(shown) if shown == hash.as_ref() => Ok(()),
        _ => Err("a certificate with another proof".to_owned()),
    }
}
