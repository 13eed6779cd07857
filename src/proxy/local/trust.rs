//! How this system learns to trust the private authority, and how it forgets it again.

use std::fmt::Write as _;

use super::authority::Authority;
use super::cache::Cache;
use super::certificates::quoted;

/// The name under which stores keep it.
const NAME: &str = "wsgen-local";

/// Where the authority lies, and what to do with it: commands to be copied. The authority is made if there is none.
///
/// # Errors
/// A sentence: there is no folder to keep it in.
pub fn instructions() -> Result<String, String> {
    let cannot = |why: std::io::Error| format!("the authority cannot be kept: {why}");
    let cache = Cache::open().map_err(cannot)?;
    if cache.is_passing() {
        return Err("the authority cannot be kept: there is no cache folder to write to; set XDG_CACHE_HOME or HOME".to_owned());
    }
    let authority = Authority::open(&cache).map_err(cannot)?;
    let file = quoted(&authority.file.to_string_lossy());
    let mut text = format!(
        "The certificates of `wsgen proxy --local` come from an authority of your own. Its key is yours alone: whoever has it can\n\
         pose as any site to what trusts it. Its certificate:\n\n    {file}\n    SHA-256 {}\n",
        authority.fingerprint()
    );
    let mut say = |title: &str, lines: &[String]| {
        let _ = writeln!(text, "\n{title}");
        for line in lines {
            let _ = writeln!(text, "    {line}");
        }
    };
    for (title, lines) in system(&file) {
        say(title, &lines);
    }
    say(
        "Firefox (its own store; or: Settings, Privacy & Security, View Certificates, Authorities, Import)",
        &[
            format!(
                "certutil -A -d sql:\"$(dirname \"$(ls -d {}/*.default*/cert9.db | head -1)\")\" -t C,, -n {NAME} -i {file}",
                firefox()
            ),
            "(certutil is in libnss3-tools, nss-tools or nss)".to_owned(),
        ],
    );
    say(
        "curl",
        &[format!("curl --cacert {file} https://localhost:8443/")],
    );
    say(
        "Node",
        &[format!("NODE_EXTRA_CA_CERTS={file} node client.mjs")],
    );
    say(
        "Python (requests, websockets)",
        &[
            format!("REQUESTS_CA_BUNDLE={file} python client.py"),
            format!("SSL_CERT_FILE={file} python client.py"),
        ],
    );
    Ok(text)
}

fn firefox() -> &'static str {
    if cfg!(target_os = "macos") {
        "\"$HOME/Library/Application Support/Firefox/Profiles\""
    } else {
        "~/.mozilla/firefox"
    }
}

/// The system's own store: of this Linux distribution, or of macOS.
fn system(file: &str) -> Vec<(&'static str, Vec<String>)> {
    if cfg!(target_os = "macos") {
        return vec![
            (
                "macOS (Safari, Chrome, curl)",
                vec![format!(
                    "security add-trusted-cert -r trustRoot -p ssl -k ~/Library/Keychains/login.keychain-db {file}"
                )],
            ),
            (
                "To forget it",
                vec![format!("security remove-trusted-cert {file}")],
            ),
        ];
    }
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let (title, trust, forget) = of_linux(&release, file);
    vec![
        (title, trust),
        (
            "Chrome and Chromium (their own store)",
            vec![
                "mkdir -p ~/.pki/nssdb".to_owned(),
                format!("certutil -A -d sql:$HOME/.pki/nssdb -t C,, -n {NAME} -i {file}"),
            ],
        ),
        ("To forget it", {
            let mut lines = forget;
            lines.push(format!("certutil -D -d sql:$HOME/.pki/nssdb -n {NAME}"));
            lines
        }),
    ]
}

/// What `os-release` says (freedesktop.org's specification): `ID` and `ID_LIKE`.
fn of_linux(release: &str, file: &str) -> (&'static str, Vec<String>, Vec<String>) {
    let ids: Vec<&str> = release
        .lines()
        .filter_map(|line| {
            line.strip_prefix("ID=")
                .or_else(|| line.strip_prefix("ID_LIKE="))
        })
        .flat_map(|value| value.trim_matches(['"', '\'']).split_whitespace())
        .collect();
    let is = |names: &[&str]| names.iter().any(|name| ids.contains(name));
    // `again`: links to what is gone are gone only then.
    let copied = |folder: &str, update: &str, again: &str| {
        (
            vec![
                format!("sudo install -m 644 {file} {folder}/{NAME}.crt"),
                format!("sudo {update}"),
            ],
            vec![
                format!("sudo rm {folder}/{NAME}.crt"),
                format!("sudo {update}{again}"),
            ],
        )
    };
    let (title, (trust, forget)) = if is(&["fedora", "rhel", "centos"]) {
        (
            "Fedora, Red Hat (the system)",
            copied("/etc/pki/ca-trust/source/anchors", "update-ca-trust", ""),
        )
    } else if is(&["arch"]) {
        (
            "Arch (the system)",
            copied(
                "/etc/ca-certificates/trust-source/anchors",
                "update-ca-trust",
                "",
            ),
        )
    } else if is(&["suse", "opensuse"]) {
        (
            "SUSE (the system)",
            copied("/etc/pki/trust/anchors", "update-ca-certificates", ""),
        )
    } else {
        (
            "Debian, Ubuntu, Alpine (the system)",
            copied(
                "/usr/local/share/ca-certificates",
                "update-ca-certificates",
                " --fresh",
            ),
        )
    };
    (title, trust, forget)
}

#[cfg(test)]
mod tests {
    use super::of_linux;

    #[test]
    fn each_distribution_has_its_folder() {
        for (release, folder) in [
            (
                "ID=ubuntu\nID_LIKE=debian\n",
                "/usr/local/share/ca-certificates/",
            ),
            (
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
                "/etc/pki/ca-trust/source/anchors/",
            ),
            (
                "ID=manjaro\nID_LIKE=arch\n",
                "/etc/ca-certificates/trust-source/anchors/",
            ),
            (
                "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n",
                "/etc/pki/trust/anchors/",
            ),
            ("", "/usr/local/share/ca-certificates/"),
        ] {
            let (_, trust, forget) = of_linux(release, "ca.pem");
            assert!(trust[0].contains(folder), "{release}: {trust:?}");
            assert!(forget[0].contains(folder), "{release}: {forget:?}");
        }
    }
}
