//! The reference proxy: the contract, running. One thread per core, each with its own runtime, connections and tunnels; `LIFECYCLE.md`
//! draws how a request, a tunnel and the process live.

mod client;
mod clock;
mod fault;
pub mod local;
mod pem;
mod process;
mod random;
mod request;
mod telemetry;
mod tls;
mod tunnel;
mod upstream;
mod wire;

pub use fault::Fault;
pub use process::run::{Options, Outcome, Source, check, run};

/// Bytes in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
