//! The rooms of the targets.

mod names;

use super::{At, Loc, Lower, PORT, Slot, defaults, or, plain, text};
use crate::compile::NoFiles;
use crate::diag::Report;
use crate::ir::{
    AlbRoom, CaddyRoom, EnvoyRoom, GatewayImplementation, GatewayRoom, HaproxyRoom,
    IngressController, IngressRoom, NginxRoom, ProxyRoom, Raw, Room, Rooms, Route, Service, Set,
    TraefikRoom, Version, WorkerRoom,
};
use crate::spec::model::{self, Named, Spec};

/// The common fields of a room, whatever its type.
macro_rules! common {
    ($lower:expr, $room:expr, $routes:expr) => {
        match $room {
            Some(it) => {
                let it = &it.value;
                $lower.room(
                    it.version.as_ref(),
                    it.raw.as_ref(),
                    it.on_loss.as_ref(),
                    $routes,
                )
            }
            None => Room::default(),
        }
    };
}

fn written(field: Option<&At<String>>) -> Option<Set<String>> {
    field.map(|text| Set::written(text.value.clone(), text.at))
}

fn names(named: Option<&Named<String>>) -> Vec<(String, Set<String>)> {
    named.map_or_else(Vec::new, |named| {
        named
            .0
            .iter()
            .map(|(name, text)| {
                (
                    name.value.clone(),
                    Set::written(text.value.clone(), text.at),
                )
            })
            .collect()
    })
}

fn secrets(named: Option<&Named<model::SecretRef>>) -> Vec<(String, Set<String>)> {
    named.map_or_else(Vec::new, |named| {
        let secret = |it: &At<model::SecretRef>| {
            Set::written(it.value.secret.value.clone(), it.value.secret.at)
        };
        named
            .0
            .iter()
            .map(|(name, it)| (name.value.clone(), secret(it)))
            .collect()
    })
}

fn services(
    lower: &mut Lower<'_>,
    named: Option<&Named<model::ServiceRef>>,
) -> Vec<(String, Set<Service>)> {
    named.map_or_else(Vec::new, |named| {
        let mut service = |it: &At<model::ServiceRef>| {
            let service = Service {
                service: it.value.service.value.clone(),
                port: lower.bounded(&it.value.port, PORT).value,
                namespace: it
                    .value
                    .namespace
                    .as_ref()
                    .map(|namespace| namespace.value.clone()),
            };
            Set::written(service, it.at)
        };
        named
            .0
            .iter()
            .map(|(name, it)| (name.value.clone(), service(it)))
            .collect()
    })
}

/// The rooms of a spec that names none.
pub(in crate::ir) fn rooms_unwritten() -> Rooms {
    let (spec, mut report) = (Spec::default(), Report::new());
    Lower::new(&spec, &NoFiles, &mut report).rooms(&spec, &[])
}

