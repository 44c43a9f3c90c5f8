//! What `allOf` and its like speak of is specified outside of them as well.

use super::value::Source;
use crate::field_error::FieldError;

pub(super) fn check(source: Source<'_>, path: &str, errors: &mut Vec<FieldError>) {
    junctors(source, Some(source), path, path, errors);
}

/// `at` is where the specification would be, `said_at` where it is spoken of.
fn junctors(
    said: Source<'_>,
    specified: Option<Source<'_>>,
    at: &str,
    said_at: &str,
    errors: &mut Vec<FieldError>,
) {
    if let Some(not) = said.schema("not") {
        nested(not, specified, at, &format!("{said_at}.not"), errors);
    }
    for name in ["allOf", "anyOf", "oneOf"] {
        for (index, schema) in said.schemas(name).into_iter().enumerate() {
            nested(schema, specified, at, &format!("{said_at}.{name}[{index}]"), errors);
        }
    }
}

fn nested(
    said: Source<'_>,
    specified: Option<Source<'_>>,
    at: &str,
    said_at: &str,
    errors: &mut Vec<FieldError>,
) {
    let Some(source) = specified else {
        errors.push(FieldError::required(at, &format!("because it is defined in {said_at}")));
        return;
    };
    junctors(said, specified, at, said_at, errors);
    if let Some(items) = said.schema("items") {
        nested(items, source.schema("items"), &format!("{at}.items"), &format!("{said_at}.items"), errors);
    }
    for (name, property) in said.named("properties") {
        let (at, said_at) = (format!("{at}.properties[{name}]"), format!("{said_at}.properties[{name}]"));
        nested(property, source.property(name), &at, &said_at, errors);
    }
}
