//! The proxy in a terminal while it runs: what the metrics say, drawn twice a second, and three keys.

mod draw;
mod snapshot;

use std::io;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use crate::proxy::process::worker::Shared;
use crate::proxy::telemetry::admin::Admin;
use snapshot::{Numbers, Snapshot};

/// How often keys are asked for.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

/// How often the picture is drawn anew.
const DRAW: Duration = Duration::from_millis(500);

/// What a key asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Key {
    /// To drain; once more, to end.
    Quit,
    /// To read the spec anew.
    Reload,
}

/// The terminal. Dropped, it is as it was before; a panic gives it back too.
pub(crate) struct Dashboard {
    /// `None` while something else is to be read there.
    terminal: Option<DefaultTerminal>,
    tab: usize,
    scroll: usize,
    drawn: Option<(Instant, Numbers)>,
    started: Instant,
}

impl Dashboard {
    /// Takes the terminal.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self {
            terminal: Some(ratatui::try_init()?),
            tab: 0,
            scroll: 0,
            drawn: None,
            started: Instant::now(),
        })
    }

    /// Gives the terminal back, for what is to be read there, until [`Self::back`] or Enter.
    pub(crate) fn leave(&mut self) {
        if self.terminal.take().is_some() {
            ratatui::restore();
        }
    }

    /// Takes the terminal again.
    ///
    /// # Errors
    /// It is gone.
    pub(crate) fn back(&mut self) -> io::Result<()> {
        if self.terminal.is_none() {
            self.terminal = Some(ratatui::try_init()?);
            self.drawn = None;
        }
        Ok(())
    }

    /// Hears keys and draws, where it is time.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(crate) fn step(&mut self, admin: &Admin, shared: &Shared) -> io::Result<Option<Key>> {
        if self.terminal.is_none() {
            if waits()? {
                while waits()? {
                    event::read()?;
                }
                self.back()?;
            }
            return Ok(None);
        }
        let mut news = false;
        while waits()? {
            let Event::Key(key) = event::read()? else {
                news = true;
                continue;
            };
            if key.kind == KeyEventKind::Release {
                continue;
            }
            news = true;
            match key.code {
                KeyCode::Char('q') => return Ok(Some(Key::Quit)),
                // In raw mode it is no signal.
                KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                    return Ok(Some(Key::Quit));
                }
                KeyCode::Char('r') => return Ok(Some(Key::Reload)),
                KeyCode::Tab => (self.tab, self.scroll) = ((self.tab + 1) % draw::TABS.len(), 0),
                KeyCode::Down => self.scroll += 1,
                KeyCode::Up => self.scroll = self.scroll.saturating_sub(1),
                _ => {}
            }
        }
        let due = self
            .drawn
            .as_ref()
            .is_none_or(|(at, _)| at.elapsed() >= DRAW);
        if due || news {
            self.draw(admin, shared)?;
        }
        Ok(None)
    }

    fn draw(&mut self, admin: &Admin, shared: &Shared) -> io::Result<()> {
        let numbers = Numbers::read(&admin.numbers());
        let before = self.drawn.as_ref();
        let before = before.map(|(at, numbers)| (numbers, at.elapsed()));
        let generation = admin.generation.borrow();
        let mut snapshot = Snapshot::new(&generation.gateway, &numbers, before);
        snapshot.up = self.started.elapsed();
        snapshot.draining = !admin.ready.get();
        snapshot.log = shared.output.last_lines();
        (snapshot.tab, snapshot.scroll) = (self.tab, self.scroll);
        if let Some(terminal) = &mut self.terminal {
            terminal.draw(|frame| draw::draw(&snapshot, frame))?;
        }
        // A rate needs some time to be one.
        if before.is_none_or(|(_, since)| since >= DRAW) {
            self.drawn = Some((Instant::now(), numbers));
        }
        Ok(())
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.leave();
    }
}

fn waits() -> io::Result<bool> {
    event::poll(Duration::ZERO)
}
