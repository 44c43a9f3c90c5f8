//! Lists that are sets or maps (`x-kubernetes-list-type`) hold nothing twice.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::field_error::{Cause, FieldError};
use crate::go_text::{Encoder, Num, json};
use crate::node::{ListType, SchemaRef};
use crate::path::Path;

/// What is in a set or a map twice, below this place.
pub(crate) fn validate(schema: SchemaRef<'_>, value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    if !schema.node().has_list_types {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let Some(property) = schema.property(name) {
                    validate(property, field, &Path::Field(path, name), errors);
                } else if let Some(values) = schema.values() {
                    validate(values, field, &Path::Key(path, name), errors);
                }
            }
        }
        Value::Array(elements) => {
            match &schema.node().list_type {
                ListType::Atomic => {}
                ListType::Set => {
                    for index in repeated(elements.iter().map(told_apart)) {
                        let field = Path::Index(path, index).field();
                        errors.push(FieldError::with_value(Cause::Duplicate, field, &elements[index], ""));
                    }
                }
                ListType::Map(keys) => validate_map(elements, keys, path, errors),
            }
            if let Some(items) = schema.items() {
                for (index, element) in elements.iter().enumerate() {
                    validate(items, element, &Path::Index(path, index), errors);
                }
            }
        }
        _ => {}
    }
}

fn validate_map(elements: &[Value], keys: &[String], path: &Path<'_>, errors: &mut Vec<FieldError>) {
    if let Some(index) = elements.iter().position(|element| !element.is_object() && !element.is_null()) {
        let detail = "must be an object for an array of list-type map";
        errors.push(FieldError::invalid(Path::Index(path, index).field(), &elements[index], detail));
        return;
    }
    let identities: Vec<Value> = elements.iter().map(|element| identity(element, keys)).collect();
    let texts = identities.iter().map(|identity| match keys {
        // A single key is compared by itself.
        [key] => identity.get(key).map_or_else(String::new, told_apart),
        _ => json(identity, Encoder::Standard),
    });
    for index in repeated(texts) {
        let field = Path::Index(path, index).field();
        errors.push(FieldError::with_value(Cause::Duplicate, field, &identities[index], ""));
    }
}

/// The keys that an element has, with their values.
fn identity(element: &Value, keys: &[String]) -> Value {
    let has = |key: &String| Some((key.clone(), element.get(key)?.clone()));
    Value::Object(keys.iter().filter_map(has).collect::<Map<_, _>>())
}

/// The text by which a value is told from others. By itself, a float is not the integer of the same size; within lists
/// and objects it is.
fn told_apart(value: &Value) -> String {
    match value {
        Value::Number(number) if matches!(Num::of(number), Num::Float(_)) => {
            format!("float {}", json(value, Encoder::Standard))
        }
        other => json(other, Encoder::Standard),
    }
}

/// Where something stands for the second time. A third time is not told.
fn repeated(texts: impl Iterator<Item = String>) -> Vec<usize> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut repeated = Vec::new();
    for (index, text) in texts.enumerate() {
        let times = seen.entry(text).or_default();
        *times += 1;
        if *times == 2 {
            repeated.push(index);
        }
    }
    repeated
}
