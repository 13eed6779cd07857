//! `wsgen`: one declarative YAML spec → every proxy's configuration, with WebSocket as the first-class citizen.
//!
//! # How a spec becomes a file
//! ```text
//! chat.yaml ─ spec::yaml ──▶ Tree (nodes, spans, comments)           all syntax faults
//!           ─ spec::params ▶ `${NAME}` filled in
//!           ─ spec::merge ─▶ several files, `defaults`, a target's `set`
//!           ─ spec::de ────▶ Spec (a place for every value)           else spec::shape: all shape faults, by the JSON Schema
//!           ─ ir::lower ───▶ Gateway (defaults filled, names → ids)   names, ranges, contradictions
//!           ─ rules ───────▶ lint findings over the Gateway
//!           ─ ir::uses ────▶ every feature used, and where
//!    per target: support(feature) × use ─▶ Verdicts ─▶ loss report    exact · approximated · unsupported
//!                plan(Gateway, Verdicts) ─▶ Plan ─ template ─▶ text + line map
//! ```
//!
//! # Where things live
//! | module | what it alone knows |
//! |---|---|
//! | [`source`] | texts, lines, columns, and [`source::Loc`]: the id of a node of the tree |
//! | [`diag`] | findings, and how they are shown: human, JSON, JUnit, SARIF, GitHub; the only one that knows `miette` |
//! | [`spec`] | YAML: past it, nobody sees any |
//! | [`ir`] | the [`ir::Gateway`] that every target reads, every default with its reason, the computed route order, the list of features |
//! | [`rules`] | the lint rules, a page each |
//! | [`request`] | what the contract says of one request: route, guards, answer |
//! | [`targets`] | for each target what it can do ([`targets::Support`]) and how it is laid out |
//! | [`emit`] | templates, source marks, and the writers of each target's language |
//! | [`asks`] | which features each field of the language asks for |
//! | [`names`] | "did you mean" |
//! | [`mod@reference`] | what every code, rule, field and feature means, as `wsgen explain` and `docs/reference` tell it |
//! | [`meaning`] | what changes from one gateway to another, in the words of the spec |
//! | [`import`] | the configurations of programs, read into a spec, with an account of every directive |
//! | [`graph`] | a gateway as a picture: Mermaid, DOT, SVG |
//! | [`compile`] | all of it in order, pure: no file is touched |
//! | `lsp` (a feature, on by default) | the language server |
//! | `proxy` (a feature, on by default) | the reference proxy: a gateway served by this process |
//! | `verify` (a feature, on by default) | the real programs on loopback, with clients before and servers behind them |
//! | `cmd` (in the binary) | the commands: with `lsp`, `proxy` and `verify` the only place that touches files, streams and the environment |
//!
//! # What holds everywhere
//! - A target never reads the spec; past [`ir::lower()`] nobody sees it.
//! - Every field of the gateway is named in [`ir::uses()`], and every target answers for every [`ir::Feature`]: patterns without `..`,
//!   matches without `_`. A new field or feature does not compile until it is answered everywhere.
//! - Verdicts exist before a plan; a plan decides nothing and cannot fail. A template decides nothing either.
//! - A user's text reaches a file only as a whole token through its language's writer, or is refused at its line.
//! - Same spec, same bytes: no clock, environment, random number or hash order in the compiler.
//! - Faithful or loud: what a target does differently is an error, a warning or a note at the line that asked for it.

pub mod asks;
pub mod compile;
pub mod diag;
pub mod emit;
pub mod graph;
pub mod import;
pub mod ir;
#[cfg(feature = "lsp")]
pub mod lsp;
pub mod meaning;
pub mod names;
#[cfg(all(unix, feature = "proxy"))]
pub mod proxy;
pub mod reference;
pub mod request;
pub mod rules;
pub mod source;
pub mod spec;
pub mod targets;
#[cfg(all(unix, feature = "verify"))]
pub mod verify;
