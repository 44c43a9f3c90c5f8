//! The fields that an object has.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Type;
use super::element::path_element;
use super::kind::{Form, Relation};
use crate::field_set::{FieldSet, PathElement};

/// Every leaf, and every element of a list or key of a map, that a value has.
pub(crate) fn fields_of(value: &Value, ty: Type<'_>) -> FieldSet {
    let mut set = FieldSet::new();
    visit(value, ty, &mut Vec::new(), &mut set);
    set
}

fn visit(value: &Value, ty: Type<'_>, path: &mut Vec<PathElement>, set: &mut FieldSet) {
    match ty.form(Some(value)) {
        Form::Scalar(_) => set.insert(path),
        Form::Map if ty.is_atomic_map() => set.insert(path),
        Form::Map => {
            if let Value::Object(fields) = value {
                visit_fields(fields, ty, path, set);
            }
        }
        Form::List => match (ty.relation(), value) {
            (Relation::Atomic, _) => set.insert(path),
            (relation, Value::Array(items)) => visit_items(items, ty, &relation, path, set),
            _ => {}
        },
        Form::None => {}
    }
}

fn visit_fields(fields: &Map<String, Value>, ty: Type<'_>, path: &mut Vec<PathElement>, set: &mut FieldSet) {
    for (name, value) in fields {
        path.push(PathElement::Field(name.clone()));
        visit(value, ty.field(name), path, set);
        let is_empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
        if is_empty || ty.declared(name).is_none() {
            set.insert(path);
        }
        path.pop();
    }
}

/// Of elements that are the same, only the element itself is a field, not what is in it.
fn visit_items(
    items: &[Value],
    ty: Type<'_>,
    relation: &Relation<'_>,
    path: &mut Vec<PathElement>,
    set: &mut FieldSet,
) {
    let elements: Vec<_> =
        items.iter().filter_map(|item| Some((path_element(ty, relation, item).ok()?, item))).collect();
    let mut seen = BTreeSet::new();
    let doubled: BTreeSet<_> =
        elements.iter().map(|(element, _)| element).filter(|element| !seen.insert(*element)).collect();
    for (element, item) in &elements {
        path.push(element.clone());
        if !doubled.contains(element) {
            visit(item, ty.items(), path, set);
        }
        set.insert(path);
        path.pop();
    }
}
