//! JSON merge patch, RFC 7396.

use serde_json::{Map, Value};
use structural_schema::go_text::{MAP_TYPE, json_kind};

use crate::depth;
use crate::error::PatchError;

/// Applies a merge patch.
///
/// One step beyond the RFC, as kube-apiserver takes it: a list that comes to a place where there was no object loses
/// the null fields of the objects in it.
///
/// # Errors
///
/// [`PatchError::BadRequest`] when the patch is not an object.
pub fn merge_patch(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    depth::check(&[object, patch])?;
    match patch {
        Value::Object(patch) => {
            let mut merged = object.as_object().cloned().unwrap_or_default();
            merge(&mut merged, patch);
            Ok(Value::Object(merged))
        }
        Value::Null => Err(PatchError::BadRequest("Invalid JSON Patch".to_owned())),
        other => Err(PatchError::BadRequest(format!(
            "error decoding patch: json: cannot unmarshal {} into Go value of type {}",
            json_kind(other),
            MAP_TYPE,
        ))),
    }
}

fn merge(object: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, change) in patch {
        match (object.get_mut(name), change) {
            (_, Value::Null) => {
                object.remove(name);
            }
            (Some(Value::Object(current)), Value::Object(change)) => merge(current, change),
            (Some(current @ Value::Object(_)), change) => *current = change.clone(),
            (_, change) => {
                object.insert(name.clone(), without_nulls(change));
            }
        }
    }
}

/// A value without the null fields of its objects; nulls that are elements of lists stay.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, field)| !field.is_null())
            .map(|(name, field)| (name.clone(), without_nulls(field)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 7396, appendix A, as far as both sides are objects.
    #[test]
    fn the_examples_of_the_rfc() {
        for (object, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            assert_eq!(merge_patch(&object, &patch), Ok(expected), "{object} with {patch}");
        }
    }

    #[test]
    fn a_patch_is_an_object() {
        let text = |patch| merge_patch(&json!({}), &patch).unwrap_err().to_string();
        assert_eq!(
            text(json!([1])),
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
        );
        assert_eq!(text(json!(null)), "Invalid JSON Patch");
    }

    #[test]
    fn what_is_nested_too_deeply_is_refused() {
        let deep = (0..=MAX).fold(json!(1), |inner, _| json!({"a": inner}));
        assert!(merge_patch(&json!({}), &deep).is_err());
        assert!(merge_patch(&deep, &json!({})).is_err());
    }

    const MAX: usize = crate::MAX_DEPTH;
}
