//! The resources of a file, and what a cluster has beside them.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::verify::base64;

/// The resources of a file, and what a cluster has beside them: classes, namespaces, Secrets, a default certificate.
pub(super) fn resources(text: &str, store: &Value, round: u32) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(text);
    let mut all: Vec<Value> = documents
        .filter_map(|it| Value::deserialize(it).ok())
        .filter(Value::is_object)
        .collect();
    let mut more: Vec<Value> = text.lines().filter_map(created).collect();
    let of = |kind: &str| {
        all.iter()
            .filter(|it| it["kind"] == kind)
            .cloned()
            .collect::<Vec<_>>()
    };
    let (ingresses, gateways) = (of("Ingress"), of("Gateway"));
    if round > 0 {
        // Changes whenever the file is read anew, and takes no request.
        let host = format!("read-{round}.invalid");
        let mut routes = of("HTTPRoute").into_iter().chain(ingresses.clone());
        if let Some(mut aside) = routes.next() {
            aside["metadata"]["name"] = json!("read-anew");
            match aside["kind"].as_str() {
                Some("HTTPRoute") => aside["spec"]["hostnames"] = json!([host]),
                _ => aside["spec"]["rules"][0]["host"] = json!(host),
            }
            more.push(aside);
        }
    }
    let mut own = ingresses.iter().chain(&gateways);
    let namespace = own.find_map(|it| it["metadata"]["namespace"].as_str());
    if let (Some(namespace), true) = (namespace, store.is_object()) {
        more.push(json!({
            "apiVersion": "traefik.io/v1alpha1", "kind": "TLSStore",
            "metadata": { "name": "default", "namespace": namespace }, "spec": store,
        }));
    }
    for ingress in &ingresses {
        let notes = ingress["metadata"]["annotations"].as_object();
        let nginx = notes.is_some_and(|it| it.keys().any(|key| key.starts_with("nginx.")));
        let controller = match nginx {
            true => "k8s.io/ingress-nginx",
            false => "traefik.io/ingress-controller",
        };
        more.push(json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "IngressClass",
            "metadata": { "name": ingress["spec"]["ingressClassName"] },
            "spec": { "controller": controller },
        }));
    }
    for gateway in &gateways {
        more.push(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
            "metadata": { "name": gateway["spec"]["gatewayClassName"] },
            "spec": { "controllerName": "traefik.io/gateway-controller" },
        }));
    }
    let namespaces: BTreeSet<&str> = all
        .iter()
        .filter_map(|it| it["metadata"]["namespace"].as_str())
        .collect();
    more.extend(namespaces.iter().map(|name| {
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": name, "labels": { "kubernetes.io/metadata.name": name } },
        })
    }));
    all.append(&mut more);
    all
}

/// What a command of the file's head makes: `# kubectl create secret tls NAME --namespace=NS --cert=FILE --key=FILE`.
pub(super) fn created(line: &str) -> Option<Value> {
    let (_, command) = line.strip_prefix('#')?.split_once("kubectl create ")?;
    let mut words = command
        .split_whitespace()
        .map(|word| word.trim_matches('\''));
    let (kind, mut api) = (words.next()?, "Secret");
    let form = match kind {
        "configmap" => {
            api = "ConfigMap";
            "generic"
        }
        _ => words.next()?,
    };
    let name = words.next()?;
    let mut namespace = "default";
    let mut data = serde_json::Map::new();
    let mut put = |key: &str, file: &str| {
        let bytes = std::fs::read(file).unwrap_or_default();
        let value = match api {
            "ConfigMap" => String::from_utf8_lossy(&bytes).into_owned(),
            _ => base64::standard(&bytes),
        };
        data.insert(key.to_owned(), json!(value));
    };
    for word in words {
        match word.split_once('=')? {
            ("--namespace", value) => namespace = value,
            ("--cert", file) => put("tls.crt", file),
            ("--key", file) => put("tls.key", file),
            ("--from-file", pair) => {
                let (key, file) = pair.split_once('=')?;
                put(key, file);
            }
            _ => {}
        }
    }
    let meta = json!({ "name": name, "namespace": namespace });
    Some(match (api, form) {
        ("ConfigMap", _) => {
            json!({ "apiVersion": "v1", "kind": api, "metadata": meta, "data": data })
        }
        (_, "tls") => {
            json!({ "apiVersion": "v1", "kind": api, "type": "kubernetes.io/tls", "metadata": meta, "data": data })
        }
        _ => {
            json!({ "apiVersion": "v1", "kind": api, "type": "Opaque", "metadata": meta, "data": data })
        }
    })
}
