//! WebSocket frames (RFC 6455 §5.2) as they pass: where one ends, how long a message is, what a control frame of our own looks like.

use crate::proxy::tunnel::watch::End;

/// Reads the heads of frames in one direction and skips what they carry.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// The bytes of a head that is not complete.
    head: [u8; 14],
    have: u8,
    /// Bytes of the frame that are still to come.
    left: u64,
    /// Bytes of the message so far.
    message: u64,
    /// Whether a frame of a message has come and its last has not.
    within: bool,
    /// Whether the frame that is under way is the last of its message.
    last: bool,
    /// Whether a close frame has gone by.
    closed: bool,
}

/// A frame of a message that begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Start {
    /// Whether the message begins with it.
    pub(crate) first: bool,
    /// Whether it stands where none of its kind may: a new message within another one, or more of none (RFC 6455 §5.4).
    pub(crate) misplaced: bool,
    /// The message so far with all of it, in bytes.
    pub(crate) message: u64,
}

/// What a read has shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Seen {
    /// Messages that ended.
    pub(crate) messages: u64,
    /// The first frame that was not to pass.
    pub(crate) stop: Option<Stop>,
}

/// A frame that does not pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stop {
    /// Why.
    pub(crate) why: End,
    /// How many bytes of the read come before it.
    pub(crate) at: usize,
    /// Whether all before it ended with a frame: the start of it may have come with an earlier read.
    pub(crate) clean: bool,
}

impl Walk {
    /// Whether the last byte that went by ended a frame: another one may be put here. None may follow a close frame.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.have == 0 && self.left == 0 && !self.closed
    }

    /// Whether a close frame has gone by.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// How many bytes are still missing until the frame under way ends, as far as is known.
    pub(crate) fn wanted(&self) -> usize {
        match (self.left, self.have) {
            (0, 0 | 1) => 2 - usize::from(self.have),
            (0, have) => usize::from(self.length() - have),
            (left, _) => usize::try_from(left).unwrap_or(usize::MAX),
        }
    }

    /// Reads on. What a frame that begins is refused for ends the rest of the read too; it is walked through all the same.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        mut refused: impl FnMut(Start) -> Option<End>,
    ) -> Seen {
        let mut seen = Seen::default();
        let mut at = 0;
        // Where the head under way begins, if it does in this read.
        let mut start = None;
        while at < bytes.len() {
            if self.left > 0 {
                let taken = self.left.min((bytes.len() - at) as u64);
                at += taken as usize;
                self.left -= taken;
                if self.left == 0 {
                    seen.messages += self.end();
                }
                continue;
            }
            // A head: two bytes say how long it is.
            let have = usize::from(self.have);
            if have == 0 {
                start = Some(at);
            }
            self.head[have] = bytes[at];
            self.have += 1;
            at += 1;
            if self.have < 2 || self.have < self.length() {
                continue;
            }
            if let Some(frame) = self.begin()
                && seen.stop.is_none()
                && let Some(why) = refused(frame)
            {
                seen.stop = Some(Stop {
                    why,
                    at: start.unwrap_or(0),
                    clean: start.is_some(),
                });
            }
            if self.left == 0 {
                seen.messages += self.end();
            }
        }
        seen
    }

    /// How long the head is.
    fn length(&self) -> u8 {
        let mask = if self.head[1] & 0x80 == 0 { 0 } else { 4 };
        2 + mask
            + match self.head[1] & 0x7f {
                126 => 2,
                127 => 8,
                _ => 0,
            }
    }

    fn begin(&mut self) -> Option<Start> {
        let long = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        let length = match self.head[1] & 0x7f {
            126 => long(&self.head[2..4]),
            127 => long(&self.head[2..10]),
            short => u64::from(short),
        };
        self.have = 0;
        self.left = length;
        self.last = false;
        let first = match self.head[0] & 0x0f {
            0x8 => {
                self.closed = true;
                return None;
            }
            // Control frames may stand between the frames of a message.
            0x9.. => return None,
            opcode => opcode != 0,
        };
        let misplaced = first == self.within;
        let message = if first || misplaced { 0 } else { self.message };
        self.message = message.saturating_add(length);
        self.within = true;
        self.last = self.head[0] & 0x80 != 0;
        Some(Start {
            first: first || misplaced,
            misplaced,
            message: self.message,
        })
    }

    /// The frame under way ended: how many messages did with it.
    fn end(&mut self) -> u64 {
        if std::mem::take(&mut self.last) {
            self.within = false;
            return 1;
        }
        0
    }
}

