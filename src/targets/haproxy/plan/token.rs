//! Tokens and keys: where they are looked for, what makes them good. A guard that cannot be kept closes the route.

use super::expr::{self, arg};
use super::response::Answers;
use super::{Ctx, On, acl, acl_list, line, remark};
use crate::emit::{Part, Tok};
use crate::ir::{
    ApiKey, Auth, AuthKind, Feature, Jwt, JwtKeys, Loc, Route, Secret, Subject, TokenPlace,
};

/// The token or key that a route asks for.
pub(super) fn credentials(
    ctx: &Ctx<'_>,
    route: &Route,
    on: &On,
    answers: &Answers<'_>,
    lines: &mut Vec<Tok>,
) {
    let Some((auth, at)) = ctx
        .g
        .auth_of(route)
        .zip(route.auth.as_ref().map(|it| it.loc()))
    else {
        return;
    };
    match &auth.kind {
        AuthKind::Jwt(jwt) => token(ctx, route, on, answers, auth, jwt, lines),
        AuthKind::ApiKey(key) => api_key(ctx, route, on, answers, auth, key, lines),
        // Closed before: these cannot be kept.
        AuthKind::Basic(_) | AuthKind::Forward(_) => {
            lines.push(on.rule(answers.say(503, &[]), &[], at));
        }
    }
}

/// Takes the first credential that is there into `txn.token`.
fn take(
    ctx: &Ctx<'_>,
    route: &Route,
    on: &On,
    places: &[TokenPlace],
    at: Loc,
    lines: &mut Vec<Tok>,
) {
    let found = format!("{}:token", route.name);
    lines.push(
        acl(&found, "var(txn.token)")
            .with("-m len gt 0")
            .at(at)
            .end(),
    );
    let none = format!("!{found}");
    for place in places {
        let expression = match place {
            TokenPlace::Bearer => "http_auth_bearer".to_owned(),
            TokenPlace::Query(name) => format!("{},url_dec", expr::query(name, ctx.env)),
            TokenPlace::Cookie(name) => format!("req.cook({})", arg(name)),
            TokenPlace::Header(name) => format!("req.fhdr({})", arg(name)),
            TokenPlace::Subprotocol => {
                for number in 1u64..=3 {
                    let marker = format!("{}:protocol{number}", route.name);
                    lines.push(
                        line("acl")
                            .name(&marker)
                            .parts(&[
                                Part::Static("req.hdr(sec-websocket-protocol,"),
                                Part::Number(number),
                                Part::Static(")"),
                            ])
                            .with("-m str -i -- bearer access_token")
                            .at(at)
                            .end(),
                    );
                    let rule = line("http-request set-var(txn.token)").parts(&[
                        Part::Static("req.hdr(sec-websocket-protocol,"),
                        Part::Number(number + 1),
                        Part::Static(")"),
                    ]);
                    lines.push(on.rule(rule, &[&none, &marker], at));
                }
                continue;
            }
        };
        let rule = line("http-request set-var(txn.token)").word(&expression);
        lines.push(on.rule(rule, &[&none], at));
    }
}

