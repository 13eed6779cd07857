//! Where a chunked body ends (RFC 9112 §7.1), byte by byte.

/// What the next byte of a chunked body has to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Chunk {
    /// A digit of a size, or what follows it.
    Size {
        /// The size so far.
        size: u64,
        /// How many digits it has.
        digits: u8,
    },
    /// An extension of a chunk of this size.
    Extension(u64),
    /// The end of the line with this size.
    SizeLf(u64),
    /// Data, so many bytes of it.
    Data(u64),
    /// The end of data.
    DataCr,
    /// The end of data.
    DataLf,
    /// The start of a trailer line; an empty one is the end.
    Trailer,
    /// A trailer line.
    InTrailer,
    /// The end of a trailer line.
    TrailerLf,
    /// The end of the body.
    EndLf,
}

/// How long a chunk size may be, in digits: 16 are 64 bits.
const DIGITS: u8 = 15;

impl Chunk {
    /// The start of a body.
    pub(crate) const START: Self = Self::Size { size: 0, digits: 0 };

    /// Reads on: what comes next (`None` behind the end) and how many bytes were read.
    ///
    /// # Errors
    /// It is no chunked body.
    pub(crate) fn read(self, bytes: &[u8]) -> Result<(Option<Self>, usize), ()> {
        if let Self::Data(left) = self {
            let taken = left.min(bytes.len() as u64);
            let next = match left - taken {
                0 => Self::DataCr,
                left => Self::Data(left),
            };
            return Ok((Some(next), taken as usize));
        }
        let byte = bytes[0];
        let next = match (self, byte) {
            (Self::Size { digits: DIGITS, .. }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                return Err(());
            }
            (Self::Size { size, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let value = match byte {
                    b'0'..=b'9' => byte - b'0',
                    _ => (byte | 0x20) - b'a' + 10,
                };
                Self::Size {
                    size: size << 4 | u64::from(value),
                    digits: digits + 1,
                }
            }
            (Self::Size { size, digits: 1.. }, b'\r') => Self::SizeLf(size),
            (Self::Size { size, digits: 1.. }, b';') => Self::Extension(size),
            (Self::Extension(size), b'\r') => Self::SizeLf(size),
            (Self::Extension(size), b'\t' | b' '..=b'~' | 0x80..) => Self::Extension(size),
            (Self::SizeLf(0), b'\n') => Self::Trailer,
            (Self::SizeLf(size), b'\n') => Self::Data(size),
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::START,
            (Self::Trailer, b'\r') => Self::EndLf,
            (Self::Trailer | Self::InTrailer, b'\t' | b' '..=b'~' | 0x80..) => Self::InTrailer,
            (Self::InTrailer, b'\r') => Self::TrailerLf,
            (Self::TrailerLf, b'\n') => Self::Trailer,
            (Self::EndLf, b'\n') => return Ok((None, 1)),
            _ => return Err(()),
        };
        Ok((Some(next), 1))
    }
}