/// Who a frame of our own goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum To {
    /// A client: unmasked.
    Client,
    /// A server: masked, as a client's would be.
    Server,
}

/// A close frame.
pub(crate) fn close(code: u16, to: To, frame: &mut Vec<u8>) {
    control(0x8, &code.to_be_bytes(), to, frame);
}

/// A ping.
pub(crate) fn ping(to: To, frame: &mut Vec<u8>) {
    control(0x9, b"", to, frame);
}

fn control(opcode: u8, payload: &[u8], to: To, frame: &mut Vec<u8>) {
    frame.push(0x80 | opcode);
    match to {
        To::Client => {
            frame.push(payload.len() as u8);
            frame.extend_from_slice(payload);
        }
        To::Server => {
            frame.push(0x80 | payload.len() as u8);
            let mask = (crate::proxy::random::random() as u32).to_be_bytes();
            frame.extend_from_slice(&mask);
            frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, length: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut bytes = vec![first];
        match length {
            0..=125 => bytes.push(mask | length as u8),
            126..=65535 => {
                bytes.push(mask | 126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        if masked {
            bytes.extend_from_slice(&[1, 2, 3, 4]);
        }
        bytes.resize(bytes.len() + length, 7);
        bytes
    }

    #[test]
    fn messages_are_counted_however_they_are_cut() {
        let mut bytes = Vec::new();
        bytes.extend(frame(0x81, 5, true));
        bytes.extend(frame(0x02, 200, true));
        bytes.extend(frame(0x89, 4, true));
        bytes.extend(frame(0x80, 70_000, true));
        bytes.extend(frame(0x82, 0, false));
        for size in [1, 2, 3, 7, 100, bytes.len()] {
            let mut walk = Walk::default();
            let mut messages = 0;
            let mut began = 0;
            let mut longest = 0;
            for piece in bytes.chunks(size) {
                let seen = walk.read(piece, |start| {
                    assert!(!start.misplaced);
                    began += u32::from(start.first);
                    longest = longest.max(start.message);
                    None
                });
                messages += seen.messages;
            }
            assert_eq!((messages, began, longest), (3, 3, 70_200), "{size}");
            assert!(walk.is_between_frames());
        }
    }

    #[test]
    fn nothing_follows_a_close_frame() {
        let mut walk = Walk::default();
        let mut bytes = Vec::new();
        close(1001, To::Client, &mut bytes);
        assert_eq!(bytes, [0x88, 2, 0x03, 0xe9]);
        walk.read(&bytes, |_| None);
        assert!(walk.is_closed() && !walk.is_between_frames());
    }

    #[test]
    fn what_stands_before_a_refused_frame_passes() {
        let good = [frame(0x81, 5, true), frame(0x89, 1, true)].concat();
        let long = |start: Start| (start.message > 10).then_some(End::TooLong);
        let misplaced = |start: Start| start.misplaced.then_some(End::Malformed);
        let bad = [good.clone(), frame(0x81, 11, true), frame(0x81, 1, true)].concat();
        let seen = Walk::default().read(&bad, long);
        let stop = Stop {
            why: End::TooLong,
            at: good.len(),
            clean: true,
        };
        assert_eq!((seen.messages, seen.stop), (3, Some(stop)));
        // Its head came in two pieces: the first is gone already.
        let mut walk = Walk::default();
        assert_eq!(walk.read(&bad[..=good.len()], long).stop, None);
        let seen = walk.read(&bad[good.len() + 1..], long);
        let stop = seen.stop.expect("too long");
        assert_eq!((stop.at, stop.clean), (0, false));
        for (pieces, at) in [
            ([frame(0x01, 2, true), frame(0x81, 2, true)], Some(8)),
            ([frame(0x81, 2, true), frame(0x80, 2, true)], Some(8)),
            ([frame(0x01, 2, true), frame(0x80, 2, true)], None),
        ] {
            let seen = Walk::default().read(&pieces.concat(), misplaced);
            assert_eq!(seen.stop.map(|stop| stop.at), at, "{pieces:?}");
        }
    }
}
