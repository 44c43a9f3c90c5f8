//! The key below the key: what a provider wraps, and what everything is sealed with.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk};
use zeroize::Zeroizing;

use crate::SecretBytes;

/// Bytes of a data key.
pub const DATA_KEY_LENGTH: usize = 32;
/// Bytes that AES-256-GCM adds.
pub const TAG_LENGTH: usize = 16;

/// A data key: 32 secret bytes from which each value gets a key of its own (HKDF-SHA256, expand only, RFC 5869 section
/// 2.3), so that one data key seals many values and no nonce is ever used twice under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKey(SecretBytes);

/// The bytes are not authentic, or the key is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not authentic: changed, sealed for another object, or by another key")]
pub struct NotAuthentic;

/// So many bytes of key.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

impl DataKey {
    /// A data key of these bytes; `None` unless there are 32.
    pub fn new(bytes: SecretBytes) -> Option<Self> {
        (bytes.len() == DATA_KEY_LENGTH).then_some(Self(bytes))
    }

    /// A new one.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self(random(DATA_KEY_LENGTH)?.into()))
    }

    /// The bytes, to be wrapped.
    pub fn secret(&self) -> &SecretBytes {
        &self.0
    }

    /// Secret bytes that only the holder of this key and of `info` (its parts one behind the other) can derive.
    ///
    /// # Panics
    /// Never: the lengths asked for are far below HKDF's limit of 8,160 bytes.
    pub fn derive<const N: usize>(&self, info: &[&[u8]]) -> Zeroizing<[u8; N]> {
        const { assert!(N <= 255 * 32, "HKDF-SHA256 gives at most 255 blocks") };
        let mut out = Zeroizing::new([0; N]);
        let derived = Prk::new_less_safe(HKDF_SHA256, self.0.expose());
        let filled = derived.expand(info, Bytes(N)).and_then(|okm| okm.fill(&mut out[..]));
        debug_assert!(filled.is_ok());
        out
    }
}

/// The system gives no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

/// So many random bytes.
///
/// # Errors
/// The system gives none.
pub fn random(length: usize) -> Result<Vec<u8>, NoRandomness> {
    let mut bytes = vec![0; length];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// AES-256-GCM: ciphertext and tag.
pub(crate) fn encrypt(
    key: &[u8; 32],
    nonce: [u8; NONCE_LEN],
    associated: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, NotAuthentic> {
    // Room for the tag from the start: growth would leave a copy of the plaintext behind.
    let mut bytes = Vec::with_capacity(plaintext.len() + TAG_LENGTH);
    bytes.extend_from_slice(plaintext);
    aead(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(associated), &mut bytes)
        .map_err(|_| NotAuthentic)?;
    Ok(bytes)
}

/// The plaintext of AES-256-GCM.
pub(crate) fn decrypt(
    key: &[u8; 32],
    nonce: [u8; NONCE_LEN],
    associated: &[u8],
    ciphertext: &[u8],
) -> Result<SecretBytes, NotAuthentic> {
    let mut bytes = Zeroizing::new(ciphertext.to_vec());
    let plaintext = aead(key)?
        .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(associated), &mut bytes)
        .map_err(|_| NotAuthentic)?;
    let length = plaintext.len();
    bytes.truncate(length);
    Ok(SecretBytes::new(std::mem::take(&mut *bytes)))
}

fn aead(key: &[u8; 32]) -> Result<LessSafeKey, NotAuthentic> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| NotAuthentic)
}
