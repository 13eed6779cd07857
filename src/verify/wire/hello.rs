//! The first flight of TLS, written by hand: what a server says to one version and the given cipher suites, old ones too.
//!
//! No library of today offers TLS 1.0 or a CBC suite, but a server's refusal of them is part of a TLS profile. The handshake is
//! never finished: the server's choice or its alert is all that is asked for.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use super::client::Client;

/// The versions as they stand on the wire.
pub const TLS_1_0: u16 = 0x0301;
/// See [`TLS_1_0`].
pub const TLS_1_1: u16 = 0x0302;
/// See [`TLS_1_0`].
pub const TLS_1_2: u16 = 0x0303;
/// See [`TLS_1_0`].
pub const TLS_1_3: u16 = 0x0304;

/// Cipher suites by OpenSSL's names, with their numbers at IANA: those of today, and the kinds that profiles shut out.
/// A server certified for an ECDSA key takes no `RSA` suite, whatever its profile says, and the other way round.
pub const SUITES: [(&str, u16); 22] = [
    ("TLS_AES_128_GCM_SHA256", 0x1301),
    ("TLS_AES_256_GCM_SHA384", 0x1302),
    ("TLS_CHACHA20_POLY1305_SHA256", 0x1303),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", 0xc02b),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", 0xc02c),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", 0xcca9),
    ("ECDHE-ECDSA-AES128-SHA256", 0xc023),
    ("ECDHE-ECDSA-AES256-SHA384", 0xc024),
    ("ECDHE-ECDSA-AES128-SHA", 0xc009),
    ("ECDHE-ECDSA-AES256-SHA", 0xc00a),
    ("ECDHE-RSA-AES128-GCM-SHA256", 0xc02f),
    ("ECDHE-RSA-AES256-GCM-SHA384", 0xc030),
    ("ECDHE-RSA-CHACHA20-POLY1305", 0xcca8),
    ("ECDHE-RSA-AES128-SHA256", 0xc027),
    ("ECDHE-RSA-AES256-SHA384", 0xc028),
    ("ECDHE-RSA-AES128-SHA", 0xc013),
    ("ECDHE-RSA-AES256-SHA", 0xc014),
    ("AES128-GCM-SHA256", 0x009c),
    ("AES256-GCM-SHA384", 0x009d),
    ("AES128-SHA", 0x002f),
    ("AES256-SHA", 0x0035),
    ("DES-CBC3-SHA", 0x000a),
];

/// The number of a suite of [`SUITES`].
pub fn suite(name: &str) -> Option<u16> {
    let found = SUITES.iter().find(|(one, _)| *one == name);
    found.map(|(_, number)| *number)
}

/// What a server said to an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It goes on with these.
    Accepted {
        /// Below TLS 1.3 a server may choose a version lower than the one offered.
        version: u16,
        /// One of the suites offered.
        suite: u16,
    },
    /// It ends the handshake: the alert's number (40 `handshake_failure`, 70 `protocol_version`, 112 `unrecognized_name`, …);
    /// `None` where it hung up and said nothing.
    Refused(Option<u8>),
}

/// How long a connect, a read or a write may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Offers `version` and `suites` to the TLS server at `address`, with this server name (an IP address is none).
///
/// # Errors
/// Nobody listens there, nothing comes within 5 s, or what comes is not TLS (`InvalidData`).
pub fn offer(
    address: SocketAddr,
    version: u16,
    suites: &[u16],
    name: Option<&str>,
) -> io::Result<Offered> {
    Client::new(address)
        .patience(PATIENCE)
        .offer(version, suites, name)
}

impl Client {
    /// Like [`offer`], from this client's address and behind its PROXY protocol line; its own TLS is not asked.
    ///
    /// # Errors
    /// Like [`offer`].
    pub fn offer(&self, version: u16, suites: &[u16], name: Option<&str>) -> io::Result<Offered> {
        exchange(self.tcp()?, version, suites, name)
    }
}

fn exchange(
    mut tcp: TcpStream,
    version: u16,
    suites: &[u16],
    name: Option<&str>,
) -> io::Result<Offered> {
    tcp.write_all(&client_hello(version, suites, name))?;
    match answer(&mut tcp) {
        Err(why) if matches!(why.kind(), ErrorKind::UnexpectedEof) => Ok(Offered::Refused(None)),
        Err(why) if matches!(why.kind(), ErrorKind::ConnectionReset) => Ok(Offered::Refused(None)),
        other => other,
    }
}

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const EC_POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;
const X25519: u16 = 0x001d;
/// x25519, secp256r1, secp384r1.
const GROUPS: [u16; 3] = [X25519, 0x0017, 0x0018];
/// ECDSA, RSA-PSS and PKCS#1 with SHA-256, -384 and -512; ECDSA and PKCS#1 with SHA-1, as old clients say.
const SIGNATURES: [u16; 11] = [
    0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201,
];
/// A random number and a public key need not be secret in a handshake that never ends. 9 is x25519's base point.
const RANDOM: [u8; 32] = [9; 32];

