//! Whatever is changed, it does not open; whatever is read, nothing panics.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

use std::collections::BTreeMap;

use credential_seal::data_key::DataKey;
use credential_seal::envelope::{open, open_arbitrary, seal};
use credential_seal::format::Sealed;
use credential_seal::{Identity, SecretBytes, WrappedKey};
use proptest::prelude::*;

fn identity() -> impl Strategy<Value = Identity> {
    ("[a-f0-9]{0,4}", "[a-z]{0,4}", "[a-z]{0,4}", "[a-z/]{0,4}")
        .prop_map(|(cluster_uid, namespace, name, field)| Identity { cluster_uid, namespace, name, field })
}

fn wrapped() -> impl Strategy<Value = WrappedKey> {
    let annotations =
        prop::collection::btree_map("[a-z.]{0,6}", prop::collection::vec(any::<u8>(), 0..8), 0..3);
    (".{0,6}", prop::collection::vec(any::<u8>(), 0..40), annotations)
        .prop_map(|(key_id, ciphertext, annotations)| WrappedKey { key_id, ciphertext, annotations })
}

fn key(seed: u8) -> DataKey {
    DataKey::new(SecretBytes::new(vec![seed; 32])).unwrap()
}

proptest! {
    #[test]
    fn what_is_sealed_opens_where_it_was_sealed_and_nowhere_else(
        here in identity(), there in identity(), wrapped in wrapped(), salt: [u8; 32],
        note in prop::option::of(".{0,8}"), plaintext in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let plaintext = SecretBytes::new(plaintext);
        let bytes = seal("provider", &wrapped, &key(1), salt, &here, note.as_deref(), &plaintext).unwrap();
        let sealed = Sealed::read(&bytes).unwrap();
        prop_assert_eq!((&sealed.key, &sealed.note), (&wrapped, &note));
        let other = Sealed { note: Some("another note".to_owned()), ..sealed.clone() };
        prop_assert!(open(&other, &key(1), &here).is_err());
        prop_assert_eq!(open(&sealed, &key(1), &here), Ok(plaintext));
        prop_assert!(open(&sealed, &key(2), &here).is_err());
        prop_assert_eq!(open(&sealed, &key(1), &there).is_ok(), here == there);
    }

    #[test]
    fn a_changed_bit_or_a_missing_end_never_opens(
        identity in identity(), wrapped in wrapped(), salt: [u8; 32], bit: prop::sample::Index, cut: prop::sample::Index,
        note in prop::option::of(".{0,8}"),
        plaintext in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let bytes = seal("provider", &wrapped, &key(1), salt, &identity, note.as_deref(), &SecretBytes::new(plaintext)).unwrap();
        let opens = |bytes: &[u8]| Sealed::read(bytes).is_ok_and(|sealed| open(&sealed, &key(1), &identity).is_ok());
        let mut flipped = bytes.clone();
        let bit = bit.index(bytes.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!opens(&flipped));
        prop_assert!(!opens(&bytes[..cut.index(bytes.len())]));
        let mut longer = bytes.clone();
        longer.push(0);
        prop_assert!(!opens(&longer));
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        open_arbitrary(&bytes);
        open_arbitrary(&[b"SEAL\x01".as_slice(), &bytes].concat());
        open_arbitrary(&[b"SEAL\x02".as_slice(), &bytes].concat());
    }
}

#[test]
fn every_single_bit_counts() {
    let identity = Identity {
        cluster_uid: "u".into(),
        namespace: "n".into(),
        name: "s".into(),
        field: "data/token".into(),
    };
    let wrapped = WrappedKey {
        key_id: "k".into(),
        ciphertext: vec![9; 16],
        annotations: BTreeMap::from([("a.b".into(), vec![1])]),
    };
    let token = SecretBytes::new(b"token".to_vec());
    let bytes = seal("p", &wrapped, &key(1), [3; 32], &identity, Some("note"), &token).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let opened = Sealed::read(&flipped).is_ok_and(|sealed| open(&sealed, &key(1), &identity).is_ok());
        assert!(!opened, "bit {bit}");
    }
}
