//! What may be written behind the commands that people read a spec with: `diff`, `fmt`, `graph` and `lsp`.

use std::path::PathBuf;

use clap::ValueEnum;

use super::{LayoutArg, Overlays, SpecArgs};

#[derive(clap::Args, Debug)]
pub(in crate::cmd) struct DiffArgs {
    /// The spec, or the old one
    #[arg(value_name = "OLD")]
    pub(in crate::cmd) old: String,
    /// The new spec
    pub(in crate::cmd) new: Option<String>,
    #[command(flatten)]
    pub(in crate::cmd) over: Overlays,
    /// The targets: names with commas, or `all`
    #[arg(
        short,
        long,
        value_name = "TARGETS",
        value_delimiter = ',',
        default_value = "all"
    )]
    pub(in crate::cmd) target: Vec<String>,
    /// Compare with the files below this folder
    #[arg(short, long, value_name = "DIR", conflicts_with = "new")]
    pub(in crate::cmd) out: Option<PathBuf>,
    /// Whole files, or only the parts for an existing configuration
    #[arg(long, value_enum, default_value_t = LayoutArg::Full)]
    pub(in crate::cmd) layout: LayoutArg,
    /// How differences are written
    #[arg(long, value_enum, default_value_t = DiffFormat::Human)]
    pub(in crate::cmd) format: DiffFormat,
    /// Write to the terminal at once, not through a pager
    #[arg(long)]
    pub(in crate::cmd) no_pager: bool,
}

/// How differences are written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cmd) enum DiffFormat {
    /// The meaning, then unified and coloured
    Human,
    /// For a comment on a pull request, at most 60 kB
    Markdown,
    /// One JSON object
    Json,
}

#[derive(clap::Args, Debug)]
pub(in crate::cmd) struct FmtArgs {
    /// The files; `-` is standard input, laid out to standard output
    #[arg(required = true)]
    pub(in crate::cmd) files: Vec<PathBuf>,
    /// Write nothing; show what would change, and end with 1
    #[arg(long)]
    pub(in crate::cmd) check: bool,
}

#[derive(clap::Args, Debug)]
pub(in crate::cmd) struct GraphArgs {
    #[command(flatten)]
    pub(in crate::cmd) spec: SpecArgs,
    /// The language of the picture
    #[arg(long, value_enum, default_value_t = GraphFormat::Mermaid)]
    pub(in crate::cmd) format: GraphFormat,
    /// The targets whose losses are marked: names with commas, or `all`
    #[arg(
        short,
        long,
        value_name = "TARGETS",
        value_delimiter = ',',
        default_value = "all"
    )]
    pub(in crate::cmd) target: Vec<String>,
    /// Draw only this route, and what it needs (may be repeated)
    #[arg(long, value_name = "NAME")]
    pub(in crate::cmd) route: Vec<String>,
}

/// The language of a picture.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cmd) enum GraphFormat {
    /// For Markdown on GitHub and GitLab
    Mermaid,
    /// For Graphviz
    Dot,
    /// A picture that needs nothing else, for light and dark
    Svg,
}

#[cfg(feature = "lsp")]
#[derive(clap::Args, Debug)]
pub(in crate::cmd) struct LspArgs {
    /// The targets whose losses are told: names with commas, or `all`; left out, those that a spec has a room for
    #[arg(short, long, value_name = "TARGETS", value_delimiter = ',')]
    pub(in crate::cmd) target: Vec<String>,
    /// Look into the files that a spec names too: certificates, keys
    #[arg(long)]
    pub(in crate::cmd) files: bool,
    /// A parameter's value, or an option of a target such as nginx.version=1.22 (may be repeated)
    #[arg(long, value_name = "NAME=VALUE")]
    pub(in crate::cmd) set: Vec<String>,
    /// A file of parameters, NAME=value a line (may be repeated)
    #[arg(long, value_name = "FILE")]
    pub(in crate::cmd) env_file: Vec<PathBuf>,
}
