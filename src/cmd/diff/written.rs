//! Times and sizes of a change as the files have them: `24h` is no `1d` to whoever wrote it.

use std::str::FromStr;

use wsgen::ir::{Dur, Size};
use wsgen::meaning::{Change, Kind, What};
use wsgen::spec::tree::Tree;

/// Puts the files' own writing in place of ours, where it means the same.
pub(super) fn as_written(changes: &mut [Change], before: &Tree, after: &Tree) {
    for change in changes {
        let kind = change.subject.kind;
        let name = change.subject.name.clone();
        if let What::Setting { field, old, new } = &mut change.what {
            for (said, tree) in [(old, before), (new, after)] {
                if let Some(text) = text(tree, kind, &name, field)
                    && (same::<Dur>(text, said) || same::<Size>(text, said))
                {
                    *said = text.to_owned();
                }
            }
        }
    }
}

/// What a file writes for a setting, at its place or in what it inherits.
fn text<'t>(tree: &'t Tree, kind: Kind, name: &str, field: &str) -> Option<&'t str> {
    let places = match kind {
        Kind::Gateway => vec![field.to_owned()],
        Kind::Target => vec![format!("targets.{name}.{field}")],
        Kind::Auth => vec![format!("auth.{name}.{field}")],
        Kind::Listener | Kind::Certificate | Kind::Upstream | Kind::Route => vec![
            format!("{}s.{name}.{field}", kind.word()),
            format!("defaults.{}.{field}", kind.word()),
        ],
    };
    let mut found = places.iter().filter_map(|place| tree.loc_at(place));
    tree.scalar(found.next()?)
}

fn same<T: FromStr + PartialEq>(text: &str, said: &str) -> bool {
    let (text, said) = (text.parse::<T>().ok(), said.parse::<T>().ok());
    text.is_some() && text == said
}
