//! Traefik as the controller of a cluster: how it is started beside a cluster's API that holds the rendered resources.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Value, json};

use super::traefik::Traefik;
use super::{By, Complaint, Home, LOG, Program, Reload};
use crate::ir::{Feature, Gateway, IngressController, Version};
use crate::verify::base64;
use crate::verify::stub::cluster::Cluster;

/// Ingress resources; those for ingress-nginx are read by Traefik too.
pub(super) static INGRESS: Controller = Controller {
    target: "ingress",
    main: "ingress.yaml",
};

/// Gateway API resources.
pub(super) static GATEWAY: Controller = Controller {
    target: "gateway",
    main: "gateway.yaml",
};

/// Traefik as the controller of one target's resources.
pub(super) struct Controller {
    target: &'static str,
    main: &'static str,
}

/// The file of the controller's own values, beside the main one.
const VALUES: &str = "values.yaml";

/// Where the address of the cluster's API is kept, for the arguments.
const API: &str = "api";

/// What the values are for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Traefik, by its own annotations.
    Traefik,
    /// ingress-nginx, whose annotations Traefik reads.
    Nginx,
    /// Another program.
    Other,
}

fn values(home: &Home<'_>) -> Value {
    let text = std::fs::read_to_string(home.folder.join(VALUES)).unwrap_or_default();
    serde_yaml::from_str(&text).unwrap_or_default()
}

fn kind(values: &Value) -> Kind {
    let config = &values["controller"]["config"];
    match (
        values["controller"].is_object(),
        config.get("worker-shutdown-timeout"),
    ) {
        (false, _) => Kind::Traefik,
        (true, Some(_)) => Kind::Nginx,
        (true, None) => Kind::Other,
    }
}

impl Controller {
    /// Whether the resources are for a controller that cannot be run here, whose annotations Traefik reads.
    fn stands_for_nginx(&self, gateway: &Gateway) -> bool {
        self.target == INGRESS.target
            && gateway.rooms.ingress.controller.value == IngressController::Nginx
    }

    fn providers(&self, home: &Home<'_>) -> &'static [&'static str] {
        match (self.target, kind(&values(home))) {
            ("gateway", _) => &["kubernetesgateway", "kubernetescrd"],
            (_, Kind::Traefik) => &["kubernetes", "kubernetescrd"],
            (_, Kind::Nginx | Kind::Other) => &["kubernetesingressnginx", "kubernetescrd"],
        }
    }
}

impl Program for Controller {
    fn target(&self) -> &'static str {
        self.target
    }

