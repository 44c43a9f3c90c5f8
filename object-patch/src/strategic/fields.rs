//! Merging the fields of an object.

use serde_json::{Map, Value};
use structural_schema::SchemaRef;

use super::{DELETE_FROM_LIST, DIRECTIVE, ELEMENT_ORDER, RETAIN_KEYS};
use super::{bad_format, clean, list, lookup, order, unknown_directive};
use crate::error::PatchError;

type Fields = Map<String, Value>;

/// Merges a patch into an object of the schema's type.
pub(super) fn merge(
    mut original: Fields,
    mut patch: Fields,
    schema: SchemaRef<'_>,
) -> Result<Fields, PatchError> {
    if let Some(directive) = patch.get(DIRECTIVE) {
        return match directive.as_str() {
            Some("replace") => {
                patch.remove(DIRECTIVE);
                Ok(patch)
            }
            Some("delete") => Ok(Fields::new()),
            _ => Err(unknown_directive(directive, &patch)),
        };
    }
    retain_keys(&mut original, &mut patch)?;
    order::merge_ordered_lists(&mut original, &mut patch, schema)?;
    for (name, change) in patch {
        match deletion_from(&name)? {
            Some(list) => delete_elements(&mut original, list, change, schema)?,
            None => merge_field(&mut original, name, change, schema)?,
        }
    }
    Ok(original)
}

/// The list that a `$deleteFromPrimitiveList/...` names.
fn deletion_from(name: &str) -> Result<Option<&str>, PatchError> {
    match name.strip_prefix(DELETE_FROM_LIST) {
        None => Ok(None),
        Some(rest) => rest.strip_prefix('/').map(Some).ok_or_else(|| bad_format("primitive list")),
    }
}

/// The list that a `$setElementOrder/...` names.
pub(super) fn ordering_of(name: &str) -> Result<Option<&str>, PatchError> {
    match name.strip_prefix(ELEMENT_ORDER) {
        None => Ok(None),
        Some(rest) => rest.strip_prefix('/').map(Some).ok_or_else(|| bad_format("setElementOrder list")),
    }
}

/// `$retainKeys`: the object loses what is not named, and the patch may set nothing else.
fn retain_keys(original: &mut Fields, patch: &mut Fields) -> Result<(), PatchError> {
    let Some(retained) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    let retained = retained.as_array().ok_or_else(|| bad_format("retainKeys"))?;
    let is_retained = |name: &String| retained.iter().any(|one| one.as_str() == Some(name));
    let is_directive = |name: &String| name.starts_with(DELETE_FROM_LIST) || name.starts_with(ELEMENT_ORDER);
    if patch.iter().any(|(name, change)| !change.is_null() && !is_directive(name) && !is_retained(name)) {
        return Err(bad_format("retainKeys"));
    }
    original.retain(|name, _| is_retained(name));
    Ok(())
}

fn delete_elements(
    original: &mut Fields,
    name: &str,
    elements: Value,
    schema: SchemaRef<'_>,
) -> Result<(), PatchError> {
    if elements.is_null() {
        original.remove(name);
        return Ok(());
    }
    match (original.get_mut(name), elements) {
        (Some(Value::Array(current)), Value::Array(elements)) => {
            let field = lookup(schema, name)?;
            *current = list::delete(std::mem::take(current), elements, field)?;
            Ok(())
        }
        (Some(Value::Object(_)), elements @ Value::Object(_)) => {
            merge_field(original, name.to_owned(), elements, schema)
        }
        _ => Ok(()),
    }
}

fn merge_field(
    original: &mut Fields,
    name: String,
    change: Value,
    schema: SchemaRef<'_>,
) -> Result<(), PatchError> {
    if change.is_null() {
        original.remove(&name);
        return Ok(());
    }
    let merged = match (original.get_mut(&name).map(Value::take), change) {
        (Some(Value::Object(current)), Value::Object(change)) => {
            let field = lookup(schema, &name)?;
            Some(Value::Object(if field.node().patch.replace {
                change
            } else {
                merge(current, change, field)?
            }))
        }
        (Some(Value::Array(current)), Value::Array(change)) => {
            let field = lookup(schema, &name)?;
            Some(Value::Array(if field.node().patch.merge {
                list::merge(current, change, field)?
            } else {
                change
            }))
        }
        (_, change) => clean::added(change),
    };
    match merged {
        Some(merged) => original.insert(name, merged),
        None => original.remove(&name),
    };
    Ok(())
}
