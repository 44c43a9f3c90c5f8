//! Objects of built-in types as Go sees them.

use serde_json::{Map, Value};
use structural_schema::{Kind, SchemaRef};

use crate::depth::MAX_DEPTH;
use crate::resource::Resource;

/// Gives an object the empty objects that a Go struct cannot be without: a Deployment has a `spec.strategy` and a
/// `status`, and each of its containers has `resources`, before anybody sets them, so that who does owns what is in them
/// and not themselves.
///
/// The published schema tells such fields by their default, `{}`. A custom resource has no such fields; a default of its
/// schema is one that its server sets.
pub(crate) fn fill_struct_fields(object: &mut Value, resource: &Resource<'_>) {
    if let Some(schema) = resource.forms.schema(resource.api_version)
        && is_built_in(schema)
    {
        fill(object, schema, MAX_DEPTH);
    }
}

fn is_built_in(schema: SchemaRef<'_>) -> bool {
    schema.node().is_built_in()
}

fn is_struct(schema: SchemaRef<'_>) -> bool {
    let node = schema.node();
    let is_empty = node.default.as_ref().and_then(Value::as_object).is_some_and(Map::is_empty);
    node.kind == Some(Kind::Object) && is_empty
}

fn fill(value: &mut Value, schema: SchemaRef<'_>, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match value {
        Value::Array(items) => {
            if let Some(schema) = schema.items() {
                items.iter_mut().for_each(|item| fill(item, schema, depth));
            }
        }
        Value::Object(fields) => {
            for (name, field) in schema.properties() {
                if is_struct(field) {
                    let missing = fields.get(name).is_none_or(Value::is_null);
                    if missing {
                        fields.insert(name.to_owned(), Value::Object(Map::new()));
                    }
                }
                if let Some(value) = fields.get_mut(name) {
                    fill(value, field, depth);
                }
            }
            if let Some(values) = schema.values() {
                fields.values_mut().for_each(|value| fill(value, values, depth));
            }
        }
        _ => {}
    }
}
