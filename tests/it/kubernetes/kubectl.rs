//! `kubectl` applies the files: what it reads in them, by its own reader of YAML, is what is written there.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{MANY, WAYS, examples, objects, rendered};
use crate::programs;

/// The kinds of the files: group and version, kind, plural.
const KINDS: [(&str, &str, &str); 15] = [
    ("v1", "Service", "services"),
    ("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
    ("networking.k8s.io/v1", "Ingress", "ingresses"),
    ("traefik.io/v1alpha1", "Middleware", "middlewares"),
    (
        "traefik.io/v1alpha1",
        "ServersTransport",
        "serverstransports",
    ),
    ("traefik.io/v1alpha1", "TLSOption", "tlsoptions"),
    ("gateway.networking.k8s.io/v1", "Gateway", "gateways"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes"),
    (
        "gateway.networking.k8s.io/v1",
        "BackendTLSPolicy",
        "backendtlspolicies",
    ),
    (
        "gateway.networking.k8s.io/v1",
        "ReferenceGrant",
        "referencegrants",
    ),
    (
        "gateway.networking.k8s.io/v1beta1",
        "ReferenceGrant",
        "referencegrants",
    ),
    (
        "gateway.envoyproxy.io/v1alpha1",
        "BackendTrafficPolicy",
        "backendtrafficpolicies",
    ),
    (
        "gateway.envoyproxy.io/v1alpha1",
        "ClientTrafficPolicy",
        "clienttrafficpolicies",
    ),
    (
        "gateway.envoyproxy.io/v1alpha1",
        "SecurityPolicy",
        "securitypolicies",
    ),
    (
        "gateway.envoyproxy.io/v1alpha1",
        "HTTPRouteFilter",
        "httproutefilters",
    ),
];

#[test]
fn kubectl_reads_what_is_written() {
    let Some(kubectl) = programs::require("kubectl") else {
        return;
    };
    let server = Server::start();
    let mut specs = examples();
    specs.push(("many".to_owned(), MANY.to_owned()));
    for (target, room, _) in WAYS {
        let texts: Vec<String> = specs
            .iter()
            .map(|(_, spec)| rendered(spec, target, room).swap_remove(0).1)
            .collect();
        let text = texts.join("---\n");
        let folder = wsgen::verify::folder::Folder::new("kubectl").expect("a folder");
        let path = folder.write("manifest.yaml", &text).expect("writable");
        let output = kubectl
            .command()
            .args(["apply", "--validate=false", "-s", &server.address, "-f"])
            .arg(&path)
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() && said.is_empty(),
            "{target}, {room}: {said}"
        );
        let got = std::mem::take(&mut *server.made.lock().expect("nobody panics with it"));
        let written = objects(&text);
        assert_eq!(got.len(), written.len(), "{target}, {room}");
        for (got, written) in got.iter().zip(&written) {
            assert_eq!(got, written, "{target}, {room}");
        }
    }
}

/// What `kubectl` asks for before it makes objects, and the objects that it made.
struct Server {
    address: String,
    made: Arc<Mutex<Vec<Value>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let made: Arc<Mutex<Vec<Value>>> = Arc::default();
        let all = Arc::clone(&made);
        // Ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let made = Arc::clone(&all);
                std::thread::spawn(move || serve(&stream, &made));
            }
        });
        Self { address, made }
    }
}

fn serve(stream: &TcpStream, made: &Mutex<Vec<Value>>) -> Option<()> {
    let mut from = BufReader::new(stream);
    loop {
        let mut line = String::new();
        from.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let mut words = line.split_whitespace();
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut length = 0;
        loop {
            let mut head = String::new();
            from.read_line(&mut head).ok()?;
            let Some((name, value)) = head.trim().split_once(": ") else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body).ok()?;
        let path = path.split('?').next()?.to_owned();
        let (status, answer) = match method.as_str() {
            "GET" => asked(&path),
            _ => {
                let object: Value = serde_json::from_slice(&body).ok()?;
                made.lock().ok()?.push(bare(object.clone()));
                (201, object)
            }
        };
        let answer = answer.to_string();
        let length = answer.len();
        let head = format!(
            "HTTP/1.1 {status} It\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        let mut to = stream;
        to.write_all((head + &answer).as_bytes()).ok()?;
    }
}

/// An object without what `kubectl` adds.
fn bare(mut object: Value) -> Value {
    let meta = object["metadata"].as_object_mut().expect("an object");
    if let Some(notes) = meta["annotations"].as_object_mut() {
        notes.remove("kubectl.kubernetes.io/last-applied-configuration");
        if notes.is_empty() {
            meta.remove("annotations");
        }
    }
    object
}

/// Which kinds there are; no object is there yet.
fn asked(path: &str) -> (u16, Value) {
    let of = |api: &str| {
        let kinds = KINDS.iter().filter(|(known, ..)| *known == api);
        let resources: Vec<Value> = kinds
            .map(|(_, kind, plural)| {
                json!({ "name": plural, "singularName": kind.to_ascii_lowercase(), "namespaced": true, "kind": kind, "verbs": ["create", "get", "patch"] })
            })
            .collect();
        let list = json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api, "resources": resources });
        (200, list)
    };
    match path {
        "/api" => (200, json!({ "kind": "APIVersions", "versions": ["v1"] })),
        "/apis" => {
            let mut groups: Vec<Value> = Vec::new();
            for (api, ..) in KINDS {
                let Some((group, version)) = api.split_once('/') else {
                    continue;
                };
                let version = json!({ "groupVersion": api, "version": version });
                let known = groups.iter_mut().find(|it| it["name"] == group);
                match known {
                    Some(known) => {
                        let versions = known["versions"].as_array_mut().expect("versions");
                        if !versions.contains(&version) {
                            versions.push(version);
                        }
                    }
                    None => groups.push(json!({ "name": group, "versions": [version], "preferredVersion": version })),
                }
            }
            (
                200,
                json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }),
            )
        }
        "/api/v1" => of("v1"),
        path => {
            let known = KINDS
                .iter()
                .find(|(api, ..)| path.strip_prefix("/apis/") == Some(*api));
            known.map_or_else(
                || {
                    let reason = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404, "metadata": {} });
                    (404, reason)
                },
                |(api, ..)| of(api),
            )
        }
    }
}
