//! JSON merge patch (RFC 7396).

use serde_json::Value;

/// The object after a merge patch: fields of the patch replace those of the object, null removes them, objects are
/// merged, lists are replaced.
#[must_use]
pub fn merge_patch(object: &Value, patch: &Value) -> Value {
    let mut merged = object.clone();
    json_patch::merge(&mut merged, patch);
    merged
}
