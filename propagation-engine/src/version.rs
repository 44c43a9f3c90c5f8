//! Versions: names of contents, to tell what was written from what is wanted.

use std::hash::{DefaultHasher, Hasher};

use federation_model::{ClusterOverride, Override, OverrideOp};
use md5::{Digest as _, Md5};
use serde_json::{Number, Value, json};

/// KubeFed's version of a template, bit for bit: the hex MD5 of its Go JSON; empty when there is none.
pub fn template_version(template: Option<&Value>) -> String {
    template.map_or_else(String::new, go_hash)
}

/// KubeFed's version of all overrides, bit for bit: the hex MD5 of the Go JSON of `{"overrides": …}`.
pub fn overrides_version(overrides: Option<&[ClusterOverride]>) -> String {
    // Go writes the fields of its types in this order, which is not sorted for `overrides[]`'s items but happens to be.
    let items = overrides.map(|list| list.iter().map(cluster_override_json).collect::<Vec<_>>());
    go_hash(&json!({"overrides": items}))
}

fn cluster_override_json(item: &ClusterOverride) -> Value {
    let mut json = json!({"clusterName": item.cluster_name});
    if let Some(patches) = item.cluster_overrides.as_ref().filter(|p| !p.is_empty()) {
        json["clusterOverrides"] = patches.iter().map(override_json).collect();
    }
    json
}

fn override_json(patch: &Override) -> Value {
    let mut json = json!({"path": patch.path});
    match patch.op {
        None | Some(OverrideOp::Default) => {}
        Some(OverrideOp::Add) => json["op"] = "add".into(),
        Some(OverrideOp::Remove) => json["op"] = "remove".into(),
        Some(OverrideOp::Replace) => json["op"] = "replace".into(),
    }
    if let Some(value) = patch.value.as_ref().filter(|v| !v.is_null()) {
        json["value"] = value.clone();
    }
    json
}

/// Our revision of an object in one cluster: ten hex digits over the template and that cluster's overrides. It changes
/// when, and only when, what that cluster is to run changes; the order of keys does not count.
pub fn revision(template: Option<&Value>, overrides: Option<&[Override]>, retain_replicas: bool) -> String {
    let mut hash = Md5::new();
    let mut text = String::new();
    go_json(template.unwrap_or(&Value::Null), &mut text);
    if let Some(overrides) = overrides.filter(|o| !o.is_empty()) {
        go_json(&overrides.iter().map(override_json).collect(), &mut text);
    }
    if retain_replicas {
        text.push_str("retainReplicas");
    }
    hash.update(text.as_bytes());
    let mut revision = hex(&hash.finalize());
    revision.truncate(10);
    revision
}

