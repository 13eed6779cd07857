//! What may be written behind the commands that run programs: `proxy` and `verify`.

use std::path::PathBuf;

use clap::ValueEnum;
#[cfg(all(unix, feature = "proxy"))]
use wsgen::proxy::local::{Override, Servers};

use super::{Overlays, SpecArgs};

/// What `proxy` takes.
#[cfg(all(unix, feature = "proxy"))]
#[derive(clap::Args, Debug)]
pub(in crate::cmd) struct ProxyArgs {
    /// The spec, `-` for standard input, or the file that `render --target proxy` wrote
    #[arg(required_unless_present = "trust")]
    pub(in crate::cmd) spec: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cmd) over: Overlays,
    /// Make up for what this machine lacks: rights to ports, certificates, keys, servers. Only this machine's clients are served
    #[arg(long)]
    pub(in crate::cmd) local: bool,
    /// Another port for a listener (may be repeated)
    #[arg(long, value_name = "LISTENER=PORT", value_parser = port)]
    pub(in crate::cmd) port: Vec<Override<u16>>,
    /// Other servers for an upstream: host:port, unix:/path, or `echo` with --local (may be repeated, also for one upstream)
    #[arg(long, value_name = "UPSTREAM=ADDRESS", value_parser = upstream)]
    pub(in crate::cmd) upstream: Vec<Override<Servers>>,
    /// Say nothing at the start
    #[arg(long)]
    pub(in crate::cmd) quiet: bool,
    /// Tell how this system learns to trust the certificates of --local, and end
    #[arg(long, conflicts_with_all = ["spec", "local", "check"])]
    pub(in crate::cmd) trust: bool,
    /// Only say what keeps it from being served here: nothing is bound
    #[arg(long)]
    pub(in crate::cmd) check: bool,
    /// Reload when the spec changes, or a file that it names: certificates, keys, passwords
    #[arg(long, conflicts_with = "check")]
    pub(in crate::cmd) watch: bool,
    /// Show routes, servers, tunnels, rates and the log in the terminal: q drains and quits, r reloads
    #[arg(long, conflicts_with = "check")]
    pub(in crate::cmd) dashboard: bool,
}

#[cfg(all(unix, feature = "proxy"))]
fn port(text: &str) -> Result<Override<u16>, String> {
    let (name, port) = text.split_once('=').ok_or("write LISTENER=PORT")?;
    match port.parse() {
        Ok(value @ 1..) => Ok(Override {
            name: name.to_owned(),
            value,
        }),
        _ => Err(format!("`{port}` is no port: write 1 to 65535")),
    }
}

#[cfg(all(unix, feature = "proxy"))]
fn upstream(text: &str) -> Result<Override<Servers>, String> {
    let (name, address) = text
        .split_once('=')
        .ok_or("write UPSTREAM=ADDRESS, such as chat=127.0.0.1:9001")?;
    Ok(Override {
        name: name.to_owned(),
        value: address.parse()?,
    })
}

#[cfg(all(unix, feature = "verify"))]
#[derive(clap::Args, Debug)]
pub(in crate::cmd) struct VerifyArgs {
    #[command(flatten)]
    pub(in crate::cmd) spec: SpecArgs,
    /// The targets whose programs are asked: names with commas, or `all`
    #[arg(
        short,
        long,
        value_name = "TARGETS",
        value_delimiter = ',',
        default_value = "all"
    )]
    pub(in crate::cmd) target: Vec<String>,
    /// A program by its path, in place of the one on PATH (may be repeated, also for one target)
    #[arg(long, value_name = "TARGET=PATH")]
    pub(in crate::cmd) program: Vec<String>,
    /// Only these probes: features, families, or names of routes, upstreams and listeners, with commas
    #[arg(long, value_name = "WORDS", value_delimiter = ',')]
    pub(in crate::cmd) only: Vec<String>,
    /// List the probes and start nothing
    #[arg(long)]
    pub(in crate::cmd) list: bool,
    /// How the evidence is written
    #[arg(long, value_enum, default_value_t = VerifyFormat::Human)]
    pub(in crate::cmd) format: VerifyFormat,
    /// Leave the folders of the programs: configuration, certificates, logs
    #[arg(long)]
    pub(in crate::cmd) keep: bool,
    /// Ask this configuration of NGINX, of which the spec is the import, in place of what would be rendered
    #[arg(long, value_name = "FILE")]
    pub(in crate::cmd) original: Option<PathBuf>,
    /// How long a program's probes may take: it is ended then, and what was not seen by then is told
    #[arg(long, value_name = "DURATION", default_value = "2m")]
    pub(in crate::cmd) limit: String,
}

#[cfg(all(unix, feature = "verify"))]
impl VerifyArgs {
    /// Whether targets were named, not left to be all.
    pub(in crate::cmd) fn targets_are_named(&self) -> bool {
        self.target != ["all"]
    }
}

/// How evidence is written.
#[cfg(all(unix, feature = "verify"))]
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cmd) enum VerifyFormat {
    /// A table, and what was broken
    Human,
    Json,
    /// JUnit's XML
    Junit,
    /// For a comment on a pull request
    Markdown,
}
