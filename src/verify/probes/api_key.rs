//! Keys from a list (contract §4.6): each place where one may stand, and everything that is none.

use crate::ir::{Auth, AuthId, AuthKind, Feature, Gateway, RouteId, Secret, TokenPlace};
use crate::verify::ask::{Ask, encoded};
use crate::verify::behave::{deviation, status};
use crate::verify::keyring::{Pass, REMARK};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for auth in &gateway.auth {
        let (AuthKind::ApiKey(it), Some(route)) =
            (&auth.kind, super::guarded::guarded(gateway, auth.id))
        else {
            continue;
        };
        let (id, route) = (auth.id, route.id);
        let at = it.keys.loc();
        let mut add = |feature, at, promise: &str, run: fn(&Lab, AuthId, RouteId) -> Seen| {
            let probe = Probe::new(feature, auth, at, promise, move |lab| run(lab, id, route));
            probes.push(probe);
        };
        add(
            Feature::AuthApiKey,
            at,
            "a key of the list is let in, at each place where it may stand",
            good,
        );
        add(
            Feature::AuthApiKey,
            at,
            "anything else gets 401 and reaches no server",
            bad,
        );
        if it.strip.value {
            add(
                Feature::AuthStrip,
                it.strip.loc(),
                "the key is removed before the server sees it",
                stripped,
            );
        }
        if matches!(it.keys.value, Secret::Env(_)) {
            probes.push(
                Probe::new(
                    Feature::AuthApiKey,
                    auth,
                    at,
                    "a variable holds a key per line",
                    move |lab| good(lab, id, route),
                )
                .with_many_keys(),
            );
        }
    }
    probes
}

/// The request without a key, the places for one, and a good one.
fn parts(lab: &Lab, id: AuthId, route: RouteId) -> Result<(Ask, Vec<TokenPlace>, String), Miss> {
    let auth: &Auth = &lab.gateway.auth[id.index()];
    let places = match &auth.kind {
        AuthKind::ApiKey(it) => it.from.value.clone(),
        AuthKind::Jwt(_) | AuthKind::Basic(_) | AuthKind::Forward(_) => Vec::new(),
    };
    let key = lab.keyring.api_key(auth).unwrap_or_default().to_owned();
    Ok((super::beside::good(lab, route)?.unshown(auth), places, key))
}

fn good(lab: &Lab, id: AuthId, route: RouteId) -> Seen {
    let (bare, places, key) = parts(lab, id, route)?;
    for place in places {
        lab.behaves(
            &super::beside::fresh(lab, &bare, route).showing(&Pass::at(&place, key.clone())),
        )?;
    }
    Ok(())
}

fn bad(lab: &Lab, id: AuthId, route: RouteId) -> Seen {
    let (bare, places, key) = parts(lab, id, route)?;
    let mut asks = vec![bare.again()];
    let shorter = key.get(1..).unwrap_or_default();
    let tries = [
        "wrong".to_owned(),
        format!("{key}x"),
        format!("x{key}"),
        shorter.to_owned(),
        key.to_uppercase(),
        format!("# {REMARK}"),
        String::new(),
    ];
    for place in &places {
        for text in &tries {
            let text = match place {
                TokenPlace::Query(_) => encoded(text),
                _ => text.clone(),
            };
            asks.push(bare.again().showing(&Pass::at(place, text)));
        }
    }
    // A good key at a place where none is looked for.
    let elsewhere = TokenPlace::Header("X-Elsewhere".to_owned());
    asks.push(bare.again().showing(&Pass::at(&elsewhere, key)));
    for ask in asks {
        let ask = super::beside::fresh(lab, &ask, route);
        let answer = lab.answer(&ask)?;
        if answer.status != 401 || !lab.arrivals(&ask).is_empty() {
            return Err(deviation(
                &ask,
                status(&answer),
                "401, and no server sees it",
            ));
        }
    }
    Ok(())
}

fn stripped(lab: &Lab, id: AuthId, route: RouteId) -> Seen {
    let (bare, places, key) = parts(lab, id, route)?;
    for place in places {
        let pass = Pass::at(&place, key.clone());
        let ask = super::beside::fresh(lab, &bare, route)
            .header("Cookie", "theme=dark")
            .query("page", "2")
            .showing(&pass);
        let seen = super::arrival::deliver(lab, &ask)?;
        let lines = seen.headers.0.iter();
        let holds = |text: &str| text.contains(&key);
        if holds(&seen.target) || lines.clone().any(|(_, value)| holds(value)) {
            return Err(deviation(
                &ask,
                "a server that sees the key",
                "the key removed",
            ));
        }
        let kept = seen.target.contains("page=2")
            && seen
                .header("cookie")
                .is_some_and(|it| it.contains("theme=dark"));
        if !kept {
            let came = format!(
                "a server that sees {} with Cookie: {}",
                seen.target,
                seen.header("cookie").unwrap_or_default()
            );
            return Err(deviation(&ask, came, "only the key removed"));
        }
    }
    Ok(())
}
