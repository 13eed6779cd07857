//! Preflights that HAProxy answers, as `cors` of a route.

use serde_json::{Value as Json, json};

use super::condition::{All, Literal};
use super::test::{Test, Value};
use super::units;
use super::value::Answer;

/// Whether an answer is one to a preflight.
pub(super) fn is_preflight(answer: &Answer) -> bool {
    !answer.headers.is_empty()
        && answer.headers.iter().all(|(name, _)| {
            let name = name.to_lowercase();
            name.starts_with("access-control-") || name == "vary"
        })
}

/// What the answer allows, and the rest of its condition. `None`: it allows nothing.
pub(super) fn read(answer: &Answer, all: &All) -> (Option<Json>, All) {
    let mut origins = None;
    let mut rest = Vec::new();
    for literal in all {
        match literal {
            Literal {
                not: false,
                test: Test::Header(name, Value::Is(list)),
            } if name == "origin" => origins = Some(json!(list)),
            Literal {
                not: false,
                test: Test::Header(name, Value::Present),
            } if name == "origin" || name == "access-control-request-method" => {}
            Literal {
                not: false,
                test: Test::Methods(methods),
            } if *methods == ["OPTIONS"] => {}
            other => rest.push(other.clone()),
        }
    }
    let header = |name: &str| {
        answer
            .headers
            .iter()
            .find(|it| it.0.eq_ignore_ascii_case(name))
            .map(|it| it.1.as_str())
    };
    let list = |name: &str| -> Option<Vec<String>> {
        let text = header(name)?;
        Some(
            text.split(',')
                .map(|it| it.trim().to_owned())
                .filter(|it| !it.is_empty())
                .collect(),
        )
    };
    let origin = header("access-control-allow-origin");
    let origins = match origin {
        None => return (None, rest),
        Some("*") => json!("any"),
        Some(text) if !text.contains('%') => json!([text]),
        Some(_) => origins.unwrap_or_else(|| json!("any")),
    };
    let mut cors = serde_json::Map::new();
    cors.insert("origins".to_owned(), origins);
    for (key, name) in [
        ("methods", "access-control-allow-methods"),
        ("headers", "access-control-allow-headers"),
    ] {
        if let Some(list) = list(name).filter(|it| !it.is_empty()) {
            cors.insert(key.to_owned(), json!(list));
        }
    }
    if header("access-control-allow-credentials") == Some("true") {
        cors.insert("credentials".to_owned(), json!(true));
    }
    let age = header("access-control-max-age").and_then(|it| it.parse::<u64>().ok());
    if let Some(age) = age.filter(|it| *it > 0).and_then(|it| it.checked_mul(1000)) {
        cors.insert("max_age".to_owned(), json!(units::duration(age)));
    }
    (Some(Json::Object(cors)), rest)
}
