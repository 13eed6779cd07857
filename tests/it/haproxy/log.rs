//! The access log and the metrics.

use super::each_with;
use crate::live::must::*;
use crate::live::{Client, Stub};

#[test]
fn a_log_line_is_json_and_holds_no_secret() {
    let server = Stub::start("a");
    let spec = r#"
wsgen: 1
listeners: { web: { port: $PORT, address: 127.0.0.1 }, more: { port: $OTHER, address: 127.0.0.1 } }
upstreams: { app: { servers: ["$SERVER"] } }
log: { format: json, redact: { query: [token] } }
metrics: { port: $METRICS }
routes:
  - { name: quiet, path: /quiet, upstream: app, log: off }
  - { name: site, path: /, upstream: app }
"#
    .replace("$SERVER", &server.address().to_string());
    each_with(&spec, &[], |mut run| {
        run.get("/quiet/xyz", &[]);
        run.get(
            "/a]\"b?x=1&t%6Fken=hush&y=2",
            &[
                ("User-Agent", "a\"]\\b"),
                ("Referer", "https://x/?token=hush#f"),
            ],
        );
        run.wait_log("y=2");
        let log = run.log();
        assert!(!log.contains("hush") && !log.contains("xyz"), "{log}");
        let line = log
            .lines()
            .find(|line| line.starts_with('{'))
            .expect("a line");
        let line: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        for (field, value) in [
            ("client_ip", "127.0.0.1"),
            ("method", "GET"),
            ("host", "localhost"),
            ("query", "x=1&t%6Fken=REDACTED&y=2"),
            ("route", "site"),
            ("upstream", "app"),
            ("user_agent", "a\"]\\b"),
            ("referer", "https://x/?token=REDACTED#f"),
            ("server", &server.address().to_string()),
        ] {
            assert_eq!(line[field], value, "{field}");
        }
        assert_eq!(line["status"], 200);
        assert!(
            line["time"]
                .as_str()
                .is_some_and(|time| !time.contains('.')),
            "whole seconds: {line}"
        );
        assert!(line["duration"].as_f64().is_some_and(|it| it < 5.0));
        let metrics = Client::on(run.ports()[2]);
        let page = metrics.get("/metrics", &[]);
        assert!(
            page.text().contains("haproxy_backend_status"),
            "{}",
            page.status
        );
        assert_eq!(metrics.get("/", &[]).status, 404);
    });
}
