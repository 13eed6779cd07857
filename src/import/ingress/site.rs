//! An Ingress as it is written: class, TLS, rules, and what of it no Ingress has.

use super::documents::{Documents, Object};
use super::notes::Notes;
use crate::import::{DirectiveId, Reading};
use crate::source::{Loc, Span};

/// How a path is matched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PathType {
    /// By segments.
    Prefix,
    /// The path alone.
    Exact,
    /// As the controller likes.
    ImplementationSpecific,
}

/// A Service and its port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Backend {
    /// The Service's name.
    pub service: String,
    /// Its port: a number or a name.
    pub port: String,
}

/// A path of a rule.
#[derive(Clone, Debug)]
pub(super) struct Path {
    /// `None`: any host.
    pub host: Option<String>,
    /// The path, `/` where none is written.
    pub path: String,
    /// How it is matched.
    pub kind: PathType,
    /// Where it leads; `None` where that is no Service.
    pub backend: Option<Backend>,
    /// Its entry in the account.
    pub id: DirectiveId,
    /// That of its host.
    pub host_id: Option<DirectiveId>,
    /// Where it stands.
    pub at: Span,
}

/// A `tls` entry.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    /// Its hosts.
    pub hosts: Vec<String>,
    /// The Secret; empty where none is named.
    pub secret: String,
    /// Its entry in the account.
    pub id: DirectiveId,
}

/// An Ingress.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// Its name and namespace.
    pub object: Object,
    /// Its own entry in the account.
    pub id: DirectiveId,
    /// Its annotations.
    pub notes: Notes,
    /// Its class, if one is written.
    pub class: Option<String>,
    /// Certificates.
    pub tls: Vec<Tls>,
    /// Paths, in order.
    pub paths: Vec<Path>,
}

impl Site {
    /// Reads an Ingress.
    pub(super) fn read(documents: &Documents, object: &Object, reading: &mut Reading<'_>) -> Self {
        let head = documents.get(object, &["kind"]).unwrap_or(object.at);
        let span = documents.span(object, head, reading);
        let id = reading.account.add(
            span,
            format!("Ingress {}/{}", object.namespace, object.name),
        );
        if object.version != "networking.k8s.io/v1" {
            let how = format!(
                "`{}` is gone since Kubernetes 1.22: read as `networking.k8s.io/v1`",
                object.version
            );
            reading.account.changed(id, "routes", how);
        }
        let notes = Notes::read(documents, object, reading);
        let mut site = Self {
            object: object.clone(),
            id,
            notes,
            class: None,
            tls: Vec::new(),
            paths: Vec::new(),
        };
        let mut reader = Reader {
            documents,
            object,
            reading,
        };
        reader.stray(&[], &["apiVersion", "kind", "metadata", "spec", "status"]);
        reader.stray(
            &["metadata"],
            &[
                "name",
                "namespace",
                "labels",
                "annotations",
                "creationTimestamp",
                "generation",
                "managedFields",
                "ownerReferences",
                "finalizers",
                "resourceVersion",
                "uid",
                "selfLink",
            ],
        );
        reader.stray(
            &["spec"],
            &[
                "ingressClassName",
                "tls",
                "rules",
                "defaultBackend",
                "backend",
            ],
        );
        if let Some(at) = documents.get(object, &["spec", "ingressClassName"]) {
            let class = documents.text(object, at).unwrap_or("").to_owned();
            let id = reader.add(at, format!("ingressClassName: {class}"));
            reader.reading.account.kept(id, "targets.ingress.class");
            site.class = Some(class);
        }
        for item in documents.items(object, documents.get(object, &["spec", "tls"])) {
            site.tls.push(reader.tls(item));
        }
        for item in documents.items(object, documents.get(object, &["spec", "rules"])) {
            site.paths.extend(reader.rule(item));
        }
        for key in ["defaultBackend", "backend"] {
            if let Some(at) = documents.get(object, &["spec", key]) {
                let backend = reader.backend(at);
                let id = reader.add(at, format!("{key}: {}", shown(backend.as_ref())));
                site.paths.push(Path {
                    host: None,
                    path: "/".to_owned(),
                    kind: PathType::Prefix,
                    backend,
                    id,
                    host_id: None,
                    at: documents.span(object, at, reader.reading),
                });
            }
        }
        site
    }

    /// Whether a host has a certificate here.
    pub(super) fn has_tls(&self, host: Option<&str>) -> bool {
        let covers = |name: &String| match (host, name.strip_prefix('*')) {
            (Some(host), Some(zone)) => {
                host == name
                    || host
                        .strip_suffix(zone)
                        .is_some_and(|it| !it.is_empty() && !it.contains('.'))
            }
            (Some(host), None) => host == name,
            (None, _) => false,
        };
        self.tls
            .iter()
            .any(|tls| tls.hosts.is_empty() || tls.hosts.iter().any(covers))
    }
}

