//! The promise proved on the real programs: what starts them, what asks them, and what serves behind them.
//!
//! Whoever verifies, a user's command or a test, does it through this module, and nothing in it panics when something fails.
//!
//! | module | what it alone knows |
//! |---|---|
//! | [`port`] | loopback ports that nobody listens on |
//! | [`folder`] | private folders that are gone when their owner is |
//! | [`programs`] | each real program: where it is found, how it is started, checked, reloaded, and how it complains |
//! | [`process`] | a running program, and that nothing of it is left behind, however we end |
//! | [`wire`] | clients: HTTP/1.1 as it stands on the wire, HTTP/2, WebSocket, TLS, and the private authority |
//! | [`stub`] | upstream servers that record what arrives and answer as they are asked, and a name server |
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

mod command;
pub mod folder;
pub mod port;
pub mod process;
pub mod programs;
pub mod stub;
pub mod wire;
