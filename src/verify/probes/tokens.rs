//! Which requests become tunnels (contract §4.2): plain routes, plain requests, other tokens and other methods.

use super::approach::{good_tunnel, handshake, plain, tunnel_with};
use super::arrival::arrival;
use crate::ir::RouteId;
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Seen};

/// An upgrade where none is allowed.
pub(super) fn plain_route(lab: &Lab, route: RouteId) -> Seen {
    let ask = plain(lab, route)?.websocket();
    let listed = lab.gateway.route(route).methods.as_ref();
    if listed.is_some_and(|list| !list.value.iter().any(|method| method == "GET")) {
        // Its 405 is seen beside the methods.
        return Ok(());
    }
    lab.behaves(&ask)?;
    sees_no_upgrade(lab, &ask, None)?;
    whole_answer(lab, &ask.again())
}

/// What the server says comes whole: its echo, which no proxy could make up.
fn whole_answer(lab: &Lab, ask: &Ask) -> Seen {
    let Ok(response) = lab.answer(ask) else {
        // Whether it is answered at all is seen before.
        return Ok(());
    };
    if response.status == 200 && arrival(lab, ask).is_ok() && response.try_seen().is_err() {
        let what = format!("200, {} bytes of body", response.body.len());
        return Err(deviation(ask, what, "200 with the server's own body"));
    }
    Ok(())
}

pub(super) fn only(lab: &Lab, route: RouteId) -> Seen {
    let mut ask = good_tunnel(lab, route)?;
    ask.request.upgrade = None;
    lab.behaves(&ask)?;
    let response = lab.send(&ask.again())?;
    match (response.status, response.header("upgrade")) {
        (426, Some("websocket")) => Ok(()),
        (_, upgrade) => Err(deviation(
            &ask,
            format!(
                "{}, Upgrade: {}",
                status(&response),
                upgrade.unwrap_or("none")
            ),
            "426, Upgrade: websocket",
        )),
    }
}

pub(super) fn tokens(lab: &Lab, route: RouteId) -> Seen {
    let Some(websocket) = &lab.gateway.route(route).websocket else {
        return Err(Miss::gone());
    };
    let named = &websocket.tokens.value;
    for other in ["h2c", "TLS/1.0", "websocket, h2c", "echo"] {
        if named.iter().any(|token| token.eq_ignore_ascii_case(other)) {
            continue;
        }
        let (ask, outcome) = handshake(lab, route, |ask| upgrade_to(ask, other))?;
        let foreign = other.trim_start_matches("websocket, ");
        drop(outcome);
        sees_no_upgrade(lab, &ask, Some(foreign))?;
    }
    let meant = |ask: Ask| upgrade_to(ask, "websocket").header("Connection", "keep-alive");
    let (ask, _) = handshake(lab, route, meant)?;
    if lab
        .arrivals(&ask)
        .iter()
        .any(|(.., it)| it.header("upgrade").is_some())
    {
        return Err(deviation(
            &ask,
            "the server saw an upgrade",
            "none, as `Connection` does not name it",
        ));
    }
    if named.iter().any(|token| token == "websocket") {
        // As Firefox writes the one, and some libraries the other.
        tunnel_with(lab, route, |ask| {
            upgrade_to(ask, "WebSocket").header("Connection", "keep-alive, Upgrade")
        })?;
    }
    for token in named.iter().filter(|token| *token != "websocket") {
        let (ask, _) = handshake(lab, route, |ask| upgrade_to(ask, token))?;
        let request = arrival(lab, &ask)?;
        if !request.headers.lists("upgrade", token)
            || !request.headers.lists("connection", "upgrade")
        {
            let seen = request.header("upgrade").unwrap_or("nothing").to_owned();
            return Err(deviation(
                &ask,
                format!("the server saw `Upgrade: {seen}`"),
                format!("`Upgrade: {token}` at the server"),
            ));
        }
    }
    Ok(())
}

pub(super) fn methods(lab: &Lab, route: RouteId) -> Seen {
    let it = lab.gateway.route(route);
    let Some(websocket) = &it.websocket else {
        return Err(Miss::gone());
    };
    for method in ["GET", "POST", "PUT", "DELETE"] {
        let lists = [&it.methods, &it.when.methods];
        let refused =
            |list: &&crate::ir::Set<Vec<String>>| !list.value.iter().any(|it| it == method);
        if lists.into_iter().flatten().any(|list| refused(&list)) {
            continue;
        }
        let ask = good_tunnel(lab, route)?;
        let own = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let ask = own
            .into_iter()
            .fold(ask.method(method), |ask, (name, value)| {
                ask.header(name, value)
            });
        let response = lab
            .client_of(&ask)?
            .try_send(method, &ask.target(), &ask.lines(), b"")
            .map_err(|why| deviation(&ask, why.to_string(), "an answer"))?;
        let named = websocket.methods.value.iter().any(|it| it == method);
        let reached = lab.arrivals(&ask);
        let upgraded = reached
            .iter()
            .any(|(.., it)| it.header("upgrade").is_some());
        // `only` answers what is no upgrade.
        if upgraded != named || (reached.is_empty() && response.status != 426) {
            let promised = if named { "an upgrade" } else { "no upgrade" };
            let what = if upgraded { "an upgrade" } else { "no upgrade" };
            return Err(deviation(
                &ask,
                format!("{what} at the server, {}", status(&response)),
                format!("{promised} with {method}"),
            ));
        }
    }
    Ok(())
}

fn upgrade_to(ask: Ask, token: &str) -> Ask {
    let mut ask = ask.header("Upgrade", token);
    ask.request.upgrade = Some(token.to_ascii_lowercase());
    ask
}

/// No server saw `Upgrade`, or not with this token; some server saw the request.
fn sees_no_upgrade(lab: &Lab, ask: &Ask, token: Option<&str>) -> Seen {
    let request = match arrival(lab, ask) {
        // What the proxy answers itself reaches no server, upgrade or not.
        Err(_) => return Ok(()),
        Ok(request) => request,
    };
    let passed = match token {
        Some(token) => request.headers.lists("upgrade", token),
        None => request.header("upgrade").is_some(),
    };
    if passed {
        let seen = request.header("upgrade").unwrap_or_default();
        return Err(deviation(
            ask,
            format!("the server saw `Upgrade: {seen}`"),
            "no such `Upgrade` at the server",
        ));
    }
    Ok(())
}