fn shown(backend: Option<&Backend>) -> String {
    backend.map_or_else(
        || "no Service".to_owned(),
        |it| format!("{}:{}", it.service, it.port),
    )
}

struct Reader<'a, 'r, 'b> {
    documents: &'a Documents,
    object: &'a Object,
    reading: &'r mut Reading<'b>,
}

impl Reader<'_, '_, '_> {
    fn add(&mut self, at: Loc, text: String) -> DirectiveId {
        let span = self.documents.span(self.object, at, self.reading);
        self.reading.account.add(span, text)
    }

    /// Keys that the object below some keys does not have.
    fn stray(&mut self, path: &[&str], known: &[&str]) {
        let map = self.documents.get(self.object, path);
        self.stray_of(map, known);
    }

    fn stray_of(&mut self, map: Option<Loc>, known: &[&str]) {
        for (key, at, _) in self.documents.pairs(self.object, map) {
            if !known.contains(&key.as_str()) {
                let id = self.add(at, key.clone());
                self.reading
                    .account
                    .unknown(id, crate::names::closest(&key, known.iter().copied()));
            }
        }
    }

    fn tls(&mut self, item: Loc) -> Tls {
        self.stray_of(Some(item), &["hosts", "secretName"]);
        let below = |key: &str| self.documents.below(self.object, item, key);
        let hosts = self.documents.items(self.object, below("hosts"));
        let hosts: Vec<String> = hosts
            .iter()
            .filter_map(|at| self.documents.text(self.object, *at))
            .map(str::to_lowercase)
            .collect();
        let secret = below("secretName")
            .and_then(|at| self.documents.text(self.object, at))
            .unwrap_or("")
            .to_owned();
        let id = self.add(item, format!("tls: {} {secret}", hosts.join(" ")));
        Tls { hosts, secret, id }
    }

    fn rule(&mut self, item: Loc) -> Vec<Path> {
        self.stray_of(Some(item), &["host", "http"]);
        let host_at = self.documents.below(self.object, item, "host");
        let host = host_at
            .and_then(|at| self.documents.text(self.object, at))
            .filter(|it| !it.is_empty())
            .map(str::to_lowercase);
        let host_id = match (host_at, &host) {
            (Some(at), Some(host)) => Some(self.add(at, format!("host: {host}"))),
            _ => None,
        };
        let http = self.documents.below(self.object, item, "http");
        self.stray_of(http, &["paths"]);
        let paths = http.and_then(|at| self.documents.below(self.object, at, "paths"));
        let mut found = Vec::new();
        for at in self.documents.items(self.object, paths) {
            self.stray_of(Some(at), &["path", "pathType", "backend"]);
            let below = |key: &str| self.documents.below(self.object, at, key);
            let text = |key: &str| {
                below(key)
                    .and_then(|it| self.documents.text(self.object, it))
                    .unwrap_or("")
                    .to_owned()
            };
            let (path, kind) = (text("path"), text("pathType"));
            let path = if path.is_empty() {
                "/".to_owned()
            } else {
                path
            };
            let backend = below("backend");
            let backend = backend.and_then(|it| self.backend(it));
            let id = self.add(
                at,
                format!("path: {path} ({kind}) → {}", shown(backend.as_ref())),
            );
            let kind = match kind.as_str() {
                "Prefix" => PathType::Prefix,
                "Exact" => PathType::Exact,
                "ImplementationSpecific" | "" => PathType::ImplementationSpecific,
                other => {
                    let known = ["Prefix", "Exact", "ImplementationSpecific"];
                    self.reading
                        .account
                        .unknown(id, crate::names::closest(other, known.into_iter()));
                    PathType::Prefix
                }
            };
            let span = self.documents.span(self.object, at, self.reading);
            found.push(Path {
                host: host.clone(),
                path,
                kind,
                backend,
                id,
                host_id,
                at: span,
            });
        }
        if found.is_empty()
            && let Some(id) = host_id
        {
            self.reading
                .account
                .lost(id, "the rule has no path: it leads nowhere");
        }
        found
    }

    /// `service: {name, port}`, or `serviceName` and `servicePort` as before version 1.
    fn backend(&mut self, at: Loc) -> Option<Backend> {
        self.stray_of(
            Some(at),
            &["service", "resource", "serviceName", "servicePort"],
        );
        let text = |map: Loc, key: &str| {
            let found = self.documents.below(self.object, map, key);
            found
                .and_then(|it| self.documents.text(self.object, it))
                .map(str::to_owned)
        };
        if let (Some(service), Some(port)) = (text(at, "serviceName"), text(at, "servicePort")) {
            return Some(Backend { service, port });
        }
        let service = self.documents.below(self.object, at, "service")?;
        let port = self.documents.below(self.object, service, "port")?;
        let number = text(port, "number").or_else(|| text(port, "name"))?;
        Some(Backend {
            service: text(service, "name")?,
            port: number,
        })
    }
}
