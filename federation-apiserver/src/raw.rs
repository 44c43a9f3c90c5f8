//! Stored bytes, served without being parsed.
//!
//! An object is stored without its resource version, which is the number of the write that stored it. To serve it, the
//! version has to be put in; for that it is enough to find where its metadata begins.

use bytes::{Bytes, BytesMut};

/// Finds, among the top-level fields of a JSON object, where the value of each wanted field begins.
fn top_level<const N: usize>(json: &[u8], wanted: [&[u8]; N]) -> [Option<usize>; N] {
    let mut found = [None; N];
    let (mut depth, mut i) = (0_usize, 0);
    while i < json.len() {
        match json[i] {
            b'"' => {
                let start = i + 1;
                i = end_of_string(json, start);
                // A string at depth 1 that a colon follows is a key; nothing is stored with spaces between them.
                if depth == 1 && json.get(i + 1) == Some(&b':') {
                    for (slot, name) in found.iter_mut().zip(wanted) {
                        if &json[start..i] == name {
                            *slot = Some(i + 2);
                        }
                    }
                    if found.iter().all(Option::is_some) {
                        return found;
                    }
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        i += 1;
    }
    found
}

/// The position of the quote that ends the string that begins at `from`.
fn end_of_string(json: &[u8], from: usize) -> usize {
    let mut i = from;
    while i < json.len() {
        match json[i] {
            b'\\' => i += 2,
            b'"' => return i,
            _ => i += 1,
        }
    }
    json.len()
}

/// The stored object with its resource version, or `None` where it must be parsed: it is of another version than
/// `api_version`, or not in the compact form in which this server stores.
pub(crate) fn with_revision(stored: &[u8], api_version: &str, revision: u64) -> Option<Bytes> {
    // kube-apiserver ends what it stores with a newline, which would end a watch's line.
    let stored = stored.trim_ascii_end();
    let [version, metadata] = top_level(stored, [b"apiVersion", b"metadata"]);
    let (version, metadata) = (version?, metadata?);
    let rest = stored.get(version + 1..)?;
    if stored.get(version) != Some(&b'"')
        || !rest.starts_with(api_version.as_bytes())
        || rest.get(api_version.len()) != Some(&b'"')
        || stored.get(metadata) != Some(&b'{')
        || !matches!(stored.get(metadata + 1), Some(b'"'))
    {
        return None;
    }
    let mut out = BytesMut::with_capacity(stored.len() + 40);
    out.extend_from_slice(&stored[..=metadata]);
    out.extend_from_slice(b"\"resourceVersion\":\"");
    out.extend_from_slice(revision.to_string().as_bytes());
    out.extend_from_slice(b"\",");
    out.extend_from_slice(&stored[metadata + 1..]);
    Some(out.freeze())
}

/// A served object without its `kind` and `apiVersion`, as an item of a list has it: of built-in kinds, the list alone
/// says what its items are. `None` where it must be parsed.
pub(crate) fn without_type(served: &[u8]) -> Option<Bytes> {
    let names: [&[u8]; 2] = [b"apiVersion", b"kind"];
    let found = top_level(served, names);
    let mut fields = Vec::with_capacity(names.len());
    for (name, value) in names.into_iter().zip(found) {
        let value = value?;
        if served.get(value) != Some(&b'"') {
            return None;
        }
        // From the quote before the name to what follows the value.
        fields.push((value - name.len() - 3, end_of_string(served, value + 1) + 1));
    }
    fields.sort_unstable();
    let (mut out, mut from) = (BytesMut::with_capacity(served.len()), 0);
    for (start, end) in fields {
        out.extend_from_slice(served.get(from..start)?);
        // One comma goes with it: the next, or of the last field the one before.
        from = if served.get(end) == Some(&b',') {
            end + 1
        } else {
            if out.last() == Some(&b',') {
                out.truncate(out.len() - 1);
            }
            end
        };
    }
    out.extend_from_slice(served.get(from..)?);
    Some(out.freeze())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            "[a\"\\\\{}\\[\\]:, é]{0,8}".prop_map(Value::from),
            Just(json!("metadata")),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z\"\\\\:{]{0,8}|metadata|apiVersion", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_version_is_put_where_parsing_finds_it(spec in json_value(), a in json_value(), name in "[a-z\"\\\\]{1,8}") {
            let object = json!({"apiVersion": "g/v1", "a{\"": a, "metadata": {"name": name}, "spec": spec});
            let bytes = with_revision(&serde_json::to_vec(&object).unwrap(), "g/v1", 42).unwrap();
            let mut wanted = object;
            wanted["metadata"]["resourceVersion"] = "42".into();
            prop_assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), wanted);
        }

        #[test]
        fn only_the_type_is_taken_out(spec in json_value(), after in any::<bool>(), before in any::<bool>()) {
            let mut rest = serde_json::Map::new();
            if after {
                rest.insert("spec".to_owned(), spec.clone());
            }
            if before {
                rest.insert("a".to_owned(), spec);
            }
            let mut object = rest.clone();
            object.insert("apiVersion".to_owned(), "v1".into());
            object.insert("kind".to_owned(), "A".into());
            let bytes = without_type(&serde_json::to_vec(&object).unwrap()).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), Value::Object(rest));
        }

        #[test]
        fn any_bytes_are_looked_at_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (with_revision(&bytes, "v1", 1), without_type(&bytes));
        }
    }

    #[test]
    fn the_newline_that_kube_apiserver_stores_is_left_out() {
        let stored = b"{\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"}}\n";
        let served = with_revision(stored, "v1", 7).unwrap();
        assert_eq!(served, r#"{"apiVersion":"v1","metadata":{"resourceVersion":"7","name":"a"}}"#);
    }

    #[test]
    fn another_version_must_be_parsed() {
        let stored = br#"{"apiVersion":"g/v1beta1","metadata":{"name":"a"}}"#;
        assert_eq!(with_revision(stored, "g/v1", 1), None);
        assert!(with_revision(stored, "g/v1beta1", 1).is_some());
    }
}
