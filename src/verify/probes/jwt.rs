//! Signed tokens (contract §4.6): what makes one good, where it may stand, and what a server sees of it.

use serde_json::{Value, json};

use super::basic::unauthorized;
use crate::ir::{Auth, AuthId, AuthKind, Feature, Gateway, Jwt, JwtKeys, RouteId, TokenPlace};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::keyring::{Pass, now};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for auth in &gateway.auth {
        let (AuthKind::Jwt(jwt), Some(route)) =
            (&auth.kind, super::guarded::guarded(gateway, auth.id))
        else {
            continue;
        };
        let (id, route) = (auth.id, route.id);
        let mut add = |feature, at, promise: &str, run: fn(&Case<'_>) -> Seen| {
            let seen = move |lab: &Lab| run(&Case::new(lab, id, route)?);
            let probe = Probe::new(feature, auth, at, promise, seen);
            probes.push(probe.strictly());
        };
        let at = jwt.keys.loc();
        use Feature::*;
        add(AuthJwt, at, "a good token is let in", |case| {
            case.takes(case.claims())
        });
        add(
            AuthJwt,
            at,
            "no token, or none that is signed as it has to be, gets 401 with `WWW-Authenticate`",
            unsigned,
        );
        add(
            AuthJwt,
            at,
            "a token counts from `nbf` to `exp`, with the leeway",
            in_time,
        );
        if jwt.issuer.is_some() {
            add(AuthJwt, at, "a token of another issuer gets 401", issuer);
        }
        if let Some(audience) = &jwt.audience {
            let at = audience.loc();
            add(
                AuthJwtAudience,
                at,
                "a token for another audience gets 401, one for several is let in",
                audience_short,
            );
        }
        if jwt.token.value != [TokenPlace::Bearer] {
            add(
                AuthJwtPlaces,
                jwt.token.loc(),
                "a token is found at each place where it may stand, and nowhere else",
                places,
            );
        }
        if jwt.strip.value {
            add(
                AuthJwtStrip,
                jwt.strip.loc(),
                "a token in the query or the subprotocol is removed before the server sees it",
                stripped,
            );
        }
        if !matches!(jwt.keys.value, JwtKeys::Key { .. }) {
            add(
                AuthJwks,
                at,
                "a token that is signed with any key of the set is let in",
                every_key,
            );
        }
        // What programs approximate is how long a list they read.
        if let Some(audience) = &jwt.audience {
            probes.push(Probe::new(
                AuthJwtAudience,
                auth,
                audience.loc(),
                "in a long list of audiences each one counts",
                move |lab| audience_long(&Case::new(lab, id, route)?),
            ));
        }
        for (index, pass) in jwt.pass.iter().enumerate() {
            let (header, claim) = &pass.value;
            probes.push(Probe::new(
                HeaderClaims,
                auth,
                pass.loc(),
                format!(
                    "the server sees the claim `{claim}` as `{header}`, whatever the client sends"
                ),
                move |lab| passed(&Case::new(lab, id, route)?, index),
            ));
        }
    }
    probes
}

/// A route behind a token, and a request that shows none.
struct Case<'a> {
    lab: &'a Lab,
    route: RouteId,
    auth: &'a Auth,
    jwt: &'a Jwt,
    bare: Ask,
}

impl<'a> Case<'a> {
    fn new(lab: &'a Lab, auth: AuthId, route: RouteId) -> Result<Self, Miss> {
        let auth = &lab.gateway.auth[auth.index()];
        let AuthKind::Jwt(jwt) = &auth.kind else {
            return Err(Miss::Unseen("it asks for no token".to_owned()));
        };
        let bare = super::beside::good(lab, route)?.unshown(auth);
        Ok(Self {
            lab,
            route,
            auth,
            jwt,
            bare,
        })
    }

    fn claims(&self) -> Value {
        self.lab.keyring.claims(self.jwt)
    }

    fn signed(&self, claims: Value) -> Result<String, Miss> {
        let token = self.lab.keyring.token(self.auth, claims);
        token.ok_or_else(|| Miss::Unseen("no such token is made here".to_owned()))
    }

