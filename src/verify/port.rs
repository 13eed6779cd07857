//! Loopback ports that nobody listens on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range that systems give to clients.
const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;

/// A port of 127.0.0.1 that nothing listens on. One process is never given the same port twice before all were given.
///
/// # Errors
/// When every port of the range is in use.
pub fn free() -> io::Result<u16> {
    free_on(Ipv4Addr::LOCALHOST.into()).map(|address| address.port())
}

/// The same, for another loopback address.
///
/// # Errors
/// When every port of the range is in use there.
pub fn free_on(ip: IpAddr) -> io::Result<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes that run side by side start far apart.
    let start = (std::process::id().wrapping_mul(641) % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let address = SocketAddr::new(ip, FIRST + (start + step) % COUNT);
        // Asked by a client: a listener, closed at once, would live on in a child that another thread forks just then.
        if TcpStream::connect(address).is_err() {
            return Ok(address);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AddrInUse,
        format!("every port of {ip} from {FIRST} on is in use"),
    ))
}
