//! The old value of a place in an object, for rules about changes and for ratcheting: what is not changed by an update
//! is not refused by a schema that has become stricter since.
//!
//! "Extend the Kubernetes API with CustomResourceDefinitions", section "Validation ratcheting". Properties and entries
//! of maps correlate by name, elements of lists by their keys where the list is a map, and not at all otherwise.

use std::collections::HashMap;

use serde_json::Value;

use crate::go_text::{Encoder, json};
use crate::node::{ListType, SchemaRef};

/// The elements of an old list by their keys.
pub(crate) struct OldElements<'a> {
    keys: &'a [String],
    by_key: HashMap<String, &'a Value>,
}

impl<'a> OldElements<'a> {
    /// None if elements do not correlate.
    pub(crate) fn of(schema: SchemaRef<'a>, old: Option<&'a Value>) -> Option<Self> {
        let (ListType::Map(keys), Some(Value::Array(elements))) = (&schema.node().list_type, old) else {
            return None;
        };
        let mut by_key = HashMap::with_capacity(elements.len());
        for element in elements {
            if let Some(key) = composite_key(element, keys) {
                by_key.entry(key).or_insert(element);
            }
        }
        (!keys.is_empty()).then_some(Self { keys, by_key })
    }

    /// The old element with the keys of a new one.
    pub(crate) fn get(&self, element: &Value) -> Option<&'a Value> {
        self.by_key.get(&composite_key(element, self.keys)?).copied()
    }
}

fn composite_key(element: &Value, keys: &[String]) -> Option<String> {
    let mut composite = String::new();
    for key in keys {
        match element.get(key)? {
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
            scalar => {
                composite.push('\0');
                composite.push_str(&json(scalar, Encoder::Standard));
            }
        }
    }
    Some(composite)
}

/// The old value of a field, if the schema knows the field.
pub(crate) fn old_field<'a>(schema: SchemaRef<'_>, old: Option<&'a Value>, name: &str) -> Option<&'a Value> {
    schema.field(name).and(old?.as_object()?.get(name))
}

/// Whether a value is what it was. The order of a list that is a map does not count; fields that the schema does not
/// know count as changed.
pub(crate) fn is_unchanged(schema: SchemaRef<'_>, new: &Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => {
            new.len() == old.len()
                && new.iter().all(|(name, value)| match (schema.field(name), old.get(name)) {
                    (Some(schema), Some(old)) => is_unchanged(schema, value, old),
                    _ => false,
                })
        }
        (Value::Array(elements), Value::Array(before)) => {
            if elements.len() != before.len() {
                return false;
            }
            match (OldElements::of(schema, Some(old)), schema.items()) {
                (Some(olds), Some(items)) => elements
                    .iter()
                    .all(|element| olds.get(element).is_some_and(|old| is_unchanged(items, element, old))),
                _ => new == old,
            }
        }
        _ => new == old,
    }
}
