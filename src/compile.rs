//! From the text of spec files to the gateway, and from the gateway to a target's files: pure, no file is touched.

use crate::diag::{Place, Report};
use crate::emit::{self, OutFile};
use crate::ir::{self, Files, Gateway, Loc};
use crate::source::{Sources, decode};
use crate::spec::model::Spec;
use crate::spec::params::{self, NoParams, Params};
use crate::spec::tree::Tree;
use crate::spec::{de, merge, prune, schema, shape, yaml};
use crate::targets::{self, Env, Layout, Target};

/// A spec file: its name as it is shown, and its bytes.
#[derive(Debug, Clone)]
pub struct Input {
    /// The name, such as `chat.yaml` or `<stdin>`.
    pub name: String,
    /// The bytes; they must be UTF-8.
    pub bytes: Vec<u8>,
}

impl Input {
    /// An input from text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            bytes: text.into().into_bytes(),
        }
    }
}

/// Where a compilation gets what is not in the spec's text.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// Values of parameters.
    pub params: &'a dyn Params,
    /// Files that the spec has read at compile time.
    pub files: &'a dyn Files,
}

impl World<'_> {
    /// Nothing but the text itself: no parameter has a value, no file is there.
    pub const EMPTY: World<'static> = World {
        params: &NoParams,
        files: &NoFiles,
    };
}

/// No file is there.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<String, String> {
        Err(format!("{path} is not there"))
    }
}

/// A compiled spec.
#[derive(Debug)]
pub struct Compiled {
    /// The texts.
    pub sources: Sources,
    /// The nodes of the merged document.
    pub tree: Tree,
    /// The gateway; `None` if the report has errors.
    pub gateway: Option<Gateway>,
    /// Every fault and warning of reading and lowering.
    pub report: Report,
}

impl Compiled {
    /// Where a node is written: file and line from 1, as `chat.yaml:21`.
    pub fn place(&self, at: Loc) -> String {
        let span = self.tree.span(at);
        let (line, _) = self.sources.line_col(span.file, span.start);
        let name = self
            .sources
            .find(span.file)
            .map_or("<spec>", |source| source.name.as_str());
        format!("{name}:{line}")
    }
}

/// Compiles spec files; several merge from left to right.
pub fn compile(inputs: Vec<Input>, world: World<'_>) -> Compiled {
    let mut sources = Sources::new();
    let mut report = Report::new();
    let mut trees = Vec::new();
    for input in inputs {
        match decode(input.bytes) {
            Ok(text) => {
                let file = sources.add(input.name, text);
                trees.push(yaml::parse(&sources, file, &mut report));
            }
            Err(fault) => {
                let file = sources.add(input.name, String::new());
                let looks = fault.looks_like.map_or_else(String::new, |encoding| {
                    format!("; it looks like {encoding}")
                });
                report
                    .error(
                        "yaml::utf8",
                        crate::source::Span {
                            file,
                            start: 0,
                            end: 0,
                        },
                    )
                    .says(format!(
                        "byte {} (0x{:02X}) in line {} is not UTF-8{looks}",
                        fault.byte, fault.value, fault.line
                    ))
                    .help("save the file as UTF-8");
            }
        }
    }
    if report.has_errors() {
        let tree = merge::files(trees);
        return Compiled {
            sources,
            tree,
            gateway: None,
            report,
        };
    }
    let mut tree = merge::files(trees);
    params::expand(&mut tree, world.params, &mut report);
    merge::defaults(&mut tree);
    let gateway = read(&tree, world.files, &mut report);
    Compiled {
        sources,
        tree,
        gateway,
        report,
    }
}

/// Reads and lowers a tree that is merged and filled.
fn read(tree: &Tree, files: &dyn Files, report: &mut Report) -> Option<Gateway> {
    let clean = !report.has_errors();
    let mut shapes = Report::new();
    let spec: Option<Spec> = shape::read(tree, tree.root(), schema::schema, &mut shapes);
    let gateway = match spec {
        Some(spec) => ir::lower(&spec, files, report),
        None => {
            further_faults(tree, files, &mut shapes);
            None
        }
    };
    report.extend(shapes);
    gateway.filter(|_| clean)
}

/// Faults of meaning in what is left of a document without the entries whose shape is at fault.
fn further_faults(tree: &Tree, files: &dyn Files, shapes: &mut Report) {
    let Some(pruned) = prune::without(tree, shapes) else {
        return;
    };
    let Ok(spec) = de::from_tree::<Spec>(&pruned.tree, pruned.tree.root()) else {
        return;
    };
    let mut further = Report::new();
    ir::lower(&spec, files, &mut further);
    // What was taken out is missing now: that is no fault of the person's.
    let touched = |place: &Place| matches!(place, Place::Value(at) | Place::Key(at) if pruned.touched.contains(at));
    further.diags.retain(|diag| {
        diag.code != "spec::missing" && !diag.labels.iter().any(|label| touched(&label.place))
    });
    shapes.extend(further);
}

