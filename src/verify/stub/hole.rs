//! A black hole: an address where connections are neither accepted nor refused.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// How long a connection takes at most where somebody accepts: loopback is fast.
const SOON: Duration = Duration::from_millis(200);
/// More places than any system gives to a queue of one.
const PLACES: usize = 16;

/// A listener that accepts nothing, its queue full: who connects hears nothing. It is gone on drop.
#[derive(Debug)]
pub struct Hole {
    _listener: Socket,
    _queue: Vec<Socket>,
}

impl Hole {
    /// At an address where nobody else listens.
    ///
    /// # Errors
    /// When the address cannot be listened on, or its queue does not fill.
    pub fn at(address: SocketAddr) -> io::Result<Self> {
        let new = || {
            Socket::new(
                Domain::for_address(address),
                Type::STREAM,
                Some(Protocol::TCP),
            )
        };
        let listener = new()?;
        listener.set_reuse_address(true)?;
        listener.bind(&address.into())?;
        listener.listen(0)?;
        let mut queue = Vec::new();
        while queue.len() < PLACES {
            let one = new()?;
            if one.connect_timeout(&address.into(), SOON).is_err() {
                return Ok(Self {
                    _listener: listener,
                    _queue: queue,
                });
            }
            queue.push(one);
        }
        Err(io::Error::other("this system's queues do not fill"))
    }
}
