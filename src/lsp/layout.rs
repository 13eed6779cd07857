//! `wsgen fmt` as an edit of what differs.

use async_lsp::lsp_types::{DocumentFormattingParams, TextEdit};
use async_lsp::{ErrorCode, ResponseError};

use crate::diag::Report;
use crate::source::Sources;
use crate::spec::yaml::format;

use super::documents::View;
use super::text::Text;

/// The edit that lays the document out; none for one that is laid out, or that has a fault of syntax, which is told at its place.
pub(super) fn format(
    view: &View,
    _: DocumentFormattingParams,
) -> Result<Option<Vec<TextEdit>>, ResponseError> {
    let text = &view.document.text;
    let mut sources = Sources::new();
    let file = sources.add("the spec", &*text.text);
    let mut report = Report::new();
    let Some(mut laid) = format::format(&sources, file, &mut report) else {
        let refused = report.diags.iter().find(|it| it.code == "yaml::format");
        return match refused {
            Some(why) => Err(ResponseError::new(ErrorCode::REQUEST_FAILED, &why.title)),
            None => Ok(None),
        };
    };
    if text.text.contains("\r\n") && !laid.contains('\r') {
        laid = laid.replace('\n', "\r\n");
    }
    Ok(difference(text, &laid).map(|edit| vec![edit]))
}

/// One edit of the lines in which two texts differ, so that the cursor and what is folded elsewhere stay.
fn difference(old: &Text, new: &str) -> Option<TextEdit> {
    let text: &str = &old.text;
    if text == new {
        return None;
    }
    let same = |a: &mut dyn Iterator<Item = &str>, b: &mut dyn Iterator<Item = &str>| -> usize {
        let pairs = a.zip(b).take_while(|(a, b)| a == b);
        pairs.map(|(a, _)| a.len()).sum()
    };
    let head = same(
        &mut text.split_inclusive('\n'),
        &mut new.split_inclusive('\n'),
    );
    let (rest, new_rest) = (&text[head..], &new[head..]);
    let tail = same(
        &mut rest.split_inclusive('\n').rev(),
        &mut new_rest.split_inclusive('\n').rev(),
    );
    Some(TextEdit::new(
        old.range(head..text.len() - tail),
        new_rest[..new_rest.len() - tail].to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edit_holds_only_what_differs() {
        for (old, new, range, text) in [
            ("a\nb\nc\n", "a\nx\ny\nc\n", ((1, 0), (2, 0)), "x\ny\n"),
            ("a\na\n", "a\n", ((1, 0), (2, 0)), ""),
            ("a", "a\n", ((0, 0), (0, 1)), "a\n"),
            ("", "a\n", ((0, 0), (0, 0)), "a\n"),
        ] {
            let edit = difference(&Text::new(old), new).expect("they differ");
            let (start, end) = (edit.range.start, edit.range.end);
            assert_eq!(
                ((start.line, start.character), (end.line, end.character)),
                range
            );
            assert_eq!(edit.new_text, text);
        }
        assert_eq!(difference(&Text::new("a\n"), "a\n"), None);
    }
}
