//! Source texts: files by number, spans by byte, and lines and columns for people.

use std::sync::Arc;

/// A file by number, in the order in which [`Sources::add`] met it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
pub struct FileId(pub u16);

/// A range of bytes in one file; `end` is exclusive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
pub struct Span {
    /// The file that the bytes stand in.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// The id of a node of a [`Tree`](crate::spec::yaml::Tree); 0 stands for the whole document.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, serde::Serialize)]
pub struct Loc(pub u32);

/// One text that was read, under the name that diagnostics show.
#[derive(Debug, Clone)]
pub struct Source {
    /// As shown: `chat.yaml`, `<stdin>`.
    pub name: String,
    /// The whole text, without a byte order mark.
    pub text: Arc<str>,
    starts: Vec<u32>,
}

/// Every text of one run.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// No files yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a text in. At most 65,535 files; texts past 4 GiB are cut there, since spans count in 32 bits.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let mut text: String = text.into();
        if u32::try_from(text.len()).is_err() {
            let end = (0..=u32::MAX as usize)
                .rev()
                .find(|at| text.is_char_boundary(*at));
            text.truncate(end.unwrap_or(0));
        }
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at as u32 + 1))
            .collect();
        self.files.push(Source {
            name: name.into(),
            text: text.into(),
            starts,
        });
        FileId(u16::try_from(self.files.len() - 1).unwrap_or(u16::MAX))
    }

    /// The file, if it was added.
    pub fn find(&self, file: FileId) -> Option<&Source> {
        self.files.get(usize::from(file.0))
    }

    /// The file.
    ///
    /// # Panics
    /// When `file` did not come from this `Sources`.
    pub fn get(&self, file: FileId) -> &Source {
        self.find(file)
            .expect("a FileId comes from the Sources that it is used with")
    }

    /// Every file in the order of [`Sources::add`].
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &Source)> {
        (0..).map(FileId).zip(&self.files)
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub fn line_col(&self, file: FileId, byte: u32) -> (u32, u32) {
        self.find(file)
            .map_or((1, 1), |source| source.line_col(byte))
    }

    /// The text that a span covers.
    pub fn slice(&self, span: Span) -> &str {
        self.find(span.file)
            .and_then(|source| source.text.get(span.start as usize..span.end as usize))
            .unwrap_or("")
    }
}

impl Source {
    /// Line and column of a byte, both from 1, the column in characters.
    pub fn line_col(&self, byte: u32) -> (u32, u32) {
        let line = self.starts.partition_point(|start| *start <= byte).max(1);
        let start = self.starts[line - 1] as usize;
        let end = (byte as usize).min(self.text.len());
        let column = self.text.as_bytes()[start.min(end)..end]
            .iter()
            .filter(|byte| **byte & 0xC0 != 0x80)
            .count();
        (line as u32, column as u32 + 1)
    }

    /// How many lines the text has; an empty text has one.
    pub fn lines(&self) -> u32 {
        self.starts.len() as u32
    }

    /// The bytes of a line (from 1), its line break left out; empty past the end.
    pub fn line_range(&self, line: u32) -> std::ops::Range<u32> {
        let at = |line: u32| self.starts.get(line as usize).copied();
        let Some(start) = line.checked_sub(1).and_then(at) else {
            let end = self.text.len() as u32;
            return end..end;
        };
        let next = at(line).unwrap_or(self.text.len() as u32);
        let text = &self.text[start as usize..next as usize];
        start..start + text.trim_end_matches(['\n', '\r']).len() as u32
    }
}

/// Where a file stopped being UTF-8.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotUtf8 {
    /// Offset of the first byte that is not UTF-8, from 0.
    pub byte: usize,
    /// That byte.
    pub value: u8,
    /// Its line, from 1.
    pub line: usize,
    /// What the file seems to be, when its first bytes tell (`UTF-16`).
    pub looks_like: Option<&'static str>,
}

/// Bytes as text: UTF-8, a byte order mark left out.
///
/// # Errors
/// The first byte that is not UTF-8.
pub fn decode(bytes: Vec<u8>) -> Result<String, NotUtf8> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(match text.strip_prefix('\u{FEFF}') {
            Some(rest) => rest.to_owned(),
            None => text,
        }),
        Err(error) => {
            let byte = error.utf8_error().valid_up_to();
            let bytes = error.as_bytes();
            Err(NotUtf8 {
                byte,
                value: bytes.get(byte).copied().unwrap_or(0),
                line: bytes
                    .iter()
                    .take(byte)
                    .filter(|byte| **byte == b'\n')
                    .count()
                    + 1,
                looks_like: match bytes {
                    [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("UTF-16"),
                    _ => None,
                },
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let mut sources = Sources::new();
        let file = sources.add("a", "é: x\r\nsecond");
        assert_eq!(sources.line_col(file, 0), (1, 1));
        assert_eq!(sources.line_col(file, 4), (1, 4));
        assert_eq!(sources.line_col(file, 7), (2, 1));
        assert_eq!(sources.line_col(file, 999), (2, 7));
        assert_eq!(sources.get(file).line_range(1), 0..5);
        assert_eq!(sources.get(file).line_range(9), 13..13);
    }

    #[test]
    fn decoding_names_the_byte() {
        assert_eq!(
            decode(b"\xEF\xBB\xBFwsgen: 1".to_vec()).as_deref(),
            Ok("wsgen: 1")
        );
        let fault = decode(b"a: 1\nb: \xFF".to_vec()).expect_err("not UTF-8");
        assert_eq!((fault.byte, fault.value, fault.line), (8, 0xFF, 2));
        assert_eq!(
            decode(b"\xFF\xFEw\0".to_vec())
                .expect_err("not UTF-8")
                .looks_like,
            Some("UTF-16")
        );
    }
}
