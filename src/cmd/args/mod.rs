//! What may be written on the command line, and the help that says so.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use wsgen::targets::Layout;

mod import;
mod review;
#[cfg(all(unix, any(feature = "proxy", feature = "verify")))]
mod run;

pub(super) use import::{AccountFormat, ImportArgs};
#[cfg(feature = "lsp")]
pub(super) use review::LspArgs;
pub(super) use review::{DiffArgs, DiffFormat, FmtArgs, GraphArgs, GraphFormat};
#[cfg(all(unix, feature = "proxy"))]
pub(super) use run::ProxyArgs;
#[cfg(all(unix, feature = "verify"))]
pub(super) use run::{VerifyArgs, VerifyFormat};

/// One YAML spec, every proxy's configuration, with WebSocket as the first-class citizen.
#[derive(Parser, Debug)]
#[command(
    name = "wsgen",
    version,
    after_help = "Start here:\n  $ wsgen init --out chat.yaml\n  $ wsgen render chat.yaml --target nginx\n\n\
                  Exit status: 0 clean, 1 findings or differences, 2 the spec or the call is wrong.",
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(super) struct Args {
    /// When to colour: NO_COLOR and CLICOLOR_FORCE are respected
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(super) color: Color,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Write the configuration of a target
    ///
    /// Standard output gets the main file of one target; `--out` writes every file of every target. What the target cannot do as
    /// written is said on standard error: an unsupported field is an error and nothing is written, an approximated one a warning.
    #[command(after_help = "Examples:\n  \
        $ wsgen render spec.yaml --target nginx\n  \
        $ wsgen render spec.yaml --target nginx@1.22 --annotate\n  \
        $ wsgen render spec.yaml --target all --out deploy\n  \
        $ wsgen render spec.yaml --target all --out deploy --check\n\n\
        Exit status: 0 written (with --check: all the same), 1 a loss or lint error, or a difference, 2 the spec or the call is wrong.")]
    Render(RenderArgs),
    /// Find what is wrong or risky in specs
    ///
    /// Each SPEC is a spec of its own; `-f` puts files over each of them. Findings go to standard output. A comment
    /// `# wsgen: allow(rule) reason` on its line silences one.
    #[command(after_help = "Examples:\n  \
        $ wsgen lint spec.yaml\n  \
        $ wsgen lint spec.yaml --target nginx,haproxy --deny warnings\n  \
        $ wsgen lint spec.yaml --format sarif\n\n\
        Exit status: 0 clean or warnings only, 1 an error (with --deny warnings: or a warning), 2 a spec or the call is wrong.")]
    Lint(LintArgs),
    /// Say what a rule, a loss, a feature, a field, a target, a code, or a line of a spec means
    ///
    /// WHAT is a rule's id (`rules` lists them), a loss such as `nginx::timeout.idle`, a feature, a field such as `websocket.idle`, a target,
    /// a diagnostic's code, or SPEC:LINE, which shows every output line that this line of the spec causes.
    #[command(after_help = "Examples:\n  \
        $ wsgen explain websocket.idle\n  \
        $ wsgen explain websocket.idle spec.yaml\n  \
        $ wsgen explain short-websocket-idle\n  \
        $ wsgen explain spec::unknown-key\n  \
        $ wsgen explain spec.yaml:5")]
    Explain(ExplainArgs),
    /// Show the order of all routes, or which route takes a request, and why
    #[command(after_help = "Examples:\n  \
        $ wsgen routes spec.yaml\n  \
        $ wsgen routes spec.yaml \"GET https://example.com/ws\"\n  \
        $ wsgen routes spec.yaml \"WS wss://example.com/ws\" --client 10.0.0.7")]
    Routes(RoutesArgs),
    /// Check the requests under `tests:` of a spec
    #[command(after_help = "Example:\n  $ wsgen test spec.yaml\n\n\
        Exit status: 0 all pass, 1 one fails, 2 the spec or the call is wrong.")]
    Test(TestArgs),
    /// Prove what the contract promises, on the real programs
    ///
    /// Renders the spec for each program that is here, starts it on loopback with stub servers behind it, and asks it for everything
    /// that the spec promises. Times, ports, addresses and certificates are mapped; no file outside a private folder is touched.
    #[cfg(all(unix, feature = "verify"))]
    #[command(after_help = "Examples:\n  \
        $ wsgen verify spec.yaml\n  \
        $ wsgen verify spec.yaml --target nginx --only timeout,socket\n  \
        $ wsgen verify spec.yaml --program nginx=/opt/nginx/sbin/nginx --format junit\n  \
        $ wsgen verify spec.yaml --target nginx --original nginx.conf\n  \
        $ wsgen verify spec.yaml --list\n\n\
        Exit status: 0 every promise is kept, or not kept as the loss report says, 1 one is broken or the time was up, \
        2 the spec or the call is wrong, or a program did not start.")]
    Verify(VerifyArgs),
    /// Run the spec here and now, with the reference proxy
    ///
    /// Serves what the spec says until a signal: SIGHUP reads it anew (one with errors is refused, and the old one goes on), SIGTERM or
    /// SIGINT drains, a second one ends at once. With `--local`, what this machine lacks is made up for, and told: ports below 1024 move up
    /// by 8000, certificates and keys are made, built-in echo servers stand in for servers that do not answer.
    #[cfg(all(unix, feature = "proxy"))]
    #[command(after_help = "Examples:\n  \
        $ wsgen proxy spec.yaml --local\n  \
        $ wsgen proxy spec.yaml --local --upstream chat=127.0.0.1:9001 --port secure=9443\n  \
        $ wsgen proxy --trust\n  \
        $ wsgen proxy spec.yaml\n\n\
        Exit status: 0 drained, 1 the drain's time was over and connections were closed, 2 the spec or the call is wrong,\n\
        130 or 143 a second SIGINT or SIGTERM ended it at once.")]
    Proxy(ProxyArgs),
    /// Compare what would be rendered with files, or two specs with each other
    ///
    /// With `--out`, SPEC is rendered and compared with what stands below that folder. With OLD and NEW, both are rendered and
    /// compared, what they lose too. `git:REV` is the other spec's file at that commit, `git:REV:PATH` another file;
    /// PATH is relative to the current folder, as every other path is.
    #[command(after_help = "Examples:\n  \
        $ wsgen diff spec.yaml --target nginx --out deploy\n  \
        $ wsgen diff old.yaml spec.yaml\n  \
        $ wsgen diff git:HEAD spec.yaml --format markdown\n\n\
        Exit status: 0 the same, 1 different, 2 a spec or the call is wrong.")]
    Diff(DiffArgs),
    /// Lay specs out in one way: order of top-level keys, indentation, spacing, quotes
    ///
    /// Comments stay with what they speak about, and the spec means the same: it is read again before the file is replaced. What
    /// spreads over several lines in braces, brackets or quotes is left as it is.
    #[command(
        after_help = "Examples:\n  $ wsgen fmt spec.yaml\n  $ wsgen fmt --check spec.yaml\n\n\
        Exit status: 0 done, or nothing to do; 1 with --check, a file is not laid out; 2 a file or the call is wrong."
    )]
    Fmt(FmtArgs),
    /// Draw the way of a request: listeners, routes, upstreams, servers
    ///
    /// Guards stand in the boxes behind a ◆, and what a target loses is marked: ✕ is not rendered, ≈ is done differently. An
    /// SVG shows the sentences when the pointer rests on a box.
    #[command(after_help = "Examples:\n  \
        $ wsgen graph spec.yaml\n  \
        $ wsgen graph spec.yaml --format svg --target nginx,haproxy\n  \
        $ wsgen graph spec.yaml --format dot --route socket")]
    Graph(GraphArgs),
    /// Speak to an editor: the language server, on standard input and output
    ///
    /// Started by an editor, not by hand. Tells every finding of `lint` while a spec is typed, what each field means and what targets
    /// make of it; completes, renames, cures and lays out. Unsaved text counts; files that a spec names are read from disk.
    #[cfg(feature = "lsp")]
    #[command(after_help = "Examples:\n  \
        $ wsgen lsp\n  \
        $ wsgen lsp --target nginx,haproxy\n\n\
        Exit status: 0 the editor ended it, 1 the editor is gone, 2 the call, or what the editor said, is wrong.")]
    Lsp(LspArgs),
    /// Read what is run already, a configuration of NGINX or HAProxy or Kubernetes Ingresses, into a spec
    ///
    /// The spec goes to standard output; on standard error goes an account of every directive: kept, changed and how, lost and why,
    /// unknown; then what is risky in the original. A spec that would not compile is not written.
    #[command(after_help = "Examples:\n  \
        $ wsgen import nginx.conf\n  \
        $ wsgen import nginx.conf --out imported.yaml --report account.txt\n  \
        $ wsgen import nginx.conf --from nginx --format json\n\n\
        Exit status: 0 all is kept or changed, 1 something is lost or unknown, 2 the configuration or the call is wrong.")]
    Import(ImportArgs),
    /// Write a commented spec to start from
    #[command(after_help = "Examples:\n  \
        $ wsgen init\n  \
        $ wsgen init --app socketio --out new/spec.yaml")]
    Init(InitArgs),
    /// What each target does with each feature of the language
    #[command(
        after_help = "Examples:\n  $ wsgen targets\n  $ wsgen targets --target nginx\n  $ wsgen targets --format json"
    )]
    Targets(TargetsArgs),
    /// Print the JSON Schema of a spec, for editors
    #[command(after_help = "Example:\n  $ wsgen schema\n\n\
        An editor with the YAML language server reads it from the spec's first line:\n  \
        # yaml-language-server: $schema=wsgen.schema.json")]
    Schema,
    /// Print the gateway with every default filled, as targets read it
    #[command(
        after_help = "Examples:\n  $ wsgen ir spec.yaml\n  $ wsgen ir spec.yaml --format json"
    )]
    Ir(IrArgs),
    /// Print the completions of a shell
    #[command(after_help = "Example:\n  $ wsgen completions bash")]
    Completions(CompletionsArgs),
    /// Print a manual page
    #[command(after_help = "Examples:\n  $ wsgen man\n  $ wsgen man render")]
    Man(ManArgs),
}

