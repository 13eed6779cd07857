//! Names in rooms: those of the spec are known, those of other systems are names there.

use crate::ir::lower::{At, Lower};
use crate::spec::model::{self, Named, Spec};

impl Lower<'_> {
    /// What a target of Kubernetes names in place of certificates and servers.
    pub(super) fn check_refs(
        &mut self,
        held: Option<&Named<model::SecretRef>>,
        led_to: Option<&Named<model::ServiceRef>>,
        spec: &Spec,
    ) {
        let secrets = held.iter().flat_map(|it| &it.0);
        self.check_objects(secrets.map(|(_, it)| Some(&it.value.secret)));
        let services = led_to.iter().flat_map(|it| &it.0);
        self.check_objects(
            services.flat_map(|(_, it)| [Some(&it.value.service), it.value.namespace.as_ref()]),
        );
        self.check_known(held, "certificate", spec);
        self.check_known(led_to, "upstream", spec);
    }

    /// Names in a Kubernetes room are names of objects.
    pub(super) fn check_objects<'s>(
        &mut self,
        names: impl IntoIterator<Item = Option<&'s At<String>>>,
    ) {
        for name in names.into_iter().flatten() {
            let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            let label = |text: &str| {
                (1..=63).contains(&text.len())
                    && text.bytes().all(fits)
                    && !text.starts_with('-')
                    && !text.ends_with('-')
            };
            if !name.value.split('.').all(label) || name.value.len() > 253 {
                self.report
                    .error("spec::value", name.at)
                    .says(format!(
                        "`{}` is no name of a Kubernetes object",
                        name.value.escape_debug()
                    ))
                    .help("write lower-case letters, digits and `-`, up to 63 in all");
            }
        }
    }

    pub(super) fn check_resolvers(&mut self, list: Option<&At<model::Many<At<String>>>>) {
        for resolver in list.iter().flat_map(|list| &list.value.0) {
            let text = &resolver.value;
            let ok = text.parse::<std::net::IpAddr>().is_ok()
                || text.parse::<std::net::SocketAddr>().is_ok();
            if !ok {
                self.report
                    .error("spec::value", resolver.at)
                    .says(format!(
                        "`{}` is no address of a DNS server",
                        text.escape_debug()
                    ))
                    .help("write an IP address, such as `10.0.0.53` or `127.0.0.53:53`");
            }
        }
    }

    pub(super) fn check_user(&mut self, user: Option<&At<String>>) {
        let Some(user) = user else { return };
        let fits = !user.value.is_empty()
            && user.value.len() <= 32
            && user
                .value
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !fits {
            self.report
                .error("spec::value", user.at)
                .says(format!(
                    "`{}` is no user or group",
                    user.value.escape_debug()
                ))
                .help("write a name such as `www-data`");
        }
    }

    /// Names in a room must be names of the spec.
    pub(super) fn check_known<T>(&mut self, named: Option<&Named<T>>, kind: &str, spec: &Spec) {
        for (name, _) in named.map_or(&[][..], |named| &named.0) {
            let known: Vec<&str> = if kind == "certificate" {
                spec.certificates.as_ref().map_or_else(Vec::new, |all| {
                    all.0.iter().map(|(name, _)| name.value.as_str()).collect()
                })
            } else {
                spec.upstreams.as_ref().map_or_else(Vec::new, |all| {
                    all.0.iter().map(|(name, _)| name.value.as_str()).collect()
                })
            };
            if !known.contains(&name.value.as_str()) {
                self.unknown(kind, name, known.into_iter());
            }
        }
    }
}
