//! PEM files that a spec names: read with a bound, and where one is not what it should be, what it holds instead.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::ir::Loc;
use crate::proxy::fault::Fault;
use crate::rules::pem::is_locked;

/// The longest file that is read: every authority that browsers know takes a quarter of a megabyte.
const LONGEST: u64 = 16 << 20;

/// The certificates of a file, at least one.
///
/// # Errors
/// What is wrong with the file, at its place in the spec.
pub(crate) fn certificates(file: &str, at: Loc) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let text = read(file, at)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) if PrivateKeyDer::from_pem_slice(&text).is_ok() || is_locked(&text) => {
            let says = format!("{file} holds a private key, and no certificate");
            Err(Fault::new(at, says)
                .help("`cert` names the certificate and `key` its key: they may be swapped"))
        }
        Ok(_) => Err(other(file, at, "certificate")),
        Err(_) => Err(broken(file, at)),
    }
}

/// The private key of a file.
///
/// # Errors
/// What is wrong with the file, at its place in the spec.
pub(crate) fn key(file: &str, at: Loc) -> Result<PrivateKeyDer<'static>, Fault> {
    use rustls::pki_types::pem::Error;
    let text = read(file, at)?;
    if is_locked(&text) {
        let says = format!("{file} is locked with a passphrase");
        return Err(Fault::new(at, says).help(
            "nobody types it when the proxy starts: `openssl pkey -in locked.key -out plain.key` writes the key without",
        ));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        Error::NoItemsFound if CertificateDer::from_pem_slice(&text).is_ok() => {
            let says = format!("{file} holds a certificate, and no private key");
            Fault::new(at, says)
                .help("`cert` names the certificate and `key` its key: they may be swapped")
        }
        Error::NoItemsFound => other(file, at, "private key"),
        _ => broken(file, at),
    })
}

fn other(file: &str, at: Loc, what: &str) -> Fault {
    Fault::new(at, format!("{file} holds no {what}"))
        .help("it has to hold text between `-----BEGIN …-----` and `-----END …-----`")
}

fn broken(file: &str, at: Loc) -> Fault {
    Fault::new(
        at,
        format!("{file} is damaged: it is no PEM from its first line to its last"),
    )
    .help("copy it anew, with its lines `-----BEGIN …-----` and `-----END …-----`")
}

fn read(file: &str, at: Loc) -> Result<Vec<u8>, Fault> {
    let mut text = Vec::new();
    let opened = File::open(file);
    let read = opened.and_then(|it| it.take(LONGEST + 1).read_to_end(&mut text));
    match read {
        Err(why) => Err(unread(file, at, &why)),
        Ok(_) if text.len() as u64 > LONGEST => {
            let says = format!("{file} is longer than 16 MiB");
            Err(Fault::new(at, says)
                .help("name a file in PEM: a certificate or a key takes some kilobytes"))
        }
        Ok(_) => Ok(text),
    }
}

fn unread(file: &str, at: Loc, why: &io::Error) -> Fault {
    let text = why.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let fault = Fault::new(at, format!("{file} cannot be read: {text}"));
    match why.kind() {
        ErrorKind::NotFound => fault.help(
            "write the path of a file that is there, from `/` or from where the proxy starts; for a try, `--local` makes certificates",
        ),
        ErrorKind::PermissionDenied => {
            fault.help("let the user that runs the proxy read it, by its group for instance")
        }
        ErrorKind::IsADirectory => fault.help("it is a folder: name the file in it"),
        _ => fault,
    }
}
