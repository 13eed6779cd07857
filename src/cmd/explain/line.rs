//! A line of a spec: every output line that it causes on each target, what is lost there, and what applies where it is silent.

use std::fmt::Write as _;
use std::path::Path;

use wsgen::compile::{self, Compiled, Options};
use wsgen::diag::Marks;
use wsgen::ir;
use wsgen::source::{FileId, Loc};
use wsgen::spec::fields;
use wsgen::targets::{self, Env, Layout, Target};

use super::super::args::{Format, Overlays};
use super::super::fault::{Fault, shown};
use super::super::findings::Findings;
use super::super::input::Spec;
use super::super::screen::Screen;
use super::super::{Status, output};

pub(super) fn run(
    path: &Path,
    number: u32,
    over: &Overlays,
    chosen: &[&'static dyn Target],
    screen: &Screen,
) -> Result<Status, Fault> {
    let mut spec = Spec::read(Some(path), over)?;
    let compiled = spec.compile();
    if compiled.gateway.is_none() {
        let mut findings = Findings::default();
        findings.add(compiled.report.clone(), compiled);
        findings.tell(Format::Human, screen);
        return Ok(Status::Wrong);
    }
    let Some(source) = compiled.sources.find(FileId(0)) else {
        return Ok(Status::Wrong);
    };
    if number == 0 || number > source.lines() {
        return Err(Fault::new(format!(
            "`{}` has {} lines",
            source.name,
            source.lines()
        )));
    }
    let range = source.line_range(number);
    let text = source
        .text
        .get(range.start as usize..range.end as usize)
        .unwrap_or_default();
    let mut out = format!("{}:{number}  {}\n", source.name, text.trim());
    let line = Line {
        number,
        silent: text.trim().is_empty() || text.trim_start().starts_with('#'),
    };
    for target in chosen {
        let own = spec.compile_for(compiled, target.id());
        let _ = write!(out, "\n{}\n", target.id());
        if own.gateway.is_none() {
            out.push_str("  its `set` is wrong: `wsgen render` says where\n");
            continue;
        }
        line.causes(own, *target, &mut out);
    }
    line.defaults(compiled, &mut out);
    output::print(&out)?;
    Ok(Status::Clean)
}

/// A line of the spec's first file, from 1.
struct Line {
    number: u32,
    /// Empty, or a comment.
    silent: bool,
}

impl Line {
    /// Whether a node stands on the line.
    fn holds(&self, marks: &Marks<'_>, at: Loc) -> bool {
        marks.line(at) == (FileId(0), self.number)
    }

    /// The output lines of a target, and its losses.
    fn causes(&self, own: &Compiled, target: &dyn Target, out: &mut String) {
        let Some(gateway) = &own.gateway else { return };
        let marks = Marks::new(Some(&own.tree), &own.sources);
        let uses: Vec<_> = ir::uses(gateway)
            .into_iter()
            .filter(|used| self.holds(&marks, used.at.loc))
            .collect();
        let env = Env::new(target, gateway, Layout::Full);
        let verdicts = targets::judge(target, gateway, &uses, &env);
        let rendered = compile::render(own, target, Options::default());
        let mut any = false;
        for file in &rendered.files {
            let lines: Vec<&str> = file.text.lines().collect();
            let mut shown_up_to = 0;
            for index in 0..lines.len() {
                if !file
                    .lines
                    .get(index)
                    .is_some_and(|at| at.is_some_and(|at| self.holds(&marks, at)))
                {
                    continue;
                }
                for line in block(&lines, &file.lines, index) {
                    if line >= shown_up_to {
                        let _ = writeln!(
                            out,
                            "  {}:{}  {}",
                            shown(&file.path),
                            line + 1,
                            lines[line].trim_end()
                        );
                        shown_up_to = line + 1;
                    }
                }
                any = true;
            }
        }
        for finding in verdicts.findings() {
            let word = if finding.verdict.is_unsupported() {
                "unsupported"
            } else {
                "approximated"
            };
            let _ = writeln!(
                out,
                "  {}::{} {word}: {}",
                target.id(),
                finding.used.feature,
                finding.verdict.note().instead
            );
            any = true;
        }
        if rendered.report.has_errors() {
            let _ = writeln!(
                out,
                "  nothing is rendered: the spec has losses here that are errors"
            );
        } else if !any && self.silent {
            let _ = writeln!(out, "  nothing comes from an empty line or a comment");
        } else if !any {
            let _ = writeln!(out, "  no line comes from here alone");
        }
    }

    /// The fields that this line leaves out, with what applies then.
    fn defaults(&self, compiled: &Compiled, out: &mut String) {
        let tree = &compiled.tree;
        let marks = Marks::new(Some(tree), &compiled.sources);
        let all = fields::all();
        let mut written = Vec::new();
        let mut silent = Vec::new();
        for at in fields::nodes(tree).filter(|at| *at != tree.root() && self.holds(&marks, *at)) {
            let Some(steps) = fields::steps(tree, at) else {
                continue;
            };
            for known in &all {
                let here = fields::fits(&known.path, &steps);
                if here {
                    push(&mut written, known, false);
                }
                let below = known.path.rsplit_once('.').is_some_and(|(block, name)| {
                    fields::is_written_as(
                        block,
                        &steps.iter().map(String::as_str).collect::<Vec<_>>(),
                    ) && name != "*"
                        && tree.get(at, name).is_none()
                });
                if below {
                    push(&mut silent, known, true);
                }
            }
        }
        for (title, lines) in [
            ("if this were left out", written),
            ("left out here", silent),
        ] {
            if !lines.is_empty() {
                let _ = write!(out, "\n{title}\n{}", lines.concat());
            }
        }
    }
}

/// A line with the bracketed lines that belong to it: those deeper than it that have no origin of their own.
fn block(lines: &[&str], origins: &[Option<Loc>], index: usize) -> std::ops::RangeInclusive<usize> {
    let depth = |line: usize| lines[line].len() - lines[line].trim_start().len();
    let fixed = |line: usize| origins.get(line).is_some_and(Option::is_none);
    let (mut first, mut last) = (index, index);
    if lines[index].trim_end().ends_with('{') {
        while last + 1 < lines.len() && fixed(last + 1) && depth(last + 1) > depth(index) {
            last += 1;
        }
        if last + 1 < lines.len() && fixed(last + 1) && lines[last + 1].trim().starts_with('}') {
            last += 1;
        } else {
            last = index;
        }
    } else if lines[index].trim() == "}" {
        while first > 0 && fixed(first - 1) && depth(first - 1) > depth(index) {
            first -= 1;
        }
        if first > 0 && fixed(first - 1) && lines[first - 1].trim_end().ends_with('{') {
            first -= 1;
        } else {
            first = index;
        }
    }
    first..=last
}

fn push(lines: &mut Vec<String>, known: &fields::Field, short: bool) {
    for (holds, says) in wsgen::reference::field::left_out(known) {
        let name = if short {
            known.path.rsplit('.').next().unwrap_or(&known.path)
        } else {
            &known.path
        };
        let holds = if holds.is_empty() {
            String::new()
        } else {
            format!(" ({holds})")
        };
        let line = format!("  {name}{holds}: {says}\n");
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
}