/// The spec as one target gets it: with the values of `targets.<t>.set`. `None` if the target's room sets nothing.
pub fn for_target(compiled: &Compiled, target: &str, world: World<'_>) -> Option<Compiled> {
    let root = compiled.tree.root();
    let set = compiled
        .tree
        .get(root, "targets")
        .and_then(|all| compiled.tree.get(all, target))
        .and_then(|room| compiled.tree.get(room, "set"))?;
    let pairs = compiled.tree.pairs(set).to_vec();
    if pairs.is_empty() {
        return None;
    }
    let mut tree = compiled.tree.clone();
    let mut report = Report::new();
    for (key, value) in pairs {
        let path = compiled.tree.scalar(key).unwrap_or_default().to_owned();
        if let Err(why) = merge::set(&mut tree, &path, value) {
            report
                .error("spec::set", Place::Key(value))
                .says(format!("`{path}` cannot be set for {target}"))
                .note(why)
                .help(
                    "write the path of a value of the core, such as `routes.socket.websocket.idle`",
                );
        }
    }
    let gateway = if report.has_errors() {
        None
    } else {
        read(&tree, world.files, &mut report)
    };
    Some(Compiled {
        sources: compiled.sources.clone(),
        tree,
        gateway,
        report,
    })
}

/// What a target's files are rendered with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whole files, or only the parts for an existing configuration.
    pub layout: Layout,
    /// Puts the spec line behind each block.
    pub annotate: bool,
    /// Makes every loss that is not accepted an error.
    pub deny_loss: bool,
}

/// A target's files and its loss report.
#[derive(Debug)]
pub struct Rendered {
    /// The files, the main one first; empty if the report has errors.
    pub files: Vec<OutFile>,
    /// What is lost, and values that the target's language cannot write.
    pub report: Report,
}

/// Renders a compiled spec for a target. With errors in the report there are no files.
pub fn render(compiled: &Compiled, target: &dyn Target, options: Options) -> Rendered {
    match &compiled.gateway {
        Some(gateway) => render_gateway(gateway, target, options, &|at| compiled.place(at)),
        None => Rendered {
            files: Vec::new(),
            report: Report::new(),
        },
    }
}

/// Renders a gateway for a target; `place` names a place of the spec for [`Options::annotate`]. With errors in the report
/// there are no files.
pub fn render_gateway(
    gateway: &Gateway,
    target: &dyn Target,
    options: Options,
    place: &dyn Fn(Loc) -> String,
) -> Rendered {
    let env = Env::new(target, gateway, options.layout);
    let uses = ir::uses(gateway);
    let verdicts = targets::judge(target, gateway, &uses, &env);
    let mut report = targets::report(target, gateway, &verdicts, options.deny_loss);
    for (place, at) in target.room(gateway).raw.places() {
        if !target.raw_places().contains(&place) {
            let taken = target.raw_places().iter();
            let taken: Vec<String> = taken.map(|it| format!("`raw.{}`", it.key())).collect();
            report
                .error(format!("{}::raw", target.id()), at)
                .says(format!(
                    "{} has no place for a snippet under `raw.{}`",
                    target.title(),
                    place.key()
                ))
                .help(format!("there is {}", taken.join(" and ")));
        }
    }
    let (oldest, newest) = target.versions();
    let has_versions = target.has_versions();
    let written = target.room(gateway).version.as_ref();
    if let Some(version) = written.filter(|_| !has_versions) {
        report
            .error(format!("{}::version", target.id()), version.loc())
            .says(format!(
                "{} is a service, which has no versions",
                target.title()
            ))
            .help("leave `version` out");
    }
    let written = written.filter(|_| has_versions);
    if let Some(version) = written
        && version.value > newest
    {
        report
            .note(format!("{}::version", target.id()), version.loc())
            .says(format!(
                "{} {} is newer than what is known",
                target.title(),
                version.value
            ))
            .note(format!("it gets what {newest} gets"));
    }
    if let Some(version) = written
        // The oldest is a whole series: 1.22.1 is 1.22.
        && (version.value.major, version.value.minor) < (oldest.major, oldest.minor)
    {
        report
            .error(format!("{}::version", target.id()), version.loc())
            .says(format!(
                "{} {} is older than what is known",
                target.title(),
                version.value
            ))
            .help(format!("write a version from {oldest}"));
    }
    if !target.lays_out(options.layout) {
        let title = target.title();
        report
            .error(format!("{}::layout", target.id()), Loc::default())
            .says(match options.layout {
                Layout::Labels => format!("{title} reads no labels of containers"),
                Layout::Json => format!("{title} has no choice between YAML and JSON"),
                Layout::Include => format!("{title} is one whole file"),
                Layout::Full => format!("{title} has no whole files"),
            })
            .help("leave `--layout` out for this target");
    }
    if report.has_errors() {
        return Rendered {
            files: Vec::new(),
            report,
        };
    }
    let annotate = options.annotate.then_some(place);
    let files = emit::emit(
        target.render(gateway, &verdicts, &env),
        annotate,
        &mut report,
    );
    if report.has_errors() {
        return Rendered {
            files: Vec::new(),
            report,
        };
    }
    Rendered { files, report }
}
