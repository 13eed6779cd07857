//! The proxy's own cookie (contract §4.5): its name, how long it lives, its attributes, and that nobody can forge harm.

use super::way::Way;
use crate::ir::{Feature, Listener, SameSite, Secure, StickyCookie, Upstream, UpstreamId};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};
use crate::verify::wire::Response;

pub(super) fn probes(upstream: &Upstream, it: &StickyCookie, probes: &mut Vec<Probe>) {
    let id = upstream.id;
    let name = &it.name.value;
    probes.push(Probe::new(
        Feature::StickyCookieName,
        upstream,
        it.name.loc(),
        format!("the first answer sets the cookie {name}, which tells nothing, and a forged one does no harm"),
        move |lab| named(lab, id),
    ));
    let promise = match it.ttl.value {
        Some(ttl) => format!("browsers keep the cookie for {ttl}"),
        None => "browsers keep the cookie until they close".to_owned(),
    };
    let at = it.ttl.loc();
    probes.push(Probe::new(
        Feature::StickyCookieTtl,
        upstream,
        at,
        promise,
        move |lab| lasting(lab, id),
    ));
    let secure = match it.secure.value {
        Secure::OnTls => "`Secure` on TLS only",
        Secure::Always => "`Secure`",
        Secure::Never => "no `Secure`",
    };
    let only = if it.http_only.value {
        "`HttpOnly`"
    } else {
        "no `HttpOnly`"
    };
    probes.push(Probe::new(
        Feature::StickyCookieAttributes,
        upstream,
        it.path.loc(),
        format!(
            "the cookie has `Path={}`, {only}, `SameSite={}` and {secure}",
            it.path.value,
            same_site(it.same_site.value)
        ),
        move |lab| attributes(lab, id),
    ));
}

const fn same_site(it: SameSite) -> &'static str {
    match it {
        SameSite::Strict => "Strict",
        SameSite::Lax => "Lax",
        SameSite::None => "None",
    }
}

/// The line that sets a cookie; of several the last, which is the one that a browser keeps (RFC 6265, 5.3).
fn line<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let lines = response.headers.all("set-cookie");
    lines.into_iter().rfind(|line| {
        let own = line.split_once('=');
        own.is_some_and(|(own, _)| own.trim() == name)
    })
}

/// The value that an answer gives a cookie.
pub(super) fn value(response: &Response, name: &str) -> Option<String> {
    let line = line(response, name)?;
    let pair = line.split(';').next()?;
    Some(pair.split_once('=')?.1.trim().to_owned())
}

/// A request without this cookie.
pub(super) fn without(ask: Ask, name: &str) -> Ask {
    let own = ask.request.header("cookie").unwrap_or_default();
    let left: Vec<&str> = own
        .split(';')
        .map(str::trim)
        .filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(name))
        .collect();
    match left.is_empty() {
        true => ask.without("Cookie"),
        false => {
            let left = left.join("; ");
            ask.header("Cookie", &left)
        }
    }
}

/// The attributes of a cookie's line: names in lower case, with their values.
fn parts(line: &str) -> Vec<(String, Option<&str>)> {
    line.split(';')
        .skip(1)
        .map(|part| match part.trim().split_once('=') {
            Some((name, value)) => (name.to_ascii_lowercase(), Some(value)),
            None => (part.trim().to_ascii_lowercase(), None),
        })
        .collect()
}

fn settings(way: &Way<'_>) -> Result<StickyCookie, Miss> {
    match &way.upstream.stickiness {
        Some(crate::ir::Stickiness::Cookie(it)) => Ok(it.clone()),
        _ => Err(Miss::Unseen("there is no cookie".to_owned())),
    }
}

