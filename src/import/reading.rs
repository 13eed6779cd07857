//! What a reader works with: the texts, where included ones come from, the account and the draft.

use crate::compile::Input;
use crate::diag::Report;
use crate::source::{FileId, Sources, Span, decode};

use super::{Account, Draft};

/// The most bytes that all files of a configuration may have together.
pub const MAX_BYTES: usize = 16 << 20;
/// The most files that a configuration may have.
pub const MAX_FILES: usize = 1000;

/// Where included files come from.
pub trait Folder {
    /// The files that a pattern of an include names, in the order of their names; none where the pattern has wildcards and
    /// nothing fits.
    ///
    /// # Errors
    /// Why the file that is named cannot be read.
    fn include(&self, pattern: &str) -> Result<Vec<Input>, String>;
}

/// No file is there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Folder for Nothing {
    fn include(&self, _: &str) -> Result<Vec<Input>, String> {
        Err("it is not there".to_owned())
    }
}

/// An import under way.
pub struct Reading<'a> {
    /// The texts read so far.
    pub sources: Sources,
    /// Faults of the original.
    pub report: Report,
    /// What becomes of its directives.
    pub account: Account,
    /// The spec that comes of it.
    pub draft: Draft,
    folder: &'a dyn Folder,
    bytes: usize,
}

impl<'a> Reading<'a> {
    /// Nothing read yet.
    pub fn new(folder: &'a dyn Folder) -> Self {
        Self {
            sources: Sources::new(),
            report: Report::new(),
            account: Account::default(),
            draft: Draft::default(),
            folder,
            bytes: 0,
        }
    }

    /// Takes a file's text in; `None` where it is no text or too large, which the report says.
    pub fn add(&mut self, input: Input) -> Option<FileId> {
        let Input { name, bytes } = input;
        self.bytes = self.bytes.saturating_add(bytes.len());
        let refused = if self.bytes > MAX_BYTES {
            Some(format!(
                "the configuration is larger than {} MiB",
                MAX_BYTES >> 20
            ))
        } else if self.sources.iter().count() >= MAX_FILES {
            Some(format!("the configuration has more than {MAX_FILES} files"))
        } else {
            None
        };
        if let Some(why) = refused {
            let file = self.sources.add(name, String::new());
            self.report
                .error("import::size", super::start(file))
                .says(why)
                .help("import the part that leads requests to servers");
            return None;
        }
        match decode(bytes) {
            Ok(text) => {
                let bad = text
                    .char_indices()
                    .find(|(_, c)| *c == '\0' || ('\u{E000}'..='\u{F8FF}').contains(c));
                let file = self.sources.add(name, text);
                let Some((at, bad)) = bad else {
                    return Some(file);
                };
                let span = Span {
                    file,
                    start: at as u32,
                    end: (at + bad.len_utf8()) as u32,
                };
                self.report
                    .error("import::character", span)
                    .says(format!(
                        "the character U+{:04X} stands in no configuration",
                        bad as u32
                    ))
                    .help("import a text file, and take the character out");
                None
            }
            Err(fault) => {
                let looks = fault.looks_like.map_or_else(String::new, |encoding| {
                    format!("; it looks like {encoding}")
                });
                let shown = name.clone();
                let file = self.sources.add(name, String::new());
                self.report
                    .error("import::utf8", super::start(file))
                    .says(format!(
                        "byte {} (0x{:02X}) in line {} of {shown} is not UTF-8{looks}",
                        fault.byte, fault.value, fault.line
                    ))
                    .help("save the file as UTF-8");
                None
            }
        }
    }

    /// The files that an include names, taken in; a file that is no text is left out, which the report says.
    ///
    /// # Errors
    /// Why the file that is named cannot be read.
    pub fn include(&mut self, pattern: &str) -> Result<Vec<FileId>, String> {
        if self.bytes > MAX_BYTES || self.sources.iter().count() > MAX_FILES {
            // The report says it already; no further file is read.
            return Ok(Vec::new());
        }
        let inputs = self.folder.include(pattern)?;
        Ok(inputs
            .into_iter()
            .filter_map(|input| self.add(input))
            .collect())
    }

    /// A file's text.
    pub fn text(&self, file: FileId) -> &str {
        self.sources
            .find(file)
            .map_or("", |source| source.text.as_ref())
    }
}
