//! What may be written behind `wsgen import`.

use std::path::PathBuf;

use clap::ValueEnum;
use wsgen::import::Dialect;

#[derive(clap::Args, Debug)]
pub(in crate::cmd) struct ImportArgs {
    /// The configuration; `-` is standard input. Files that it includes are looked for beside it
    #[arg(value_name = "FILE")]
    pub(in crate::cmd) configuration: PathBuf,
    /// Whose configuration it is. Left out: told from the text
    #[arg(long, value_enum, value_name = "PROGRAM")]
    pub(in crate::cmd) from: Option<FromArg>,
    /// Write the spec to this file, which must not exist yet; left out, to standard output
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cmd) out: Option<PathBuf>,
    /// Write over the files of --out and --report; never over what is imported
    #[arg(long)]
    pub(in crate::cmd) force: bool,
    /// Write the account to this file, which must not exist yet, instead of standard error; `-` is standard output, and then the spec needs --out
    #[arg(long, value_name = "FILE")]
    pub(in crate::cmd) report: Option<PathBuf>,
    /// How the account is written
    #[arg(long, value_enum, default_value_t = AccountFormat::Human)]
    pub(in crate::cmd) format: AccountFormat,
}

/// Whose configuration is read.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cmd) enum FromArg {
    /// `nginx.conf`, a file of `conf.d`, or a part of one
    Nginx,
    /// `haproxy.cfg`
    Haproxy,
    /// Kubernetes Ingress with the annotations of ingress-nginx, and the objects beside it
    Ingress,
}

impl FromArg {
    /// The dialect that it means.
    pub(in crate::cmd) const fn dialect(self) -> Dialect {
        match self {
            Self::Nginx => Dialect::Nginx,
            Self::Haproxy => Dialect::Haproxy,
            Self::Ingress => Dialect::Ingress,
        }
    }
}

/// How an account is written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cmd) enum AccountFormat {
    /// A line for each directive
    Human,
    /// One JSON object
    Json,
}
