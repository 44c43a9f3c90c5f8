//! The fields of a custom resource that its `scale` subresource reads and writes.
//!
//! Rules: `ValidateScaleSpec`, `ValidateScaleStatus` and `scaleFromCustomResource` in
//! `k8s.io/apiextensions-apiserver/pkg/registry/customresource`.

use serde_json::Value;
use structural_schema::go_text::{MAP_TYPE, plain, type_name};

use crate::FieldError;
use crate::resource::ScalePaths;

/// A field of another type than a scale has there, in the words of Go's accessors.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} accessor error: {value} is of the type {found}, expected {expected}")]
pub(crate) struct Misfit {
    path: String,
    value: String,
    found: &'static str,
    expected: &'static str,
}

/// What a field path of a definition is as a field's name: `.spec.replicas`.
pub(crate) fn field(pointer: &str) -> String {
    pointer.replace('/', ".")
}

/// The whole number at a pointer; absent if the field or something on the way to it is.
pub(crate) fn number(object: &Value, pointer: &str) -> Result<Option<i64>, Misfit> {
    nested(object, pointer)?
        .map(|value| value.as_i64().ok_or_else(|| misfit(field(pointer), value, "int64")))
        .transpose()
}

/// The text at a pointer; absent if the field or something on the way to it is.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> Result<Option<&'a str>, Misfit> {
    nested(object, pointer)?
        .map(|value| value.as_str().ok_or_else(|| misfit(field(pointer), value, "string")))
        .transpose()
}

fn nested<'a>(object: &'a Value, pointer: &str) -> Result<Option<&'a Value>, Misfit> {
    let (mut value, mut path) = (object, String::new());
    for name in pointer.split('/').skip(1) {
        path = format!("{path}.{name}");
        value = match value {
            Value::Null => return Ok(None),
            Value::Object(fields) => match fields.get(name) {
                Some(value) => value,
                None => return Ok(None),
            },
            other => return Err(misfit(path, other, MAP_TYPE)),
        };
    }
    Ok(Some(value))
}

fn misfit(path: String, value: &Value, expected: &'static str) -> Misfit {
    Misfit { path, value: plain(value), found: type_name(value), expected }
}

/// What is wrong with the wanted replicas.
pub(super) fn wrong_spec(object: &Value, paths: &ScalePaths) -> Option<FieldError> {
    wrong_count(object, &paths.spec_replicas)
}

/// What is wrong with the replicas that are there, and with the selector.
pub(super) fn wrong_status(object: &Value, paths: &ScalePaths) -> Vec<FieldError> {
    let selector = paths.label_selector.as_deref();
    let wrong_selector = selector.and_then(|pointer| {
        let why = text(object, pointer).err()?;
        Some(FieldError::invalid_text(field(pointer), "", &why.to_string()))
    });
    wrong_count(object, &paths.status_replicas).into_iter().chain(wrong_selector).collect()
}

fn wrong_count(object: &Value, pointer: &str) -> Option<FieldError> {
    let (count, why) = match number(object, pointer) {
        Err(why) => (0, why.to_string()),
        Ok(Some(count)) if count < 0 => (count, "should be a non-negative integer".to_owned()),
        Ok(Some(count)) if count > i32::MAX.into() => {
            (count, format!("should be less than or equal to {}", i32::MAX))
        }
        Ok(_) => return None,
    };
    Some(FieldError::invalid(field(pointer), &count.into(), &why))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_is_told_as_by_accessors() {
        let object = json!({"spec": {"replicas": "x", "n": 1.5, "none": null, "list": [1]}});
        for (pointer, expected) in [
            ("/spec/replicas", ".spec.replicas accessor error: x is of the type string, expected int64"),
            ("/spec/n", ".spec.n accessor error: 1.5 is of the type float64, expected int64"),
            ("/spec/none", ".spec.none accessor error: <nil> is of the type <nil>, expected int64"),
            (
                "/spec/list/deep",
                ".spec.list.deep accessor error: [1] is of the type []interface {}, expected map[string]interface {}",
            ),
        ] {
            assert_eq!(number(&object, pointer).unwrap_err().to_string(), expected);
        }
        assert_eq!(number(&object, "/status/replicas"), Ok(None));
        assert_eq!(number(&object, "/spec/none/deep"), Ok(None));
    }
}
