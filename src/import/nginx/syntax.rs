//! NGINX's own syntax: text to directives, each with its place, includes followed.
//!
//! An own lexer, on purpose: of the crates, `nginx-config` has had no release for years and refuses every directive that it does not
//! know, and `crossplane`, which NGINX's makers keep up, is Python and Go. The whole syntax is one page; its rules, which differ from
//! what people expect, were seen on the real program (a quote counts only at the beginning of a word, `${` opens no block).

use crate::import::{DirectiveId, Reading};
use crate::source::{FileId, Span};

pub(super) use super::lexer::Word;
use super::lexer::{Fault, Lexer, Token, never_closed};

/// How deep blocks and includes may stand in each other.
const MAX_DEPTH: usize = 32;
/// Blocks whose entries are data and no directives of their own.
const DATA: [&str; 6] = [
    "map",
    "geo",
    "types",
    "split_clients",
    "charset_map",
    "match",
];
/// Files of NGINX's own that say what FastCGI and its like are told. Any other file of such a name may hold what concerns HTTP, as the
/// `proxy_params` of Debian does.
const PARAMS: [&str; 3] = ["fastcgi_params", "uwsgi_params", "scgi_params"];

/// A directive and what stands in its braces.
#[derive(Clone, Debug)]
pub(super) struct Directive {
    /// Its entry in the account; entries of a `map` share that of the map.
    pub(super) id: DirectiveId,
    /// Its name.
    pub(super) name: String,
    /// Its arguments.
    pub(super) args: Vec<Word>,
    /// What stands in its braces; `None` where it has none.
    pub(super) block: Option<Vec<Directive>>,
    /// From its name to the last argument.
    pub(super) at: Span,
}

impl Directive {
    /// The text of an argument; empty past the last.
    pub(super) fn arg(&self, index: usize) -> &str {
        self.args.get(index).map_or("", |word| word.text.as_str())
    }

    /// The texts of all arguments.
    pub(super) fn texts(&self) -> Vec<&str> {
        self.args.iter().map(|word| word.text.as_str()).collect()
    }

    /// What stands in its braces.
    pub(super) fn children(&self) -> &[Self] {
        self.block.as_deref().unwrap_or_default()
    }
}

/// The directives of a file, those of included files in the place of their include. Faults land in the report.
pub(super) fn read(file: FileId, reading: &mut Reading<'_>) -> Vec<Directive> {
    let mut chain = vec![file];
    read_file(file, None, reading, &mut chain)
}

/// Reads a file; `data` is the directive whose data it holds, where it is included among such.
fn read_file(
    file: FileId,
    data: Option<DirectiveId>,
    reading: &mut Reading<'_>,
    chain: &mut Vec<FileId>,
) -> Vec<Directive> {
    let text = reading.text(file).to_owned();
    let mut parser = Parser {
        lexer: Lexer {
            text: &text,
            file,
            at: 0,
        },
        reading,
        chain,
    };
    match parser.block(0, Inside { open: None, data }) {
        Ok(directives) => directives,
        Err(fault) => {
            let diag = reading
                .report
                .error("import::syntax", fault.at)
                .says(fault.says);
            if let Some(help) = fault.help {
                diag.help(help);
            }
            Vec::new()
        }
    }
}

struct Parser<'t, 'r, 'f> {
    lexer: Lexer<'t>,
    reading: &'r mut Reading<'f>,
    chain: &'r mut Vec<FileId>,
}

/// Where a block is.
#[derive(Clone, Copy)]
struct Inside {
    /// Its brace; `None` where it is a file.
    open: Option<usize>,
    /// The directive whose data it holds.
    data: Option<DirectiveId>,
}

