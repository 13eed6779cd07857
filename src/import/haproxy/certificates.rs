//! The certificates of TLS listeners, for the hosts that their routes name.

use serde_json::{Value as Json, json};

use super::listeners::{Listener, set};
use super::test::Host;
use crate::import::Reading;

/// Writes the certificates of the TLS listeners, for the hosts that their routes name.
pub(super) fn write(
    listeners: &[Listener],
    hosts: &dyn Fn(&str) -> Vec<Host>,
    global: &super::global::Global,
    reading: &mut Reading<'_>,
) {
    for listener in listeners.iter().filter(|it| it.tls) {
        let asked: Vec<String> = hosts(&listener.name)
            .into_iter()
            .filter_map(|host| match host {
                Host::Exact(name) => Some(name),
                Host::Suffix(name) => Some(format!("*.{name}")),
                Host::Regex(_) => None,
            })
            .collect();
        let mut names = Vec::new();
        for (number, file) in listener.certificates.iter().enumerate() {
            let stem = file.rsplit('/').find(|it| !it.is_empty()).unwrap_or("site");
            let folder = file.ends_with('/') || !stem.contains('.');
            let stem = stem.rsplit_once('.').map_or(stem, |it| it.0);
            // A file that is called after a host is that host's.
            let own: Vec<String> = asked
                .iter()
                .filter(|host| stem.contains(host.trim_start_matches("*.")))
                .cloned()
                .collect();
            let mut covers = if own.is_empty() || number == 0 {
                asked.clone()
            } else {
                own
            };
            // A wildcard covers what is one label below it.
            let wild: Vec<String> = covers
                .iter()
                .filter_map(|it| it.strip_prefix('*').map(str::to_owned))
                .collect();
            covers.retain(|host| {
                let label = |zone: &String| {
                    host.strip_suffix(zone.as_str())
                        .is_some_and(|it| !it.is_empty() && it != "*" && !it.contains('.'))
                };
                !wild.iter().any(label)
            });
            if covers.is_empty() {
                covers = vec![if stem.contains('.') {
                    stem.to_owned()
                } else {
                    "localhost".to_owned()
                }];
            }
            let same = reading
                .draft
                .names("certificates")
                .into_iter()
                .find(|name| {
                    reading
                        .draft
                        .get(&["certificates", name, "cert"])
                        .and_then(Json::as_str)
                        == Some(file)
                });
            let name = same.unwrap_or_else(|| reading.draft.name("certificates", stem, "site"));
            for host in covers {
                reading.draft.push(&["certificates", &name, "hosts"], host);
            }
            let key = match (global.key_beside, file.rsplit_once('.')) {
                (true, Some((stem, _))) => format!("{stem}.key"),
                (true, None) => format!("{file}.key"),
                (false, _) => file.clone(),
            };
            reading
                .draft
                .set(&["certificates", &name, "cert"], file.as_str());
            let path = reading.draft.set(&["certificates", &name, "key"], key);
            for id in &listener.from {
                if folder {
                    reading.account.changed(
                        *id,
                        path.clone(),
                        "the hosts are those of the routes: name a file of the folder for each",
                    );
                } else {
                    reading.account.kept(*id, format!("certificates.{name}"));
                }
            }
            names.push(json!(name));
        }
        if !names.is_empty() {
            names.dedup();
            set(
                reading,
                &listener.name,
                "tls.certificates",
                Json::Array(names),
            );
            reading.account.unsaid(
                "the hosts of a certificate are in its file: the spec names those of the routes",
                None,
            );
        }
    }
}