/// When output is coloured.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

/// How findings are written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    /// Underlined source
    Human,
    /// One JSON array
    Json,
    /// JUnit's XML, for CI systems: a suite for each spec
    Junit,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub Actions
    Github,
}

/// A spec, and what is put over it.
#[derive(clap::Args, Debug)]
pub(super) struct SpecArgs {
    /// The spec's file; `-` is standard input
    pub(super) spec: Option<PathBuf>,
    #[command(flatten)]
    pub(super) over: Overlays,
}

/// What is put over a spec.
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct Overlays {
    /// A file over the spec: maps merge by key, routes by name, other lists are replaced (may be repeated, left to right)
    #[arg(short, long, value_name = "FILE")]
    pub(super) file: Vec<PathBuf>,
    /// A parameter's value, or an option of a target such as nginx.version=1.22 (may be repeated)
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) set: Vec<String>,
    /// A file of parameters, NAME=value a line; --set comes before it, the environment after (may be repeated)
    #[arg(long, value_name = "FILE")]
    pub(super) env_file: Vec<PathBuf>,
}

#[derive(clap::Args, Debug)]
pub(super) struct RenderArgs {
    #[command(flatten)]
    pub(super) spec: SpecArgs,
    /// The targets: names with commas, possibly with a version (nginx@1.22), or `all`: every program; platforms such as alb are named
    #[arg(short, long, value_name = "TARGETS", value_delimiter = ',')]
    pub(super) target: Vec<String>,
    /// Write every file below this folder: one target's straight into it, several targets' into a folder each
    #[arg(short, long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Compare with the files below --out in place of writing them
    #[arg(long, requires = "out")]
    pub(super) check: bool,
    /// Put the spec's line behind each block; for a language without comments (Caddy's JSON) into a source map, a file of its own
    /// that only --out writes
    #[arg(long)]
    pub(super) annotate: bool,
    /// How much is written, and as what
    #[arg(long, value_enum, default_value_t = LayoutArg::Full)]
    pub(super) layout: LayoutArg,
    /// Make every loss that is not accepted an error
    #[arg(long)]
    pub(super) deny_loss: bool,
    /// How findings are written on standard error
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

/// How much of a configuration is written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LayoutArg {
    /// Whole files that start as they are
    Full,
    /// Only the parts for an existing configuration
    Include,
    /// Whole files as JSON, where a target takes YAML and JSON: the template of alb
    Json,
    /// Labels of a container, for a program that reads them: traefik
    Labels,
}

