//! Defaults are values of their schema.

use serde_json::Value;

use super::value::Source;
use crate::field_error::FieldError;
use crate::node::SchemaRef;
use crate::path::{NIL, Path};
use crate::rules::{self, Budget};
use crate::{embedded, open_api};

pub(super) fn check(source: Source<'_>, schema: SchemaRef<'_>, path: &str, errors: &mut Vec<FieldError>) {
    if let Some(default) = source.get("default") {
        check_one(default, schema, &format!("{path}.default"), errors);
    }
    if let (Some(items), Some(schema)) = (source.schema("items"), schema.items()) {
        check(items, schema, &format!("{path}.items"), errors);
    }
    for (name, property) in source.named("properties") {
        if let Some(schema) = schema.property(name) {
            check(property, schema, &format!("{path}.properties[{name}]"), errors);
        }
    }
}

fn check_one(default: &Value, schema: SchemaRef<'_>, path: &str, errors: &mut Vec<FieldError>) {
    let is_resource = schema.node().embedded;
    let mut pruned = default.clone();
    schema.prune(&mut pruned, is_resource);
    if pruned != *default {
        errors.push(FieldError::invalid(path, default, "must not have unknown fields"));
    }
    let mut found = Vec::new();
    embedded::validate(schema, default, &Path::Root, is_resource, &mut found);
    if !found.is_empty() {
        errors.extend(found.into_iter().map(|error| below(error, path)));
        return;
    }
    let found = open_api::validate(schema, default, None, Some(path));
    if !found.is_empty() {
        errors.extend(found);
        return;
    }
    // The value must be one that may stay, and one that may come.
    for old in [Some(default), None] {
        let found = rules::validate(schema, default, old, is_resource, &Path::Root, &Budget::new());
        if !found.is_empty() {
            errors.extend(found.into_iter().map(|error| below(error, path)));
            return;
        }
    }
}

fn below(error: FieldError, path: &str) -> FieldError {
    let field = if error.field == NIL { path.to_owned() } else { format!("{path}.{}", error.field) };
    FieldError { field, ..error }
}
