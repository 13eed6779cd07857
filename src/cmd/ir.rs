//! `wsgen ir`: the gateway with every default filled, as a target reads it.

use super::args::{IrArgs, IrFormat};
use super::fault::Fault;
use super::findings::Findings;
use super::input::Spec;
use super::screen::Screen;
use super::{Status, output};

pub(super) fn run(args: &IrArgs, screen: &Screen) -> Result<Status, Fault> {
    let mut spec =
        Spec::read(args.spec.spec.as_deref(), &args.spec.over)?.asks_for(&args.spec.over)?;
    let compiled = spec.compile();
    let mut findings = Findings::default();
    findings.add(compiled.report.clone(), compiled);
    findings.tell(super::args::Format::Human, screen);
    let Some(gateway) = &compiled.gateway else {
        return Ok(Status::Wrong);
    };
    let text = match args.format {
        IrFormat::Yaml => serde_yaml::to_string(gateway).map_err(|why| why.to_string()),
        IrFormat::Json => serde_json::to_string_pretty(gateway)
            .map(|text| text + "\n")
            .map_err(|why| why.to_string()),
    };
    let text = text.map_err(|why| Fault::new(format!("the gateway cannot be written: {why}")))?;
    output::print(&text)?;
    Ok(Status::Clean)
}
