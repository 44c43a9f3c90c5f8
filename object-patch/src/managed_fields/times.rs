//! Writes that change nothing.

use serde_json::Value;

/// Gives an object the times that its managed fields had before, when nothing but those times differs: so that the
/// write changes nothing and need not be stored.
pub fn keep_times(old: &Value, new: &mut Value) {
    let is_same = {
        let (old_fields, new_fields) = (managed(old), managed(new));
        old_fields.len() == new_fields.len()
            && old_fields
                .iter()
                .zip(new_fields)
                .all(|(old, new)| without(old, "time") == without(new, "time"))
            && without_managed(old) == without_managed(new)
    };
    if is_same && let Some(fields) = new.pointer_mut("/metadata/managedFields") {
        *fields = Value::Array(managed(old).to_vec());
    }
}

fn managed(object: &Value) -> &[Value] {
    object["metadata"]["managedFields"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn without_managed(object: &Value) -> Value {
    let mut rest = without(object, "metadata");
    rest["metadata"] = without(&object["metadata"], "managedFields");
    rest
}

fn without(value: &Value, name: &str) -> Value {
    let fields = value.as_object().into_iter().flatten().filter(|(field, _)| *field != name);
    Value::Object(fields.map(|(name, field)| (name.clone(), field.clone())).collect())
}