impl LayoutArg {
    /// How much of a configuration it asks for.
    pub(super) fn layout(self) -> Layout {
        match self {
            Self::Full => Layout::Full,
            Self::Include => Layout::Include,
            Self::Json => Layout::Json,
            Self::Labels => Layout::Labels,
        }
    }
}

#[derive(clap::Args, Debug)]
pub(super) struct LintArgs {
    /// The specs; `-` is standard input
    #[arg(required_unless_present = "file", value_name = "SPEC")]
    pub(super) specs: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) over: Overlays,
    /// Say also what these targets lose: names with commas, or `all`
    #[arg(short, long, value_name = "TARGETS", value_delimiter = ',')]
    pub(super) target: Vec<String>,
    /// Look into the files that the spec names too: certificates, keys
    #[arg(long)]
    pub(super) files: bool,
    /// How findings are written
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
    /// Make warnings errors
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(super) deny: Option<Deny>,
}

/// What counts as a finding that fails.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Deny {
    Warnings,
}

#[derive(clap::Args, Debug)]
pub(super) struct TargetsArgs {
    /// Tell everything that is known of these targets: names with commas
    #[arg(short, long, value_name = "TARGETS", value_delimiter = ',')]
    pub(super) target: Vec<String>,
    /// How the matrix is written
    #[arg(long, value_enum, default_value_t = MatrixFormat::Table)]
    pub(super) format: MatrixFormat,
}