impl Lower<'_> {
    pub(super) fn rooms(&mut self, spec: &Spec, routes: &[Route]) -> Rooms {
        let default = model::Targets::default();
        let all = spec.targets.as_ref().unwrap_or(&default);
        Rooms {
            nginx: self.nginx_room(all, routes),
            haproxy: self.haproxy_room(all, routes),
            traefik: {
                let it = all.traefik.as_ref().map(|it| &it.value);
                TraefikRoom {
                    room: common!(self, &all.traefik, routes),
                    resolver: text(
                        it.and_then(|it| it.resolver.as_ref()),
                        Loc(0),
                        ("wsgen", defaults::ROOM),
                    ),
                    storage: text(
                        it.and_then(|it| it.storage.as_ref()),
                        Loc(0),
                        ("/data/acme.json", defaults::ROOM),
                    ),
                }
            },
            envoy: {
                let resolvers = all
                    .envoy
                    .as_ref()
                    .and_then(|it| it.value.resolvers.as_ref());
                self.check_resolvers(resolvers);
                let port = all
                    .envoy
                    .as_ref()
                    .and_then(|it| it.value.admin_port.as_ref());
                EnvoyRoom {
                    room: common!(self, &all.envoy, routes),
                    admin_port: port.map_or(Set::default(9901, Loc(0), defaults::ROOM), |port| {
                        self.bounded(port, PORT)
                    }),
                    resolvers: resolvers.map(|list| Set::written(plain(list), list.at)),
                }
            },
            caddy: {
                let it = all.caddy.as_ref().map(|it| &it.value);
                let resolvers = it.and_then(|it| it.resolvers.as_ref());
                self.check_resolvers(resolvers);
                CaddyRoom {
                    room: common!(self, &all.caddy, routes),
                    storage: written(it.and_then(|it| it.storage.as_ref())),
                    resolvers: resolvers.map(|list| Set::written(plain(list), list.at)),
                }
            },
            alb: self.alb_room(all, spec, routes),
            ingress: self.ingress_room(all, spec, routes),
            gateway: self.gateway_room(all, spec, routes),
            worker: self.worker_room(all, spec, routes),
            proxy: {
                let it = all.proxy.as_ref().map(|it| &it.value);
                let resolvers = it.and_then(|it| it.resolvers.as_ref());
                self.check_resolvers(resolvers);
                ProxyRoom {
                    room: common!(self, &all.proxy, routes),
                    storage: written(it.and_then(|it| it.storage.as_ref())),
                    resolvers: resolvers.map(|list| Set::written(plain(list), list.at)),
                }
            },
        }
    }

    fn room(
        &mut self,
        version: Option<&At<String>>,
        raw: Option<&At<model::Raw>>,
        on_loss: Option<&At<crate::ir::OnLoss>>,
        routes: &[Route],
    ) -> Room {
        let version = version.and_then(|version| match version.value.parse::<Version>() {
            Ok(parsed) => Some(Set::written(parsed, version.at)),
            Err(why) => {
                self.report
                    .error("spec::value", version.at)
                    .says(why)
                    .help("an unquoted 1.30 is the number 1.3: quotes matter");
                None
            }
        });
        Room {
            version,
            raw: raw.map_or_else(Raw::default, |raw| self.raw(&raw.value, routes)),
            on_loss: on_loss.map(|on_loss| Set::written(on_loss.value, on_loss.at)),
        }
    }

    fn raw(&mut self, raw: &model::Raw, routes: &[Route]) -> Raw {
        let snippet = |text: &At<String>| Set::written(text.value.clone(), text.at);
        let mut listeners = Vec::new();
        for (name, text) in raw.listeners.as_ref().map_or(&[][..], |named| &named.0) {
            if let Some(Slot::On(id)) = self.listener_id(name) {
                listeners.push((id, snippet(text)));
            }
        }
        let mut upstreams = Vec::new();
        for (name, text) in raw.upstreams.as_ref().map_or(&[][..], |named| &named.0) {
            if let Some(Slot::On(id)) = self.upstream_id(name) {
                upstreams.push((id, snippet(text)));
            }
        }
        let mut in_routes = Vec::new();
        for (name, text) in raw.routes.as_ref().map_or(&[][..], |named| &named.0) {
            match routes.iter().find(|route| route.name == name.value) {
                Some(route) => in_routes.push((route.id, snippet(text))),
                None => self.unknown(
                    "route",
                    name,
                    routes.iter().map(|route| route.name.as_str()),
                ),
            }
        }
        Raw {
            top: raw.top.as_ref().map(snippet),
            listeners,
            upstreams,
            routes: in_routes,
        }
    }

    fn nginx_room(&mut self, all: &model::Targets, routes: &[Route]) -> NginxRoom {
        let it = all.nginx.as_ref().map(|it| &it.value);
        let resolvers = it.and_then(|it| it.resolvers.as_ref());
        self.check_resolvers(resolvers);
        for file in it
            .iter()
            .flat_map(|it| [&it.access_log, &it.error_log, &it.system_ca])
            .flatten()
        {
            self.check_line("file name", file);
        }
        self.check_user(it.and_then(|it| it.user.as_ref()));
        NginxRoom {
            room: common!(self, &all.nginx, routes),
            resolvers: resolvers.map(|list| Set::written(plain(list), list.at)),
            access_log: text(
                it.and_then(|it| it.access_log.as_ref()),
                Loc(0),
                ("/var/log/nginx/access.log", defaults::ROOM),
            ),
            error_log: text(
                it.and_then(|it| it.error_log.as_ref()),
                Loc(0),
                ("/var/log/nginx/error.log", defaults::ROOM),
            ),
            user: written(it.and_then(|it| it.user.as_ref())),
            system_ca: text(
                it.and_then(|it| it.system_ca.as_ref()),
                Loc(0),
                ("/etc/ssl/certs/ca-certificates.crt", defaults::ROOM),
            ),
        }
    }

    fn haproxy_room(&mut self, all: &model::Targets, routes: &[Route]) -> HaproxyRoom {
        let it = all.haproxy.as_ref().map(|it| &it.value);
        let resolvers = it.and_then(|it| it.resolvers.as_ref());
        self.check_resolvers(resolvers);
        for line in it
            .iter()
            .flat_map(|it| [&it.log, &it.stats_socket])
            .flatten()
        {
            self.check_line("place for it", line);
        }
        self.check_user(it.and_then(|it| it.user.as_ref()));
        self.check_user(it.and_then(|it| it.group.as_ref()));
        for (name, address) in it
            .and_then(|it| it.peers.as_ref())
            .map_or(&[][..], |named| &named.0)
        {
            self.check_name("peer", name);
            if let Err(why) = address.value.parse::<crate::ir::Address>() {
                self.report
                    .error("spec::value", address.at)
                    .says(why)
                    .help("write the peer's address and port");
            }
        }
        HaproxyRoom {
            room: common!(self, &all.haproxy, routes),
            resolvers: resolvers.map(|list| Set::written(plain(list), list.at)),
            log: text(
                it.and_then(|it| it.log.as_ref()),
                Loc(0),
                ("stdout", defaults::ROOM),
            ),
            user: written(it.and_then(|it| it.user.as_ref())),
            group: written(it.and_then(|it| it.group.as_ref())),
            stats_socket: written(it.and_then(|it| it.stats_socket.as_ref())),
            peers: names(it.and_then(|it| it.peers.as_ref())),
        }
    }

    fn alb_room(&mut self, all: &model::Targets, spec: &Spec, routes: &[Route]) -> AlbRoom {
        let it = all.alb.as_ref().map(|it| &it.value);
        self.check_known(
            it.and_then(|it| it.certificates.as_ref()),
            "certificate",
            spec,
        );
        self.check_known(it.and_then(|it| it.upstreams.as_ref()), "upstream", spec);
        let scheme = it.and_then(|it| it.scheme.as_ref());
        if let Some(scheme) = scheme
            && !["internet-facing", "internal"].contains(&scheme.value.as_str())
        {
            self.report
                .error("spec::value", scheme.at)
                .says(format!(
                    "`{}` is no scheme of an ALB",
                    scheme.value.escape_debug()
                ))
                .help("write `internet-facing` or `internal`");
        }
        AlbRoom {
            room: common!(self, &all.alb, routes),
            vpc: written(it.and_then(|it| it.vpc.as_ref())),
            subnets: it.and_then(|it| it.subnets.as_ref()).map(|list| {
                // `--set alb.subnets=a,b` can only give one text.
                let ids = plain(list);
                let each = ids.iter().flat_map(|ids| ids.split(',')).map(str::trim);
                Set::written(each.map(str::to_owned).collect(), list.at)
            }),
            scheme: text(scheme, Loc(0), ("internet-facing", defaults::ROOM)),
            certificates: names(it.and_then(|it| it.certificates.as_ref())),
            upstreams: names(it.and_then(|it| it.upstreams.as_ref())),
            log_bucket: written(it.and_then(|it| it.log_bucket.as_ref())),
            trust_store: written(it.and_then(|it| it.trust_store.as_ref())),
            waf: it
                .and_then(|it| it.waf.as_ref())
                .map(|waf| Set::written(waf.value.0, waf.at)),
            rules: match it.and_then(|it| it.rules.as_ref()) {
                Some(rules) => self.bounded(rules, 1..=50_000),
                None => Set::default(100, Loc(0), defaults::ROOM),
            },
        }
    }

    fn ingress_room(&mut self, all: &model::Targets, spec: &Spec, routes: &[Route]) -> IngressRoom {
        let it = all.ingress.as_ref().map(|it| &it.value);
        let names = it.map(|it| [it.namespace.as_ref(), it.class.as_ref()]);
        let held = it.and_then(|it| it.certificates.as_ref());
        let led_to = it.and_then(|it| it.upstreams.as_ref());
        self.check_objects(names.into_iter().flatten());
        self.check_refs(held, led_to, spec);
        IngressRoom {
            room: common!(self, &all.ingress, routes),
            controller: or(
                it.and_then(|it| it.controller.as_ref()),
                Loc(0),
                (IngressController::Traefik, defaults::ROOM),
            ),
            namespace: text(
                it.and_then(|it| it.namespace.as_ref()),
                Loc(0),
                ("default", defaults::ROOM),
            ),
            class: written(it.and_then(|it| it.class.as_ref())),
            certificates: secrets(held),
            upstreams: services(self, led_to),
            loopback: false,
        }
    }

    fn gateway_room(&mut self, all: &model::Targets, spec: &Spec, routes: &[Route]) -> GatewayRoom {
        let it = all.gateway.as_ref().map(|it| &it.value);
        let names = it.map(|it| [it.namespace.as_ref(), it.class.as_ref()]);
        let held = it.and_then(|it| it.certificates.as_ref());
        let led_to = it.and_then(|it| it.upstreams.as_ref());
        self.check_objects(names.into_iter().flatten());
        self.check_refs(held, led_to, spec);
        GatewayRoom {
            room: common!(self, &all.gateway, routes),
            implementation: or(
                it.and_then(|it| it.implementation.as_ref()),
                Loc(0),
                (GatewayImplementation::EnvoyGateway, defaults::ROOM),
            ),
            namespace: text(
                it.and_then(|it| it.namespace.as_ref()),
                Loc(0),
                ("default", defaults::ROOM),
            ),
            class: written(it.and_then(|it| it.class.as_ref())),
            certificates: secrets(held),
            upstreams: services(self, led_to),
            loopback: false,
        }
    }

    fn worker_room(&mut self, all: &model::Targets, spec: &Spec, routes: &[Route]) -> WorkerRoom {
        let it = all.worker.as_ref().map(|it| &it.value);
        self.check_known(it.and_then(|it| it.upstreams.as_ref()), "upstream", spec);
        WorkerRoom {
            room: common!(self, &all.worker, routes),
            name: written(it.and_then(|it| it.name.as_ref())),
            compatibility_date: written(it.and_then(|it| it.compatibility_date.as_ref())),
            zone: written(it.and_then(|it| it.zone.as_ref())),
            upstreams: names(it.and_then(|it| it.upstreams.as_ref())),
        }
    }
}
