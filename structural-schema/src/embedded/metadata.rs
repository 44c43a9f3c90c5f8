//! The metadata of an embedded resource.

use serde_json::{Map, Value};

use super::names;
use crate::field_error::FieldError;
use crate::go_text::json_kind;
use crate::path::Path;
use crate::prune::UnknownFields;

/// How a field of metadata is typed.
enum Type {
    Text,
    Integer,
    Texts,
    TextMap,
    Objects(&'static [&'static str]),
}

/// Bytes of all keys and values of the annotations.
const ANNOTATIONS_LIMIT: i64 = 256 * 1024;

/// `metav1.ObjectMeta`.
fn field_type(name: &str) -> Option<Type> {
    Some(match name {
        "name" | "generateName" | "namespace" | "selfLink" | "uid" | "resourceVersion"
        | "creationTimestamp" | "deletionTimestamp" => Type::Text,
        "generation" | "deletionGracePeriodSeconds" => Type::Integer,
        "labels" | "annotations" => Type::TextMap,
        "finalizers" => Type::Texts,
        "ownerReferences" => {
            Type::Objects(&["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"])
        }
        "managedFields" => Type::Objects(&[
            "manager",
            "operation",
            "apiVersion",
            "time",
            "fieldsType",
            "fieldsV1",
            "subresource",
        ]),
        _ => return None,
    })
}

/// Takes away what `metav1.ObjectMeta` has no field for (recorded), and what it would not write.
pub(crate) fn keep_known_fields(metadata: &mut Value, unknown: &mut UnknownFields) {
    let Value::Object(fields) = metadata else { return };
    fields.retain(|name, value| {
        let Some(known) = field_type(name) else {
            unknown.record(name);
            return false;
        };
        if let (Type::Objects(names), Value::Array(elements)) = (&known, &mut *value) {
            unknown.in_field(name, |unknown| {
                for (index, element) in elements.iter_mut().enumerate() {
                    unknown.in_element(index, |unknown| keep(element, names, unknown));
                }
            });
        }
        match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(elements) => !elements.is_empty(),
            Value::Object(entries) => !entries.is_empty(),
            Value::Number(number) => number.as_i64() != Some(0) || name == "deletionGracePeriodSeconds",
            Value::Bool(_) => true,
        }
    });
}

fn keep(value: &mut Value, names: &[&str], unknown: &mut UnknownFields) {
    if let Value::Object(fields) = value {
        fields.retain(|name, _| {
            let known = names.contains(&name.as_str());
            if !known {
                unknown.record(name);
            }
            known
        });
    }
}

/// What is wrong with the `apiVersion`, `kind` and `metadata` of an embedded resource.
pub(super) fn validate(fields: &Map<String, Value>, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    for name in ["apiVersion", "kind"] {
        let field = Path::Field(path, name);
        match fields.get(name) {
            None => errors.push(FieldError::required(field.field(), "")),
            Some(Value::String(text)) if text.is_empty() => {
                errors.push(FieldError::invalid_text(field.field(), text, "must not be empty"));
            }
            Some(Value::String(text)) => {
                if let Some(detail) = if name == "kind" { bad_kind(text) } else { bad_version(text) } {
                    errors.push(FieldError::invalid_text(field.field(), text, &detail));
                }
            }
            Some(other) => errors.push(FieldError::invalid(field.field(), other, "must be a string")),
        }
    }
    if let Some(metadata) = fields.get("metadata") {
        validate_metadata(metadata, &Path::Field(path, "metadata"), errors);
    }
}

fn bad_kind(kind: &str) -> Option<String> {
    let problems = names::label_1035(&kind.to_lowercase());
    (!problems.is_empty())
        .then(|| format!("may have mixed case, but should otherwise match: {}", problems.join(",")))
}

fn bad_version(api_version: &str) -> Option<String> {
    let slashes = api_version.matches('/').count();
    (slashes > 1).then(|| format!("unexpected GroupVersion string: {api_version}"))
}

fn validate_metadata(metadata: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let fields = match metadata {
        Value::Null => return,
        Value::Object(fields) => fields,
        other => {
            let detail =
                format!("json: cannot unmarshal {} into Go value of type v1.ObjectMeta", json_kind(other));
            errors.push(FieldError::invalid(path.field(), metadata, &detail));
            return;
        }
    };
    if let Some(detail) = fields.iter().find_map(|(name, value)| mistyped(name, value)) {
        errors.push(FieldError::invalid(path.field(), metadata, &detail));
        return;
    }
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut report = |name: &str, value: &str, problems: Vec<String>| {
        for problem in problems {
            errors.push(FieldError::invalid_text(Path::Field(path, name).field(), value, &problem));
        }
    };
    report("generateName", text("generateName"), names::path_segment(text("generateName"), true));
    report("name", text("name"), names::path_segment(text("name"), false));
    if !text("namespace").is_empty() {
        report("namespace", text("namespace"), names::label_1123(text("namespace")));
    }
    for (key, value) in entries(fields, "labels") {
        report("labels", key, names::qualified_name(key));
        report("labels", value, names::label_value(value));
    }
    for (key, _) in entries(fields, "annotations") {
        report("annotations", key, names::qualified_name(&key.to_lowercase()));
    }
    for finalizer in fields.get("finalizers").and_then(Value::as_array).into_iter().flatten() {
        let finalizer = finalizer.as_str().unwrap_or_default();
        report("finalizers", finalizer, names::qualified_name(finalizer));
    }
    let size: usize = entries(fields, "annotations").map(|(key, value)| key.len() + value.len()).sum();
    if i64::try_from(size).is_ok_and(|size| size > ANNOTATIONS_LIMIT) {
        errors.push(FieldError::too_long(Path::Field(path, "annotations").field(), ANNOTATIONS_LIMIT));
    }
    if let Some(generation) = fields.get("generation").filter(|value| value.as_i64().is_some_and(|n| n < 0)) {
        let detail = "must be greater than or equal to 0";
        errors.push(FieldError::invalid(Path::Field(path, "generation").field(), generation, detail));
    }
}

fn entries<'a>(fields: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let map = fields.get(name).and_then(Value::as_object);
    map.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()))
}

/// Go's words for a value that the field's type cannot hold.
fn mistyped(name: &str, value: &Value) -> Option<String> {
    let wrong = |value: &Value, of: &str| {
        Some(format!(
            "json: cannot unmarshal {} into Go struct field ObjectMeta.{name} of type {of}",
            json_kind(value)
        ))
    };
    match (field_type(name)?, value) {
        (_, Value::Null)
        | (Type::Text, Value::String(_))
        | (Type::Integer, Value::Number(_))
        | (Type::Objects(_), Value::Array(_)) => None,
        (Type::TextMap, Value::Object(entries)) => entries
            .values()
            .find(|entry| !entry.is_string() && !entry.is_null())
            .and_then(|entry| wrong(entry, "string")),
        (Type::Texts, Value::Array(elements)) => {
            elements.iter().find(|element| !element.is_string()).and_then(|element| wrong(element, "string"))
        }
        (Type::Text, _) => wrong(value, "string"),
        (Type::Integer, _) => wrong(value, "int64"),
        (Type::TextMap, _) => wrong(value, "map[string]string"),
        (Type::Texts, _) => wrong(value, "[]string"),
        (Type::Objects(_), _) if name == "ownerReferences" => wrong(value, "[]v1.OwnerReference"),
        (Type::Objects(_), _) => wrong(value, "[]v1.ManagedFieldsEntry"),
    }
}
