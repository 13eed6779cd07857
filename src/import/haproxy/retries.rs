//! Further tries: `retries`, `option redispatch`, `retry-on`.

use serde_json::{Value as Json, json};

use super::proxies::Proxy;
use crate::import::Reading;

/// Writes what is tried again on other servers.
pub(super) fn write(proxy: &Proxy, name: &str, reading: &mut Reading<'_>) {
    let line = proxy.last(&["retries"]);
    let attempts = line
        .and_then(|it| it.word(1).parse::<u64>().ok())
        .unwrap_or(3);
    let redispatch = proxy.option("redispatch");
    let again = proxy.last(&["retry-on"]);
    let Some(again) = again.filter(|_| attempts > 0) else {
        if let Some(line) = line {
            let why = "a server that does not answer is left for the next; each is tried once";
            if attempts > 0 && redispatch.is_some() {
                reading.account.moot(line.id, why);
            } else {
                reading
                    .account
                    .changed(line.id, format!("upstreams.{name}"), why);
            }
        } else {
            reading.account.unsaid("without `retries` a server that refuses is asked three times more: here the next one is", None);
        }
        if let Some(line) = redispatch {
            reading
                .account
                .moot(line.id, "a server that refuses is always left for the next");
        }
        return;
    };
    let mut after: Vec<Json> = Vec::new();
    let mut how =
        vec!["another server is asked, and only by a method that may be repeated".to_owned()];
    for word in again.texts(1) {
        match word {
            "conn-failure" | "empty-response" | "junk-response" | "0rtt-rejected" => {
                after.push(json!("connect"))
            }
            "response-timeout" => after.push(json!("timeout")),
            "all-retryable-errors" => after.extend([
                json!("connect"),
                json!("timeout"),
                json!(500),
                json!(502),
                json!(503),
                json!(504),
            ]),
            status
                if status
                    .parse::<u16>()
                    .is_ok_and(|it| (500..600).contains(&it)) =>
            {
                after.push(json!(status.parse::<u16>().unwrap_or(503)));
            }
            other => how.push(format!("`{other}` is tried no second time")),
        }
    }
    let mut seen = Vec::new();
    after.retain(|it| {
        let new = !seen.contains(it);
        seen.push(it.clone());
        new
    });
    if after.is_empty() {
        reading
            .account
            .moot(again.id, "nothing of it is tried again");
        return;
    }
    let value = json!({ "attempts": attempts.min(10), "after": after });
    let path = reading.draft.set(&["upstreams", name, "retries"], value);
    for how in how {
        reading.account.changed(again.id, path.clone(), how);
    }
    for line in line.into_iter().chain(redispatch) {
        reading.account.kept(line.id, path.clone());
    }
}
