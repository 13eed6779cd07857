//! Name and password (contract §4.6): who is let in, what everybody else is told, and what the server sees.

use crate::ir::{Auth, AuthId, AuthKind, Basic, Feature, Gateway, RouteId};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::keyring::{USER, basic};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for auth in &gateway.auth {
        let (AuthKind::Basic(it), Some(route)) =
            (&auth.kind, super::guarded::guarded(gateway, auth.id))
        else {
            continue;
        };
        let (id, route) = (auth.id, route.id);
        let at = it.file.loc();
        let mut add = |promise: &str, run: fn(&Lab, AuthId, RouteId) -> Seen| {
            probes.push(Probe::new(
                Feature::AuthBasic,
                auth,
                at,
                promise,
                move |lab| run(lab, id, route),
            ));
        };
        add("the right name and password are let in", |lab, _, route| {
            lab.behaves(&super::beside::good(lab, route)?)
        });
        add(
            "anything else gets 401 with `WWW-Authenticate` and reaches no server",
            refused,
        );
        if it.strip.value {
            probes.push(Probe::new(
                Feature::AuthStrip,
                auth,
                it.strip.loc(),
                "the password is removed before the server sees it",
                move |lab| password(lab, route, None),
            ));
        } else {
            add("the server sees the password too", |lab, _, route| {
                password(lab, route, Some(&basic(USER)))
            });
        }
    }
    probes
}

fn settings(auth: &Auth) -> Option<&Basic> {
    match &auth.kind {
        AuthKind::Basic(it) => Some(it),
        AuthKind::Jwt(_) | AuthKind::ApiKey(_) | AuthKind::Forward(_) => None,
    }
}

fn refused(lab: &Lab, auth: AuthId, route: RouteId) -> Seen {
    let auth = &lab.gateway.auth[auth.index()];
    let realm = settings(auth).map_or("", |it| &it.realm.value);
    let (name, password) = USER;
    let right = basic(USER);
    let bare = super::beside::good(lab, route)?.unshown(auth);
    let with = |value: &str| bare.again().header("Authorization", value);
    for ask in [
        bare.again(),
        with(&basic((name, "wrong"))),
        with(&basic((name, ""))),
        with(&basic(("stranger", password))),
        with(&basic(("", password))),
        with(&basic((&name.to_uppercase(), password))),
        with("Basic"),
        with("Basic ????"),
        with(&right.replace("Basic", "Bearer")),
    ] {
        let ask = super::beside::fresh(lab, &ask, route);
        unauthorized(lab, &ask, &format!("Basic realm=\"{realm}\""))?;
    }
    Ok(())
}

/// 401 that says how to get in, and nothing at any server.
pub(super) fn unauthorized(lab: &Lab, ask: &Ask, challenge: &str) -> Seen {
    let answer = lab.answer(ask)?;
    let told = answer.header("www-authenticate").unwrap_or_default();
    let promised = format!("401, WWW-Authenticate: {challenge}");
    // What follows the challenge, such as a charset or an error, is the program's matter.
    if answer.status != 401 || !told.starts_with(challenge) {
        let came = format!("{}, WWW-Authenticate: {told}", status(&answer));
        return Err(deviation(ask, came, promised));
    }
    match lab.arrivals(ask).first() {
        Some(_) => Err(deviation(ask, "401, and it reached a server", promised)),
        None => Ok(()),
    }
}

fn password(lab: &Lab, route: RouteId, wanted: Option<&str>) -> Seen {
    let ask = super::beside::good(lab, route)?;
    let seen = super::arrival::deliver(lab, &ask)?;
    let came = seen.header("authorization");
    if came == wanted {
        return Ok(());
    }
    let say = |value: Option<&str>| match value {
        Some(value) => format!("a server that sees Authorization: {value}"),
        None => "a server that sees no Authorization".to_owned(),
    };
    Err::<(), Miss>(deviation(&ask, say(came), say(wanted)))
}