fn token(
    ctx: &Ctx<'_>,
    route: &Route,
    on: &On,
    answers: &Answers<'_>,
    auth: &Auth,
    jwt: &Jwt,
    lines: &mut Vec<Tok>,
) {
    let JwtKeys::Key { algorithm, key } = &jwt.keys.value else {
        return;
    };
    let name = |what: &str| format!("{}:{what}", route.name);
    let at = jwt.keys.loc();
    lines.push(
        remark(&format!(
            "a token as `{}` asks for; one that never expires is refused",
            auth.name
        ))
        .end(),
    );
    take(ctx, route, on, &jwt.token.value, jwt.token.loc(), lines);
    let mut good = Vec::new();
    // The algorithm is pinned: HAProxy takes `alg: none` for verified (seen on 2.6.12 and 2.8.25).
    lines.push(
        acl(&name("alg"), "var(txn.token),jwt_header_query($.alg)")
            .with("-m str --")
            .word(algorithm)
            .at(at)
            .end(),
    );
    good.push(name("alg"));
    let verify = match key {
        Secret::Env(_) => {
            lines.push(
                line("acl")
                    .name(&name("key"))
                    .parts(&[
                        Part::Static("var(proc.key"),
                        Part::Number(auth.id.0.into()),
                        Part::Static("),length"),
                    ])
                    .with("gt 0")
                    .at(at)
                    .end(),
            );
            good.push(name("key"));
            format!(
                "var(txn.token),jwt_verify({},proc.key{})",
                arg(algorithm),
                auth.id.0
            )
        }
        Secret::File(file) => {
            format!(
                "var(txn.token),jwt_verify({},{})",
                arg(algorithm),
                arg(file)
            )
        }
    };
    lines.push(acl(&name("signed"), &verify).with("-m int 1").at(at).end());
    good.push(name("signed"));
    let leeway = jwt.leeway.value.as_secs_ceil();
    let clock = jwt.leeway.loc();
    lines.push(on.rule(line("http-request set-var(txn.now) date()"), &[], clock));
    // HAProxy compares with no negative number: the leeway is added before.
    let left = format!("var(txn.token),jwt_payload_query($.exp,int),add({leeway}),sub(txn.now)");
    lines.push(
        acl(&name("fresh"), &left)
            .with("-m int gt 0")
            .at(clock)
            .end(),
    );
    good.push(name("fresh"));
    lines.push(
        acl(
            &name("early"),
            "var(txn.token),jwt_payload_query($.nbf,int),sub(txn.now)",
        )
        .with("-m int gt")
        .number(leeway)
        .at(clock)
        .end(),
    );
    good.push(format!("!{}", name("early")));
    if let Some(issuer) = &jwt.issuer {
        lines.push(
            acl(&name("issuer"), "var(txn.token),jwt_payload_query($.iss)")
                .with("-m str --")
                .word(&issuer.value)
                .at(issuer.loc())
                .end(),
        );
        good.push(name("issuer"));
    }
    if let Some(audience) = &jwt.audience {
        let at = audience.loc();
        let acl = name("audience");
        let values = || audience.value.iter().map(String::as_str);
        acl_list(
            lines,
            &acl,
            "var(txn.token),jwt_payload_query($.aud)",
            "-m str",
            values(),
            at,
        );
        for place in 0..4 {
            let expression = format!("var(txn.token),jwt_payload_query('$.aud[{place}]')");
            acl_list(lines, &acl, &expression, "-m str", values(), at);
        }
        good.push(acl);
    }
    verdict(route, on, answers, &good, Some("Bearer"), at, lines);
    for claim in &jwt.pass {
        let (header, claim_name) = &claim.value;
        if !ctx
            .v
            .renders(Feature::HeaderClaims, Subject::Auth(auth), claim.from)
        {
            lines.push(on.rule(
                line("http-request del-header").word(header),
                &[],
                claim.loc(),
            ));
            continue;
        }
        // Replaced in any case: a client must not send it in place of a claim that is missing.
        let value = format!("%[{}]", expr::claim(claim_name));
        lines.push(
            on.rule(
                line("http-request set-header")
                    .word(header)
                    .parts(&[Part::Word(&value)]),
                &[],
                claim.loc(),
            ),
        );
    }
    if jwt.strip.value
        && ctx
            .v
            .renders_all(Feature::AuthJwtStrip, Subject::Auth(auth))
    {
        strip(route, on, &jwt.token.value, false, jwt.strip.loc(), lines);
    }
}

