//! Where requests of an HTTP/1 connection begin and end, read as strictly as RFC 9112 asks (§2.2, §5, §6, §7.1): what two readers could
//! read differently is refused, so that no request hides in another one.

use crate::proxy::client::chunks::Chunk;
use crate::proxy::client::reading::{Reading, Step};

/// What the bytes of a read are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// They may go on, but for the start of a head that is not complete, which is kept.
    Pass {
        /// The first byte that is kept.
        at: usize,
    },
    /// A head that asks for an upgrade ends before `at`; what follows is held back.
    Upgrade {
        /// The first byte that is held back.
        at: usize,
    },
    /// What starts at `at` is refused, and the connection with it.
    Refuse {
        /// The first byte that does not go on.
        at: usize,
    },
}

/// Why a connection is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bad {
    /// It is no request, or two readers could read it differently: 400.
    Malformed,
    /// The head is larger than it may be: 431.
    TooLarge,
}

impl Bad {
    /// Bytes that hyper, which takes at most so many lines in a head, answers with the status that fits, and then closes.
    pub(crate) fn bait(self, lines: usize) -> Vec<u8> {
        match self {
            Self::Malformed => b"\0\r\n\r\n".to_vec(),
            Self::TooLarge => {
                format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(lines + 1)).into()
            }
        }
    }
}

/// The reader.
#[derive(Debug)]
pub(crate) struct Framing {
    state: State,
    head_limit: usize,
    most_lines: usize,
    /// A head whose end has not come, and how far it was read.
    partial: Vec<u8>,
    reading: Reading,
    /// The start of a head that came earlier than its end: it goes on first.
    kept: Vec<u8>,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// A head.
    Head,
    /// A body of which so many bytes are left.
    Length(u64),
    /// A chunked body.
    Chunked(Chunk),
    /// Whatever the answer to an upgrade makes of it.
    Held,
    /// Nothing.
    Refused(Bad),
}

impl Framing {
    /// A connection whose heads may have `head_limit` bytes, and `most_lines` lines.
    pub(crate) fn new(head_limit: usize, most_lines: usize) -> Self {
        Self {
            state: State::Head,
            head_limit,
            most_lines,
            partial: Vec::new(),
            reading: Reading::default(),
            kept: Vec::new(),
        }
    }

