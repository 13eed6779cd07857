//! `wsgen explain`: what a rule, a loss, a feature, a field, a target, a code or a line of a spec means.

mod field;
mod line;

use std::fmt::Write as _;
use std::path::Path;

use wsgen::diag::codes;
use wsgen::ir::Feature;
use wsgen::names;
use wsgen::reference::target;
use wsgen::rules::{self, Rule};
use wsgen::spec::fields;
use wsgen::targets::{self, Target, matrix};

use super::args::ExplainArgs;
use super::fault::Fault;
use super::render::{Chosen, missing};
use super::screen::Screen;
use super::{Status, output};

pub(super) fn run(args: &ExplainArgs, screen: &Screen) -> Result<Status, Fault> {
    let what = args.what.trim();
    let chosen = Chosen::read(&args.target)?.targets;
    if let Some((spec, number)) = what.rsplit_once(':')
        && let Ok(number) = number.parse::<u32>()
    {
        return line::run(Path::new(spec), number, &args.over, &chosen, screen);
    }
    if let Some((left, right)) = what.split_once("::") {
        output::print(&coded(what, left, right)?)?;
        return Ok(Status::Clean);
    }
    if what == "rules" {
        output::print(&rule_list())?;
        return Ok(Status::Clean);
    }
    if let Some(rule) = Rule::by_id(what) {
        output::print(rule.page)?;
        return Ok(Status::Clean);
    }
    let all = fields::all();
    let found = fields::find(&all, what);
    let feature = Feature::by_id(what);
    let target = targets::by_id(what);
    if found.is_empty() && feature.is_none() && target.is_none() {
        return Err(unknown(what, &all));
    }
    let mut pages: Vec<String> = target.map(target::page).into_iter().collect();
    if let Some(feature) = feature {
        pages.push(self::feature(feature, &chosen));
    }
    let written = match &args.spec {
        Some(spec) => Some(field::Written::read(spec, &args.over, screen)?),
        None => None,
    };
    if matches!(written, Some(None)) {
        return Ok(Status::Wrong);
    }
    pages.extend(field::pages(
        &all,
        &found,
        written.flatten().as_ref(),
        &chosen,
    ));
    output::print(&pages.join("\n"))?;
    Ok(Status::Clean)
}

/// `lint::rule`, `nginx::timeout.idle`, `spec::unknown-key`.
fn coded(what: &str, left: &str, right: &str) -> Result<String, Fault> {
    if let Some(meaning) = codes::meaning(what) {
        return Ok(format!("{what}\n\n{meaning}\n"));
    }
    if left == "lint" {
        let known = rules::ALL.iter().map(|rule| rule.id);
        return match (Rule::by_id(right), names::closest(right, known)) {
            (Some(rule), _) => Ok(rule.page.to_owned()),
            (None, Some(close)) => Err(Fault::new(format!("there is no rule `{right}`"))
                .help(format!("did you mean `{close}`?"))),
            (None, None) => Err(Fault::new(format!("there is no rule `{right}`"))
                .help("`wsgen explain rules` lists them")),
        };
    }
    if let Some(target) = targets::by_id(left) {
        if let Some(feature) = Feature::by_id(right) {
            return Ok(loss(target, feature));
        }
        let Some((_, said)) = codes::OF_TARGETS.iter().find(|(code, _)| *code == right) else {
            let known = Feature::ALL.iter().map(|feature| feature.id());
            let fault = Fault::new(format!("there is no feature `{right}`"));
            return Err(match names::closest(right, known) {
                Some(close) => fault.help(format!("did you mean `{left}::{close}`?")),
                None => fault.help("`wsgen targets` lists them"),
            });
        };
        return Ok(format!("{what}\n\n{said}\n"));
    }
    if wsgen::ir::TARGETS.contains(&left) {
        return Err(missing(left));
    }
    if Feature::by_id(right).is_some() || rules::ALL.iter().any(|rule| rule.id == right) {
        let known = targets::ALL
            .iter()
            .map(|target| target.id())
            .chain(["lint"]);
        if let Some(close) = names::closest(left, known) {
            return Err(Fault::new(format!("there is no code `{what}`"))
                .help(format!("did you mean `{close}::{right}`?")));
        }
    }
    let known = codes::CODES.iter().map(|(code, _)| *code);
    let fault = Fault::new(format!("there is no code `{what}`"));
    Err(match names::closest(what, known) {
        Some(close) => fault.help(format!("did you mean `{close}`?")),
        None => fault
            .help("codes start with `yaml::`, `spec::`, `lint::` or a target, such as `nginx::`"),
    })
}

/// Every rule, a line each.
fn rule_list() -> String {
    let width = rules::ALL
        .iter()
        .map(|rule| rule.id.len())
        .max()
        .unwrap_or(0);
    rules::ALL
        .iter()
        .map(|rule| format!("{:width$}  {}\n", rule.id, rule.summary()))
        .collect()
}

/// A loss: what is asked for, and what the target does.
fn loss(target: &dyn Target, feature: Feature) -> String {
    let mut out = format!("{}::{feature}\n\n{}\n\n", target.id(), feature.meaning());
    let _ = writeln!(out, "  {}: {}", target.id(), matrix::line(target, feature));
    for other in targets::ALL
        .iter()
        .filter(|other| other.id() != target.id())
    {
        let _ = writeln!(out, "  {}: {}", other.id(), matrix::line(*other, feature));
    }
    if feature.is_guard() {
        out.push_str("\nIt is a guard: where it is not rendered, accepting it leaves a warning.\n");
    }
    let _ = writeln!(
        out,
        "\nTo accept it: `accept: [{{loss: \"{}::{feature}\", because: …}}]`",
        target.id()
    );
    out
}

/// A feature: what it means, and what each target does.
fn feature(feature: Feature, chosen: &[&'static dyn Target]) -> String {
    let guard = if feature.is_guard() { ", a guard" } else { "" };
    let mut out = format!(
        "feature {feature} ({}{guard})\n\n{}\n\n",
        feature.family().title(),
        feature.meaning()
    );
    for target in chosen {
        let _ = writeln!(out, "  {}: {}", target.id(), matrix::line(*target, feature));
    }
    out
}

fn unknown(what: &str, all: &[fields::Field]) -> Fault {
    let short: Vec<String> = all
        .iter()
        .map(|field| {
            field
                .path
                .split('.')
                .filter(|step| *step != "*")
                .collect::<Vec<_>>()
                .join(".")
        })
        .collect();
    let tails = short.iter().flat_map(|path| {
        path.char_indices()
            .filter(|(_, c)| *c == '.')
            .map(|(at, _)| &path[at + 1..])
            .chain([path.as_str()])
    });
    let known = Feature::ALL
        .iter()
        .map(|feature| feature.id())
        .chain(rules::ALL.iter().map(|rule| rule.id))
        .chain(targets::ALL.iter().map(|target| target.id()))
        .chain(tails);
    for file in [Some(what), what.rsplit_once(':').map(|(file, _)| file)] {
        if let Some(file) = file.filter(|file| Path::new(file).is_file()) {
            return Fault::new(format!("`{what}` names no line")).help(format!(
                "write the line's number behind the file: `{file}:5`"
            ));
        }
    }
    let fault = Fault::new(format!("nothing is called `{what}`"));
    let fault = match names::closest(what, known) {
        Some(close) => fault.help(format!("did you mean `{close}`?")),
        None => fault,
    };
    fault.help("name a rule, a loss such as `nginx::timeout.idle`, a field such as `websocket.idle`, a target, or SPEC:LINE")
}
