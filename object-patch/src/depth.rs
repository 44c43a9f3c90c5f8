//! How deep values may be nested, so that recursion over them is bounded.

use serde_json::Value;

use crate::error::PatchError;

/// The deepest nesting of lists and objects that is accepted.
///
/// `serde_json` reads at most 128 levels; a patch of that depth at the bottom of an object of that depth is the most
/// that two well-formed requests can make.
pub const MAX_DEPTH: usize = 256;

/// Whether a value has more than `limit` levels of lists and objects.
pub(crate) fn is_deeper_than(value: &Value, limit: usize) -> bool {
    match value {
        Value::Array(items) => limit == 0 || items.iter().any(|item| is_deeper_than(item, limit - 1)),
        Value::Object(fields) => limit == 0 || fields.values().any(|field| is_deeper_than(field, limit - 1)),
        _ => false,
    }
}

/// Refuses values that are nested too deeply.
pub(crate) fn check(values: &[&Value]) -> Result<(), PatchError> {
    if values.iter().any(|value| is_deeper_than(value, MAX_DEPTH)) {
        return Err(PatchError::BadRequest(format!("the value is nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(())
}