fn go_hash(value: &Value) -> String {
    let mut text = String::new();
    go_json(value, &mut text);
    text.push('\n');
    hex(&Md5::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// JSON as Go's `encoding/json` writes a decoded value: keys sorted, HTML escaped, numbers as 64-bit floats.
fn go_json(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => go_number(number, out),
        Value::String(text) => go_string(text, out),
        Value::Array(list) => {
            out.push('[');
            for (i, item) in list.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                go_json(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            let mut keys: Vec<_> = map.iter().collect();
            keys.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
            for (i, (key, item)) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                go_string(key, out);
                out.push(':');
                go_json(item, out);
            }
            out.push('}');
        }
    }
}

/// Go: whole numbers decode to int64 in unstructured objects and print as they are; others print as the shortest float, in
/// exponent form below 1e-6 and from 1e21.
fn go_number(number: &Number, out: &mut String) {
    if let Some(whole) = number.as_i64() {
        out.push_str(&whole.to_string());
        return;
    }
    let float = number.as_f64().unwrap_or(0.0);
    let size = float.abs();
    if size != 0.0 && (size < 1e-6 || size >= 1e21) {
        let text = format!("{float:e}");
        match text.split_once('e') {
            Some((digits, exponent)) => {
                let (sign, digits_of_exponent) = match exponent.strip_prefix('-') {
                    Some(rest) => ('-', rest),
                    None => ('+', exponent),
                };
                out.push_str(&format!("{digits}e{sign}{digits_of_exponent:0>2}"));
                // Go cleans e-09 up to e-9.
                if sign == '-' && digits_of_exponent.len() == 1 {
                    let at = out.len() - 2;
                    out.remove(at);
                }
            }
            None => out.push_str(&text),
        }
    } else {
        out.push_str(&float.to_string());
    }
}

fn go_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Hash of all that a writer can mean of an object: not its status, nor the server's bookkeeping. The same within one
/// process only.
pub fn content_hash(object: &Value) -> u64 {
    const BOOKKEEPING: [&str; 6] =
        ["resourceVersion", "generation", "uid", "creationTimestamp", "managedFields", "selfLink"];
    let mut hasher = DefaultHasher::new();
    if let Value::Object(map) = object {
        for (key, value) in map.iter().filter(|(k, _)| *k != "status") {
            hasher.write(key.as_bytes());
            match value {
                Value::Object(meta) if key == "metadata" => {
                    for (key, value) in meta.iter().filter(|(k, _)| !BOOKKEEPING.contains(&k.as_str())) {
                        hasher.write(key.as_bytes());
                        hash_value(value, &mut hasher);
                    }
                }
                value => hash_value(value, &mut hasher),
            }
        }
    }
    hasher.finish()
}

fn hash_value(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Null => hasher.write_u8(0),
        Value::Bool(b) => hasher.write_u8(1 + u8::from(*b)),
        Value::Number(n) => {
            hasher.write_u8(3);
            match (n.as_i64(), n.as_f64()) {
                (Some(whole), _) => hasher.write_i64(whole),
                (None, float) => hasher.write_u64(float.unwrap_or(0.0).to_bits()),
            }
        }
        Value::String(s) => {
            hasher.write_u8(4);
            hasher.write_usize(s.len());
            hasher.write(s.as_bytes());
        }
        Value::Array(list) => {
            hasher.write_u8(5);
            hasher.write_usize(list.len());
            list.iter().for_each(|item| hash_value(item, hasher));
        }
        Value::Object(map) => {
            hasher.write_u8(6);
            hasher.write_usize(map.len());
            for (key, item) in map {
                hasher.write_usize(key.len());
                hasher.write(key.as_bytes());
                hash_value(item, hasher);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubefeds_hashes() {
        assert_eq!(template_version(None), "");
        assert_eq!(template_version(Some(&json!({}))), "8a80554c91d9fca8acb82f023de02f11");
        assert_eq!(overrides_version(None), "2979b7538b527abe06492021841caf47");
        assert_eq!(overrides_version(Some(&[])), "fd97e6d9a670c7dcdc2477764f78b459");
    }

    #[test]
    fn numbers_are_gos() {
        for (json, go) in [
            ("1", "1"), ("1.0", "1"), ("1.5", "1.5"), ("1e21", "1e+21"), ("1e20", "100000000000000000000"),
            ("0.000001", "0.000001"), ("0.0000001", "1e-7"), ("1.5e-9", "1.5e-9"), ("1e-10", "1e-10"), ("-2.5e30", "-2.5e+30"), ("0", "0"),
        ] {
            let mut text = String::new();
            go_json(&serde_json::from_str(json).unwrap(), &mut text);
            assert_eq!(text, go, "{json}");
        }
    }

    #[test]
    fn a_revision_is_of_one_cluster() {
        let template = json!({"b": 1, "a": 2});
        let same: Value = serde_json::from_str(r#"{"a": 2, "b": 1}"#).unwrap();
        let patch = [Override { path: "/x".to_owned(), op: None, value: Some(json!(1)) }];
        let base = revision(Some(&template), None, false);
        assert_eq!(base.len(), 10);
        assert_eq!(base, revision(Some(&same), Some(&[]), false));
        assert_ne!(base, revision(Some(&template), Some(&patch), false));
        assert_ne!(base, revision(Some(&template), None, true));
    }

    #[test]
    fn status_and_bookkeeping_do_not_count() {
        let a = json!({"metadata": {"name": "a", "resourceVersion": "1", "labels": {"x": "y"}}, "status": 1, "data": {"k": "v"}});
        let b = json!({"metadata": {"name": "a", "resourceVersion": "2", "labels": {"x": "y"}}, "status": 2, "data": {"k": "v"}});
        let c = json!({"metadata": {"name": "a", "resourceVersion": "2", "labels": {"x": "z"}}, "data": {"k": "v"}});
        assert_eq!(content_hash(&a), content_hash(&b));
        assert_ne!(content_hash(&a), content_hash(&c));
    }
}
