//! The picture of a snapshot. It depends on nothing else.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Row, Table, Tabs};

use super::snapshot::Snapshot;

/// What may be looked at.
pub(super) const TABS: [&str; 5] = ["all", "routes", "servers", "tunnels", "log"];

/// Draws a picture.
pub(super) fn draw(it: &Snapshot, frame: &mut Frame<'_>) {
    let [head, tabs, body, keys] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(Paragraph::new(vec![title(it), totals(it)]), head);
    frame.render_widget(Tabs::new(TABS).select(it.tab), tabs);
    match it.tab {
        1 => routes(it, frame, body),
        2 => servers(it, frame, body),
        3 => tunnels(it, frame, body),
        4 => log(it, frame, body),
        _ => all(it, frame, body),
    }
    let quit = if it.draining {
        "q end now"
    } else {
        "q drain and quit"
    };
    let words = format!("{quit}   r reload   tab next   ↑↓ scroll");
    frame.render_widget(Paragraph::new(words).dim(), keys);
}

fn all(it: &Snapshot, frame: &mut Frame<'_>, area: Rect) {
    let tall = |lines: usize| u16::try_from(lines.clamp(1, 8)).unwrap_or(8) + 3;
    let [above, middle, below] = Layout::vertical([
        Constraint::Length(tall(it.routes.len())),
        Constraint::Length(tall(it.servers.len().max(it.closed.len()))),
        Constraint::Fill(1),
    ])
    .areas(area);
    let [left, right] =
        Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).areas(middle);
    routes(it, frame, above);
    servers(it, frame, left);
    tunnels(it, frame, right);
    log(it, frame, below);
}

fn title(it: &Snapshot) -> Line<'static> {
    let state = if it.draining {
        " draining ".black().on_yellow()
    } else {
        " serving ".black().on_green()
    };
    Line::from(vec![
        Span::from(format!("wsgen proxy {} ", it.name)).bold(),
        state,
        Span::from(format!(
            " up {}  {}",
            age(it.up.as_secs()),
            it.listeners.join("  ")
        )),
    ])
}

fn totals(it: &Snapshot) -> Line<'static> {
    Line::from(format!(
        "{:.0} connections  {:.0} tunnels  {:.1} requests/s  {:.0}/{:.0} messages/s in/out  {}/s in  {}/s out",
        it.connections,
        it.tunnels.0,
        it.requests,
        it.messages.0,
        it.messages.1,
        size(it.bytes.0),
        size(it.bytes.1)
    ))
}

fn table(
    title: &'static str,
    head: &[&'static str],
    widths: &[Constraint],
    rows: Vec<Row<'static>>,
    scroll: usize,
) -> Table<'static> {
    let head = Row::new(head.to_vec()).style(Style::new().add_modifier(Modifier::DIM));
    let last = rows.len().saturating_sub(1);
    Table::new(rows.into_iter().skip(scroll.min(last)), widths.to_vec())
        .header(head)
        .block(Block::bordered().title(title))
}

fn routes(it: &Snapshot, frame: &mut Frame<'_>, area: Rect) {
    let rows = it.routes.iter().map(|route| {
        let row = Row::new(vec![
            route.name.clone(),
            route.takes.clone(),
            format!("{:.1}", route.rate),
            format!("{:.0}", route.total),
            format!("{:.0}", route.errors.0),
            format!("{:.0}", route.errors.1),
            format!("{:.1}", route.mean),
        ]);
        if route.errors.1 > 0.0 {
            row.fg(Color::Red)
        } else {
            row
        }
    });
    let head = ["route", "takes", "per s", "total", "4xx", "5xx", "mean ms"];
    let widths = [
        Constraint::Fill(1),
        Constraint::Fill(2),
        Constraint::Length(8),
        Constraint::Length(9),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(8),
    ];
    let table = table("routes", &head, &widths, rows.collect(), it.scroll);
    frame.render_widget(table, area);
}

fn servers(it: &Snapshot, frame: &mut Frame<'_>, area: Rect) {
    let rows = it.servers.iter().map(|server| {
        let row = Row::new(vec![
            server.upstream.clone(),
            server.address.clone(),
            if server.healthy { "well" } else { "down" }.to_owned(),
            format!("{:.0}", server.open),
        ]);
        row.fg(if server.healthy {
            Color::Green
        } else {
            Color::Red
        })
    });
    let head = ["upstream", "server", "health", "open"];
    let widths = [
        Constraint::Fill(1),
        Constraint::Fill(2),
        Constraint::Length(7),
        Constraint::Length(7),
    ];
    let table = table("servers", &head, &widths, rows.collect(), it.scroll);
    frame.render_widget(table, area);
}

