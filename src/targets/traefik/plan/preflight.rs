//! The routers that answer the questions of browsers before they ask (CORS).

use super::route::Base;
use super::rule::{self, Rule};
use super::{Dynamic, change, limits, word};
use crate::emit::Map;
use crate::ir::Cors;

/// The routers that answer preflights: one for each origin, for their answer is written once.
pub(super) fn preflights(base: &Base<'_, '_>, dynamic: &mut Dynamic, cors: &Cors) {
    let asks = || {
        vec![
            Rule::call("Method", &["OPTIONS"]),
            rule::present("Access-Control-Request-Method"),
        ]
    };
    let origins: &[String] = cors.origins.value.as_deref().unwrap_or_default();
    let any = ["*".to_owned()];
    let allowed = match cors.origins.value {
        Some(_) => origins,
        None => &any[..],
    };
    for (n, origin) in allowed.iter().enumerate() {
        let name = format!("preflight:{}:{}", base.route.name, n + 1);
        dynamic
            .middlewares
            .add(&name, || change::preflight(cors, origin));
        let status = limits::status(dynamic, 204);
        let mut rules = asks();
        rules.push(match cors.origins.value {
            Some(_) => {
                let pattern = format!("(?i)^{}$", rule::quoted(origin));
                Rule::call("HeaderRegexp", &["Origin", &pattern])
            }
            None => rule::present("Origin"),
        });
        let suffix = match n {
            0 => ":preflight".to_owned(),
            n => format!(":preflight:{}", n + 1),
        };
        dynamic
            .routers
            .push(base.preflight(&suffix, rules, [name, status], cors.at));
    }
    if cors.origins.value.is_some() {
        let name = "vary:origin".to_owned();
        dynamic.middlewares.add(&name, || {
            change::headers(
                "customResponseHeaders",
                Map::new().put("Vary", word("Origin")),
            )
        });
        let status = limits::status(dynamic, 204);
        let mut rules = asks();
        rules.push(rule::present("Origin"));
        dynamic
            .routers
            .push(base.preflight(":preflight:foreign", rules, [name, status], cors.at));
    }
}