    /// A request that shows this token at the first place, or at another one.
    fn showing(&self, token: String, place: Option<&TokenPlace>) -> Result<Ask, Miss> {
        let place = place.or_else(|| self.jwt.token.value.first());
        let ask = match place {
            // Only a handshake has subprotocols.
            Some(TokenPlace::Subprotocol) => {
                super::approach::good_tunnel(self.lab, self.route)?.unshown(self.auth)
            }
            _ => self.bare.again(),
        };
        let ask = super::beside::fresh(self.lab, &ask, self.route);
        Ok(match place {
            Some(place) => ask.showing(&Pass::at(place, token)),
            None => ask,
        })
    }

    fn takes(&self, claims: Value) -> Seen {
        let ask = self.showing(self.signed(claims)?, None)?;
        self.lab.behaves(&ask)
    }

    fn refuses(&self, token: String, what: &str) -> Seen {
        let ask = self.showing(token, None)?;
        named(unauthorized(self.lab, &ask, "Bearer"), what)
    }
}

/// A deviation that says which token it was.
fn named(seen: Seen, what: &str) -> Seen {
    seen.map_err(|miss| match miss {
        Miss::Broken(mut it) => {
            it.sent = format!("a token {what}: {}", it.sent);
            Miss::Broken(it)
        }
        unseen @ Miss::Unseen(_) => unseen,
    })
}

fn unsigned(case: &Case<'_>) -> Seen {
    unauthorized(
        case.lab,
        &super::beside::fresh(case.lab, &case.bare, case.route),
        "Bearer",
    )?;
    for (what, token) in case.lab.keyring.forged(case.auth, &case.claims()) {
        case.refuses(token, what)?;
    }
    for garbage in ["garbage", "a.b.c", "..", "e30.e30.e30"] {
        case.refuses(garbage.to_owned(), "that is none")?;
    }
    Ok(())
}

fn in_time(case: &Case<'_>) -> Seen {
    let leeway = case.jwt.leeway.value.as_secs_ceil();
    let with = |name: &str, at: u64| {
        let mut claims = case.claims();
        claims[name] = json!(at);
        claims
    };
    // The clock goes on while the request is under way: a few seconds on either side.
    if leeway > 8 {
        named(
            case.takes(with("exp", now() - leeway / 2)),
            "within the leeway",
        )?;
        named(
            case.takes(with("nbf", now() + leeway / 2)),
            "within the leeway",
        )?;
    }
    for (what, claims) in [
        (
            "that expired before the leeway",
            with("exp", now() - leeway - 3),
        ),
        ("that expired long ago", with("exp", 1_000_000_000)),
        ("that counts only later", with("nbf", now() + leeway + 30)),
    ] {
        case.refuses(case.signed(claims)?, what)?;
    }
    Ok(())
}

fn issuer(case: &Case<'_>) -> Seen {
    let good = case.jwt.issuer.as_ref().map_or("", |it| &it.value);
    for other in [
        json!("https://evil.example"),
        json!(format!("{good}.evil.example")),
        json!(""),
        Value::Null,
    ] {
        let mut claims = case.claims();
        claims["iss"] = other;
        case.refuses(case.signed(claims)?, "of another issuer")?;
    }
    Ok(())
}

fn for_audience(case: &Case<'_>, audience: Value) -> Value {
    let mut claims = case.claims();
    claims["aud"] = audience;
    claims
}

fn audience_short(case: &Case<'_>) -> Seen {
    let all = case.jwt.audience.as_ref();
    for own in all.iter().flat_map(|it| &it.value) {
        case.takes(for_audience(case, json!(own)))?;
        case.takes(for_audience(case, json!(["other", own])))?;
        for other in [
            json!(format!("{own}x")),
            json!("other"),
            json!(["other", format!("x{own}")]),
            json!([]),
            Value::Null,
        ] {
            let token = case.signed(for_audience(case, other))?;
            case.refuses(token, "for another audience")?;
        }
    }
    Ok(())
}

fn audience_long(case: &Case<'_>) -> Seen {
    let all = case.jwt.audience.as_ref().and_then(|it| it.value.first());
    case.takes(for_audience(
        case,
        json!(["a", "b", "c", "d", "e", "f", all]),
    ))
}

