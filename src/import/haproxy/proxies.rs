//! Frontends, backends and `listen` sections with what they inherit from `defaults`.

use super::lines::{Line, Section};
use super::units;

/// A proxy: a frontend, a backend, or both (`listen`).
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    /// Its name.
    pub name: String,
    /// The line that opens it.
    pub head: Line,
    /// Takes requests.
    pub front: bool,
    /// Has servers.
    pub back: bool,
    /// Its own lines.
    pub lines: Vec<Line>,
    /// The lines of its `defaults`, the nearest last.
    pub inherited: Vec<Line>,
}

/// Every proxy of the file, in order.
pub(super) fn all(sections: &[Section]) -> Vec<Proxy> {
    let mut defaults: Vec<(String, Vec<Line>)> = Vec::new();
    let mut proxies = Vec::new();
    for section in sections {
        let kind = section.head.word(0);
        if !matches!(kind, "defaults" | "frontend" | "backend" | "listen") {
            continue;
        }
        let words = section.head.texts(1);
        let from = words
            .iter()
            .position(|it| *it == "from")
            .and_then(|at| words.get(at + 1));
        let name = words
            .first()
            .filter(|it| **it != "from")
            .copied()
            .unwrap_or("");
        let named = from.and_then(|from| defaults.iter().rev().find(|one| one.0 == **from));
        if kind == "defaults" {
            // A `defaults` section begins anew, unless it says `from`.
            let mut lines = named.map_or_else(Vec::new, |one| one.1.clone());
            lines.extend(section.lines.iter().cloned());
            defaults.push((name.to_owned(), lines));
            continue;
        }
        let inherited = match from {
            Some(_) => named,
            None => defaults.last(),
        };
        proxies.push(Proxy {
            name: name.to_owned(),
            head: section.head.clone(),
            front: kind != "backend",
            back: kind != "frontend",
            lines: section.lines.clone(),
            inherited: inherited.map_or_else(Vec::new, |one| one.1.clone()),
        });
    }
    proxies
}

impl Proxy {
    /// The line that decides a directive such as `["timeout", "server"]`; its own before an inherited one, the last before earlier ones.
    pub(super) fn last(&self, words: &[&str]) -> Option<&Line> {
        let fits = |line: &&Line| {
            let from = usize::from(line.is_no());
            words
                .iter()
                .enumerate()
                .all(|(at, word)| line.word(from + at) == *word)
        };
        self.lines
            .iter()
            .rev()
            .find(fits)
            .or_else(|| self.inherited.iter().rev().find(fits))
    }

    /// Every line of a directive, inherited ones first.
    pub(super) fn every(&self, words: &[&str]) -> Vec<&Line> {
        let fits = |line: &&Line| {
            words
                .iter()
                .enumerate()
                .all(|(at, word)| line.word(at) == *word)
        };
        self.inherited
            .iter()
            .chain(&self.lines)
            .filter(fits)
            .collect()
    }

    /// Whether an option is on, and the line that says so.
    pub(super) fn option(&self, name: &str) -> Option<&Line> {
        self.last(&["option", name]).filter(|line| !line.is_no())
    }

    /// A timeout in milliseconds and its line; `None` where there is none or it is endless.
    pub(super) fn timeout(&self, name: &str) -> Option<(u64, &Line)> {
        let line = self.last(&["timeout", name])?;
        Some((units::millis(line.word(2))?, line))
    }

    /// Whether requests are led anywhere from it, or answered.
    pub(super) fn leads(&self) -> bool {
        self.lines
            .iter()
            .chain(&self.inherited)
            .any(|line| match line.word(0) {
                "use_backend" | "default_backend" | "server" | "server-template" | "redirect" => {
                    true
                }
                "http-request" => matches!(line.word(1), "redirect" | "return"),
                _ => false,
            })
    }

    /// Whether it passes bytes on, not requests.
    pub(super) fn is_tcp(&self) -> bool {
        self.last(&["mode"])
            .is_none_or(|line| line.word(1) != "http")
    }
}
