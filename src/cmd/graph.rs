//! `wsgen graph`: the way of a request as a picture.

use wsgen::graph::{self, Graph};
use wsgen::names;

use super::args::{Format, GraphArgs, GraphFormat};
use super::fault::Fault;
use super::findings::Findings;
use super::input::Spec;
use super::render::Chosen;
use super::screen::Screen;
use super::{Status, output};

pub(super) fn run(args: &GraphArgs, screen: &Screen) -> Result<Status, Fault> {
    let chosen = Chosen::read(&args.target)?;
    let mut over = args.spec.over.clone();
    over.set.extend(chosen.versions);
    let mut spec = Spec::read(args.spec.spec.as_deref(), &over)?.asks_for(&over)?;
    let compiled = spec.compile();
    let mut findings = Findings::default();
    findings.add(compiled.report.clone(), compiled);
    findings.tell(Format::Human, screen);
    let Some(gateway) = &compiled.gateway else {
        return Ok(Status::Wrong);
    };
    for name in &args.route {
        if !gateway.routes.iter().any(|route| route.name == *name) {
            let fault = Fault::new(format!("there is no route `{name}`"));
            let known = gateway.routes.iter().map(|route| route.name.as_str());
            return Err(match names::closest(name, known) {
                Some(close) => fault.help(format!("did you mean `{close}`?")),
                None => fault.help("`wsgen routes` lists them"),
            });
        }
    }
    let graph = Graph::new(gateway, &chosen.targets, &args.route);
    output::print(&match args.format {
        GraphFormat::Mermaid => graph::mermaid(&graph),
        GraphFormat::Dot => graph::dot(&graph),
        GraphFormat::Svg => graph::svg(&graph),
    })?;
    Ok(Status::Clean)
}
