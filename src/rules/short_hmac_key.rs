//! short-hmac-key: a shared secret that can be guessed.

use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::ir::{AuthKind, JwtKeys, Secret};

pub(super) const RULE: Rule = Rule::files(
    Level::Warning,
    "short-hmac-key",
    include_str!("short_hmac_key.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let Some(disk) = subject.disk else {
        return;
    };
    for auth in &subject.gateway.auth {
        let AuthKind::Jwt(jwt) = &auth.kind else {
            continue;
        };
        let JwtKeys::Key {
            algorithm,
            key: Secret::File(file),
        } = &jwt.keys.value
        else {
            continue;
        };
        // RFC 7518, 3.2: a key of at least the size of the hash.
        let least = match *algorithm {
            "HS256" => 32,
            "HS384" => 48,
            "HS512" => 64,
            _ => continue,
        };
        let Ok(bytes) = disk.files.bytes(file) else {
            continue;
        };
        let length = bytes.trim_ascii_end().len();
        if length < least {
            findings
                .at(
                    jwt.keys.loc(),
                    format!("the key in `{file}` has {length} bytes; {algorithm} needs {least}"),
                )
                .note("one captured token is enough to try keys against it offline; a short one is found in minutes")
                .help(format!("make a new one: `openssl rand -base64 {}`", least * 3 / 2));
        }
    }
}
