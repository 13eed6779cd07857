//! Traefik as the controller of a cluster: how it is started beside a cluster's API that holds the rendered resources.

mod served;

mod resources;

use std::io;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::traefik::Traefik;
use super::{By, Complaint, Home, Program, Reload};
use crate::ir::{Feature, Gateway, IngressController, Version};
use crate::verify::stub::cluster::Cluster;

use resources::resources;

use served::is_served;

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
            let why = "the resources are for HAProxy's controller: only the controllers `traefik` and `nginx` can be run here";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        if self.target == GATEWAY.target && values.is_null() {
            let why = "the resources are for another implementation: only `implementation: traefik` can be run here";
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
