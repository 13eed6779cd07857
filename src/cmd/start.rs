//! What `wsgen proxy` says when it has started: where it listens, its routes, what is not as in the spec, how to stop it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use wsgen::ir::{Gateway, Listener};
use wsgen::proxy::local::{Account, What};

use super::fault::shown;
use super::routes;
use super::screen::Screen;

/// How many rows of a list are shown.
const MOST: usize = 20;

/// A text in sections.
struct Sheet {
    text: String,
    width: usize,
    color: bool,
}

/// Tells everything.
pub(super) fn account(
    gateway: &Gateway,
    as_written: &Gateway,
    local: Option<&Account>,
    spec: &Path,
    screen: &Screen,
) {
    let mut sheet = Sheet::new(screen);
    sheet.heading("Listening");
    sheet.rows(&addresses(gateway, local));
    sheet.heading("Routes, in the order in which they are asked");
    sheet.routes(as_written, spec);
    if let Some(account) = local {
        sheet.changes(account);
    }
    sheet.text.push('\n');
    let stop = format!(
        "Stop with ctrl-c: what is open has {} to end. `kill -HUP {}` reads the spec anew.",
        gateway.runtime.drain_timeout.value,
        std::process::id()
    );
    for line in wrapped(&stop, sheet.width) {
        let _ = writeln!(sheet.text, "{line}");
    }
    sheet.text.push_str("serving\n");
    sheet.tell();
}

/// Tells where it listens, where a reload has moved something.
pub(super) fn moved(addresses: &[[String; 2]], screen: &Screen) {
    let mut sheet = Sheet::new(screen);
    sheet.heading("Listening");
    sheet.rows(addresses);
    sheet.tell();
}

/// Where it listens: listeners by name, and the page of metrics.
pub(super) fn addresses(gateway: &Gateway, local: Option<&Account>) -> Vec<[String; 2]> {
    let mut rows = Vec::new();
    for listener in &gateway.listeners {
        let urls = match local {
            Some(account) => account
                .addresses
                .iter()
                .find(|(name, _)| *name == listener.name)
                .map_or_else(Vec::new, |(_, urls)| urls.clone()),
            None => vec![url(listener)],
        };
        let mut urls = urls.into_iter();
        let mut first = urls.next().unwrap_or_default();
        if let Some(to) = &listener.redirect {
            let _ = write!(first, "  redirects to {}", gateway.listener(to.value).name);
        }
        rows.push([listener.name.clone(), first]);
        // A listener that only redirects is found by its first name.
        if listener.redirect.is_none() {
            rows.extend(urls.map(|url| [String::new(), url]));
        }
    }
    if let Some(metrics) = &gateway.metrics {
        let address = std::net::SocketAddr::new(metrics.address.value, metrics.port.value);
        rows.push([
            "metrics".to_owned(),
            format!("http://{address}{}", metrics.path.value),
        ]);
    }
    rows
}

/// Tells what a reload has changed on this machine.
pub(super) fn changes(account: &Account, screen: &Screen) {
    let mut sheet = Sheet::new(screen);
    sheet.changes(account);
    sheet.tell();
}

fn url(listener: &Listener) -> String {
    let (host, every) = match listener.address.value {
        Some(ip) if !ip.is_unspecified() => (ip.to_string(), false),
        _ => ("localhost".to_owned(), true),
    };
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host
    };
    let port = listener.port.value;
    let every = if every { "  on every address" } else { "" };
    format!("{}://{host}:{port}/{every}", listener.scheme())
}

impl Sheet {
    fn new(screen: &Screen) -> Self {
        Self {
            text: String::new(),
            width: screen.width(),
            color: screen.colors_stderr(),
        }
    }

    fn heading(&mut self, title: &str) {
        let (on, off) = if self.color {
            ("\x1b[1m", "\x1b[0m")
        } else {
            ("", "")
        };
        let _ = writeln!(self.text, "\n{on}{title}{off}");
    }

    /// Two columns, the second wrapped within the width.
    fn rows(&mut self, rows: &[[String; 2]]) {
        let first = rows
            .iter()
            .map(|row| row[0].chars().count())
            .max()
            .unwrap_or(0);
        for [name, says] in rows {
            self.row(name, says, first);
        }
    }

    fn row(&mut self, mut name: &str, says: &str, first: usize) {
        for line in wrapped(says, self.width.saturating_sub(first + 4).max(20)) {
            let _ = writeln!(self.text, "  {name:first$}  {line}");
            name = "";
        }
    }

    fn routes(&mut self, gateway: &Gateway, spec: &Path) {
        for line in routes::table(gateway, Some(MOST)).lines() {
            let line = format!("  {line}");
            let _ = writeln!(self.text, "{}", cut(&line, self.width));
        }
        if let Some(more @ 1..) = gateway.table.len().checked_sub(MOST) {
            let spec = shown(spec);
            let _ = writeln!(
                self.text,
                "  and {more} more: `wsgen routes {spec}` shows them"
            );
        }
    }

    fn changes(&mut self, account: &Account) {
        let (ways, changes): (Vec<_>, Vec<_>) = account
            .done
            .iter()
            .partition(|done| done.what == What::WayIn);
        for (title, list) in [
            ("Not as in the spec", changes),
            ("Guards, and ways in", ways),
        ] {
            if list.is_empty() {
                continue;
            }
            self.heading(title);
            let first = list
                .iter()
                .map(|done| done.to.chars().count())
                .max()
                .unwrap_or(0);
            for done in list.iter().take(MOST) {
                self.row(&done.to, &done.says, first);
                for line in &done.lines {
                    let _ = writeln!(self.text, "    {line}");
                }
            }
            if let Some(more @ 1..) = list.len().checked_sub(MOST) {
                let _ = writeln!(self.text, "  and {more} more");
            }
        }
    }

    fn tell(&self) {
        // Who closed the stream wants to know nothing.
        let _ = std::io::stderr().write_all(self.text.as_bytes());
    }
}

/// Lines of at most this many letters, broken at spaces; a word that is longer stays whole, so that it can be copied.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(line) if last == 0 => line.push_str(word),
            Some(line) if last + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A line of at most this many letters.
fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let kept: String = line.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}
