//! Taking fields out of an object.

use serde_json::{Map, Value};

use super::Type;
use super::element::path_element;
use super::kind::{Form, Relation};
use crate::field_set::{FieldSet, PathElement};

/// The value without some fields. What has fields taken out of it and holds nothing any more is null.
pub(crate) fn remove(value: &Value, fields: &FieldSet, ty: Type<'_>) -> Value {
    match (ty.form(Some(value)), value) {
        (Form::Scalar(_), scalar) => scalar.clone(),
        (Form::Map, Value::Object(object)) if !ty.is_atomic_map() => remove_fields(object, fields, ty),
        (Form::List, Value::Array(items)) => match ty.relation() {
            Relation::Atomic => Value::Null,
            relation => remove_items(items, fields, ty, &relation),
        },
        _ => Value::Null,
    }
}

fn remove_fields(object: &Map<String, Value>, fields: &FieldSet, ty: Type<'_>) -> Value {
    let mut kept = Map::new();
    for (name, value) in object {
        let element = PathElement::Field(name.clone());
        if !fields.members.contains(&element) {
            kept.insert(name.clone(), cut(value, fields.below(&element), ty.field(name)));
        }
    }
    if kept.is_empty() { Value::Null } else { Value::Object(kept) }
}

fn remove_items(items: &[Value], fields: &FieldSet, ty: Type<'_>, relation: &Relation<'_>) -> Value {
    let mut kept = Vec::new();
    for item in items {
        match path_element(ty, relation, item) {
            Ok(element) if fields.members.contains(&element) => {}
            Ok(element) => kept.push(cut(item, fields.below(&element), ty.items())),
            Err(_) => kept.push(item.clone()),
        }
    }
    if kept.is_empty() { Value::Null } else { Value::Array(kept) }
}

fn cut(value: &Value, fields: Option<&FieldSet>, ty: Type<'_>) -> Value {
    match fields.filter(|fields| !fields.is_empty()) {
        Some(fields) => remove(value, fields, ty),
        None => value.clone(),
    }
}
