//! `global`, `resolvers`, `peers`, `userlist`: what holds for the whole process, and what others name.

use std::collections::BTreeMap;

use serde_json::json;

use super::lines::{Line, Section};
use super::units;
use crate::import::{Reading, draft};

/// What others need to know of the process.
#[derive(Clone, Default, Debug)]
pub(super) struct Global {
    /// Only TLS 1.3 is offered.
    pub modern: bool,
    /// The key of `site.crt` is `site.key`.
    pub key_beside: bool,
    /// The largest head, in bytes.
    pub head: Option<u64>,
    /// How long a `resolvers` section keeps an answer, by name.
    pub resolvers: BTreeMap<String, String>,
}

/// The name in `auth` of a userlist.
pub(super) fn auth_name(list: &str) -> String {
    draft::word(list).unwrap_or_else(|| "users".to_owned())
}

/// The period that a table counts in, in milliseconds: `store http_req_rate(10s)`.
pub(super) fn window(words: &[&str]) -> Option<u64> {
    let at = words.iter().position(|it| *it == "store")?;
    words[at + 1..]
        .iter()
        .flat_map(|it| it.split(','))
        .find_map(|it| {
            let (name, rest) = it.split_once('(')?;
            matches!(
                name,
                "http_req_rate" | "gpc0_rate" | "conn_rate" | "sess_rate"
            )
            .then(|| units::millis(rest.trim_end_matches(')')))
            .flatten()
        })
}

/// Reads the sections that are no proxies.
pub(super) fn read(sections: &[Section], reading: &mut Reading<'_>) -> Global {
    let mut global = Global::default();
    let mut drains = false;
    let mut ceiling = false;
    for section in sections {
        match section.head.word(0) {
            "global" => {
                reading.account.moot(
                    section.head.id,
                    "`runtime` and `targets.haproxy` of the spec",
                );
                for line in &section.lines {
                    drains |= line.word(0) == "hard-stop-after";
                    ceiling |= line.word(0) == "maxconn";
                    process(line, &mut global, reading);
                }
            }
            "resolvers" => resolvers(section, &mut global, reading),
            "peers" => {
                for line in &section.lines {
                    if let ("peer", name, address) = (line.word(0), line.word(1), line.word(2)) {
                        let path = reading
                            .draft
                            .set(&["targets", "haproxy", "peers", name], address);
                        reading.account.kept(line.id, path);
                    }
                }
                reading
                    .account
                    .kept(section.head.id, "targets.haproxy.peers");
            }
            "userlist" => {
                let name = auth_name(section.head.word(1));
                let file = format!("/etc/wsgen/{name}.htpasswd");
                let path = reading
                    .draft
                    .set(&["auth", &name, "basic", "file"], file.as_str());
                reading.account.kept(section.head.id, path.clone());
                for line in &section.lines {
                    let how = format!("a line `name:hash` in {file}");
                    match line.word(0) {
                        "user" => {
                            reading.account.changed(line.id, path.clone(), how);
                            reading.account.help(
                                line.id,
                                format!(
                                    "write its name and hash into {file}: secrets stand in no spec"
                                ),
                            );
                        }
                        _ => reading.account.lost(
                            line.id,
                            "a route asks for one of all users, not for a group",
                        ),
                    }
                }
            }
            _ => {}
        }
    }
    if !drains {
        reading.account.unsaid("without `hard-stop-after` old processes end with their last connection; the spec's default holds", None);
    }
    if !ceiling {
        reading.account.unsaid(
            "without `maxconn` the ceiling is what descriptors allow; the spec's default holds",
            None,
        );
    }
    global
}

