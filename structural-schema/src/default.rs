//! Defaulting: fields that are missing get what the schema gives them.
//!
//! "Extend the Kubernetes API with CustomResourceDefinitions", section "Defaulting and Nullable".

use serde_json::{Map, Value};

use crate::node::{Schema, SchemaRef};

impl Schema {
    /// Gives missing fields their defaults, and those that are null without being nullable. Defaults within defaults
    /// are given as well.
    ///
    /// The defaults themselves were pruned when the schema was compiled.
    pub fn default(&self, object: &mut Value) {
        default(object, self.root());
    }
}

fn default(value: &mut Value, schema: SchemaRef<'_>) {
    match value {
        Value::Object(fields) => {
            add_missing(fields, schema);
            for (name, field) in fields.iter_mut() {
                if let Some(property) = schema.property(name) {
                    default(field, property);
                } else if let Some(values) = schema.values() {
                    replace_null(field, values);
                    default(field, values);
                }
            }
        }
        Value::Array(elements) => {
            if let Some(items) = schema.items() {
                for element in elements {
                    replace_null(element, items);
                    default(element, items);
                }
            }
        }
        _ => {}
    }
}

fn add_missing(fields: &mut Map<String, Value>, schema: SchemaRef<'_>) {
    for (name, property) in schema.properties() {
        let Some(value) = &property.node().default else { continue };
        match fields.get_mut(name) {
            None => _ = fields.insert(name.to_owned(), value.clone()),
            Some(field) => replace_null(field, property),
        }
    }
}

fn replace_null(value: &mut Value, schema: SchemaRef<'_>) {
    let node = schema.node();
    if value.is_null()
        && !node.nullable
        && let Some(default) = &node.default
    {
        *value = default.clone();
    }
}
