//! Checks: `option httpchk`, `http-check`, and the options of servers that say how often.

use serde_json::{Map, Value as Json, json};

use super::proxies::Proxy;
use super::servers::Server;
use super::{remarks, units};
use crate::import::Reading;

/// What an HTTP check asks for.
#[derive(Default)]
struct Asks {
    method: String,
    path: String,
    host: Option<String>,
    socket: bool,
}

/// Writes how the servers of an upstream are checked.
pub(super) fn write(proxy: &Proxy, name: &str, servers: &[&Server], reading: &mut Reading<'_>) {
    let http = proxy.option("httpchk");
    let checked = servers.iter().find(|it| it.check);
    let rules = proxy.every(&["http-check"]);
    let Some(server) = checked else {
        if let Some(line) = http {
            reading.account.moot(line.id, "no server has `check`");
            remarks::unchecked(reading, line);
        }
        for rule in rules {
            reading.account.moot(rule.id, "no server has `check`");
        }
        return;
    };
    let passive = passive(server, name, reading);
    // Our own: checks that only bring back what real requests have put out.
    if passive && server.option("fall") == Some("1000") {
        return;
    }
    let mut health = Map::new();
    let here = format!("upstreams.{name}.health");
    match http {
        Some(line) => {
            let mut asks = Asks {
                method: "OPTIONS".to_owned(),
                path: "/".to_owned(),
                ..Asks::default()
            };
            match line.texts(2).as_slice() {
                [] => {}
                [path] => asks.path = (*path).to_owned(),
                [method, path, rest @ ..] => {
                    (asks.method, asks.path) = ((*method).to_owned(), (*path).to_owned());
                    // `HTTP/1.1\r\nHost:\ example.com`, an old way.
                    asks.host = rest
                        .join(" ")
                        .split_once("Host:")
                        .map(|it| it.1.trim().to_owned())
                        .filter(|it| !it.is_empty());
                }
            }
            reading.account.kept(line.id, here.clone());
            let mut status: Option<Vec<Json>> = None;
            for rule in rules {
                check_rule(rule, &mut asks, &mut status, &here, reading);
            }
            let upgrade = status.as_ref().is_some_and(|it| *it == [json!(101)]);
            if upgrade {
                if !asks.socket {
                    remarks::check_101(reading, line);
                }
                let mut check = Map::new();
                check.insert("path".to_owned(), json!(asks.path));
                if let Some(host) = asks.host {
                    check.insert("host".to_owned(), json!(host));
                }
                health.insert("websocket".to_owned(), Json::Object(check));
            } else {
                let mut check = Map::new();
                check.insert("path".to_owned(), json!(asks.path));
                if asks.method != "GET" {
                    check.insert("method".to_owned(), json!(asks.method));
                }
                if let Some(host) = asks.host {
                    check.insert("host".to_owned(), json!(host));
                }
                if let Some(status) = status {
                    let one = status.len() == 1;
                    check.insert(
                        "status".to_owned(),
                        if one {
                            status[0].clone()
                        } else {
                            Json::Array(status)
                        },
                    );
                }
                health.insert("http".to_owned(), Json::Object(check));
            }
        }
        None => {
            health.insert("tcp".to_owned(), json!({}));
        }
    }
    if let Some(port) = server.option("port").and_then(|it| it.parse::<u64>().ok()) {
        for check in health.values_mut() {
            check["port"] = json!(port);
        }
    }
    let inter = server
        .option("inter")
        .and_then(units::millis)
        .unwrap_or(2000);
    health.insert("interval".to_owned(), json!(units::duration(inter)));
    let check = proxy.timeout("check");
    let most = check.map_or(inter, |it| it.0);
    // The language has a check end before the next begins.
    let within = if most < inter {
        most
    } else {
        (inter * 9 / 10).max(1)
    };
    health.insert("timeout".to_owned(), json!(units::duration(within)));
    for (word, usual) in [("rise", 2), ("fall", 3)] {
        let count = server
            .option(word)
            .and_then(|it| it.parse::<u64>().ok())
            .unwrap_or(usual);
        health.insert(word.to_owned(), json!(count.clamp(1, 100)));
    }
    let path = reading
        .draft
        .set(&["upstreams", name, "health"], Json::Object(health));
    if let Some((millis, line)) = check {
        if millis < inter {
            reading.account.kept(line.id, path);
        } else {
            reading
                .account
                .changed(line.id, path, "a check ends before the next begins");
        }
    } else {
        reading.account.unsaid(
            "without `timeout check` a check may take as long as `inter`",
            Some(format!("{path}.timeout")),
        );
    }
}

