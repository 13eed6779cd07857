//! The features that ways to know a client use.

use super::Found;
use crate::ir::*;

impl<'a> Found<'a> {
    pub(super) fn auth(&mut self, it: &'a Auth) {
        use Feature::*;
        let Auth {
            id: _,
            at: _,
            name: _,
            kind,
        } = it;
        match kind {
            AuthKind::Jwt(Jwt {
                keys,
                issuer: _,
                audience,
                token,
                leeway: _,
                pass,
                strip,
            }) => {
                self.add(AuthJwt, keys.from);
                match &keys.value {
                    JwtKeys::Key {
                        algorithm: _,
                        key: _,
                    } => {}
                    JwtKeys::JwksUrl {
                        url: _,
                        refresh: _,
                        algorithms: _,
                    }
                    | JwtKeys::JwksFile {
                        file: _,
                        algorithms: _,
                    } => {
                        self.add(AuthJwks, keys.from);
                    }
                }
                if let Some(audience) = audience {
                    self.add(AuthJwtAudience, audience.from);
                }
                self.add_if(
                    token.value != [TokenPlace::Bearer],
                    AuthJwtPlaces,
                    token.from,
                );
                for claim in pass {
                    self.add(HeaderClaims, claim.from);
                }
                self.add_if(strip.value, AuthJwtStrip, strip.from);
            }
            AuthKind::Basic(Basic {
                file,
                realm: _,
                strip,
            }) => {
                self.add(AuthBasic, file.from);
                self.add_if(strip.value, AuthStrip, strip.from);
            }
            AuthKind::ApiKey(ApiKey {
                keys,
                from: _,
                strip,
            }) => {
                self.add(AuthApiKey, keys.from);
                self.add_if(strip.value, AuthStrip, strip.from);
            }
            AuthKind::Forward(Forward {
                upstream,
                path: _,
                send: _,
                pass: _,
                answer: _,
                timeout: _,
            }) => {
                self.add(AuthForward, upstream.from);
            }
        }
    }
}
