//! Sealing and opening, given a data key. Pure.

use aws_lc_rs::aead::NONCE_LEN;
use zeroize::Zeroizing;

use crate::data_key::{DataKey, NotAuthentic, decrypt, encrypt};
use crate::format::{FormatError, MOST, SALT_LENGTH, Sealed, header};
use crate::provider::WrappedKey;
use crate::{Identity, SecretBytes};

/// Names the purpose and the version, so that no other use of a data key derives the same.
const INFO: &[u8] = b"credential-seal v1";

/// Seals a value for an identity, with a note if there is one. The salt must be random; one that is used again with the same data key and another
/// value breaks both.
///
/// # Errors
/// A part is longer than the format takes.
pub fn seal(
    provider: &str,
    wrapped: &WrappedKey,
    key: &DataKey,
    salt: [u8; SALT_LENGTH],
    identity: &Identity,
    note: Option<&str>,
    plaintext: &SecretBytes,
) -> Result<Vec<u8>, FormatError> {
    let mut sealed = header(provider, wrapped, note, &salt)?;
    let length = sealed.len() + plaintext.len() + crate::data_key::TAG_LENGTH;
    if length > MOST {
        return Err(FormatError::TooLong(length));
    }
    let (cipher_key, nonce) = derived(key, &salt);
    let associated = associated(&sealed, identity);
    let ciphertext = encrypt(&cipher_key, nonce, &associated, plaintext.expose())
        .map_err(|NotAuthentic| FormatError::TooLong(length))?;
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

/// Opens a value that was sealed for this identity with this data key.
///
/// # Errors
/// Anything is otherwise than when it was sealed.
pub fn open(sealed: &Sealed, key: &DataKey, identity: &Identity) -> Result<SecretBytes, NotAuthentic> {
    let header = header(&sealed.provider, &sealed.key, sealed.note.as_deref(), &sealed.salt);
    let header = header.map_err(|_| NotAuthentic)?;
    let (cipher_key, nonce) = derived(key, &sealed.salt);
    decrypt(&cipher_key, nonce, &associated(&header, identity), &sealed.ciphertext)
}

fn derived(key: &DataKey, salt: &[u8; SALT_LENGTH]) -> (Zeroizing<[u8; 32]>, [u8; NONCE_LEN]) {
    let both = key.derive::<{ 32 + NONCE_LEN }>(&[INFO, salt]);
    let (mut cipher_key, mut nonce) = (Zeroizing::new([0; 32]), [0; NONCE_LEN]);
    cipher_key.copy_from_slice(&both[..32]);
    nonce.copy_from_slice(&both[32..]);
    (cipher_key, nonce)
}

fn associated(header: &[u8], identity: &Identity) -> Vec<u8> {
    let mut bytes = header.to_vec();
    identity.write(&mut bytes);
    bytes
}

/// For fuzzing: opens arbitrary bytes. It must not panic, and must never succeed with bytes that nobody sealed.
#[doc(hidden)]
pub fn open_arbitrary(bytes: &[u8]) {
    let Some(key) = DataKey::new(SecretBytes::new(vec![7; crate::data_key::DATA_KEY_LENGTH])) else { return };
    let identity = Identity {
        cluster_uid: "uid".to_owned(),
        namespace: "namespace".to_owned(),
        name: "name".to_owned(),
        field: "field".to_owned(),
    };
    if let Ok(sealed) = Sealed::read(bytes) {
        assert_eq!(sealed.write().as_deref(), Ok(bytes), "one value has one writing");
        assert!(open(&sealed, &key, &identity).is_err(), "bytes that nobody sealed were opened");
    }
}
