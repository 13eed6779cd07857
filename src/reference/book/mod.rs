//! `docs/reference` as files: the language block by block, features, rules and codes; pages link to each other by anchors.

mod features;
mod language;
mod reports;

use std::fmt::Write as _;

use crate::spec::fields;

use super::field::first_sentence;

/// Says who writes a page.
pub const MADE: &str =
    "<!-- Made from the code: `WSGEN_BLESS=1 cargo test --test it docs` writes it anew. -->\n\n";

/// Every page: its file's name and its text. The command line's page is not here: the library knows no commands.
pub fn pages() -> Vec<(String, String)> {
    let all = fields::all();
    let mut pages = vec![("README.md".to_owned(), index(&all))];
    for block in language::blocks(&all) {
        pages.push((format!("{}.md", block.path), language::page(block, &all)));
    }
    pages.push(("features.md".to_owned(), features::page(&all)));
    pages.push(("rules.md".to_owned(), reports::rules()));
    pages.push(("codes.md".to_owned(), reports::codes()));
    for (_, text) in &mut pages {
        text.insert_str(0, MADE);
    }
    pages
}

fn index(all: &[fields::Field]) -> String {
    let mut out = String::from(
        "# Reference\n\n\
         Every field with its meaning, kind, default, bounds and example; what each target does with it is one click further.\n\n\
         | block | says |\n|---|---|\n",
    );
    for block in language::blocks(all) {
        let _ = writeln!(
            out,
            "| [`{0}`]({0}.md) | {1} |",
            block.path,
            cell(first_sentence(&block.doc))
        );
    }
    out.push_str("\nA few fields stand beside the blocks:\n\n");
    for field in language::alone(all) {
        let _ = writeln!(out, "- `{}`: {}; {}", field.path, field.kind, field.doc);
    }
    out.push_str(
        "\n## Beyond the language\n\n\
         | page | says |\n|---|---|\n\
         | [features](features.md) | what a field asks a target for, and what each target does |\n\
         | [matrix](../matrix.md) | the same by target, with the versions on which it was seen |\n\
         | [targets](../targets/README.md) | how to deploy each target, and what a reload does to open sockets |\n\
         | [rules](rules.md) | what `wsgen lint` finds |\n\
         | [codes](codes.md) | what the code of an error means |\n\
         | [command line](cli.md) | every command with its options |\n\n\
         `wsgen explain WORD` prints any of these sections: a field, a feature, a target, a rule, a code.\n",
    );
    out
}

/// A text that does not end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
