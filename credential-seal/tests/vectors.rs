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
fn version_1_is_as_it_was() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("vectors/v1.json")).unwrap();
    assert!(vectors.len() >= 3);
    for vector in vectors {
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
        let sealed = seal(&text(&vector["provider"]), &wrapped, &key, salt, &identity, &plaintext).unwrap();
        assert_eq!(sealed, expected, "{}", vector["comment"]);
        assert_eq!(open(&Sealed::read(&expected).unwrap(), &key, &identity).unwrap(), plaintext);
    }
}

#[test]
fn what_is_not_version_1_is_said() {
    assert_eq!(Sealed::read(b"eyJhbGciOi"), Err(FormatError::NotSealed));
    assert_eq!(Sealed::read(b"SEAL\x02whatever"), Err(FormatError::Version(2)));
    assert!(matches!(Sealed::read(b"SEAL\x01\x05ab"), Err(FormatError::Damaged(_))));
}
