//! Merging lists: of objects by their merge key, of scalars as sets.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};
use structural_schema::SchemaRef;
use structural_schema::go_text::{self, MAP_TYPE};

use super::{DIRECTIVE, fields, no_merge_key, order, unknown_directive, wrong_type};
use crate::error::PatchError;

/// Merges a patch's list into a list whose strategy is `merge`. `field` is the list's schema.
pub(super) fn merge(
    original: Vec<Value>,
    patch: Vec<Value>,
    field: SchemaRef<'_>,
) -> Result<Vec<Value>, PatchError> {
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    let key = field.node().patch.merge_key.as_deref().unwrap_or_default();
    if !elements_are_objects(&original, &patch)? {
        let mut merged = original.clone();
        merged.extend(patch.iter().cloned());
        return order::arrange(deduplicated(merged), &patch, &original, "");
    }
    if key.is_empty() {
        return Err(PatchError::Internal("cannot merge lists without merge key for struct".to_owned()));
    }
    let (original, patch) = carry_out_directives(original, patch, key)?;
    let merged = merge_objects(original.clone(), &patch, key, field)?;
    order::arrange(merged, &patch, &original, key)
}

/// Deletes from a list the elements that a patch names, whatever the list's strategy is.
pub(super) fn delete(
    current: Vec<Value>,
    elements: Vec<Value>,
    field: SchemaRef<'_>,
) -> Result<Vec<Value>, PatchError> {
    if current.is_empty() && elements.is_empty() {
        return Ok(current);
    }
    if elements_are_objects(&current, &elements)? {
        return merge(current, elements, field);
    }
    let elements: HashSet<_> = elements.iter().map(Value::to_string).collect();
    Ok(current.into_iter().filter(|element| !elements.contains(&element.to_string())).collect())
}

/// Whether the elements of both lists are objects. They are all of one type, and no lists.
pub(super) fn elements_are_objects(one: &[Value], other: &[Value]) -> Result<bool, PatchError> {
    let Some(first) = one.iter().chain(other).next() else {
        return Err(PatchError::Internal("no elements in any of the given slices".to_owned()));
    };
    if first.is_array() {
        return Err(PatchError::unprocessable("lists of lists are not supported"));
    }
    let same = |element: &Value| go_text::type_name(element) == go_text::type_name(first);
    if first.is_null() || !one.iter().chain(other).all(same) {
        let lists = [go_text::plain_list(one), go_text::plain_list(other)];
        return Err(PatchError::Internal(format!(
            "list element types are not identical: [{}]",
            lists.join(" ")
        )));
    }
    Ok(first.is_object())
}

fn deduplicated(mut elements: Vec<Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    elements.retain(|element| seen.insert(element.to_string()));
    elements
}

/// Carries out the patch's `$patch: delete` and `$patch: replace`, and gives the lists that are left to merge.
fn carry_out_directives(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let mut plain = Vec::with_capacity(patch.len());
    let mut replace = false;
    for element in patch {
        let fields = object(&element)?;
        let Some(directive) = fields.get(DIRECTIVE) else {
            plain.push(element);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let name = fields.get(key).ok_or_else(|| no_merge_key(fields, key))?;
                original.retain(|element| element.get(key) != Some(name));
            }
            Some("replace") => replace = true,
            Some("merge") => {
                return Err(PatchError::Internal(
                    "merging lists cannot yet be specified in the patch".to_owned(),
                ));
            }
            _ => return Err(unknown_directive(directive, fields)),
        }
    }
    Ok(if replace { (plain, Vec::new()) } else { (original, plain) })
}

fn merge_objects(
    mut merged: Vec<Value>,
    patch: &[Value],
    key: &str,
    field: SchemaRef<'_>,
) -> Result<Vec<Value>, PatchError> {
    let mut places = HashMap::new();
    for (place, element) in merged.iter().enumerate() {
        if let Some(name) = element.get(key) {
            places.entry(name.to_string()).or_insert(place);
        }
    }
    let items = field.items().unwrap_or(field);
    for change in patch {
        let fields = object(change)?;
        let name = fields.get(key).ok_or_else(|| no_merge_key(fields, key))?.to_string();
        if let Some(element) = places.get(&name).and_then(|place| merged.get_mut(*place)) {
            let current = element.as_object_mut().map(std::mem::take).unwrap_or_default();
            *element = Value::Object(fields::merge(current, fields.clone(), items)?);
        } else {
            places.insert(name, merged.len());
            merged.push(change.clone());
        }
    }
    Ok(merged)
}

pub(super) fn object(element: &Value) -> Result<&Map<String, Value>, PatchError> {
    element.as_object().ok_or_else(|| wrong_type(MAP_TYPE, element))
}
