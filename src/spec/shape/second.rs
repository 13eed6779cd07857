//! A second opinion on shapes: the `jsonschema` validator, asked where a value cannot be read and our own walk sees no fault.

use serde_json::{Number, Value};

use crate::diag::Report;
use crate::source::Loc;
use crate::spec::scalar::{self, Plain};
use crate::spec::tree::{Node, Tree};

/// Reports what the validator finds, in its own words at our places. Says nothing where a value is missing.
pub(super) fn faults(tree: &Tree, at: Loc, schema: &Value, report: &mut Report) {
    let Some(instance) = instance(tree, at) else {
        return;
    };
    let Ok(validator) = jsonschema::validator_for(schema) else {
        return;
    };
    for error in validator.iter_errors(&instance).take(super::MAX_FAULTS) {
        let place = error
            .instance_path()
            .as_str()
            .split('/')
            .skip(1)
            .try_fold(at, |at, step| {
                let step = step.replace("~1", "/").replace("~0", "~");
                match tree.node(at) {
                    Node::Seq(items) => step
                        .parse::<usize>()
                        .ok()
                        .and_then(|index| items.get(index).copied()),
                    _ => tree.get(at, &step),
                }
            });
        report
            .error("spec::value", place.unwrap_or(at))
            .says(error.to_string());
    }
}

/// A document as JSON; `None` where a value is missing, which the schema's optional fields would allow.
pub fn instance(tree: &Tree, at: Loc) -> Option<Value> {
    Some(match tree.node(at) {
        Node::Seq(items) => items
            .iter()
            .map(|item| instance(tree, *item))
            .collect::<Option<Vec<_>>>()?
            .into(),
        Node::Map(pairs) => {
            let pairs = pairs
                .iter()
                .map(|(key, value)| Some((tree.scalar(*key)?.to_owned(), instance(tree, *value)?)));
            Value::Object(pairs.collect::<Option<_>>()?)
        }
        Node::Scalar {
            text, plain: false, ..
        } => text.into(),
        Node::Scalar { text, .. } => match (text, scalar::plain(text)) {
            (_, Plain::Null | Plain::Odd) => return None,
            (_, Plain::Whole(number)) => i64::try_from(number).ok()?.into(),
            (_, Plain::Float(number)) => Number::from_f64(number)?.into(),
            ("true", _) => true.into(),
            ("false", _) => false.into(),
            _ => text.into(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    #[test]
    fn the_validator_speaks_at_our_places() {
        let (mut sources, mut report) = (Sources::new(), Report::new());
        let file = sources.add("x.yaml", "a:\n  - b\n  - 3\n");
        let tree = crate::spec::yaml::parse(&sources, file, &mut report);
        let schema =
            serde_json::json!({ "properties": { "a": { "items": { "type": "string" } } } });
        faults(&tree, tree.root(), &schema, &mut report);
        assert_eq!(report.diags.len(), 1);
        assert_eq!(
            report.diags[0].labels[0].place,
            tree.loc_at("a[1]").expect("the item").into()
        );
    }
}