/// A new client's request that a server of the upstream answers, and the line that sets the cookie.
fn first(way: &Way<'_>, ask: &Ask) -> Result<String, Miss> {
    let name = settings(way)?.name.value;
    let mut ask = ask.clone();
    for _ in 0..100 {
        let came = way.send(&ask)?;
        if way.server(&ask, &came).is_none() && way.route.shares().len() > 1 {
            ask = ask.again();
            continue;
        }
        return match line(&came, &name) {
            Some(line) => Ok(line.to_owned()),
            None => Err(deviation(
                &ask,
                format!("{} without that cookie", status(&came)),
                format!("an answer that sets the cookie {name}"),
            )),
        };
    }
    Err(Miss::Unseen(
        "the split never led to the upstream".to_owned(),
    ))
}

fn named(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let it = settings(&way)?;
    let ask = way.fresh();
    let line = first(&way, &ask)?;
    let telling = lab.places.servers[id.index()]
        .iter()
        .find(|at| line.contains(&at.ip().to_string()) || line.contains(&at.port().to_string()));
    if let Some(at) = telling {
        let came = format!("{line}, which tells of {at}");
        return Err(deviation(&ask, came, "a value that tells nothing"));
    }
    let long = "x".repeat(2000);
    for forged in [
        "forged",
        "",
        "../../etc/passwd",
        "127.0.0.1:1",
        "%00",
        long.as_str(),
    ] {
        let ask = way.fresh().cookie(&it.name.value, forged);
        way.taken(&ask)?;
    }
    Ok(())
}

fn lasting(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let it = settings(&way)?;
    let ask = way.fresh();
    let line = first(&way, &ask)?;
    let parts = parts(&line);
    let of = |name: &str| {
        let mut parts = parts.iter();
        parts.find(|(own, _)| own == name).and_then(|(_, it)| *it)
    };
    let age = of("max-age").and_then(|it| it.trim().parse::<u64>().ok());
    let fits = match it.ttl.value {
        None => of("max-age").is_none() && of("expires").is_none(),
        // A date is as good to a browser, but no number to compare with here.
        Some(ttl) => match age {
            Some(age) => age == ttl.as_secs_ceil(),
            None => of("expires").is_some(),
        },
    };
    if fits {
        return Ok(());
    }
    let promised = it.ttl.value.map_or_else(
        || "neither Max-Age nor Expires".to_owned(),
        |ttl| format!("Max-Age={}", ttl.as_secs_ceil()),
    );
    Err(deviation(&ask, line, promised))
}

fn attributes(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let it = settings(&way)?;
    let gateway = &lab.gateway;
    let mut seen = 0;
    for route in super::way::routes(gateway, id) {
        for ask in lab.asker().every_good(route.id) {
            let listener: &Listener = gateway.listener(ask.listener);
            let line = first(&Way::by(lab, route.id, id)?, &ask)?;
            let tls = listener.tls.is_some();
            let secure = match it.secure.value {
                Secure::OnTls => tls,
                Secure::Always => true,
                Secure::Never => false,
            };
            let parts = parts(&line);
            let has = |name: &str| parts.iter().any(|(own, _)| own == name);
            let of = |name: &str| {
                let mut parts = parts.iter();
                parts.find(|(own, _)| own == name).and_then(|(_, it)| *it)
            };
            let wanted = same_site(it.same_site.value);
            let fits = of("path") == Some(it.path.value.as_str())
                && has("httponly") == it.http_only.value
                && has("secure") == secure
                && of("samesite").is_some_and(|it| it.eq_ignore_ascii_case(wanted));
            if !fits {
                let promised = format!(
                    "Path={}; SameSite={wanted}{}{}",
                    it.path.value,
                    if it.http_only.value { "; HttpOnly" } else { "" },
                    if secure { "; Secure" } else { "; no Secure" },
                );
                return Err(deviation(&ask, line, promised));
            }
            seen += 1;
        }
    }
    match seen {
        0 => Err(Miss::Unseen(
            "no request was found that leads there".to_owned(),
        )),
        _ => Ok(()),
    }
}
