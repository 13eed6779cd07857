//! Ways to know a client.

use super::{At, Loc, Lower, Slot, defaults, dur, plain, switch, text};
use crate::ir::{
    ApiKey, Auth, AuthId, AuthKind, Basic, Forward, JwksAlgorithm, Jwt, JwtKeys, Secret, Set,
    TokenPlace, UpstreamId,
};
use crate::spec::model::{self, Spec};

impl Lower<'_> {
    pub(super) fn auth_entries(&mut self, spec: &Spec) -> Vec<Auth> {
        let named = spec.auth.as_ref().map_or(&[][..], |named| &named.0);
        (0..)
            .zip(named)
            .map(|(id, (name, it))| {
                self.check_name("way to know a client", name);
                let kind = match &it.value {
                    model::Auth::Jwt(jwt) => AuthKind::Jwt(self.jwt(jwt, it.at)),
                    model::Auth::Basic(basic) => AuthKind::Basic(self.basic(basic, it.at)),
                    model::Auth::ApiKey(key) => AuthKind::ApiKey(self.api_key(key, it.at)),
                    model::Auth::Forward(forward) => {
                        AuthKind::Forward(self.forward(forward, it.at))
                    }
                };
                Auth {
                    id: AuthId(id),
                    at: it.at,
                    name: name.value.clone(),
                    kind,
                }
            })
            .collect()
    }

    fn jwt(&mut self, jwt: &model::Jwt, at: Loc) -> Jwt {
        let keys = self.required(
            jwt.keys.as_ref(),
            at,
            "`keys` of the token",
            "write `keys: {hs256: {env: JWT_SECRET}}`",
        );
        let keys = match keys {
            Some(keys) => Set::written(self.jwt_keys(&keys.value, keys.at), keys.at),
            None => Set::written(
                JwtKeys::Key {
                    algorithm: "HS256",
                    key: Secret::Env(String::new()),
                },
                at,
            ),
        };
        for text in [&jwt.issuer].into_iter().flatten() {
            self.check_value("the issuer", &text.value, text.at);
        }
        let token = match &jwt.token {
            Some(places) => Set::written(
                places
                    .value
                    .0
                    .iter()
                    .map(|place| self.token_place(place))
                    .collect(),
                places.at,
            ),
            None => Set::default(vec![TokenPlace::Bearer], at, defaults::TOKEN),
        };
        let mut pass = Vec::new();
        for (header, claim) in jwt.pass.as_ref().map_or(&[][..], |pass| &pass.0) {
            if self.check_header_name(header, true) {
                self.check_claim(claim);
                pass.push(Set::written(
                    (header.value.clone(), claim.value.clone()),
                    claim.at,
                ));
            }
        }
        Jwt {
            keys,
            issuer: jwt
                .issuer
                .as_ref()
                .map(|issuer| Set::written(issuer.value.clone(), issuer.at)),
            audience: jwt.audience.as_ref().map(|audience| {
                for one in &audience.value.0 {
                    self.check_value("the audience", &one.value, one.at);
                }
                Set::written(plain(audience), audience.at)
            }),
            token,
            leeway: dur(jwt.leeway.as_ref(), at, defaults::LEEWAY),
            pass,
            strip: switch(jwt.strip.as_ref(), at, defaults::STRIP),
        }
    }

    /// A claim is a plain name, so that no target needs to quote it.
    pub(super) fn check_claim(&mut self, claim: &At<String>) {
        let fits = !claim.value.is_empty()
            && claim.value.len() <= 128
            && claim
                .value
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._:/".contains(&b));
        if !fits {
            self.report
                .error("spec::token", claim.at)
                .says(format!(
                    "`{}` is no name of a claim",
                    claim.value.escape_debug()
                ))
                .help("write letters, digits, `-`, `.`, `_`, `:` and `/`");
        }
    }

    fn jwt_keys(&mut self, keys: &model::JwtKeys, at: Loc) -> JwtKeys {
        use model::JwtKeys as K;
        let (algorithm, key) = match keys {
            K::Hs256(key) => ("HS256", key),
            K::Hs384(key) => ("HS384", key),
            K::Hs512(key) => ("HS512", key),
            K::Rs256(key) => ("RS256", key),
            K::Rs384(key) => ("RS384", key),
            K::Rs512(key) => ("RS512", key),
            K::Es256(key) => ("ES256", key),
            K::Es384(key) => ("ES384", key),
            K::Jwks(jwks) => return self.jwks(jwks, at),
        };
        JwtKeys::Key {
            algorithm,
            key: self.secret(key),
        }
    }

    fn jwks(&mut self, jwks: &model::Jwks, at: Loc) -> JwtKeys {
        let algorithms = jwks
            .algorithms
            .as_ref()
            .map_or_else(|| vec![JwksAlgorithm::Rs256], plain);
        match (&jwks.url, &jwks.file) {
            (Some(url), None) => {
                let host = url
                    .value
                    .strip_prefix("https://")
                    .or_else(|| url.value.strip_prefix("http://"));
                if host.is_none_or(str::is_empty)
                    || !url.value.bytes().all(|b| b.is_ascii_graphic())
                {
                    self.report
                        .error("spec::value", url.at)
                        .says(format!(
                            "`{}` is no URL of a key set",
                            url.value.escape_debug()
                        ))
                        .help("write a URL such as `https://id.example.com/.well-known/jwks.json`");
                }
                let refresh = jwks
                    .refresh
                    .as_ref()
                    .map_or(defaults::JWKS_REFRESH.0, |refresh| refresh.value);
                JwtKeys::JwksUrl {
                    url: url.value.clone(),
                    refresh,
                    algorithms,
                }
            }
            (None, Some(file)) => {
                self.check_line("file name", file);
                JwtKeys::JwksFile {
                    file: file.value.clone(),
                    algorithms,
                }
            }
            _ => {
                self.report
                    .error("spec::missing", at)
                    .says("a key set comes from a URL or from a file")
                    .help("write `url` or `file`, one of them");
                JwtKeys::JwksFile {
                    file: String::new(),
                    algorithms,
                }
            }
        }
    }

    fn secret(&mut self, secret: &model::Secret) -> Secret {
        match secret {
            model::Secret::Env(name) => {
                let fits = name
                    .value
                    .starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                    && name
                        .value
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'_');
                if !fits {
                    self.report
                        .error("spec::value", name.at)
                        .says("this is no name of an environment variable")
                        .help("write its name, such as `JWT_SECRET`, never the secret itself");
                }
                Secret::Env(name.value.clone())
            }
            model::Secret::File(file) => {
                self.check_line("file name", file);
                Secret::File(file.value.clone())
            }
        }
    }

    fn token_place(&mut self, place: &At<model::TokenPlace>) -> TokenPlace {
        match &place.value {
            model::TokenPlace::Bearer => TokenPlace::Bearer,
            model::TokenPlace::Subprotocol => TokenPlace::Subprotocol,
            model::TokenPlace::Query(name) => self.query_place(name),
            model::TokenPlace::Cookie(name) => self.cookie_place(name),
            model::TokenPlace::Header(name) => self.header_place(name),
        }
    }

    fn query_place(&mut self, name: &At<String>) -> TokenPlace {
        self.check_query_name(name);
        TokenPlace::Query(name.value.clone())
    }

    fn cookie_place(&mut self, name: &At<String>) -> TokenPlace {
        self.check_token("cookie name", &name.value, name.at);
        TokenPlace::Cookie(name.value.clone())
    }

    fn header_place(&mut self, name: &At<String>) -> TokenPlace {
        self.check_token("header name", &name.value, name.at);
        TokenPlace::Header(name.value.clone())
    }

    fn basic(&mut self, basic: &model::Basic, at: Loc) -> Basic {
        self.check_line("file name", &basic.file);
        if let Some(realm) = &basic.realm {
            self.check_value("the realm", &realm.value, realm.at);
            if realm.value.contains(['"', '\\']) {
                self.report
                    .error("spec::value", realm.at)
                    .says("a realm has no quotes and no backslash")
                    .help("take them out");
            }
        }
        Basic {
            file: Set::written(basic.file.value.clone(), basic.file.at),
            realm: text(basic.realm.as_ref(), at, defaults::REALM),
            strip: switch(basic.strip.as_ref(), at, defaults::STRIP),
        }
    }

    fn api_key(&mut self, key: &model::ApiKey, at: Loc) -> ApiKey {
        let keys = self.secret(&key.keys);
        let places = key.from.value.0.iter().map(|place| match &place.value {
            model::KeyPlace::Query(name) => self.query_place(name),
            model::KeyPlace::Cookie(name) => self.cookie_place(name),
            model::KeyPlace::Header(name) => self.header_place(name),
        });
        let places = places.collect();
        ApiKey {
            keys: Set::written(keys, at),
            from: Set::written(places, key.from.at),
            strip: switch(key.strip.as_ref(), at, defaults::STRIP),
        }
    }

    fn forward(&mut self, forward: &model::Forward, at: Loc) -> Forward {
        let upstream = match self.upstream_id(&forward.upstream) {
            Some(Slot::On(id)) => id,
            Some(Slot::Off) => {
                self.report
                    .error("spec::conflict", forward.upstream.at)
                    .says(format!("upstream `{}` is off", forward.upstream.value))
                    .note("a service that is never asked cannot decide")
                    .help("name an upstream that is on");
                UpstreamId(0)
            }
            None => UpstreamId(0),
        };
        if let Some(path) = &forward.path {
            self.check_path(&path.value, path.at);
        }
        let mut names = |list: &Option<At<model::Many<At<String>>>>| {
            list.as_ref().map(|list| {
                for name in &list.value.0 {
                    self.check_token("header name", &name.value, name.at);
                }
                Set::written(plain(list), list.at)
            })
        };
        let send = names(&forward.send);
        let pass = names(&forward.pass);
        let answer = names(&forward.answer);
        Forward {
            upstream: Set::written(upstream, forward.upstream.at),
            path: text(forward.path.as_ref(), at, defaults::FORWARD_PATH),
            send: send.unwrap_or_else(|| {
                Set::default(
                    vec!["Authorization".to_owned(), "Cookie".to_owned()],
                    at,
                    defaults::FORWARD_SEND,
                )
            }),
            pass: pass.unwrap_or_else(|| Set::default(Vec::new(), at, "nothing is taken over")),
            answer: answer.unwrap_or_else(|| Set::default(Vec::new(), at, "nothing is taken over")),
            timeout: dur(forward.timeout.as_ref(), at, defaults::FORWARD_TIMEOUT),
        }
    }
}
