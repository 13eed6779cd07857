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
            let probe = Probe::new(Feature::AuthBasic, auth, at, promise, move |lab| {
                run(lab, id, route)
            });
            // A loss of some hashes excuses nothing else.
            probes.push(probe.strictly());
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
        probes.push(
            Probe::new(
                Feature::AuthBasic,
                auth,
                at,
                "a password that the file holds as `htpasswd` hashes it without an option is let in",
                move |lab| other_hash(lab, id, route),
            )
            .alone(),
        );
    }
    probes
}

fn settings(auth: &Auth) -> Option<&Basic> {
    match &auth.kind {
        AuthKind::Basic(it) => Some(it),
        AuthKind::Jwt(_) | AuthKind::ApiKey(_) | AuthKind::Forward(_) => None,
    }
}

/// Two further users: one hashed as the first, to see whether the file is read again, and one by Apache's MD5.
const SAME: (&str, &str) = ("same", "{SHA}qUnFMHEPn8p2tFd2Jnxoln+okec=");
const OTHER: (&str, &str) = ("other", "$apr1$wsgenpro$H4SuxJqnK57RIBYoQ43wZ.");

fn other_hash(lab: &Lab, auth: AuthId, route: RouteId) -> Seen {
    let auth = &lab.gateway.auth[auth.index()];
    let file = settings(auth).map_or("", |it| &it.file.value);
    let more = [SAME, OTHER].map(|(name, hash)| format!("{name}:{hash}\n"));
    std::fs::read_to_string(file)
        .and_then(|known| std::fs::write(file, known + &more.concat()))
        .map_err(|why| Miss::Unseen(format!("the file of users: {why}")))?;
    let reloaded = lab.reload();
    let ask = |user: (&str, &str)| -> Result<_, Miss> {
        let value = basic(user);
        let good = super::beside::good(lab, route)?.unshown(auth);
        let ask = super::beside::fresh(lab, &good.header("Authorization", &value), route);
        let answer = lab.answer(&ask)?;
        Ok((ask, answer))
    };
    let (ask_other, answer) = ask((OTHER.0, "probe"))?;
    if answer.status != 401 {
        return Ok(());
    }
    let (_, same) = ask((SAME.0, "probe"))?;
    if reloaded.is_ok() && same.status == 401 {
        return Err(Miss::Unseen(
            "the program does not read the file of users again".to_owned(),
        ));
    }
    let came = match reloaded {
        Ok(()) => status(&answer),
        Err(_) => "the file is refused, and with it everything".to_owned(),
    };
    Err(deviation(&ask_other, came, "let in"))
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
