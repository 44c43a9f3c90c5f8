//! Objects that Go wrote in protobuf and in JSON, read from both.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use federation_apiserver::builtin::{KINDS, Kind, find, typed};
use federation_apiserver::protobuf;
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Vector {
    definition: String,
    protobuf: String,
    json: Value,
}

fn vectors() -> Vec<Vector> {
    let packed: &[u8] = include_bytes!("protobuf/vectors.json.gz");
    serde_json::from_reader(GzDecoder::new(packed)).unwrap()
}

/// The kind, or one whose types include what is no kind by itself.
fn kind(definition: &str) -> &'static Kind {
    KINDS.iter().find(|kind| kind.definition() == definition).unwrap_or_else(|| {
        if definition.ends_with(".Scale") {
            find("apps", "v1", "deployments").unwrap()
        } else {
            find("", "v1", "serviceaccounts").unwrap()
        }
    })
}

#[test]
fn both_forms_of_an_object_are_the_same_object() {
    let vectors = vectors();
    for kind in KINDS {
        assert!(vectors.iter().any(|one| one.definition == kind.definition()), "{}", kind.definition());
    }
    for (index, Vector { definition, protobuf, json }) in vectors.into_iter().enumerate() {
        let kind = kind(&definition);
        let decoded = protobuf::read(&STANDARD.decode(protobuf).unwrap(), &definition).unwrap();
        let read = |object: Value| typed::read_definition(kind, &definition, object).unwrap();
        let (decoded, written) = (read(decoded), read(json));
        assert_eq!(decoded.unknown, [""; 0], "{index} {definition}");
        assert_eq!(differences(&decoded.object, &written.object), [""; 0], "{index} {definition}");
    }
}

/// Where two values differ, and in what.
fn differences(one: &Value, other: &Value) -> Vec<String> {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            let null = Value::Null;
            keys.into_iter()
                .flat_map(|key| {
                    let found = match (a.get(key), b.get(key)) {
                        (Some(a), Some(b)) => differences(a, b),
                        (a, b) => vec![format!(": {} and {}", a.unwrap_or(&null), b.unwrap_or(&null))],
                    };
                    found.into_iter().map(move |path| format!(".{key}{path}"))
                })
                .collect()
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .flat_map(|(index, (a, b))| {
                differences(a, b).into_iter().map(move |path| format!("[{index}]{path}"))
            })
            .collect(),
        (a, b) if a == b => Vec::new(),
        (a, b) => vec![format!(": {a} and {b}")],
    }
}