    fn executables(&self) -> &'static [&'static str] {
        &["traefik"]
    }

    fn ask_version(&self) -> &'static str {
        "version"
    }

    fn version(&self, said: &str) -> Option<Version> {
        Traefik.version(said)
    }

    fn main_file(&self) -> &'static str {
        self.main
    }

    fn confine(&self, _name: &str, text: &str, _home: &Home<'_>) -> String {
        text.to_owned()
    }

    fn serve(&self, command: &mut Command, home: &Home<'_>) {
        let api = std::fs::read_to_string(home.folder.join(API)).unwrap_or_default();
        for provider in self.providers(home) {
            // The log has a shorter name for it.
            let provider = match *provider {
                "kubernetes" => "kubernetesingress",
                provider => provider,
            };
            command.args([
                format!("--providers.{provider}=true"),
                format!("--providers.{provider}.endpoint=http://{api}"),
                format!("--providers.{provider}.token=t"),
            ]);
        }
        let values = values(home);
        let points = match kind(&values) {
            Kind::Traefik => values["ports"].as_object().cloned().unwrap_or_default(),
            Kind::Nginx | Kind::Other => {
                command.args([
                    "--providers.kubernetesingressnginx.httpentrypoint=web",
                    "--providers.kubernetesingressnginx.httpsentrypoint=websecure",
                ]);
                let ports = &values["controller"]["containerPort"];
                let names = [("http", "web"), ("https", "websecure")];
                let port = |(key, name): (&str, &str)| {
                    Some((name.to_owned(), json!({ "port": ports.get(key)? })))
                };
                names.into_iter().filter_map(port).collect()
            }
        };
        let lenient = &values["controller"]["config"]["enable-underscores-in-headers"];
        let names = if lenient == "true" { "keep" } else { "delete" };
        for (name, point) in &points {
            if kind(&values) == Kind::Nginx {
                command.arg(format!(
                    "--entryPoints.{name}.http.aliasHeadersStrategy={names}"
                ));
            }
            let port = if home.checked {
                0
            } else {
                point["port"].as_u64().unwrap_or_default()
            };
            command.arg(format!("--entryPoints.{name}.address=127.0.0.1:{port}"));
        }
        for argument in values["additionalArguments"]
            .as_array()
            .into_iter()
            .flatten()
        {
            command.args(argument.as_str());
        }
        command.args([
            "--providers.providersThrottleDuration=1ms",
            "--api.insecure=true",
            "--api.dashboard=false",
            "--entryPoints.traefik.http.aliasHeadersStrategy=delete",
            "--log.level=DEBUG",
            "--log.noColor=true",
            "--global.checkNewVersion=false",
            "--global.sendAnonymousUsage=false",
        ]);
        command.arg(format!("--entryPoints.traefik.address={}", home.admin));
        for name in [
            "BackSlash",
            "Hash",
            "Percent",
            "QuestionMark",
            "Semicolon",
            "Slash",
        ] {
            command.arg(format!(
                "--entryPoints.traefik.http.encodedCharacters.allowEncoded{name}=true"
            ));
        }
    }

    fn cluster(&self, home: &Home<'_>) -> io::Result<Option<Cluster>> {
        let values = values(home);
        if self.target == "ingress" && kind(&values) == Kind::Other {
            let why =
                "the resources are for HAProxy's controller: only Traefik can be run as one here";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        let store = match values["controller"]["extraArgs"]["default-ssl-certificate"].as_str() {
            Some(secret) => {
                let name = secret.rsplit('/').next();
                json!({ "defaultCertificate": { "secretName": name } })
            }
            None => values["tlsStore"]["default"].clone(),
        };
        let read = move |text: &str, round: u32| resources(text, &store, round);
        let cluster = Cluster::start(home.main, &home.folder.join(VALUES), Box::new(read))?;
        std::fs::write(home.folder.join(API), cluster.address().to_string())?;
        Ok(Some(cluster))
    }

    fn check(&self, _command: &mut Command, _home: &Home<'_>) -> bool {
        false
    }

    fn is_clean(&self, success: bool, said: &str) -> bool {
        success && ![" ERR ", " WRN "].iter().any(|word| said.contains(word))
    }

    fn flaws(&self, home: &Home<'_>) -> Vec<Complaint> {
        Traefik.flaws(home)
    }

    fn is_ready(&self, home: &Home<'_>, _process: u32, log: &str) -> bool {
        is_served(home, log, self.providers(home))
    }

    fn reload(&self, _changed: &[&str]) -> Reload {
        Reload {
            by: By::Itself,
            done: "Configuration received",
            refused: " ERR ",
        }
    }

    fn soft_stop(&self) -> &'static str {
        "TERM"
    }

    fn has_resolvers(&self) -> bool {
        false
    }

    fn is_aside(&self, line: &str) -> bool {
        line.contains(" DBG ")
    }

    /// What ingress-nginx loses, Traefik may keep, which stands for it; and what a cluster or a pod decides shows in none here.
    fn hides(&self, gateway: &Gateway, feature: Feature) -> bool {
        use Feature::{BalanceHash, Files, ListenerBind, UpstreamKeepalive, WhenClients};
        self.stands_for_nginx(gateway)
            || matches!(
                feature,
                BalanceHash | Files | ListenerBind | UpstreamKeepalive | WhenClients
            )
    }

    fn differs(&self, gateway: &Gateway, feature: Feature) -> Option<&'static str> {
        use Feature::*;
        if !self.stands_for_nginx(gateway) {
            return None;
        }
        match feature {
            AuthBasic => Some("Traefik stands for ingress-nginx here, and takes the password away"),
            AuthForward => {
                Some("Traefik stands for ingress-nginx here, and asks the service in its own way")
            }
            BalanceHash | StickyCookie => Some(
                "Traefik stands for ingress-nginx here, and looks no further where the chosen server refuses",
            ),
            Cors => Some(
                "Traefik stands for ingress-nginx here, whose answers to preflights are its own",
            ),
            ForwardedHeaders => {
                Some("Traefik stands for ingress-nginx here, and calls a socket's scheme `ws`")
            }
            TimeoutConnect | Retries => Some(
                "Traefik stands for ingress-nginx here, and passes over no server that does not answer",
            ),
            UpstreamTls => Some(
                "Traefik stands for ingress-nginx here, and has another status for certificates",
            ),
            _ => None,
        }
    }

    fn title(&self) -> &'static str {
        match self.target {
            "ingress" => "Kubernetes Ingress through Traefik",
            _ => "Gateway API through Traefik",
        }
    }

    fn complaints(&self, log: &str, main: &Path) -> Vec<Complaint> {
        Traefik.complaints(log, main)
    }
}

