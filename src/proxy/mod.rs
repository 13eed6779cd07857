//! The reference proxy: the contract, running. One thread per core, each with its own runtime, connections and tunnels; `LIFECYCLE.md`
//! draws how a request, a tunnel and the process live.

mod admin;
mod answer;
mod bind;
mod body;
mod chunks;
mod client;
mod clock;
mod compress;
mod connect;
mod dashboard;
mod descriptors;
mod door;
mod drain;
mod edge;
mod exchange;
mod fault;
mod files;
mod forward;
mod frames;
mod framing;
mod generation;
mod guard;
mod head;
mod health;
mod http1;
mod http2;
mod join;
mod jwks;
mod limit;
mod line;
mod listen;
pub mod local;
mod log;
mod metrics;
mod opening;
mod outgoing;
mod reading;
mod run;
mod serve;
mod servers;
mod serving;
mod stamp;
mod sticky;
mod switch;
mod table;
mod tls;
mod tunnel;
mod value;
mod watch;
mod wire;
mod worker;

pub use fault::Fault;
pub use run::{Options, Outcome, Source, check, run};

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

/// Random bytes that nobody can guess, taken from a store of the thread: each call of the generator costs as much as a hundred bytes.
fn secret_bytes<const N: usize>() -> Option<[u8; N]> {
    use std::cell::RefCell;
    const STORE: usize = 1024;
    thread_local! {
        static LEFT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    LEFT.with_borrow_mut(|left| {
        if left.len() < N {
            left.resize(STORE, 0);
            if aws_lc_rs::rand::fill(left).is_err() {
                left.clear();
            }
        }
        let rest = left.len().checked_sub(N)?;
        let bytes = left[rest..].try_into().ok();
        left.truncate(rest);
        bytes
    })
}

/// Bits for choices that nobody gains by guessing: xorshift64*, one state per thread.
fn random() -> u64 {
    use std::cell::Cell;
    thread_local! {
        static STATE: Cell<u64> = Cell::new({
            let mut seed = [0; 8];
            match aws_lc_rs::rand::fill(&mut seed) {
                Ok(()) => u64::from_ne_bytes(seed) | 1,
                Err(_) => clock::now() | 1,
            }
        });
    }
    STATE.with(|state| {
        let mut bits = state.get();
        bits ^= bits >> 12;
        bits ^= bits << 25;
        bits ^= bits >> 27;
        state.set(bits);
        bits.wrapping_mul(0x2545_f491_4f6c_dd1d)
    })
}