    /// What came before and goes on before what [`Framing::watch`] has just seen.
    pub(crate) fn kept(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.kept)
    }

    /// Whether the last byte ended a request, or none has come.
    pub(crate) fn is_between_requests(&self) -> bool {
        self.state == State::Head && self.partial.is_empty()
    }

    /// Whether a head has begun and is not complete.
    pub(crate) fn is_in_head(&self) -> bool {
        self.state == State::Head && !self.partial.is_empty()
    }

    /// Whether what follows waits for the answer to an upgrade.
    pub(crate) fn is_held(&self) -> bool {
        self.state == State::Held
    }

    /// The upgrade was refused: HTTP goes on.
    pub(crate) fn release(&mut self) {
        if self.is_held() {
            self.state = State::Head;
        }
    }

    /// Why the connection is refused, if it is.
    pub(crate) fn refused(&self) -> Option<Bad> {
        match self.state {
            State::Refused(bad) => Some(bad),
            _ => None,
        }
    }

    /// Reads on.
    pub(crate) fn watch(&mut self, bytes: &[u8]) -> Verdict {
        let mut at = 0;
        while at < bytes.len() {
            match self.state {
                State::Head => {
                    let begun = self.partial.len();
                    let (length, end) = match self.head(&bytes[at..]) {
                        Step::More => return Verdict::Pass { at },
                        Step::Bad(bad) => {
                            self.state = State::Refused(bad);
                            return Verdict::Refuse { at };
                        }
                        Step::Head(..) if self.reading.lines() > self.most_lines => {
                            self.state = State::Refused(Bad::TooLarge);
                            return Verdict::Refuse { at };
                        }
                        Step::Head(next, length) => (length, next),
                    };
                    at += length - begun;
                    self.state = end;
                    if begun > 0 {
                        self.kept = std::mem::take(&mut self.partial);
                    }
                    if end == State::Held {
                        return Verdict::Upgrade { at };
                    }
                }
                State::Length(left) => {
                    let taken = left.min((bytes.len() - at) as u64);
                    at += taken as usize;
                    self.state = match left - taken {
                        0 => State::Head,
                        left => State::Length(left),
                    };
                }
                State::Chunked(chunk) => match chunk.read(&bytes[at..]) {
                    Ok((next, taken)) => {
                        self.state = next.map_or(State::Head, State::Chunked);
                        at += taken;
                    }
                    Err(()) => {
                        self.state = State::Refused(Bad::Malformed);
                        return Verdict::Refuse { at };
                    }
                },
                State::Held => return Verdict::Upgrade { at },
                State::Refused(_) => return Verdict::Refuse { at },
            }
        }
        Verdict::Pass { at }
    }

    fn head(&mut self, bytes: &[u8]) -> Step {
        let begun = self.partial.len();
        if begun == 0 {
            self.reading = Reading::default();
            let step = self.reading.on(bytes).within(self.head_limit, bytes);
            if matches!(step, Step::More) {
                self.partial.extend_from_slice(bytes);
            }
            return step;
        }
        let room = (self.head_limit + 1).saturating_sub(begun);
        self.partial
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        let step = self.reading.on(&self.partial);
        let step = step.within(self.head_limit, &self.partial);
        if let Step::Head(..) = step {
            // `watch` counts from what had come before.
            self.partial.truncate(begun);
        }
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads in one piece and byte by byte: both must agree.
    fn read(text: &str) -> (Option<Bad>, bool) {
        let mut whole = Framing::new(1024, 100);
        whole.watch(text.as_bytes());
        let mut pieces = Framing::new(1024, 100);
        for byte in text.as_bytes().chunks(1) {
            if !matches!(pieces.watch(byte), Verdict::Pass { .. }) {
                break;
            }
        }
        assert_eq!(whole.state, pieces.state, "{text:?}");
        (
            whole.refused(),
            whole.state == State::Head && whole.partial.is_empty(),
        )
    }

    #[test]
    fn requests_end_where_they_say() {
        for good in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\nContent-Length: 3\r\n\r\nabc",
            "POST / HTTP/1.1\r\nhost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: chunked\r\n\r\nA;x=y\r\n0123456789\r\n0\r\nx: y\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
        ] {
            assert_eq!(read(good), (None, true), "{good:?}");
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for bad in [
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
        ] {
            assert_eq!(read(bad).0, Some(Bad::Malformed), "{bad:?}");
        }
        let long = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n",
            "y".repeat(1024)
        );
        assert_eq!(read(&long).0, Some(Bad::TooLarge));
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a:\r\n".repeat(100));
        assert_eq!(read(&many).0, Some(Bad::TooLarge));
    }

    #[test]
    fn a_head_goes_on_when_it_is_complete() {
        let mut framing = Framing::new(1024, 100);
        let first = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HT";
        assert_eq!(
            framing.watch(first),
            Verdict::Pass {
                at: first.len() - 9
            }
        );
        assert_eq!(framing.watch(b"TP/1.1\r\n"), Verdict::Pass { at: 0 });
        assert_eq!(framing.watch(b"Host: a\r\n\r\n"), Verdict::Pass { at: 11 });
        assert_eq!(framing.kept(), b"GET /b HTTP/1.1\r\n");
        assert!(framing.kept().is_empty());
    }

    /// Letter by letter, each line of it is read once: else its length counts twice.
    #[test]
    fn a_head_in_pieces_costs_what_a_whole_one_does() {
        let head = format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            "a:\r\n".repeat(30_000)
        );
        let start = std::time::Instant::now();
        let mut framing = Framing::new(1 << 20, 1 << 20);
        for piece in head.as_bytes().chunks(4) {
            framing.watch(piece);
        }
        assert!(framing.is_between_requests());
        assert!(start.elapsed() < std::time::Duration::from_secs(2));
    }

    #[test]
    fn what_follows_an_upgrade_is_held() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";
        let mut framing = Framing::new(1024, 100);
        let verdict = framing.watch(format!("{head}frames").as_bytes());
        assert_eq!(verdict, Verdict::Upgrade { at: head.len() });
        assert!(framing.is_held());
        framing.release();
        let next = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(framing.watch(next), Verdict::Pass { at: next.len() });
    }
}
