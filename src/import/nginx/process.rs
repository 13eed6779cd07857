//! What stands outside of servers: workers, connections, draining, logs.

use super::syntax::Directive;
use super::values::duration;
use super::{Nginx, Parts};

/// Connections of a worker that serve no client: listeners, resolvers, files.
const RESERVE: u64 = 64;

/// What becomes of tunnels at a reload.
const DRAIN: &str = "after a reload NGINX keeps old workers until their last tunnel ends; the spec ends tunnels after `runtime.drain.timeout` (30s)";

impl<'a> Nginx<'a, '_, '_> {
    /// Reads the process's settings into `runtime`.
    pub(super) fn process(&mut self, parts: &Parts<'a>) {
        let Some(main) = &parts.main else {
            return self.reading.account.unsaid(DRAIN, None);
        };
        if let Some(workers) = main.find("worker_processes") {
            match workers.arg(0).parse::<u16>() {
                Ok(count @ 1..=1024) => {
                    let path = self.set(&["runtime", "workers"], count);
                    self.kept(workers, path);
                }
                _ if workers.arg(0) == "auto" => {
                    self.moot(workers, "one per core is the default");
                }
                _ => self.lost(workers, "it is no number of workers"),
            }
        } else {
            self.set(&["runtime", "workers"], 1);
            let unsaid = "NGINX runs one worker where nothing is said";
            let path = Some("runtime.workers".to_owned());
            self.reading.account.unsaid(unsaid, path);
        }
        self.connections(main.find("worker_connections"));
        if let Some(timeout) = main.find("worker_shutdown_timeout") {
            match duration(timeout.arg(0)) {
                Some(dur) => {
                    let path = ["runtime", "drain", "timeout"];
                    let path = self.set(&path, dur.to_string());
                    self.kept(timeout, path);
                }
                None => self.lost(timeout, "it is no duration"),
            }
        } else {
            self.reading.account.unsaid(DRAIN, None);
        }
    }

    fn connections(&mut self, directive: Option<&Directive>) {
        let Some(directive) = directive else {
            let unsaid =
                "NGINX opens 512 connections for each worker; the spec says 10000 for clients";
            self.reading.account.unsaid(unsaid, None);
            return;
        };
        let Ok(count) = directive.arg(0).parse::<u64>() else {
            return self.lost(directive, "it is no number of connections");
        };
        // A request that is passed on has two: the client's and the server's.
        let clients = if count >= 4 * RESERVE {
            (count - RESERVE) / 2
        } else {
            count / 2
        };
        if !(1..=10_000_000).contains(&clients) {
            return self.lost(directive, "it is no number of connections");
        }
        let path = self.set(&["runtime", "max_connections"], clients);
        self.changed(
            directive,
            path,
            "it counts clients, where NGINX counts sockets: a client that is passed on has two",
        );
        if clients == 10_000 {
            self.reading.draft.remove(&["runtime", "max_connections"]);
        }
    }

    /// The access log, as the servers write it. Whether each server writes one is the routes' matter.
    pub(super) fn log(&mut self, directive: Option<&'a Directive>) {
        if self.reading.draft.get(&["log"]).is_some() {
            if let Some(directive) = directive {
                self.log_fate(directive);
            }
            return;
        }
        match directive {
            None => {
                let path = self.set(&["log", "format"], "common");
                self.reading.account.unsaid(
                    "NGINX logs every request in its combined format",
                    Some(path),
                );
            }
            Some(directive) => {
                let name = directive.arg(1);
                let format = self.http.everywhere("log_format");
                let format = format.into_iter().find(|it| it.arg(0) == name);
                let is_json = format.is_some_and(|it| {
                    it.arg(1) == "escape=json" || it.texts().concat().contains("\":")
                });
                self.set(&["log", "format"], if is_json { "json" } else { "common" });
                self.log_fate(directive);
                if let Some(format) = format {
                    self.changed(
                        format,
                        "log.format",
                        "the fields are those of the spec's format; `log.fields` chooses among them",
                    );
                }
            }
        }
    }

    fn log_fate(&mut self, directive: &Directive) {
        self.changed(
            directive,
            "log",
            "each program writes its log where it does by itself",
        );
    }
}
