//! The metadata that the server keeps for every object ("API Conventions", section "Metadata").

use serde_json::{Map, Value};

/// A text field of the metadata; empty where it is absent.
pub(crate) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// The object's name; empty where it has none.
pub fn name(object: &Value) -> &str {
    text(object, "name")
}

/// The object's namespace; empty where it has none.
pub fn namespace(object: &Value) -> &str {
    text(object, "namespace")
}

/// The object's uid; empty where it has none.
pub fn uid(object: &Value) -> &str {
    text(object, "uid")
}

/// The metadata, made where it is missing.
pub(crate) fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let metadata = &mut object["metadata"];
    if !metadata.is_object() {
        *metadata = Value::Object(Map::new());
    }
    match metadata {
        Value::Object(map) => map,
        _ => unreachable!("made an object above"),
    }
}

/// Sets or, where there is no value, removes a field of the metadata.
pub(crate) fn set(object: &mut Value, field: &str, value: Option<Value>) {
    let metadata = metadata(object);
    match value {
        Some(value) => {
            metadata.insert(field.to_owned(), value);
        }
        None => {
            metadata.remove(field);
        }
    }
}

/// Sets or removes a top-level field.
pub(crate) fn set_top(object: &mut Value, field: &str, value: Option<Value>) {
    if let Some(map) = object.as_object_mut() {
        match value {
            Some(value) => {
                map.insert(field.to_owned(), value);
            }
            None => {
                map.remove(field);
            }
        }
    }
}

/// The finalizers.
pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    object["metadata"]["finalizers"]
        .as_array()
        .map(|all| all.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

/// Whether deletion has begun.
pub fn is_deleting(object: &Value) -> bool {
    object["metadata"].get("deletionTimestamp").is_some_and(|time| !time.is_null())
}

/// A time as the API writes it: whole seconds, UTC.
pub fn time(now: jiff::Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Whether all but the named top-level fields are equal; a null is as good as no field.
pub(crate) fn same_but(one: &Value, other: &Value, ignored: &[&str]) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else { return one == other };
    let all_of_in = |fields: &Map<String, Value>, others: &Map<String, Value>| {
        fields.iter().all(|(key, value)| {
            value.is_null() || ignored.contains(&key.as_str()) || others.get(key) == Some(value)
        })
    };
    all_of_in(one, other) && all_of_in(other, one)
}
