//! A hash that a status write leaves as it is.

use std::hash::{DefaultHasher, Hasher};

use serde_json::{Map, Number, Value};

/// Fields of an object's metadata that the API server keeps for itself, and that change with every write.
const BOOKKEEPING: [&str; 6] =
    ["resourceVersion", "generation", "uid", "creationTimestamp", "managedFields", "selfLink"];

/// Hash of all that a writer can mean of an object: neither its `status`, nor the server's bookkeeping in its metadata.
///
/// Two states of an object with the same hash differ by no more than that, so nothing is to be done about the
/// difference. The hash is the same within one process only, and copies nothing.
pub fn content_hash(object: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    match object {
        Value::Object(map) => {
            for (key, value) in map.iter().filter(|(key, _)| *key != "status") {
                add_text(key, &mut hasher);
                match value {
                    Value::Object(metadata) if key == "metadata" => {
                        add_entries(
                            metadata.iter().filter(|(key, _)| !BOOKKEEPING.contains(&key.as_str())),
                            &mut hasher,
                        );
                        // The filter hides how many entries there are, so their end is marked.
                        hasher.write_u8(u8::MAX);
                    }
                    _ => add(value, &mut hasher),
                }
            }
        }
        other => add(other, &mut hasher),
    }
    hasher.finish()
}

/// Adds a value: first what kind it is, then for what has a size the size, so that no two values add the same bytes.
fn add(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Null => hasher.write_u8(0),
        Value::Bool(truth) => hasher.write_u8(1 + u8::from(*truth)),
        Value::Number(number) => add_number(number, hasher),
        Value::String(text) => {
            hasher.write_u8(6);
            add_text(text, hasher);
        }
        Value::Array(list) => {
            hasher.write_u8(7);
            hasher.write_usize(list.len());
            for item in list {
                add(item, hasher);
            }
        }
        Value::Object(map) => add_object(map, hasher),
    }
}

fn add_object(map: &Map<String, Value>, hasher: &mut DefaultHasher) {
    hasher.write_u8(8);
    hasher.write_usize(map.len());
    add_entries(map.iter(), hasher);
}

fn add_entries<'a>(entries: impl Iterator<Item = (&'a String, &'a Value)>, hasher: &mut DefaultHasher) {
    for (key, value) in entries {
        add_text(key, hasher);
        add(value, hasher);
    }
}

fn add_text(text: &str, hasher: &mut DefaultHasher) {
    hasher.write_usize(text.len());
    hasher.write(text.as_bytes());
}

fn add_number(number: &Number, hasher: &mut DefaultHasher) {
    if let Some(whole) = number.as_i64() {
        hasher.write_u8(3);
        hasher.write_i64(whole);
    } else if let Some(large) = number.as_u64() {
        hasher.write_u8(4);
        hasher.write_u64(large);
    } else {
        hasher.write_u8(5);
        hasher.write_u64(number.as_f64().unwrap_or_default().to_bits());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object() -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "a", "resourceVersion": "1", "labels": {"x": "y"}},
            "spec": {"ports": [{"port": 80}]},
        })
    }

    #[test]
    fn status_and_bookkeeping_do_not_count() {
        let mut later = object();
        later["status"] = json!({"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}});
        for field in BOOKKEEPING {
            later["metadata"][field] = json!("changed");
        }
        assert_eq!(content_hash(&object()), content_hash(&later));
    }

    #[test]
    fn everything_else_counts() {
        for (pointer, value) in [
            ("/kind", json!("Pod")),
            ("/metadata/name", json!("b")),
            ("/metadata/labels/x", json!("z")),
            ("/metadata/labels/x", json!(null)),
            ("/metadata/labels", json!({"x": "y", "z": ""})),
            ("/metadata", json!(null)),
            ("/spec", json!({"ports": [{"port": 80}], "status": 1})),
            ("/spec/ports", json!([{"port": 80}, {}])),
            ("/spec/ports/0/port", json!(81)),
            ("/spec/ports/0/port", json!(80.5)),
            ("/spec/ports/0/port", json!("80")),
        ] {
            let mut other = object();
            *other.pointer_mut(pointer).unwrap() = value.clone();
            assert_ne!(content_hash(&object()), content_hash(&other), "{pointer} = {value}");
        }
        let (of, to) = (json!({"metadata": {"a": "b"}, "c": "d"}), json!({"metadata": {"a": "b", "c": "d"}}));
        assert_ne!(content_hash(&of), content_hash(&to), "what is in the metadata, and what is beside it");
    }
}
