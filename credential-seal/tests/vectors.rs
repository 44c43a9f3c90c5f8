//! The format, byte by byte: what was once sealed must open for ever.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

use std::collections::BTreeMap;

use credential_seal::data_key::DataKey;
use credential_seal::envelope::{open, seal};
use credential_seal::format::{FormatError, Sealed};
use credential_seal::{Identity, SecretBytes, WrappedKey};
use serde_json::Value;

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn versions_are_as_they_were() {
    let read = |text: &str| serde_json::from_str::<Vec<Value>>(text).unwrap();
    let (first, second) = (read(include_str!("vectors/v1.json")), read(include_str!("vectors/v2.json")));
    assert!(first.len() >= 3 && second.len() >= 2);
    for vector in first.into_iter().chain(second) {
        let key = DataKey::new(SecretBytes::new(hex(&vector["dataKey"]))).unwrap();
        let annotations: BTreeMap<String, Vec<u8>> = vector["annotations"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), hex(value)))
            .collect();
        let wrapped =
            WrappedKey { key_id: text(&vector["keyId"]), ciphertext: hex(&vector["wrapped"]), annotations };
        let identity = Identity {
            cluster_uid: text(&vector["clusterUid"]),
            namespace: text(&vector["namespace"]),
            name: text(&vector["name"]),
            field: text(&vector["field"]),
        };
        let plaintext = SecretBytes::new(hex(&vector["plaintext"]));
        let salt = hex(&vector["salt"]).try_into().unwrap();
        let expected = hex(&vector["sealed"]);
        let (provider, note) = (text(&vector["provider"]), vector["note"].as_str());
        let sealed = seal(&provider, &wrapped, &key, salt, &identity, note, &plaintext).unwrap();
        assert_eq!(sealed, expected, "{}", vector["comment"]);
        assert_eq!(open(&Sealed::read(&expected).unwrap(), &key, &identity).unwrap(), plaintext);
    }
}

#[test]
fn what_is_of_no_known_version_is_said() {
    assert_eq!(Sealed::read(b"eyJhbGciOi"), Err(FormatError::NotSealed));
    assert_eq!(Sealed::read(b"SEAL\x03whatever"), Err(FormatError::Version(3)));
    assert!(matches!(Sealed::read(b"SEAL\x01\x05ab"), Err(FormatError::Damaged(_))));
}
