//! Strategic merge patch: a merge patch that knows which lists are maps or sets.
//!
//! Which they are, the type's schema says (`x-kubernetes-patch-strategy`, `x-kubernetes-patch-merge-key`). A patch may
//! hold directives: `$patch` (`replace`, `delete`), `$retainKeys`, `$deleteFromPrimitiveList/<field>`,
//! `$setElementOrder/<field>`. See "Update API Objects in Place Using kubectl patch" and the design "Preserve order in
//! strategic merge patch".

mod clean;
mod fields;
mod list;
mod order;

use serde_json::{Map, Value};
use structural_schema::SchemaRef;
use structural_schema::go_text::{self, json_kind};

use crate::depth;
use crate::error::PatchError;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList";
const ELEMENT_ORDER: &str = "$setElementOrder";

/// Applies a strategic merge patch to an object of a built-in type.
///
/// Custom resources have no patch strategies: kube-apiserver refuses the patch type for them with 415 before it looks
/// at the patch, and so must the caller.
pub fn strategic_merge(object: &Value, patch: &Value, schema: SchemaRef<'_>) -> Result<Value, PatchError> {
    depth::check(&[object, patch])?;
    let original = object.as_object().cloned().unwrap_or_default();
    let patch = match patch {
        Value::Null => Map::new(),
        Value::Object(patch) => patch.clone(),
        other => {
            return Err(PatchError::BadRequest(format!(
                "json: cannot unmarshal {} into Go value of type {}",
                json_kind(other),
                go_text::MAP_TYPE,
            )));
        }
    };
    fields::merge(original, patch, schema).map(Value::Object)
}

/// The schema of a field whose value is a map or a list.
fn lookup<'a>(schema: SchemaRef<'a>, name: &str) -> Result<SchemaRef<'a>, PatchError> {
    if let Some(field) = schema.property(name) {
        return Ok(field);
    }
    Err(PatchError::Internal(if schema.node().properties.is_empty() {
        "merging an object in json but data type is not struct, instead is: map".to_owned()
    } else {
        format!("unable to find api field in struct for the json field {name:?}")
    }))
}

fn wrong_type(expected: &str, found: &Value) -> PatchError {
    // The type of nothing is printed as a text, which it is not.
    let found = if found.is_null() { "%!s(<nil>)" } else { go_text::type_name(found) };
    PatchError::Internal(format!("expected a {expected}, but received a {found}"))
}

fn no_merge_key(element: &Map<String, Value>, key: &str) -> PatchError {
    PatchError::Internal(format!(
        "map: {} does not contain declared merge key: {key}",
        go_text::plain_map(element)
    ))
}

fn unknown_directive(directive: &Value, patch: &Map<String, Value>) -> PatchError {
    let (directive, patch) = (go_text::plain(directive), go_text::plain_map(patch));
    PatchError::Internal(format!("unknown patch type: {directive} in map: {patch}"))
}

fn bad_format(what: &str) -> PatchError {
    PatchError::BadRequest(format!("invalid patch format of {what}"))
}

#[cfg(test)]
mod tests;