fn api_key(
    ctx: &Ctx<'_>,
    route: &Route,
    on: &On,
    answers: &Answers<'_>,
    auth: &Auth,
    key: &ApiKey,
    lines: &mut Vec<Tok>,
) {
    let at = key.keys.loc();
    let name = |what: &str| format!("{}:{what}", route.name);
    lines.push(remark(&format!("a key of `{}`", auth.name)).end());
    take(ctx, route, on, &key.from.value, key.from.loc(), lines);
    let mut good = vec![name("key")];
    match &key.keys.value {
        Secret::File(file) => lines.push(
            acl(&name("key"), "var(txn.token)")
                .with("-m str -f")
                .word(file)
                .at(at)
                .end(),
        ),
        Secret::Env(_) => {
            let variable = format!("proc.key{}", auth.id.0);
            lines.push(
                acl(
                    &name("key"),
                    &format!("var(txn.token),secure_memcmp({variable})"),
                )
                .with("-m bool")
                .at(at)
                .end(),
            );
            lines.push(
                acl(&name("key-set"), &format!("var({variable}),length"))
                    .with("gt 0")
                    .at(at)
                    .end(),
            );
            good.push(name("key-set"));
        }
    }
    verdict(route, on, answers, &good, None, at, lines);
    if key.strip.value && ctx.v.renders_all(Feature::AuthStrip, Subject::Auth(auth)) {
        strip(route, on, &key.from.value, true, key.strip.loc(), lines);
    }
}

/// 401 unless every term holds.
fn verdict(
    route: &Route,
    on: &On,
    answers: &Answers<'_>,
    good: &[String],
    scheme: Option<&'static str>,
    at: Loc,
    lines: &mut Vec<Tok>,
) {
    let known = format!("{}:known", route.name);
    let terms: Vec<&str> = good.iter().map(String::as_str).collect();
    lines.push(on.rule(
        line("http-request set-var(txn.known) bool(true)"),
        &terms,
        at,
    ));
    lines.push(acl(&known, "var(txn.known)").with("-m found").at(at).end());
    let challenge = scheme.unwrap_or("ApiKey");
    let not = format!("!{known}");
    lines.push(on.rule(
        answers.say(401, &[("WWW-Authenticate", Tok::fixed(challenge))]),
        &[&not],
        at,
    ));
}

/// Takes a credential out of what the server sees.
fn strip(
    route: &Route,
    on: &On,
    places: &[TokenPlace],
    headers: bool,
    at: Loc,
    lines: &mut Vec<Tok>,
) {
    for place in places {
        match place {
            TokenPlace::Query(name) => {
                super::route::drop_parameter(&route.name, on, name, at, lines);
            }
            TokenPlace::Subprotocol => {
                let rule = line("http-request replace-header Sec-WebSocket-Protocol")
                    .word(r"^(.*?)(?:^|, *)(?:bearer|access_token) *, *[^, ]+(.*)$")
                    .word(r"\1\2");
                lines.push(on.rule(rule, &[], at));
                let rule = line("http-request replace-header Sec-WebSocket-Protocol")
                    .word(r"^[, ]+(.*)$")
                    .word(r"\1");
                lines.push(on.rule(rule, &[], at));
                let empty = format!("{}:protocol-empty", route.name);
                lines.push(
                    acl(&empty, "req.fhdr(sec-websocket-protocol)")
                        .with("-m len 0")
                        .at(at)
                        .end(),
                );
                lines.push(on.rule(
                    line("http-request del-header Sec-WebSocket-Protocol"),
                    &[&empty],
                    at,
                ));
            }
            TokenPlace::Header(name) if headers => {
                lines.push(on.rule(line("http-request del-header").word(name), &[], at));
            }
            TokenPlace::Cookie(name) if headers => {
                let pair = format!(r"^(.*?)(?:^|; *)\Q{name}\E=[^;]*(.*)$");
                lines.push(
                    on.rule(
                        line("http-request replace-header Cookie")
                            .word(&pair)
                            .word(r"\1\2"),
                        &[],
                        at,
                    ),
                );
                lines.push(
                    on.rule(
                        line("http-request replace-header Cookie")
                            .word("^[; ]+(.*)$")
                            .word(r"\1"),
                        &[],
                        at,
                    ),
                );
            }
            TokenPlace::Bearer | TokenPlace::Header(_) | TokenPlace::Cookie(_) => {}
        }
    }
}
