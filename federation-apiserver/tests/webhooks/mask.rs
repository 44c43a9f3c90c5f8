//! What differs between any two runs is made equal, and so is what is meant to differ.

use serde_json::Value;

/// What is said of an answer that is no JSON, up to what the parser says.
const UNPARSED: &str = "json parse error: ";
/// What names are made from.
const MADE: &str = "made-";
/// Where a patch does not fit.
const MISFIT: &str = "/no/such/field";

/// A review that is the same from any server. Mutating webhooks see the metadata that an update will have here, and
/// what the client wrote of it on kube-apiserver.
pub(crate) fn masked_review(mut review: Value, mutating: bool) -> Value {
    if mutating && review["request"]["operation"] == "UPDATE" {
        let metadata = review["request"]["object"]["metadata"].as_object_mut().unwrap();
        for field in ["creationTimestamp", "generation", "resourceVersion", "uid"] {
            metadata.remove(field);
        }
    }
    masked(review)
}

/// The value without uids, times, revisions and users.
pub(crate) fn masked(mut value: Value) -> Value {
    mask(&mut value);
    value
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match name.as_str() {
                    "uid" | "creationTimestamp" | "time" | "resourceVersion" | "userInfo"
                        if !value.is_null() =>
                    {
                        *value = format!("<{name}>").into();
                    }
                    _ => mask(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(mask),
        // A JSON parser and a patch that does not fit speak in words of their own.
        Value::String(text) if text.contains(MISFIT) => "<misfit>".clone_into(text),
        Value::String(text) if text.contains(UNPARSED) => {
            text.truncate(text.find(UNPARSED).unwrap() + UNPARSED.len());
        }
        Value::String(text) => {
            let parts = text.split('"').map(|part| if is_uuid(part) { "<uid>" } else { part });
            *text = parts.collect::<Vec<_>>().join("\"");
            if text.len() == MADE.len() + 5 && text.starts_with(MADE) {
                *text = format!("{MADE}<name>");
            }
        }
        _ => {}
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}
