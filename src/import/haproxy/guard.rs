//! Rules that refuse: what of a condition is a guard of the language, and what is left to say whom it is for.

use serde_json::{Value as Json, json};

use super::condition::{All, Literal};
use super::test::{Test, Value};

/// A guard of a route.
#[derive(Clone, Debug)]
pub(super) enum Guard {
    /// A setting and its value; how it differs.
    Set(&'static str, Json, Option<String>),
    /// Entries of a list.
    Push(&'static str, Vec<String>),
    /// Name and password by this userlist.
    Basic(String),
    /// So many requests, counted in a table.
    Rate(u64, String),
    /// The spec does so anyway.
    Moot(&'static str),
}

/// The guard in a condition whose requests are refused with a status, and the rest of the condition.
pub(super) fn find(status: u16, all: &All) -> Option<(Guard, All)> {
    let rest = |gone: &dyn Fn(&Literal) -> bool| -> All {
        all.iter().filter(|one| !gone(one)).cloned().collect()
    };
    let usual = |right: u16, word: &str| {
        (status != right).then(|| format!("{right} where {word}, not {status}"))
    };
    for literal in all {
        let this = |one: &Literal| one == literal;
        let found = match (literal.not, &literal.test) {
            (false, Test::BodyOver(most)) => {
                let how = usual(413, "a body is too large");
                Guard::Set("limits.body", json!(super::units::size(*most)), how)
            }
            (false, Test::OpenOver(most, _)) if *most > 0 => Guard::Set(
                "limits.connections",
                json!({ "per": "client", "max": most }),
                usual(503, "a client has too many open"),
            ),
            (false, Test::RateOver(most, table)) => Guard::Rate(*most, table.clone()),
            (true, Test::User(list)) => Guard::Basic(list.clone()),
            (true, Test::Header(name, Value::Is(origins))) if name == "origin" => {
                return Some(origin(all, literal, json!(origins)));
            }
            (true, Test::SameOrigin) => return Some(origin(all, literal, json!("same_host"))),
            (true, Test::Upgrade) if matches!(status, 400 | 403 | 426) => Guard::Set(
                "websocket.only",
                json!(true),
                usual(426, "a request is no handshake"),
            ),
            (true, Test::Methods(methods)) if matches!(status, 403 | 405) => Guard::Set(
                "methods",
                json!(methods),
                usual(405, "a method is not allowed"),
            ),
            (true, Test::Clients(ranges)) if (400..500).contains(&status) => {
                Guard::Push("clients.allow", ranges.clone())
            }
            (false, Test::Clients(ranges)) if (400..500).contains(&status) => {
                Guard::Push("clients.deny", ranges.clone())
            }
            (false, Test::Header(name, Value::Present))
                if name == "transfer-encoding" && status == 411 =>
            {
                Guard::Moot("a body without a length is counted as it comes")
            }
            _ => continue,
        };
        return Some((found, rest(&this)));
    }
    None
}

/// Origins, where the rest of the condition says whether a request without one passes.
fn origin(all: &All, literal: &Literal, origins: Json) -> (Guard, All) {
    let present =
        |one: &Literal| !one.not && one.test == Test::Header("origin".to_owned(), Value::Present);
    let upgrade = |one: &Literal| !one.not && one.test == Test::Upgrade;
    let lenient = all.iter().any(present);
    let sockets = all.iter().any(upgrade);
    let rest = all
        .iter()
        .filter(|one| *one != literal && !present(one) && !upgrade(one))
        .cloned()
        .collect();
    let how =
        (!sockets).then(|| "only handshakes of WebSockets are asked for their origin".to_owned());
    let value = if lenient {
        json!({ "origins": origins })
    } else {
        json!({ "origins": origins, "require_origin": true })
    };
    (Guard::Set("websocket", value, how), rest)
}