fn process(line: &Line, global: &mut Global, reading: &mut Reading<'_>) {
    let (word, value) = (line.word(0), line.word(1));
    let id = line.id;
    let number = value.parse::<u64>().ok().filter(|it| *it > 0);
    match (word, number) {
        ("maxconn", Some(most)) => {
            let path = reading
                .draft
                .set(&["runtime", "max_connections"], most.min(10_000_000));
            reading.account.kept(id, path);
        }
        ("ulimit-n", Some(most)) => {
            let path = reading.draft.set(&["runtime", "files"], most.max(64));
            reading.account.kept(id, path);
        }
        ("nbthread", Some(count)) => {
            let path = reading.draft.set(&["runtime", "workers"], count.min(1024));
            reading.account.kept(id, path);
        }
        ("hard-stop-after", _) if units::time(value).is_some() => {
            let path = reading
                .draft
                .set(&["runtime", "drain", "timeout"], units::time(value));
            reading.account.kept(id, path);
        }
        ("close-spread-time", _) if units::time(value).is_some() => {
            let path = reading
                .draft
                .set(&["runtime", "drain", "spread"], units::time(value));
            reading.account.changed(
                id,
                path,
                "tunnels are spread too; HAProxy spreads idle connections only",
            );
        }
        ("log", _) => {
            let to = if matches!(value, "stdout" | "stderr" | "/dev/log") || value.contains(':') {
                value
            } else {
                ""
            };
            if to.is_empty() || to == "stdout" {
                reading.account.kept(id, "log");
            } else {
                let path = reading.draft.set(&["targets", "haproxy", "log"], to);
                reading.account.kept(id, path);
            }
        }
        ("user" | "group", _) => {
            let path = reading.draft.set(&["targets", "haproxy", word], value);
            reading.account.kept(id, path);
        }
        ("stats", _) if value == "socket" => {
            let path = reading
                .draft
                .set(&["targets", "haproxy", "stats_socket"], line.word(2));
            if line.words.len() > 3 {
                reading.account.changed(id, path, "`mode 600 level admin`");
            } else {
                reading.account.kept(id, path);
            }
        }
        ("stats", _) => reading.account.moot(id, "a matter of the runtime API"),
        ("tune.bufsize", Some(bytes)) => {
            global.head = Some(bytes.saturating_sub(1024).max(1024));
            reading
                .account
                .moot(id, "room for a head: `limits.head` of the listeners");
        }
        ("ssl-load-extra-del-ext", _) => {
            global.key_beside = true;
            reading.account.kept(id, "certificates");
        }
        ("ssl-default-bind-options", _) => {
            global.modern = line
                .texts(1)
                .windows(2)
                .any(|it| it == ["ssl-min-ver", "TLSv1.3"]);
            let old = line
                .texts(1)
                .windows(2)
                .any(|it| matches!(it, ["ssl-min-ver", "TLSv1.0" | "TLSv1.1" | "SSLv3"]));
            if old {
                reading
                    .account
                    .lost(id, "TLS 1.0 and 1.1 are offered by no profile");
            } else {
                reading.account.kept(id, "listeners");
            }
        }
        (
            "ssl-default-bind-ciphers"
            | "ssl-default-bind-ciphersuites"
            | "ssl-default-bind-curves"
            | "tune.ssl.default-dh-param"
            | "ssl-dh-param-file",
            _,
        ) => {
            reading.account.changed(
                id,
                "listeners",
                "the profile chooses the ciphers: Mozilla's `intermediate`, or `modern`",
            );
        }
        (
            "ssl-default-server-options"
            | "ssl-default-server-ciphers"
            | "ssl-default-server-ciphersuites"
            | "ssl-default-server-curves"
            | "ssl-server-verify",
            _,
        ) => {
            reading.account.changed(
                id,
                "upstreams",
                "what a target's program offers servers is its own",
            );
        }
        ("ca-base" | "crt-base", _) => {
            reading.account.lost(id, "write whole paths in the spec");
        }
        (
            "daemon"
            | "pidfile"
            | "master-worker"
            | "nbproc"
            | "cpu-map"
            | "cpu-policy"
            | "numa-cpu-mapping"
            | "node"
            | "description"
            | "localpeer"
            | "hostname"
            | "chroot"
            | "uid"
            | "gid"
            | "unix-bind"
            | "external-check"
            | "insecure-fork-wanted"
            | "insecure-setuid-wanted"
            | "set-dumpable",
            _,
        ) => {
            reading
                .account
                .moot(id, "how the process is started is a matter of its service");
        }
        (
            "no"
            | "expose-experimental-directives"
            | "strict-limits"
            | "quiet"
            | "zero-warning"
            | "h1-case-adjust"
            | "spread-checks"
            | "limited-quic"
            | "busy-polling"
            | "noepoll"
            | "nosplice"
            | "nokqueue",
            _,
        ) => {
            reading.account.moot(id, "a matter of HAProxy alone");
        }
        (word, _) if word.starts_with("tune.") => {
            reading.account.moot(id, "a matter of HAProxy's memory");
        }
        ("h2-workaround-bogus-websocket-clients", _) => {
            reading
                .account
                .lost(id, "write `websocket_over_http2: off` on the listener");
        }
        (word, _) if word.starts_with("lua-") => reading.account.lost(id, "a program in Lua"),
        (word, _) if super::known::has(super::known::GLOBAL, word) || word.starts_with('.') => {
            reading.account.lost(id, "wsgen has no word for it")
        }
        (word, _) => {
            let meant = super::known::closest(super::known::GLOBAL, word);
            reading.account.unknown(id, meant);
        }
    }
}

fn resolvers(section: &Section, global: &mut Global, reading: &mut Reading<'_>) {
    reading.account.kept(section.head.id, "upstreams");
    let mut period = "10s".to_owned();
    for line in &section.lines {
        match (line.word(0), line.word(1)) {
            ("nameserver", _) => {
                let address = line.word(2);
                let bare = address.strip_suffix(":53").unwrap_or(address).to_owned();
                let path = reading
                    .draft
                    .push(&["targets", "haproxy", "resolvers"], json!(bare));
                reading.account.kept(line.id, path);
            }
            ("hold", "valid") => {
                if let Some(time) = units::time(line.word(2)) {
                    period = time;
                }
                reading.account.kept(line.id, "upstreams");
            }
            (
                "hold"
                | "timeout"
                | "resolve_retries"
                | "accepted_payload_size"
                | "parse-resolv-conf",
                _,
            ) => {
                reading
                    .account
                    .moot(line.id, "how names are asked for is the program's own");
            }
            _ => reading.account.lost(line.id, "wsgen has no word for it"),
        }
    }
    global
        .resolvers
        .insert(section.head.word(1).to_owned(), period);
}
