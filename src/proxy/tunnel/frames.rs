//! WebSocket frames (RFC 6455 §5.2) as they pass: where one ends, how long a message is, what a control frame of our own looks like.

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
    /// Whole messages. Four bytes: a tunnel that is idle is to be small, and one with so many messages there is none.
    messages: u32,
    /// Whether a close frame has gone by.
    closed: bool,
}

/// What a read has shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Seen {
    /// Messages that began.
    pub(crate) began: u32,
    /// The longest message so far, complete or not, in bytes.
    pub(crate) longest: u64,
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

    /// How many whole messages went by.
    pub(crate) fn messages(&self) -> u64 {
        u64::from(self.messages)
    }

    /// Reads on.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Seen {
        let mut seen = Seen::default();
        let mut at = 0;
        while at < bytes.len() {
            if self.left > 0 {
                let taken = self.left.min((bytes.len() - at) as u64);
                at += taken as usize;
                self.left -= taken;
                if self.left == 0 {
                    self.end();
                }
                continue;
            }
            // A head: two bytes say how long it is.
            let have = usize::from(self.have);
            self.head[have] = bytes[at];
            self.have += 1;
            at += 1;
            if self.have < 2 || self.have < self.length() {
                continue;
            }
            self.begin(&mut seen);
            if self.left == 0 {
                self.end();
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

    fn begin(&mut self, seen: &mut Seen) {
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
        let opcode = self.head[0] & 0x0f;
        self.last = false;
        match opcode {
            0x8 => self.closed = true,
            // Control frames may stand between the frames of a message.
            0x9.. => {}
            _ => {
                if opcode != 0 || !self.within {
                    seen.began += 1;
                    self.message = 0;
                }
                self.within = true;
                self.last = self.head[0] & 0x80 != 0;
                self.message = self.message.saturating_add(length);
                seen.longest = seen.longest.max(self.message);
            }
        }
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.last) {
            self.within = false;
            self.messages = self.messages.saturating_add(1);
        }
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
            let mut began = 0;
            let mut longest = 0;
            for piece in bytes.chunks(size) {
                let seen = walk.read(piece);
                began += seen.began;
                longest = longest.max(seen.longest);
            }
            assert_eq!((walk.messages(), began, longest), (3, 3, 70_200), "{size}");
            assert!(walk.is_between_frames());
        }
    }

    #[test]
    fn nothing_follows_a_close_frame() {
        let mut walk = Walk::default();
        let mut bytes = Vec::new();
        close(1001, To::Client, &mut bytes);
        assert_eq!(bytes, [0x88, 2, 0x03, 0xe9]);
        walk.read(&bytes);
        assert!(walk.is_closed() && !walk.is_between_frames());
    }
}
