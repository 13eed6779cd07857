//! The pieces of an NGINX file: directives, blocks, and variables with generated names.

use rustc_hash::FxHashMap as HashMap;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::emit::lang::nginx::{self, NGINX};
use crate::emit::{Line, Part, Tok};
use crate::ir::{Dur, Loc, Size};

/// One directive: `name args…;`. A template sees it as one token.
#[derive(Debug, Clone)]
pub(super) struct Directive {
    /// The whole of it, without its semicolon and origin.
    row: Tok,
    at: Option<Loc>,
}

impl Directive {
    /// A directive; `name` may hold fixed arguments too.
    pub(super) fn new(name: &'static str, args: Vec<Tok>) -> Self {
        let row = args
            .iter()
            .fold(Line::new(&NGINX, name), |line, arg| line.tok(arg))
            .end();
        Self { row, at: None }
    }

    /// A directive without user's text.
    pub(super) fn fixed(text: &'static str) -> Self {
        Self {
            row: Tok::fixed(text),
            at: None,
        }
    }

    /// An entry of a `map` or `geo`: a key and its value.
    pub(super) fn entry(key: Tok, value: Tok) -> Self {
        Self {
            row: Tok::row([&key, &value], None),
            at: None,
        }
    }

    /// The place of the spec that the line stems from.
    #[must_use]
    pub(super) fn at(mut self, at: Loc) -> Self {
        self.at = Some(at);
        self
    }

    /// The directive as one token, without its semicolon.
    pub(super) fn row(&self) -> Tok {
        match self.at {
            Some(_) => Tok::row([&self.row], self.at),
            None => self.row.clone(),
        }
    }

    /// Whether two directives say the same, wherever they stem from.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.row == other.row
    }

    /// How many characters it takes.
    pub(super) fn width(&self) -> usize {
        self.row.as_str().len() + 2
    }

    pub(super) fn key(&self) -> String {
        format!("{};", self.row.as_str())
    }
}

impl Serialize for Directive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.row().serialize(serializer)
    }
}

/// Directives on one line.
pub(super) fn body(lines: &[Directive]) -> Tok {
    let end = Tok::fixed(";");
    Tok::joined(lines.iter().map(|line| (line.row(), &end)))
}

/// A block without blocks inside: `map`, `geo`, `upstream`, `if`. A template sees its `head`, one token, and its `lines`.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) name: Tok,
    pub(super) args: Vec<Tok>,
    pub(super) lines: Vec<Directive>,
    pub(super) at: Option<Loc>,
}

impl Serialize for Block {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut block = serializer.serialize_struct("Block", 3)?;
        // One line in a branch stands beside it.
        if let [one] = self.lines.as_slice() {
            block.serialize_field("body", &body(std::slice::from_ref(one)))?;
        } else {
            block.serialize_field("body", &false)?;
        }
        block.serialize_field(
            "head",
            &Tok::row(std::iter::once(&self.name).chain(&self.args), self.at),
        )?;
        block.serialize_field("lines", &self.lines)?;
        block.end()
    }
}

impl Block {
    /// `if (test) { lines }`; the test is a variable.
    pub(super) fn branch(test: &str, lines: Vec<Directive>) -> Self {
        Self {
            name: variable(test),
            args: Vec::new(),
            lines,
            at: None,
        }
    }

    #[must_use]
    pub(super) fn at(mut self, at: Loc) -> Self {
        self.at = Some(at);
        self
    }
}

/// The blocks that make variables, at the level of `http`; equal ones are written once.
#[derive(Debug, Default)]
pub(super) struct Vars {
    pub(super) blocks: Vec<Block>,
    known: HashMap<String, String>,
}

impl Vars {
    /// The name, without `$`, of a variable that a block of this kind makes: a new block, or an equal one.
    pub(super) fn make(
        &mut self,
        kind: &'static str,
        source: &str,
        about: &str,
        lines: Vec<Directive>,
        at: Loc,
    ) -> String {
        let mut key = format!("{kind} {source} ");
        for line in &lines {
            key.push_str(&line.key());
        }
        let next = self.known.len() + 1;
        if let Some(name) = self.known.get(&key) {
            return name.clone();
        }
        let name = format!("wg_{about}_{next}");
        self.blocks.push(Block {
            name: Tok::fixed(kind),
            args: vec![nginx::word(source), variable(&name)],
            lines,
            at: Some(at),
        });
        self.known.insert(key, name.clone());
        name
    }

    /// A `map`.
    pub(super) fn map(
        &mut self,
        source: &str,
        about: &str,
        lines: Vec<Directive>,
        at: Loc,
    ) -> String {
        self.make("map", source, about, lines, at)
    }

    /// A variable that is `1` where a regex matches, else empty.
    pub(super) fn test(&mut self, source: &str, about: &str, regex: &str, at: Loc) -> String {
        let lines = vec![entry_regex(regex, Tok::fixed("1")), default("")];
        self.map(source, about, lines, at)
    }
}

/// `default value;`; the value is fixed text of the program and may hold variables.
pub(super) fn default(value: &str) -> Directive {
    Directive::entry(Tok::fixed("default"), nginx::word(value))
}

/// `"~regex" value;`
pub(super) fn entry_regex(regex: &str, value: Tok) -> Directive {
    Directive::entry(nginx::token(&[Part::Static("~"), Part::Word(regex)]), value)
}

/// `$name`
pub(super) fn variable(name: &str) -> Tok {
    nginx::token(&[Part::Static("$"), Part::Name(name)])
}

/// Text of the program, in which variables count.
pub(super) fn word(text: &str) -> Tok {
    nginx::word(text)
}

/// A user's text, made inert, for a token that is put together elsewhere.
pub(super) fn inert(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    (NGINX.inert)(text, &mut out);
    out
}

/// A duration; NGINX takes the same units.
pub(super) fn dur(dur: Dur) -> Tok {
    nginx::word(&dur_text(dur))
}

/// A duration in whole units, `ms` where it has to be.
pub(super) fn dur_text(dur: Dur) -> String {
    let millis = dur.as_millis();
    if !dur.is_whole_secs() {
        return format!("{millis}ms");
    }
    let secs = millis / 1000;
    match secs {
        _ if secs.is_multiple_of(86400) => format!("{}d", secs / 86400),
        _ if secs.is_multiple_of(3600) => format!("{}h", secs / 3600),
        _ if secs.is_multiple_of(60) => format!("{}m", secs / 60),
        _ => format!("{secs}s"),
    }
}

/// A size in NGINX's units.
pub(super) fn size(size: Size) -> Tok {
    nginx::word(&bytes_text(size.as_bytes()))
}

pub(super) fn bytes_text(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 20) => format!("{}m", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{}k", bytes >> 10),
        _ => bytes.to_string(),
    }
}

/// Whether a name can stand in `$http_…`, `$arg_…`, `$cookie_…`.
pub(super) fn is_variable_part(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The variable of a request header, without `$`; a name that no variable can have is a header that is never there.
pub(super) fn header_variable(name: &str) -> String {
    let part: String = name
        .chars()
        .map(|c| match c {
            '-' => '_',
            c => c.to_ascii_lowercase(),
        })
        .collect();
    if is_variable_part(&part) {
        format!("http_{part}")
    } else {
        "wg_none".to_owned()
    }
}

/// The variable of a header of a server's answer, without `$`.
pub(super) fn answer_variable(name: &str) -> String {
    match header_variable(name) {
        none if none == "wg_none" => none,
        sent => format!("upstream_{sent}"),
    }
}
