//! What each word of the language and of our reports means, from the place that decides it: `wsgen explain`, SARIF and
//! `docs/reference` tell the same.

mod about;

pub use about::about;
