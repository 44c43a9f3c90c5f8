//! How deep values may be nested, so that recursion over them is bounded.

use serde_json::Value;

use crate::error::PatchError;

/// The deepest nesting of lists and objects that is accepted, managed fields apart.
///
/// `serde_json` reads at most 128 levels. The set of an object's fields is one level deeper than the object, and is four
/// levels down in its metadata; so whatever is accepted can be read again.
pub const MAX_DEPTH: usize = 120;

/// Whether a value has more than `limit` levels of lists and objects.
pub(crate) fn is_deeper_than(value: &Value, limit: usize) -> bool {
    match value {
        Value::Array(items) => limit == 0 || items.iter().any(|item| is_deeper_than(item, limit - 1)),
        Value::Object(fields) => limit == 0 || fields.values().any(|field| is_deeper_than(field, limit - 1)),
        _ => false,
    }
}

/// Refuses objects and patches that are nested too deeply.
pub(crate) fn check(values: &[&Value]) -> Result<(), PatchError> {
    if values.iter().any(|value| is_too_deep(value)) {
        return Err(PatchError::BadRequest(format!("the value is nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(())
}

fn is_too_deep(value: &Value) -> bool {
    let Some(fields) = value.as_object() else {
        return is_deeper_than(value, MAX_DEPTH);
    };
    fields.iter().any(|(name, field)| match field.as_object() {
        Some(metadata) if name == "metadata" => metadata.iter().any(|(name, field)| {
            let allowed = if name == "managedFields" { MAX_DEPTH + 3 } else { MAX_DEPTH - 2 };
            is_deeper_than(field, allowed)
        }),
        _ => is_deeper_than(field, MAX_DEPTH - 1),
    })
}
