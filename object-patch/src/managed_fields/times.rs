//! Writes that change nothing.

use serde_json::Value;

/// Gives an object the times that its managed fields had before, when nothing but those times differs: so that the
/// write changes nothing and need not be stored.
pub fn keep_times(old: &Value, new: &mut Value) {
    let is_same = {
        let (old_fields, new_fields) = (managed(old), managed(new));
        old_fields.len() == new_fields.len()
            && old_fields.iter().zip(new_fields).all(|(old, new)| same_but(old, new, "time"))
            && same_but(old, new, "metadata")
            && same_but(&old["metadata"], &new["metadata"], "managedFields")
    };
    if is_same && let Some(fields) = new.pointer_mut("/metadata/managedFields") {
        *fields = Value::Array(managed(old).to_vec());
    }
}

fn managed(object: &Value) -> &[Value] {
    object["metadata"]["managedFields"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Whether two objects have the same fields, one apart.
fn same_but(one: &Value, other: &Value, name: &str) -> bool {
    fields_but(one, name).count() == fields_but(other, name).count()
        && fields_but(one, name).all(|(field, value)| other.get(field) == Some(value))
}

fn fields_but<'a>(object: &'a Value, name: &'a str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    object.as_object().into_iter().flatten().filter(move |(field, _)| *field != name)
}
