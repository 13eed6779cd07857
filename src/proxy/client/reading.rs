//! A request's head line by line, read once however it comes: what follows it, and what makes it none.

use memchr::memchr_iter;

use crate::proxy::client::chunks::Chunk;
use crate::proxy::client::framing::{Bad, State};

/// What the bytes of a head are.
pub(crate) enum Step {
    /// Its start.
    More,
    /// None.
    Bad(Bad),
    /// What follows, and the head's length.
    Head(State, usize),
}

impl Step {
    /// The same, unless the head is larger than it may be.
    pub(crate) fn within(self, limit: usize, bytes: &[u8]) -> Self {
        match self {
            Self::More if bytes.len() > limit => Self::Bad(Bad::TooLarge),
            Self::Head(_, length) if length > limit => Self::Bad(Bad::TooLarge),
            step => step,
        }
    }
}

/// How far a head was read, so that one that comes in pieces is read once.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    head: Head,
    /// Where the line begins that is not complete.
    start: usize,
    /// How many bytes hold no other end of a line.
    seen: usize,
    /// Whether the request line was there.
    begun: bool,
    /// Lines after it.
    lines: usize,
}

impl Reading {
    /// How many lines there were after the request line.
    pub(crate) fn lines(&self) -> usize {
        self.lines
    }

    /// Reads on, up to the empty line.
    pub(crate) fn on(&mut self, bytes: &[u8]) -> Step {
        const BAD: Step = Step::Bad(Bad::Malformed);
        let from = std::mem::replace(&mut self.seen, bytes.len());
        for end in memchr_iter(b'\n', &bytes[from..]) {
            let end = from + end;
            // §2.2: a bare LF may end a line, a recipient that is in a chain must not let it.
            if end == self.start || bytes[end - 1] != b'\r' {
                return BAD;
            }
            let line = &bytes[self.start..end - 1];
            self.start = end + 1;
            if line.is_empty() {
                if !self.begun {
                    // §2.2: empty lines before a request are skipped.
                    continue;
                }
                return match self.head.framing() {
                    Some(state) => Step::Head(state, self.start),
                    None => BAD,
                };
            }
            let fits = if std::mem::replace(&mut self.begun, true) {
                self.lines += 1;
                self.head.field(line)
            } else {
                self.head.request_line(line)
            };
            if fits.is_none() {
                return BAD;
            }
        }
        Step::More
    }
}

#[derive(Debug, Default)]
struct Head {
    old: bool,
    hosts: u32,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
}

impl Head {
    fn request_line(&mut self, line: &[u8]) -> Option<()> {
        self.old = line.ends_with(b" HTTP/1.0");
        // §3.2: a target has no fragment; some readers cut it off, others do not.
        (!line.contains(&b'#')).then_some(())
    }

    fn field(&mut self, line: &[u8]) -> Option<()> {
        // §5.2: a folded line.
        if line[0] == b' ' || line[0] == b'\t' {
            return None;
        }
        let is = |name: &[u8]| {
            line.len() > name.len()
                && line[name.len()] == b':'
                && line[..name.len()].eq_ignore_ascii_case(name)
        };
        match line[0] | 0x20 {
            b'h' if is(b"host") => {
                self.hosts += 1;
                // §3.2: more than one is a 400.
                (self.hosts == 1).then_some(())
            }
            b'c' if is(b"content-length") => {
                let value = line[b"content-length:".len()..].trim_ascii();
                let fits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
                let value = fits.then(|| std::str::from_utf8(value).ok()?.parse().ok())??;
                // §6.3: two lengths, even alike, are not forwarded.
                self.length.replace(value).is_none().then_some(())
            }
            b't' if is(b"transfer-encoding") => {
                let value = line[b"transfer-encoding:".len()..].trim_ascii();
                let fits = !self.chunked && value.eq_ignore_ascii_case(b"chunked");
                self.chunked = true;
                fits.then_some(())
            }
            b'u' if is(b"upgrade") => {
                self.upgrade = true;
                Some(())
            }
            _ => Some(()),
        }
    }

    /// What follows the head; `None` where readers could differ.
    fn framing(&self) -> Option<State> {
        if self.chunked && (self.length.is_some() || self.old) || !self.old && self.hosts == 0 {
            return None;
        }
        Some(match (self.chunked, self.length) {
            (true, _) => State::Chunked(Chunk::START),
            (false, Some(length @ 1..)) => State::Length(length),
            (false, _) if self.upgrade && !self.old => State::Held,
            (false, _) => State::Head,
        })
    }
}
