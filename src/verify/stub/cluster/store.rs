//! The objects of a cluster, and who is told of their changes.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::{Value, json};

/// Kinds whose plural is not their name with an `s`, or that are asked for before there is one.
const KINDS: [(&str, &str); 27] = [
    ("services", "Service"),
    ("secrets", "Secret"),
    ("configmaps", "ConfigMap"),
    ("nodes", "Node"),
    ("namespaces", "Namespace"),
    ("endpointslices", "EndpointSlice"),
    ("ingresses", "Ingress"),
    ("ingressclasses", "IngressClass"),
    ("middlewares", "Middleware"),
    ("middlewaretcps", "MiddlewareTCP"),
    ("ingressroutes", "IngressRoute"),
    ("ingressroutetcps", "IngressRouteTCP"),
    ("ingressrouteudps", "IngressRouteUDP"),
    ("tlsoptions", "TLSOption"),
    ("tlsstores", "TLSStore"),
    ("traefikservices", "TraefikService"),
    ("serverstransports", "ServersTransport"),
    ("serverstransporttcps", "ServersTransportTCP"),
    ("gatewayclasses", "GatewayClass"),
    ("gateways", "Gateway"),
    ("httproutes", "HTTPRoute"),
    ("grpcroutes", "GRPCRoute"),
    ("tcproutes", "TCPRoute"),
    ("tlsroutes", "TLSRoute"),
    ("listenersets", "ListenerSet"),
    ("referencegrants", "ReferenceGrant"),
    ("backendtlspolicies", "BackendTLSPolicy"),
];

/// Kinds that belong to no namespace.
const WIDE: [&str; 4] = ["IngressClass", "GatewayClass", "Namespace", "Node"];

/// Where an object is: group, plural, namespace, name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    pub(super) group: String,
    pub(super) plural: String,
    pub(super) namespace: String,
    pub(super) name: String,
}

/// The kind that a plural names.
pub(super) fn kind(plural: &str) -> String {
    let known = KINDS.iter().find(|(name, _)| *name == plural);
    known.map_or_else(
        || plural.trim_end_matches('s').to_owned(),
        |(_, kind)| (*kind).to_owned(),
    )
}

fn plural(kind: &str) -> String {
    let known = KINDS.iter().find(|(_, name)| *name == kind);
    known.map_or_else(
        || format!("{}s", kind.to_ascii_lowercase()),
        |(plural, _)| (*plural).to_owned(),
    )
}

/// The place of a manifest.
fn key(object: &Value) -> Option<Key> {
    let (api, kind) = (object["apiVersion"].as_str()?, object["kind"].as_str()?);
    let meta = &object["metadata"];
    let namespace = match WIDE.contains(&kind) {
        true => "",
        false => meta["namespace"].as_str().unwrap_or("default"),
    };
    Some(Key {
        group: api
            .rsplit_once('/')
            .map_or("", |(group, _)| group)
            .to_owned(),
        plural: plural(kind),
        namespace: namespace.to_owned(),
        name: meta["name"].as_str()?.to_owned(),
    })
}

