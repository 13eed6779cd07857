//! The template engine: one instance per language and template folder, compiled at first use.

use std::sync::{Arc, Mutex, PoisonError};

use tera::{Context, Kwargs, State, Tera, TeraResult, Value};

use super::lang::{Lang, written};
use super::marks;
use super::templates::TEMPLATES;

/// Renders a template with marks in its text. The error is a fault of the template or its plan, in words.
pub(super) fn render(lang: &'static Lang, name: &str, plan: &Context) -> Result<String, String> {
    let folder = name.split('/').next().unwrap_or(name);
    engine(lang, folder)
        .and_then(|tera| tera.render(name, plan))
        .map_err(|fault| fault.to_string())
}

/// The engine of a folder's templates; compiling takes about 0.1 ms per hundred lines, so only what is asked for.
fn engine(lang: &'static Lang, folder: &str) -> TeraResult<Arc<Tera>> {
    static ENGINES: Mutex<Vec<(&'static str, String, Arc<Tera>)>> = Mutex::new(Vec::new());
    let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, _, tera)) = engines
        .iter()
        .find(|(id, of, _)| *id == lang.id && of == folder)
    {
        return Ok(Arc::clone(tera));
    }
    let own = TEMPLATES
        .iter()
        .filter(|(name, _)| name.split('/').next() == Some(folder))
        .copied();
    let tera = Arc::new(build(lang, own)?);
    engines.push((lang.id, folder.to_owned(), Arc::clone(&tera)));
    Ok(tera)
}

/// An engine whose every output goes through the language, whatever the template is called.
pub(super) fn build(
    lang: &'static Lang,
    templates: impl IntoIterator<Item = (&'static str, &'static str)>,
) -> TeraResult<Tera> {
    let mut tera = Tera::new();
    // Every name ends in "": without this, tera escapes only names that end in a listed suffix.
    tera.autoescape_on([""]);
    tera.set_escape_fn(lang.escape);
    tera.register_filter(
        "safe",
        |_: Value, _: Kwargs, _: &State| -> TeraResult<Value> {
            Err(tera::Error::message(
                "`safe` is not allowed: put the token together in the plan",
            ))
        },
    );
    tera.register_filter(
        "at",
        |at: &Value, _: Kwargs, _: &State| -> TeraResult<Value> {
            let mut mark = String::new();
            match at.as_u64().map(u32::try_from) {
                Some(Ok(at)) => marks::write_origin(at, &mut mark),
                _ if at.is_none() => {}
                _ => return Err(tera::Error::message("`at` marks a line with a `Loc`")),
            }
            Ok(Value::safe_string(&mark))
        },
    );
    for form in lang.forms {
        let write = form.write;
        tera.register_filter(
            form.name,
            move |text: &str, _: Kwargs, _: &State| -> Value {
                let mut token = String::with_capacity(text.len() + 2);
                written(write, text, &mut token);
                Value::safe_string(&token)
            },
        );
    }
    tera.add_raw_templates(templates)?;
    Ok(tera)
}
