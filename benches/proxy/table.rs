//! The table: a line per figure with every program, ratios within rounds, the goal and whether it holds; as Markdown, and in README.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::stat::{median, quantile};

/// Around the table in README.
const MARKS: [&str; 2] = ["<!-- bench proxy -->", "<!-- end of bench proxy -->"];

/// The command that makes the table.
const COMMAND: &str = "tests/programs/install && cargo bench --bench proxy --";

/// What a figure may be.
pub(crate) enum Goal {
    /// At most so many times a program's.
    Ratio {
        /// Whose.
        program: String,
        /// How many times.
        bound: f64,
    },
    /// At most this.
    Value {
        /// In the row's unit.
        bound: f64,
    },
    /// What the row itself has found out.
    Holds {
        /// The goal in words.
        text: String,
        /// Whether it does.
        holds: bool,
    },
}

/// A figure.
pub(crate) struct Row {
    title: String,
    unit: &'static str,
    values: BTreeMap<String, f64>,
    /// Quartiles of the proxy's part: first, median, third.
    ratios: BTreeMap<String, [f64; 3]>,
    /// In place of values: about the proxy alone.
    pub(crate) text: Option<String>,
    /// What it may be.
    pub(crate) goals: Vec<Goal>,
}

impl Row {
    pub(crate) fn new(title: &str, unit: &'static str) -> Self {
        Self {
            title: title.to_owned(),
            unit,
            values: BTreeMap::new(),
            ratios: BTreeMap::new(),
            text: None,
            goals: Vec::new(),
        }
    }

    /// What a program had in each round.
    pub(crate) fn value(&mut self, program: &str, rounds: &[f64]) {
        self.values.insert(program.to_owned(), median(rounds));
    }

    /// The proxy's part of what a program had, in each round.
    pub(crate) fn ratio(&mut self, program: &str, rounds: &[f64]) {
        let parts = [0.25, 0.5, 0.75].map(|part| quantile(rounds, part));
        self.ratios.insert(program.to_owned(), parts);
    }

    /// Ratios of the values themselves, where there was one round only.
    pub(crate) fn ratios_of_values(&mut self) {
        let Some(own) = self.values.get("proxy").copied() else {
            return;
        };
        for (program, value) in &self.values {
            if program != "proxy" {
                let ratio = own / value;
                self.ratios.insert(program.clone(), [ratio, ratio, ratio]);
            }
        }
    }

    fn shown(&self, value: f64) -> String {
        match self.unit {
            "B" if value >= 1024.0 => format!("{:.1} KiB", value / 1024.0),
            "B" => format!("{value:.0} B"),
            unit if value >= 100.0 => format!("{value:.0} {unit}"),
            unit => format!("{value:.1} {unit}"),
        }
    }

    /// The goal in words, and whether it holds; `None` where a program is missing.
    fn verdict(&self, goal: &Goal, titles: &BTreeMap<String, String>) -> (String, Option<bool>) {
        match goal {
            Goal::Ratio { program, bound } => {
                let title = titles.get(program).map_or(program.as_str(), String::as_str);
                let name = title.split(' ').next().unwrap_or(title);
                let holds = self.ratios.get(program).map(|parts| parts[1] <= *bound);
                (format!("≤ {bound} × {name}"), holds)
            }
            Goal::Value { bound } => {
                let holds = self.values.get("proxy").map(|value| value <= bound);
                (format!("≤ {}", self.shown(*bound)), holds)
            }
            Goal::Holds { text, holds } => (text.clone(), Some(*holds)),
        }
    }
}

/// All figures.
pub(crate) struct Table {
    programs: Vec<(String, String)>,
    rows: Vec<Row>,
    note: String,
}

impl Table {
    /// A table of these programs: id and title.
    pub(crate) fn new(programs: Vec<(String, String)>) -> Self {
        Self {
            programs,
            rows: Vec::new(),
            note: String::new(),
        }
    }

    /// One more line; it is shown at once as well, since the rest takes minutes.
    #[allow(clippy::print_stderr)]
    pub(crate) fn add(&mut self, row: Row) {
        eprintln!("{}", self.line(&row));
        self.rows.push(row);
    }

    /// How it was measured.
    pub(crate) fn note(&mut self, note: String) {
        self.note = note;
    }

    fn line(&self, row: &Row) -> String {
        let mut line = format!("| {} |", row.title);
        if let Some(text) = &row.text {
            let _ = write!(line, " {text} |{}", " |".repeat(self.programs.len() - 1));
        } else {
            for (id, _) in &self.programs {
                let cell = match (row.values.get(id), row.ratios.get(id)) {
                    (None, _) => String::new(),
                    (Some(value), None) => row.shown(*value),
                    (Some(value), Some([_, ratio, _])) => {
                        format!("{} · **{ratio:.2}**", row.shown(*value))
                    }
                };
                let _ = write!(line, " {cell} |");
            }
        }
        let titles: BTreeMap<String, String> = self.programs.iter().cloned().collect();
        let mut verdicts: Vec<String> = Vec::new();
        for goal in &row.goals {
            let (words, holds) = row.verdict(goal, &titles);
            let spread = match goal {
                Goal::Ratio { program, .. } => row
                    .ratios
                    .get(program)
                    .map_or_else(String::new, |[low, _, high]| {
                        format!(" ({low:.2}–{high:.2})")
                    }),
                Goal::Value { .. } | Goal::Holds { .. } => String::new(),
            };
            let sign = match holds {
                Some(true) => "✓",
                Some(false) => "✗",
                None => "not measured",
            };
            verdicts.push(format!("{words} {sign}{spread}"));
        }
        let _ = write!(line, " {} |", verdicts.join("; "));
        line
    }

    /// The table with its command and machine.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from("| |");
        for (_, title) in &self.programs {
            let _ = write!(text, " {title} |");
        }
        text.push_str(" goal |\n| --- |");
        text.push_str(&" ---: |".repeat(self.programs.len()));
        text.push_str(" --- |\n");
        for row in &self.rows {
            text.push_str(&self.line(row));
            text.push('\n');
        }
        let arguments: Vec<String> = std::env::args()
            .skip(1)
            .filter(|word| word != "--bench")
            .collect();
        let _ = write!(
            text,
            "\n`{COMMAND} {}`: medians; bold is the proxy's part of the other's in the same round, with quartiles beside the goal; ✗ is a goal of ours that is missed. {}.",
            arguments.join(" "),
            self.note
        );
        text
    }

    /// Puts it between the marks in README.
    ///
    /// # Errors
    /// README has no marks, or cannot be written.
    pub(crate) fn write(&self) -> Result<(), String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let failed = |why: std::io::Error| format!("README.md: {why}");
        let text = std::fs::read_to_string(&path).map_err(failed)?;
        let parts = text
            .split_once(MARKS[0])
            .and_then(|(before, rest)| Some((before, rest.split_once(MARKS[1])?.1)));
        let (before, after) = parts
            .ok_or_else(|| format!("README.md has no lines `{}` and `{}`", MARKS[0], MARKS[1]))?;
        let table = self.markdown();
        let new = format!("{before}{}\n{table}\n{}{after}", MARKS[0], MARKS[1]);
        std::fs::write(&path, new).map_err(failed)
    }
}