/// RFC 8446 §4.1.2, and RFC 5246 §7.4.1.2 for what came before it: one record with one client hello.
fn client_hello(version: u16, suites: &[u16], name: Option<&str>) -> Vec<u8> {
    let mut body = Vec::new();
    // Above TLS 1.2 the version stands in an extension, and here the last one that middle boxes know.
    body.extend(version.min(TLS_1_2).to_be_bytes());
    body.extend(RANDOM);
    body.push(0); // no session to take up again
    body.extend(long(&numbers(suites)));
    body.extend([1, 0]); // no compression
    body.extend(long(&extensions(version, name)));

    let mut message = vec![CLIENT_HELLO, 0];
    message.extend(long(&body));
    let mut record = vec![HANDSHAKE, 3, 1];
    record.extend(long(&message));
    record
}

fn extensions(version: u16, name: Option<&str>) -> Vec<u8> {
    let mut all = Vec::new();
    let mut add = |kind: u16, content: &[u8]| {
        all.extend(kind.to_be_bytes());
        all.extend(long(content));
    };
    if let Some(name) = name.filter(|name| name.parse::<IpAddr>().is_err()) {
        let host = [&[0][..], &long(name.as_bytes())].concat();
        add(SERVER_NAME, &long(&host));
    }
    add(SUPPORTED_GROUPS, &long(&numbers(&GROUPS)));
    add(EC_POINT_FORMATS, &[1, 0]);
    if version >= TLS_1_2 {
        add(SIGNATURE_ALGORITHMS, &long(&numbers(&SIGNATURES)));
    }
    if version >= TLS_1_3 {
        let [high, low] = version.to_be_bytes();
        add(SUPPORTED_VERSIONS, &[2, high, low]);
        let share = [&X25519.to_be_bytes()[..], &long(&RANDOM)].concat();
        add(KEY_SHARE, &long(&share));
    }
    all
}

fn numbers(all: &[u16]) -> Vec<u8> {
    all.iter().flat_map(|one| one.to_be_bytes()).collect()
}

/// The bytes after their length in two bytes; what is too long for that is cut.
fn long(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let kept = bytes.get(..usize::from(length)).unwrap_or_default();
    [&length.to_be_bytes()[..], kept].concat()
}

/// Reads records until the server hello is whole, or an alert says that there will be none.
fn answer(stream: &mut impl Read) -> io::Result<Offered> {
    let mut message = Vec::new();
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        let [kind, 3, _, high, low] = head else {
            return Err(bad("what came is no TLS record"));
        };
        let mut content = vec![0; usize::from(u16::from_be_bytes([high, low]))];
        stream.read_exact(&mut content)?;
        match (kind, content.as_slice()) {
            // A warning that the name is unknown; the handshake goes on.
            (ALERT, [1, 112]) => {}
            (ALERT, [_, alert]) => return Ok(Offered::Refused(Some(*alert))),
            (HANDSHAKE, part) => {
                message.extend_from_slice(part);
                if let Some(hello) = whole(&message)? {
                    return chosen(hello).ok_or_else(|| bad("the server hello ends too early"));
                }
            }
            _ => return Err(bad("neither a handshake nor an alert")),
        }
    }
}

/// The body of the first handshake message, once it is complete.
fn whole(message: &[u8]) -> io::Result<Option<&[u8]>> {
    match message {
        [] => Ok(None),
        [SERVER_HELLO, one, two, three, body @ ..] => {
            let length = u32::from_be_bytes([0, *one, *two, *three]) as usize;
            Ok(body.get(..length))
        }
        [SERVER_HELLO, ..] => Ok(None),
        _ => Err(bad("the first message is no server hello")),
    }
}

/// Version and suite of a server hello (a request to try again with another group has them too).
fn chosen(hello: &[u8]) -> Option<Offered> {
    let mut rest = hello;
    let mut version = number(&mut rest)?;
    take(&mut rest, 32)?; // the random number
    let session = take(&mut rest, 1)?.first().copied()?;
    take(&mut rest, usize::from(session))?;
    let suite = number(&mut rest)?;
    take(&mut rest, 1)?; // compression
    // Before TLS 1.3 there may be no extensions, not even their length.
    if number(&mut rest).is_some() {
        while let Some(kind) = number(&mut rest) {
            let length = usize::from(number(&mut rest)?);
            let mut content = take(&mut rest, length)?;
            if kind == SUPPORTED_VERSIONS {
                version = number(&mut content)?;
            }
        }
    }
    Some(Offered::Accepted { version, suite })
}

fn number(rest: &mut &[u8]) -> Option<u16> {
    let bytes = take(rest, 2)?;
    bytes.try_into().ok().map(u16::from_be_bytes)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn bad(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