/// How the matrix is written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MatrixFormat {
    /// A sign for each target, or all that is known of those that --target names
    Table,
    /// Markdown
    Md,
    Json,
}

#[derive(clap::Args, Debug)]
pub(super) struct IrArgs {
    #[command(flatten)]
    pub(super) spec: SpecArgs,
    /// How the gateway is written
    #[arg(long, value_enum, default_value_t = IrFormat::Yaml)]
    pub(super) format: IrFormat,
}

/// How the gateway is written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum IrFormat {
    Yaml,
    Json,
}

#[derive(clap::Args, Debug)]
pub(super) struct ExplainArgs {
    /// A rule, a loss, a feature, a field, a target, a code, or SPEC:LINE
    pub(super) what: String,
    /// Show where this spec writes the field
    pub(super) spec: Option<PathBuf>,
    #[command(flatten)]
    pub(super) over: Overlays,
    /// Only these targets: names with commas, or `all`
    #[arg(
        short,
        long,
        value_name = "TARGETS",
        value_delimiter = ',',
        default_value = "all"
    )]
    pub(super) target: Vec<String>,
}

#[derive(clap::Args, Debug)]
pub(super) struct RoutesArgs {
    /// The spec's file; `-` is standard input
    pub(super) spec: PathBuf,
    /// Method and URL, such as "GET https://example.com/", or WS for a WebSocket handshake
    pub(super) request: Option<String>,
    #[command(flatten)]
    pub(super) over: Overlays,
    /// A header of the request (may be repeated)
    #[arg(long, value_name = "NAME: VALUE", requires = "request")]
    pub(super) header: Vec<String>,
    /// The client's address; left out, it is in no range of the spec
    #[arg(long, value_name = "ADDRESS", requires = "request")]
    pub(super) client: Option<std::net::IpAddr>,
}

#[derive(clap::Args, Debug)]
pub(super) struct TestArgs {
    #[command(flatten)]
    pub(super) spec: SpecArgs,
    /// How findings are written
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

#[derive(clap::Args, Debug)]
pub(super) struct InitArgs {
    /// What runs behind the gateway
    #[arg(long, value_enum, default_value_t = App::Chat)]
    pub(super) app: App,
    /// Write it to this file, which must not exist yet
    #[arg(short, long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
}

/// What runs behind the gateway.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum App {
    /// Sockets under /ws, pages beside them
    Chat,
    /// Socket.IO, its polling included
    Socketio,
    /// Phoenix channels and LiveView
    Phoenix,
    /// Rails with Action Cable
    Rails,
    /// ASP.NET Core SignalR
    Signalr,
    /// GraphQL with subscriptions
    Graphql,
    /// Server-sent events
    Sse,
    /// A language model's streamed answers
    Llm,
}

#[derive(clap::Args, Debug)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(super) shell: clap_complete::Shell,
}

#[derive(clap::Args, Debug)]
pub(super) struct ManArgs {
    /// The command; left out, the page of wsgen itself
    pub(super) command: Option<String>,
}