fn tunnels(it: &Snapshot, frame: &mut Frame<'_>, area: Rect) {
    let mut rows = vec![
        Row::new(vec!["open".to_owned(), format!("{:.0}", it.tunnels.0)]),
        Row::new(vec!["opened".to_owned(), format!("{:.0}", it.tunnels.1)]),
    ];
    rows.extend(
        it.closed
            .iter()
            .map(|(why, count)| Row::new(vec![format!("ended: {why}"), format!("{count:.0}")])),
    );
    let widths = [Constraint::Fill(1), Constraint::Length(9)];
    let table = table("tunnels", &["", "count"], &widths, rows, it.scroll);
    frame.render_widget(table, area);
}

fn log(it: &Snapshot, frame: &mut Frame<'_>, area: Rect) {
    let room = usize::from(area.height.saturating_sub(2));
    let first = it.log.len().saturating_sub(room + it.scroll);
    let lines = it.log.iter().skip(first).take(room);
    let lines: Vec<Line<'_>> = lines.map(|line| Line::from(line.as_str())).collect();
    let log = Paragraph::new(lines).block(Block::bordered().title("log"));
    frame.render_widget(log, area);
}

fn age(seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours}:{minutes:02}:{:02}", seconds % 60)
}

fn size(bytes: f64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let mut left = bytes;
    let mut unit = 0;
    while left >= 1024.0 && unit + 1 < UNITS.len() {
        left /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{left:.0} B"),
        _ => format!("{left:.1} {}", UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::proxy::telemetry::dashboard::snapshot::{Route, Server};

    fn picture(it: &Snapshot) -> String {
        let mut terminal = Terminal::new(TestBackend::new(100, 20)).expect("no terminal");
        terminal.draw(|frame| draw(it, frame)).expect("no terminal");
        terminal.backend().to_string()
    }

    fn snapshot() -> Snapshot {
        Snapshot {
            name: "chat".to_owned(),
            up: Duration::from_secs(3725),
            listeners: vec!["web http:8080".to_owned()],
            connections: 12.0,
            tunnels: (9.0, 20.0),
            requests: 3.5,
            bytes: (2048.0, 100.0),
            messages: (7.0, 8.0),
            closed: vec![("client".to_owned(), 10.0), ("idle".to_owned(), 1.0)],
            routes: vec![Route {
                name: "socket".to_owned(),
                takes: "example.com/ws".to_owned(),
                rate: 3.5,
                total: 41.0,
                errors: (1.0, 2.0),
                mean: 0.25,
            }],
            servers: vec![
                Server {
                    upstream: "app".to_owned(),
                    address: "127.0.0.1:9001".to_owned(),
                    healthy: true,
                    open: 9.0,
                },
                Server {
                    upstream: "app".to_owned(),
                    address: "127.0.0.1:9002".to_owned(),
                    healthy: false,
                    open: 0.0,
                },
            ],
            log: (0..9).map(|at| format!("line {at}")).collect(),
            ..Snapshot::default()
        }
    }

    #[test]
    fn everything_is_on_the_first_tab() {
        let picture = picture(&snapshot());
        let words = |line: &str| {
            let words = line.split(|letter: char| letter.is_whitespace() || "│\"".contains(letter));
            words
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let lines: Vec<String> = picture.lines().map(words).collect();
        for wanted in [
            "wsgen proxy chat serving up 1:02:05 web http:8080",
            "12 connections 9 tunnels 3.5 requests/s 7/8 messages/s in/out 2.0 KiB/s in 100 B/s out",
            "all routes servers tunnels log",
            "route takes per s total 4xx 5xx mean ms",
            "socket example.com/ws 3.5 41 1 2 0.2",
            "upstream server health open count",
            "app 127.0.0.1:9001 well 9 open 9",
            "app 127.0.0.1:9002 down 0 opened 20",
            "line 4",
            "line 8",
            "q drain and quit r reload tab next ↑↓ scroll",
        ] {
            assert!(
                lines.iter().any(|line| line == wanted),
                "{wanted}: {picture}"
            );
        }
        // The log has the room that is left, for its latest lines.
        assert!(!lines.iter().any(|line| line == "line 3"), "{picture}");
    }

    #[test]
    fn a_tab_has_the_room_and_scrolls() {
        let mut it = snapshot();
        (it.tab, it.scroll, it.draining) = (2, 1, true);
        let picture = picture(&it);
        assert!(
            picture.contains("draining") && picture.contains("q end now"),
            "{picture}"
        );
        assert!(
            picture.contains("9002") && !picture.contains("9001"),
            "{picture}"
        );
    }
}
