//! What each word of the language and of our reports means, from the place that decides it: `wsgen explain`, SARIF and
//! `docs/reference` tell the same.

mod about;
pub mod book;
pub mod field;
pub mod target;

pub use about::about;

/// What GitHub and most renderers of Markdown call a heading: lower case, without punctuation.
pub fn anchor(heading: &str) -> String {
    heading
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c => c.is_alphanumeric().then_some(c),
        })
        .flat_map(char::to_lowercase)
        .collect()
}
