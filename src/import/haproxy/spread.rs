//! How requests are spread over servers, and how a client is kept on one: `balance`, `cookie`, `stick`.

use serde_json::{Map, Value as Json, json};

use super::proxies::Proxy;
use super::remarks;
use super::sample::Sample;
use super::units;
use crate::import::Reading;

/// Writes the order of servers.
pub(super) fn balance(proxy: &Proxy, name: &str, reading: &mut Reading<'_>) {
    let Some(line) = proxy.last(&["balance"]) else {
        reading.account.unsaid(
            "without `balance` HAProxy before 3.3 takes servers in turn",
            None,
        );
        return;
    };
    let consistent = proxy
        .last(&["hash-type"])
        .filter(|it| it.word(1) == "consistent");
    let word = line.word(1);
    let call = word
        .split_once('(')
        .map(|(head, arg)| (head, arg.trim_end_matches(')')));
    let (value, how) = match (word, call) {
        ("roundrobin", _) => (json!("round_robin"), None),
        ("static-rr" | "first", _) => (json!("round_robin"), Some("servers take requests in turn")),
        ("leastconn", _) => (json!("least_connections"), None),
        ("random", _) | (_, Some(("random", _))) => (json!("random"), None),
        ("source", _) => (json!({ "hash": { "source": true } }), None),
        ("uri", _) => (json!({ "hash": { "path": true } }), None),
        ("url_param", _) => (json!({ "hash": { "query": line.word(2) } }), None),
        (_, Some(("hdr", header))) => (json!({ "hash": { "header": header } }), None),
        ("hash", _) => {
            match Sample::read(line.word(2))
                .as_ref()
                .and_then(super::value::key)
            {
                Some(key) => (json!({ "hash": key }), None),
                None => {
                    reading.account.lost(line.id, "the language hashes the client, a header, a cookie, a parameter or the path");
                    return;
                }
            }
        }
        _ => {
            reading
                .account
                .lost(line.id, "the language has no such order of servers");
            return;
        }
    };
    let hashed = value.is_object();
    let usual = value == json!("round_robin");
    let path = if usual && how.is_none() {
        format!("upstreams.{name}.balance")
    } else {
        reading.draft.set(&["upstreams", name, "balance"], value)
    };
    match how {
        Some(how) => reading.account.changed(line.id, path.clone(), how),
        None if hashed && consistent.is_none() => {
            let how = "a consistent hash: where a server goes, only its share moves";
            reading.account.changed(line.id, path.clone(), how);
        }
        None if usual => reading.account.moot(line.id, "in turn: the default"),
        None => reading.account.kept(line.id, path.clone()),
    }
    if let Some(hash) = proxy.last(&["hash-type"]) {
        reading.account.kept(hash.id, path);
    }
    if word == "source" {
        remarks::by_source(reading, line);
    }
}

/// Writes how a client is kept.
pub(super) fn sticky(proxy: &Proxy, name: &str, reading: &mut Reading<'_>) {
    let set = |reading: &mut Reading<'_>, value: Json| {
        reading.draft.set(&["upstreams", name, "stickiness"], value)
    };
    let table = proxy.lines.iter().find(|it| it.word(0) == "stick-table");
    let ttl = table.and_then(|line| {
        let words = line.texts(1);
        let at = words.iter().position(|it| *it == "expire")?;
        units::time(words.get(at + 1)?)
    });
    let mut used = false;
    for line in proxy.lines.iter().filter(|it| it.word(0) == "stick") {
        let verb = line.word(1);
        let key = Sample::read(line.word(2));
        let value = match key
            .as_ref()
            .map(|it| (it.fetch.name.as_str(), it.fetch.args.first()))
        {
            Some(("src", _)) if verb != "store-response" => match &ttl {
                Some(ttl) => json!({ "source": { "ttl": ttl } }),
                None => json!({ "source": {} }),
            },
            Some(("cook" | "res.cook", Some(cookie))) => match &ttl {
                Some(ttl) => json!({ "app_cookie": { "name": cookie, "ttl": ttl } }),
                None => json!({ "app_cookie": { "name": cookie } }),
            },
            _ => {
                reading.account.lost(
                    line.id,
                    "stickiness goes by a cookie or the client's address",
                );
                continue;
            }
        };
        used = true;
        let path = set(reading, value);
        if verb == "store-request" || verb == "match" || verb == "on" || verb == "store-response" {
            reading.account.kept(line.id, path.clone());
        }
        if let Some(table) = table {
            reading.account.kept(table.id, path);
        }
    }
    if let Some(table) = table
        && !used
        && !reading.account.is_settled(table.id)
        && !proxy
            .lines
            .iter()
            .any(|it| it.word(1).starts_with("track-sc"))
    {
        reading.account.moot(table.id, "nothing sticks by it");
        remarks::unused_table(reading, table);
    }
    let Some(line) = proxy.last(&["cookie"]) else {
        return;
    };
    let words = line.texts(2);
    let cookie = line.word(1);
    if words.contains(&"prefix") {
        let path = set(reading, json!({ "app_cookie": { "name": cookie } }));
        reading.account.changed(
            line.id,
            path,
            "the application's cookie is followed; nothing is written into it",
        );
        return;
    }
    let mut value = Map::new();
    value.insert("name".to_owned(), json!(cookie));
    let mut attributes: Vec<&str> = Vec::new();
    for pair in words.windows(2) {
        if pair[0] == "attr" {
            attributes.push(pair[1]);
        }
    }
    let attribute = |name: &str| {
        attributes.iter().find_map(|it| {
            let (key, value) = it.split_once('=')?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    };
    let age = attribute("max-age").and_then(|it| units::time(&format!("{it}s")));
    let mut differs = Vec::new();
    if let Some(ttl) = age {
        value.insert("ttl".to_owned(), json!(ttl));
    }
    for word in ["maxidle", "maxlife"] {
        if let Some(at) = words.iter().position(|it| *it == word) {
            differs.push(format!(
                "`{word} {}` has no word: browsers keep the cookie until they close",
                words.get(at + 1).copied().unwrap_or("")
            ));
        }
    }
    if let Some(at) = words.iter().position(|it| *it == "domain") {
        differs.push(format!(
            "no domain: the cookie is the host's own, not `{}`'s",
            words.get(at + 1).copied().unwrap_or("")
        ));
    }
    if !words.contains(&"httponly") {
        value.insert("http_only".to_owned(), json!(false));
    }
    if !words.contains(&"secure") {
        value.insert("secure".to_owned(), json!(false));
    }
    match attribute("samesite").map(|it| it.to_lowercase()).as_deref() {
        Some(same @ ("strict" | "none")) => {
            value.insert("same_site".to_owned(), json!(same));
        }
        Some("lax") => {}
        _ => differs.push("`SameSite=Lax` is written out, as browsers take it".to_owned()),
    }
    if words.contains(&"rewrite") || !words.contains(&"insert") && !words.contains(&"prefix") {
        differs.push("the proxy sets the cookie itself".to_owned());
    }
    if words.contains(&"preserve") {
        differs.push("the application cannot end it".to_owned());
    }
    let path = set(reading, json!({ "cookie": value }));
    reading.account.kept(line.id, path.clone());
    for how in differs {
        reading.account.changed(line.id, path.clone(), how);
    }
}