/// The resources of a file, and what a cluster has beside them: classes, namespaces, Secrets, a default certificate.
fn resources(text: &str, store: &Value, round: u32) -> Vec<Value> {
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
fn created(line: &str) -> Option<Value> {
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

/// It is asked what it serves when it has said nothing for so long.
const PAUSE: Duration = Duration::from_millis(20);

/// What it serves is not compared with what it read once it has said nothing for so long.
const LONG_PAUSE: Duration = Duration::from_millis(1500);

/// Whether what each of its providers read last is served.
fn is_served(home: &Home<'_>, log: &str, providers: &[&str]) -> bool {
    let written = std::fs::metadata(home.folder.join(LOG)).and_then(|log| log.modified());
    let silence = written.map_or(Duration::ZERO, |at| {
        SystemTime::now().duration_since(at).unwrap_or_default()
    });
    if silence < PAUSE {
        return false;
    }
    let last = |provider: &str| {
        let end = format!(" providerName={provider}");
        let mut lines = log.lines().rev();
        lines.find_map(|line| {
            let (_, read) = line.split_once("Configuration received config=")?;
            read.strip_suffix(end.as_str())
        })
    };
    let read: Option<Vec<&str>> = providers.iter().map(|it| last(it)).collect();
    let Some(read) = read else {
        return false;
    };
    let Some(Ok(all)) = home.ask("/api/rawdata").map(|it| serde_json::from_str(&it)) else {
        return false;
    };
    let served = |(read, provider): (&str, &&str)| {
        serde_json::from_str(read).is_ok_and(|read| serves(&all, &read, provider))
    };
    // Under load it may be silent for long before it serves what it read.
    let named = |(read, provider): (&str, &&str)| {
        serde_json::from_str(read).is_ok_and(|read| names(&all, &read, provider))
    };
    let mut each = read.into_iter().zip(providers);
    match silence >= LONG_PAUSE {
        true => each.all(named),
        false => each.all(served),
    }
}

/// Whether every router that a provider read is served, and no other of it.
fn names(all: &Value, read: &Value, provider: &str) -> bool {
    let end = format!("@{provider}");
    let read = read["http"]["routers"].as_object();
    let mut served = all["routers"].as_object().into_iter().flatten();
    let count = read.map_or(0, |it| it.len());
    let known = |name: &String| all["routers"].get(format!("{name}{end}")).is_some();
    let mut each = read.into_iter().flat_map(|it| it.keys());
    each.all(known)
        && served
            .by_ref()
            .filter(|(name, _)| name.ends_with(&end))
            .count()
            == count
}

/// Whether every router, middleware and service that a provider read is served just so, and no other of it.
fn serves(all: &Value, read: &Value, provider: &str) -> bool {
    let end = format!("@{provider}");
    ["routers", "middlewares", "services"].iter().all(|kind| {
        let read: Vec<_> = read["http"][kind]
            .as_object()
            .into_iter()
            .flatten()
            .collect();
        let served = all[kind].as_object().into_iter().flatten();
        let count = served.filter(|(name, _)| name.ends_with(&end)).count();
        let mut each = read.iter();
        count == read.len()
            && each.all(|(name, object)| holds(&all[kind][format!("{name}{end}")], object, &end))
    })
}

/// Whether what is served says all that was read; there, a name tells also the provider.
fn holds(served: &Value, read: &Value, end: &str) -> bool {
    match (served, read) {
        (Value::Object(served), Value::Object(read)) => read.iter().all(|(key, read)| {
            let served = served.get(key);
            served.is_some_and(|served| holds(served, read, end))
        }),
        (Value::Array(served), Value::Array(read)) => {
            let mut pairs = served.iter().zip(read);
            served.len() == read.len() && pairs.all(|(one, other)| holds(one, other, end))
        }
        (Value::String(served), Value::String(read)) => {
            served.strip_suffix(end).unwrap_or(served) == read
        }
        (served, read) => served == read,
    }
}