fn places(case: &Case<'_>) -> Seen {
    for place in &case.jwt.token.value {
        let good = case.signed(case.claims())?;
        case.lab.behaves(&case.showing(good, Some(place))?)?;
        let bad = case.showing("garbage".to_owned(), Some(place))?;
        unauthorized(case.lab, &bad, "Bearer")?;
    }
    for place in [
        TokenPlace::Bearer,
        TokenPlace::Query("elsewhere".to_owned()),
        TokenPlace::Cookie("elsewhere".to_owned()),
        TokenPlace::Header("X-Elsewhere".to_owned()),
    ] {
        if !case.jwt.token.value.contains(&place) {
            let ask = case.showing(case.signed(case.claims())?, Some(&place))?;
            unauthorized(case.lab, &ask, "Bearer")?;
        }
    }
    Ok(())
}

fn stripped(case: &Case<'_>) -> Seen {
    for place in &case.jwt.token.value {
        let token = case.signed(case.claims())?;
        let mut ask = case.showing(token.clone(), Some(place))?;
        let removed = match place {
            TokenPlace::Query(_) => {
                ask = ask.query("page", "2");
                true
            }
            TokenPlace::Subprotocol => {
                let offered = format!("bearer, {token}, chat");
                ask = ask.header("Sec-WebSocket-Protocol", &offered);
                true
            }
            TokenPlace::Bearer | TokenPlace::Cookie(_) | TokenPlace::Header(_) => false,
        };
        if !removed {
            continue;
        }
        let seen = super::arrival::deliver(case.lab, &ask)?;
        let offered = seen.header("sec-websocket-protocol").unwrap_or_default();
        let kept = match place {
            TokenPlace::Query(_) => seen.target.contains("page=2"),
            _ => offered.split(',').any(|word| word.trim() == "chat"),
        };
        if seen.target.contains(&token) || offered.contains(&token) || !kept {
            let came = format!(
                "a server that sees {} and subprotocols `{offered}`",
                seen.target
            );
            return Err(deviation(&ask, came, "only the token removed"));
        }
    }
    Ok(())
}

fn every_key(case: &Case<'_>) -> Seen {
    let all = case.lab.keyring.every_token(case.auth, &case.claims());
    if all.is_empty() {
        return Err(Miss::Unseen("no such token is made here".to_owned()));
    }
    for (algorithm, token) in all {
        let ask = case.showing(token, None)?;
        named(case.lab.behaves(&ask), &format!("of {algorithm}"))?;
    }
    Ok(())
}

fn passed(case: &Case<'_>, index: usize) -> Seen {
    let Some(pass) = case.jwt.pass.get(index) else {
        return Err(Miss::gone());
    };
    let (header, claim) = &pass.value;
    let spoofed = |claims: Value| -> Result<Ask, Miss> {
        let ask = case.showing(case.signed(claims)?, None)?;
        Ok(ask.header(header, "spoofed"))
    };
    let good = case.claims();
    let wanted = match &good[claim.as_str()] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let ask = spoofed(good.clone())?;
    let seen = super::arrival::deliver(case.lab, &ask)?;
    if seen.headers.all(header) != [wanted.as_str()] {
        let came = format!(
            "a server that sees {header}: {}",
            seen.headers.all(header).join(", ")
        );
        return Err(deviation(&ask, came, format!("{header}: {wanted}")));
    }
    // Claims that the entry itself asks for are always there.
    if ["iss", "aud", "exp"].contains(&claim.as_str()) {
        return Ok(());
    }
    let mut without = good;
    if let Some(map) = without.as_object_mut() {
        map.shift_remove(claim);
    }
    let ask = spoofed(without)?;
    let answer = case.lab.answer(&ask)?;
    let arrivals = case.lab.arrivals(&ask);
    let held = arrivals
        .iter()
        .flat_map(|(.., seen)| seen.headers.all(header))
        .all(str::is_empty);
    if held && !arrivals.is_empty() {
        return Ok(());
    }
    let came = format!(
        "{}; the spoofed value may have reached a server",
        status(&answer)
    );
    Err(deviation(&ask, came, "no value where the token has none"))
}