/// Somebody who is told of changes.
struct Watch {
    group: String,
    plural: String,
    namespace: String,
    to: Sender<(&'static str, Value)>,
}

/// Every object, newest state only.
#[derive(Default)]
pub(super) struct Store {
    version: u64,
    objects: BTreeMap<Key, Value>,
    watches: Vec<Watch>,
}

impl Store {
    /// The number of the last change.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The objects of a kind, in one namespace or (empty) in all.
    pub(super) fn list(&self, group: &str, plural: &str, namespace: &str) -> Vec<Value> {
        self.objects
            .iter()
            .filter(|(key, _)| key.group == group && key.plural == plural)
            .filter(|(key, _)| namespace.is_empty() || key.namespace == namespace)
            .map(|(_, object)| object.clone())
            .collect()
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    /// Puts an object there, where it differs from what is.
    pub(super) fn put(&mut self, object: &Value) {
        let Some(key) = key(object) else { return };
        let mut object = object.clone();
        fill(&mut object, &key);
        if let Some(old) = self.objects.get(&key) {
            if same(old, &object) {
                return;
            }
            // What the controller wrote there stays.
            if object.get("status").is_none()
                && let Some(status) = old.get("status")
            {
                object["status"] = status.clone();
            }
        }
        self.set(key, object);
    }

    /// What a controller says of an object.
    pub(super) fn set_status(&mut self, key: &Key, status: &Value) -> Option<Value> {
        let mut object = self.objects.get(key)?.clone();
        object["status"] = status.clone();
        self.set(key.clone(), object);
        self.objects.get(key).cloned()
    }

    fn set(&mut self, key: Key, mut object: Value) {
        self.version += 1;
        let known = self.objects.contains_key(&key);
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.objects.insert(key.clone(), object.clone());
        self.tell(if known { "MODIFIED" } else { "ADDED" }, &key, &object);
    }

    /// These objects and no others.
    pub(super) fn replace(&mut self, objects: &[Value]) {
        let keys: Vec<Key> = objects.iter().filter_map(key).collect();
        let gone: Vec<Key> = self
            .objects
            .keys()
            .filter(|key| !keys.contains(key))
            .cloned()
            .collect();
        for key in gone {
            if let Some(object) = self.objects.remove(&key) {
                self.version += 1;
                self.tell("DELETED", &key, &object);
            }
        }
        for object in objects {
            self.put(object);
        }
    }

    fn tell(&mut self, change: &'static str, key: &Key, object: &Value) {
        self.watches.retain(|watch| {
            let concerned = watch.group == key.group
                && watch.plural == key.plural
                && (watch.namespace.is_empty() || watch.namespace == key.namespace);
            !concerned || watch.to.send((change, object.clone())).is_ok()
        });
    }

    /// What changes from now on, after everything that is newer than `since`; `None` is everything, and then a mark that it
    /// was all.
    pub(super) fn watch(
        &mut self,
        group: &str,
        plural: &str,
        namespace: &str,
        since: Option<u64>,
    ) -> Receiver<(&'static str, Value)> {
        let (to, from) = channel();
        for object in self.list(group, plural, namespace) {
            let version = object["metadata"]["resourceVersion"].as_str();
            let version: u64 = version.and_then(|it| it.parse().ok()).unwrap_or_default();
            if since.is_none_or(|since| version > since) {
                let _ = to.send(("ADDED", object));
            }
        }
        if since.is_none() {
            let mark = json!({ "metadata": {
                "resourceVersion": self.version.to_string(),
                "annotations": { "k8s.io/initial-events-end": "true" },
            } });
            let _ = to.send(("BOOKMARK", mark));
        }
        self.watches.push(Watch {
            group: group.to_owned(),
            plural: plural.to_owned(),
            namespace: namespace.to_owned(),
            to,
        });
        from
    }
}

/// Whether nobody would see a difference but in what the server writes itself.
fn same(old: &Value, new: &Value) -> bool {
    let strip = |object: &Value| {
        let mut object = object.clone();
        if let Some(map) = object.as_object_mut() {
            map.remove("status");
        }
        if let Some(meta) = object["metadata"].as_object_mut() {
            meta.remove("resourceVersion");
        }
        object
    };
    strip(old) == strip(new)
}

/// What a server fills in, as far as controllers rely on it.
fn fill(object: &mut Value, key: &Key) {
    let meta = &mut object["metadata"];
    if !key.namespace.is_empty() {
        meta["namespace"] = json!(key.namespace);
    }
    meta["uid"] = json!(format!("{}-{}-{}", key.plural, key.namespace, key.name));
    meta["generation"] = json!(1);
    meta["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    if key.plural == "services" {
        let ports = object["spec"]["ports"].as_array_mut();
        for port in ports.into_iter().flatten() {
            let number = port["port"].clone();
            absent(port, "targetPort", number);
            absent(port, "protocol", json!("TCP"));
        }
    }
}

fn absent(object: &mut Value, field: &str, value: Value) {
    if let Some(map) = object.as_object_mut() {
        map.entry(field.to_owned()).or_insert(value);
    }
}
