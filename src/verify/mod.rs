//! The promise proved on the real programs: what starts them, what asks them, and what serves behind them.
//!
//! Whoever verifies, a user's command or a test, does it through this module, and nothing in it panics when something fails.
//!
//! | module | what it alone knows |
//! |---|---|
//! | [`port`] | loopback ports that nobody listens on |
//! | [`folder`] | private folders that are gone when their owner is |
//! | [`programs`] | each real program: where it is found, how it is started, checked, reloaded, and how it complains |
//! | `command` | a command run to its end, or to a limit |
//! | [`process`] | a running program, and that nothing of it is left behind, however we end |
//! | [`wire`] | clients: HTTP/1.1 as it stands on the wire, HTTP/2, WebSocket, TLS, and the private authority |
//! | [`stub`] | upstream servers that record what arrives and answer as they are asked, and a name server |
//! | [`scale`] | durations brought down to what can be waited for |
//! | [`counts`] | limits raised where probes would be counted together |
//! | [`places`], [`ranges`] | ports, addresses and client ranges on loopback |
//! | [`certificates`], [`keyring`] | certificates, secrets and tokens made on the spot |
//! | `signing`, `base64` | keys that sign tokens, and how tokens are written |
//! | [`lab`] | one program with a gateway moved to loopback, and a stub for every server |
//! | `behind` | what stands behind the program: stubs for servers and checks, names |
//! | `form` | whether the probed file says the same as the rendered one |
//! | `original` | a configuration that was imported, on loopback |
//! | [`ask`] | a request, and what a probe changes in it |
//! | [`asker`] | requests made from the gateway itself: one that a route takes and lets in |
//! | `exchange` | how a lab sends a request: the connection that it needs, a plain exchange, a tunnel |
//! | `behave` | what became of a request beside what the contract says becomes of it |
//! | [`probe`] | one promise of the contract and how to see it |
//! | [`probes`] | every family of probes: each makes, from a gateway, the probes of its promises |
//! | [`engine`] | every probe in the lab that it needs, side by side, within a bounded time |
//! | [`judge`] | what an outcome means beside the loss report |
//! | [`run`] | a spec on one program, from rendering to results |
//! | [`evidence`] | what was seen, as a table, JSON, JUnit or Markdown |
//!
//! ```text
//! gateway ─▶ probes ─▶ groups by lab ─▶ lab: scale, move, render, start ─▶ ask ─▶ seen ─▶ judge beside the losses ─▶ evidence
//! ```
//! A probe states what the contract promises and knows no target.
//!
//! ```no_run
//! use wsgen::verify::{port, process::Running, programs, stub::Stub, wire::Client};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Stub::try_start("a")?;
//! let address = port::free_on([127, 0, 0, 1].into())?;
//! let text = format!("events {{}} http {{ server {{ listen {address}; location / {{ proxy_pass http://{}; }} }} }}", server.address());
//! let nginx = programs::find("nginx").ok_or("no nginx here")?;
//! let running = Running::start(&nginx, &[("nginx.conf", &text)], &[address], &[])?;
//! assert_eq!(Client::new(address).try_get("/x", &[])?.server(), "a");
//! drop(running); // the program, its children and its folder are gone
//! # Ok(())
//! # }
//! ```

pub mod ask;
pub mod asker;
mod base64;
mod behave;
mod behind;
pub mod certificates;
mod command;
pub mod counts;
pub mod engine;
pub mod evidence;
mod exchange;
pub mod folder;
mod form;
pub mod judge;
pub mod keyring;
pub mod lab;
mod original;
pub mod places;
pub mod port;
pub mod probe;
pub mod probes;
pub mod process;
pub mod programs;
pub mod ranges;
pub mod run;
pub mod scale;
mod signing;
pub mod stub;
pub mod wire;
