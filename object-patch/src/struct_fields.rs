//! Objects of built-in types as Go sees them.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use structural_schema::{Kind, SchemaRef};

use crate::depth::MAX_DEPTH;
use crate::resource::Resource;

/// Gives an object the empty objects that a Go struct cannot be without: a Deployment has a `spec.strategy` and a
/// `status`, and each of its containers has `resources`, before anybody sets them, so that who does owns what is in them
/// and not themselves.
///
/// The published schema tells such fields by their default, `{}`. A custom resource has no such fields; a default of its
/// schema is one that its server sets.
pub(crate) fn fill_structs(object: &mut Value, resource: &Resource<'_>) {
    if let Some(schema) = resource.forms.schema(resource.api_version)
        && is_built_in(schema)
    {
        fill(object, schema, empty_struct, MAX_DEPTH);
    }
}

/// The same, and the zero values and nulls of fields that Go writes even when they are not set: those that the schema
/// requires, such as `spec.containers` of a Pod. They matter to comparisons, and belong into no object. A field
/// that is null although the schema does not require it is as good as absent. An object of another kind is as it is.
pub(crate) fn filled<'v>(object: &'v Value, resource: &Resource<'_>) -> Cow<'v, Value> {
    let mut filled = Cow::Borrowed(object);
    if let Some(schema) = resource.forms.schema(resource.api_version)
        && is_built_in(schema)
    {
        let unset: Unset =
            |holder, name, field| empty_struct(holder, name, field).or_else(|| zero(holder, name, field));
        drop_nulls(filled.to_mut(), schema, MAX_DEPTH);
        fill(filled.to_mut(), schema, unset, MAX_DEPTH);
    }
    filled
}

/// The value of a field that is not set, if it has one: of what holds the field, its name, and the field.
type Unset = fn(SchemaRef<'_>, &str, SchemaRef<'_>) -> Option<Value>;

fn empty_struct(_: SchemaRef<'_>, _: &str, field: SchemaRef<'_>) -> Option<Value> {
    let node = field.node();
    let is_empty = node.default.as_ref().and_then(Value::as_object).is_some_and(Map::is_empty);
    (node.kind == Some(Kind::Object) && is_empty).then(|| Value::Object(Map::new()))
}

fn zero(holder: SchemaRef<'_>, name: &str, field: SchemaRef<'_>) -> Option<Value> {
    if !holder.node().required.iter().any(|required| required == name) {
        return None;
    }
    let node = field.node();
    match (&node.kind, &node.default) {
        (Some(Kind::Object | Kind::Array), None) => Some(Value::Null),
        (_, Some(default)) if [json!(""), json!(0), json!(false)].contains(default) => Some(default.clone()),
        _ => None,
    }
}

/// Of structs that every object has. What is null in an item of a list or map came with the item.
fn drop_nulls(value: &mut Value, schema: SchemaRef<'_>, depth: usize) {
    let (Some(depth), Value::Object(fields)) = (depth.checked_sub(1), value) else { return };
    fields.retain(|name, field| !field.is_null() || schema.property(name).is_none());
    for (name, field) in schema.properties() {
        if let Some(value) = fields.get_mut(name) {
            drop_nulls(value, field, depth);
        }
    }
}

fn is_built_in(schema: SchemaRef<'_>) -> bool {
    schema.node().is_built_in()
}

fn fill(value: &mut Value, schema: SchemaRef<'_>, unset: Unset, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match value {
        Value::Array(items) => {
            if let Some(schema) = schema.items() {
                items.iter_mut().for_each(|item| fill(item, schema, unset, depth));
            }
        }
        Value::Object(fields) => {
            for (name, field) in schema.properties() {
                if fields.get(name).is_none_or(Value::is_null)
                    && let Some(value) = unset(schema, name, field)
                {
                    fields.insert(name.to_owned(), value);
                }
                if let Some(value) = fields.get_mut(name) {
                    fill(value, field, unset, depth);
                }
            }
            if let Some(values) = schema.values() {
                fields.values_mut().for_each(|value| fill(value, values, unset, depth));
            }
        }
        _ => {}
    }
}
