//! What is compared of two objects.

use object_patch::ManagedFields;
use serde_json::{Map, Value, json};

/// The time of all our writes, later than any of the server's.
pub(crate) const NOW: &str = "2999-01-01T00:00:00Z";

/// An object without what the server sets, and with numbers as it writes them.
pub(crate) fn content(object: &Value) -> Value {
    let mut object = whole_numbers(object);
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for name in ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"] {
            metadata.remove(name);
        }
    }
    object
}

/// A value with 1.0, the only such number here, as an integer.
fn whole_numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.as_f64() == Some(1.0) => json!(1),
        Value::Array(items) => items.iter().map(whole_numbers).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| (name.clone(), whole_numbers(field))).collect()
        }
        other => other.clone(),
    }
}

/// The entries of an object's managed fields in a fixed order, each with whether it has a time.
pub(crate) fn entries(object: &Value) -> Vec<Value> {
    let mut entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    for entry in &mut entries {
        entry["time"] = json!(!entry["time"].is_null());
    }
    entries.sort_by_key(|entry| {
        ["operation", "manager", "apiVersion", "subresource"].map(|name| entry[name].to_string())
    });
    entries
}

/// Whether the entries that we left alone have the time that they had: only an entry that we changed may have another.
pub(crate) fn check_kept_times(ours: &Value, theirs: &Value, context: &str) {
    let time = |object: &Value, like: &Value| {
        let list = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        let same = |entry: &&Value| {
            ["operation", "manager", "apiVersion", "subresource"]
                .iter()
                .all(|name| entry[*name] == like[*name])
        };
        list.iter().find(same).map(|entry| entry["time"].clone())
    };
    for entry in ours["metadata"]["managedFields"].as_array().into_iter().flatten() {
        if entry["time"] != NOW {
            assert_eq!(time(theirs, entry), Some(entry["time"].clone()), "time of {entry}\n{context}");
        }
    }
}

/// Whether two lists of entries are the same; shows those that are not.
pub(crate) fn check_same(ours: &[Value], theirs: &[Value], context: &str) {
    let only_in = |one: &[Value], other: &[Value]| -> Vec<String> {
        one.iter().filter(|entry| !other.contains(entry)).map(Value::to_string).collect()
    };
    let (here, there) = (only_in(ours, theirs), only_in(theirs, ours));
    assert!(ours == theirs, "{context}\nonly here: {here:#?}\nonly there: {there:#?}");
}

/// Whether a list of managed fields is in the order in which we write it.
pub(crate) fn check_order(object: &Value) {
    let list = &object["metadata"]["managedFields"];
    let written = ManagedFields::parse(list).unwrap().to_value();
    assert_eq!(written, if list.is_null() { json!([]) } else { list.clone() });
}

/// The causes of a conflict, sorted.
pub(crate) fn causes(status: &Value) -> Vec<Value> {
    let mut causes = status["details"]["causes"].as_array().cloned().unwrap_or_default();
    causes.sort_by_key(Value::to_string);
    causes
}

/// The fields of an object that a smaller one has not, by their names alone; an error is a field of the smaller one that
/// the larger one has not, or has otherwise.
pub(crate) fn additions(smaller: &Value, larger: &Value) -> Result<Vec<String>, String> {
    let mut added = Vec::new();
    collect_additions(smaller, larger, "", &mut added)?;
    Ok(added)
}

fn collect_additions(
    smaller: &Value,
    larger: &Value,
    path: &str,
    added: &mut Vec<String>,
) -> Result<(), String> {
    match (smaller, larger) {
        (Value::Object(small), Value::Object(large)) => {
            for (name, value) in small {
                let empty = value.is_null()
                    || value.as_object().is_some_and(Map::is_empty)
                    || value.as_array().is_some_and(Vec::is_empty);
                match large.get(name) {
                    None if empty => {}
                    Some(_) if value.is_null() => added.push(name.clone()),
                    None => return Err(format!("{path}.{name}: {value} is missing")),
                    Some(other) => collect_additions(value, other, &format!("{path}.{name}"), added)?,
                }
            }
            added.extend(large.keys().filter(|name| !small.contains_key(*name)).cloned());
            Ok(())
        }
        (Value::Array(small), Value::Array(large)) if small.len() == large.len() => {
            let pairs = small.iter().zip(large).enumerate();
            pairs.into_iter().try_for_each(|(at, (small, large))| {
                collect_additions(small, large, &format!("{path}[{at}]"), added)
            })
        }
        (small, large) if small == large => Ok(()),
        (small, large) => Err(format!("{path}: {small} here, {large} there")),
    }
}