impl Parser<'_, '_, '_> {
    fn block(&mut self, depth: usize, inside: Inside) -> Result<Vec<Directive>, Fault> {
        let mut found = Vec::new();
        loop {
            let name = match self.lexer.next()? {
                Token::Word(word) => word,
                Token::Eof => {
                    return match inside.open {
                        Some(open) => Err(never_closed(self.lexer.span(open, open + 1))),
                        None => Ok(found),
                    };
                }
                Token::Close(_) if inside.open.is_some() => return Ok(found),
                Token::Close(at) => {
                    return Err(Fault {
                        at: self.lexer.span(at, at + 1),
                        says: "this `}` closes nothing".to_owned(),
                        help: Some("take it out, or open its block with `{`".to_owned()),
                    });
                }
                Token::Open(at) => {
                    return Err(Fault {
                        at: self.lexer.span(at, at + 1),
                        says: "a block without a name".to_owned(),
                        help: Some("write what the block is, such as `server {`".to_owned()),
                    });
                }
                Token::End => {
                    let at = self.lexer.at;
                    return Err(Fault {
                        at: self.lexer.span(at - 1, at),
                        says: "a `;` that ends nothing".to_owned(),
                        help: Some("take it out".to_owned()),
                    });
                }
            };
            self.directive(name, depth, inside.data, &mut found)?;
        }
    }

    /// A directive from its name on; what an include brings in comes behind it.
    fn directive(
        &mut self,
        name: Word,
        depth: usize,
        data: Option<DirectiveId>,
        found: &mut Vec<Directive>,
    ) -> Result<(), Fault> {
        let mut at = name.at;
        let mut args = Vec::new();
        let open = loop {
            match self.lexer.next()? {
                Token::Word(word) => {
                    at.end = word.at.end;
                    args.push(word);
                }
                Token::End => break None,
                Token::Open(brace) => break Some(brace),
                Token::Close(_) | Token::Eof => {
                    return Err(Fault {
                        at,
                        says: format!("`{}` is not ended", name.text),
                        help: Some("end it with `;`".to_owned()),
                    });
                }
            }
        };
        let is_include = open.is_none() && name.text == "include";
        let id = match data.filter(|_| !is_include) {
            Some(id) => id,
            None => {
                let mut text = name.text.clone();
                for arg in &args {
                    text.push(' ');
                    text.push_str(&arg.text);
                }
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                self.reading.account.add(at, text)
            }
        };
        let block = match open {
            None => None,
            Some(open) if name.text.ends_with("_by_lua_block") => {
                self.lexer.skip_code(open)?;
                Some(Vec::new())
            }
            Some(open) => {
                if depth >= MAX_DEPTH {
                    return Err(Fault {
                        at,
                        says: "blocks stand too deep in each other".to_owned(),
                        help: None,
                    });
                }
                let is_data = data.is_some() || DATA.contains(&name.text.as_str());
                let inside = Inside {
                    open: Some(open),
                    data: is_data.then_some(id),
                };
                Some(self.block(depth + 1, inside)?)
            }
        };
        let directive = Directive {
            id,
            name: name.text,
            args,
            block,
            at,
        };
        if is_include {
            self.include(&directive, data, found)?;
        } else {
            found.push(directive);
        }
        Ok(())
    }

    /// The directives of the files that an include names; `data` is the directive whose data they hold.
    fn include(
        &mut self,
        directive: &Directive,
        data: Option<DirectiveId>,
        found: &mut Vec<Directive>,
    ) -> Result<(), Fault> {
        let pattern = directive.arg(0);
        let account = &mut self.reading.account;
        if pattern.ends_with("mime.types") {
            account.moot(directive.id, "types of static files: a server says its own");
            return Ok(());
        }
        let file = pattern.rsplit('/').next().unwrap_or_default();
        if PARAMS.contains(&file) || pattern.contains("modules-enabled") {
            account.moot(
                directive.id,
                "nothing in it concerns requests that are passed on by HTTP",
            );
            return Ok(());
        }
        if self.chain.len() >= MAX_DEPTH {
            return Err(Fault {
                at: directive.at,
                says: "files include each other too deep, or in a circle".to_owned(),
                help: Some("take the include out that leads back".to_owned()),
            });
        }
        match self.reading.include(pattern) {
            Ok(files) => {
                let says = match files.len() {
                    0 => "no file fits".to_owned(),
                    1 => "1 file read in its place".to_owned(),
                    count => format!("{count} files read in its place"),
                };
                self.reading.account.moot(directive.id, says);
                for file in files {
                    self.chain.push(file);
                    found.extend(read_file(file, data, self.reading, self.chain));
                    self.chain.pop();
                }
            }
            Err(why) => {
                let account = &mut self.reading.account;
                account.lost(directive.id, format!("the file cannot be read: {why}"));
                account.help(
                    directive.id,
                    "put it where the include looks for it, and import again",
                );
            }
        }
        Ok(())
    }
}