fn check_rule(
    rule: &super::lines::Line,
    asks: &mut Asks,
    status: &mut Option<Vec<Json>>,
    here: &str,
    reading: &mut Reading<'_>,
) {
    let words = rule.texts(2);
    match rule.word(1) {
        "send" => {
            let mut rest = words.iter();
            while let Some(word) = rest.next() {
                match *word {
                    "meth" => {
                        asks.method = rest.next().map_or(String::new(), |it| (*it).to_owned())
                    }
                    "uri" => asks.path = rest.next().map_or(String::new(), |it| (*it).to_owned()),
                    "ver" => {
                        rest.next();
                    }
                    "hdr" => {
                        let (header, value) = (
                            rest.next().copied().unwrap_or(""),
                            rest.next().copied().unwrap_or(""),
                        );
                        match header.to_lowercase().as_str() {
                            "host" => asks.host = (!value.contains('%')).then(|| value.to_owned()),
                            "upgrade" => asks.socket = true,
                            "connection" | "sec-websocket-version" | "sec-websocket-key" => {}
                            _ => reading.account.changed(
                                rule.id,
                                here,
                                format!("the check sends no `{header}`"),
                            ),
                        }
                    }
                    other => {
                        reading
                            .account
                            .changed(rule.id, here, format!("`{other}` is left out"))
                    }
                }
            }
            reading.account.kept(rule.id, here);
        }
        "expect" => match words.as_slice() {
            ["status", list] | ["rstatus", list] => {
                let ranges: Vec<Json> = list
                    .split(',')
                    .filter(|it| it.parse::<crate::spec::units::StatusRange>().is_ok())
                    .map(|it| {
                        it.parse::<u64>()
                            .map_or_else(|_| json!(it), |number| json!(number))
                    })
                    .collect();
                if rule.word(2) == "rstatus" || ranges.is_empty() {
                    let known = matches!(*list, "(2|3)[0-9][0-9]" | "[23].." | "^[23]");
                    if known {
                        reading.account.kept(rule.id, here);
                    } else {
                        reading
                            .account
                            .lost(rule.id, "a check expects statuses, not a pattern");
                    }
                } else {
                    *status = Some(ranges);
                    reading.account.kept(rule.id, here);
                }
            }
            _ => {
                reading
                    .account
                    .lost(rule.id, "a check looks at the status only");
                reading.account.help(
                    rule.id,
                    "have the page answer another status when it is not well",
                );
            }
        },
        "disable-on-404" => reading
            .account
            .lost(rule.id, "a server is well or it is not"),
        _ => reading.account.lost(rule.id, "a check is one request"),
    }
}

/// Real requests that fail take a server out.
fn passive(server: &Server, name: &str, reading: &mut Reading<'_>) -> bool {
    if !matches!(server.option("observe"), Some("layer7" | "layer4")) {
        return false;
    }
    let errors = server
        .option("error-limit")
        .and_then(|it| it.parse::<u64>().ok())
        .unwrap_or(10);
    let mut value = json!({ "errors": errors.clamp(1, 1000) });
    if let Some(eject) = server.option("downinter").and_then(units::time) {
        value["eject"] = json!(eject);
    }
    let path = reading.draft.set(&["upstreams", name, "passive"], value);
    reading.account.unsaid(
        "HAProxy counts errors in a row: the spec within 10 s",
        Some(path),
    );
    true
}
