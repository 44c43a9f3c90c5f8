//! The ciphers of static keys: nonce or initialisation vector, then ciphertext.

use aws_lc_rs::aead::{
    AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey,
};
use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, AES_CBC_IV_LEN, DecryptionContext, EncryptionContext,
    PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use credential_seal::data_key::random;
use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use crypto_secretbox::{Key, XSalsa20Poly1305};
use zeroize::Zeroizing;

/// A cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    /// AES-GCM with the storage key as associated data.
    AesGcm,
    /// AES-CBC with PKCS#7, without authentication.
    AesCbc,
    /// XSalsa20-Poly1305.
    SecretBox,
}

/// The bytes are not what was written, or the key is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it does not decrypt: changed, moved from another key, or written with another key")]
pub(super) struct Undecryptable;

/// Bytes that a cipher appends: GCM's tag, or a whole block of padding.
const MOST_APPENDED: usize = 16;
/// Bytes of secretbox' nonce.
const SECRETBOX_NONCE: usize = 24;

impl Cipher {
    /// Its part of a value's prefix.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AesGcm => "aesgcm",
            Self::AesCbc => "aescbc",
            Self::SecretBox => "secretbox",
        }
    }

    /// Encrypts.
    pub(super) fn encrypt(
        self,
        key: &[u8],
        storage_key: &str,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Undecryptable> {
        let failed = |_| Undecryptable;
        let nonce = random(match self {
            Self::AesGcm => NONCE_LEN,
            Self::AesCbc => AES_CBC_IV_LEN,
            Self::SecretBox => SECRETBOX_NONCE,
        })
        .map_err(|_| Undecryptable)?;
        // What is encrypted in place has room for what is appended: growth would leave a copy of the plaintext behind. It is
        // overwritten if encryption fails.
        let in_place = || {
            let mut bytes = Zeroizing::new(Vec::with_capacity(plaintext.len() + MOST_APPENDED));
            bytes.extend_from_slice(plaintext);
            bytes
        };
        let sealed = match self {
            Self::AesGcm => {
                let mut sealed = in_place();
                let unique = Nonce::try_assume_unique_for_key(&nonce).map_err(failed)?;
                gcm(key)?
                    .seal_in_place_append_tag(unique, Aad::from(storage_key.as_bytes()), &mut *sealed)
                    .map_err(failed)?;
                std::mem::take(&mut *sealed)
            }
            Self::AesCbc => {
                let mut sealed = in_place();
                let vector = EncryptionContext::Iv128(vector(&nonce)?);
                let key = PaddedBlockEncryptingKey::cbc_pkcs7(cbc(key)?).map_err(failed)?;
                key.less_safe_encrypt(&mut *sealed, vector).map_err(failed)?;
                std::mem::take(&mut *sealed)
            }
            Self::SecretBox => {
                let unique =
                    <[u8; SECRETBOX_NONCE]>::try_from(nonce.as_slice()).map_err(|_| Undecryptable)?;
                let cipher = secret_box(key)?;
                cipher
                    .encrypt(&crypto_secretbox::Nonce::from(unique), plaintext)
                    .map_err(|_| Undecryptable)?
            }
        };
        Ok([nonce, sealed].concat())
    }

    /// Decrypts.
    pub(super) fn decrypt(
        self,
        key: &[u8],
        storage_key: &str,
        payload: &[u8],
    ) -> Result<Vec<u8>, Undecryptable> {
        let failed = |_| Undecryptable;
        match self {
            Self::AesGcm => {
                let (nonce, sealed) = payload.split_at_checked(NONCE_LEN).ok_or(Undecryptable)?;
                let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(failed)?;
                let mut bytes = Zeroizing::new(sealed.to_vec());
                let plaintext = gcm(key)?
                    .open_in_place(nonce, Aad::from(storage_key.as_bytes()), &mut bytes)
                    .map_err(failed)?;
                let length = plaintext.len();
                bytes.truncate(length);
                Ok(std::mem::take(&mut *bytes))
            }
            Self::AesCbc => {
                let (nonce, sealed) = payload.split_at_checked(AES_CBC_IV_LEN).ok_or(Undecryptable)?;
                let key = PaddedBlockDecryptingKey::cbc_pkcs7(cbc(key)?).map_err(failed)?;
                let mut bytes = Zeroizing::new(sealed.to_vec());
                let plaintext =
                    key.decrypt(&mut bytes, DecryptionContext::Iv128(vector(nonce)?)).map_err(failed)?;
                Ok(plaintext.to_vec())
            }
            Self::SecretBox => {
                let (nonce, sealed) = payload.split_first_chunk::<SECRETBOX_NONCE>().ok_or(Undecryptable)?;
                secret_box(key)?
                    .decrypt(&crypto_secretbox::Nonce::from(*nonce), sealed)
                    .map_err(|_| Undecryptable)
            }
        }
    }
}

fn gcm(key: &[u8]) -> Result<LessSafeKey, Undecryptable> {
    let algorithm = match key.len() {
        16 => &AES_128_GCM,
        24 => &AES_192_GCM,
        _ => &AES_256_GCM,
    };
    UnboundKey::new(algorithm, key).map(LessSafeKey::new).map_err(|_| Undecryptable)
}

fn cbc(key: &[u8]) -> Result<UnboundCipherKey, Undecryptable> {
    let algorithm = match key.len() {
        16 => &AES_128,
        24 => &AES_192,
        _ => &AES_256,
    };
    UnboundCipherKey::new(algorithm, key).map_err(|_| Undecryptable)
}

fn vector(bytes: &[u8]) -> Result<FixedLength<AES_CBC_IV_LEN>, Undecryptable> {
    <[u8; AES_CBC_IV_LEN]>::try_from(bytes).map(FixedLength::from).map_err(|_| Undecryptable)
}

fn secret_box(key: &[u8]) -> Result<XSalsa20Poly1305, Undecryptable> {
    <[u8; 32]>::try_from(key).map(|key| XSalsa20Poly1305::new(&Key::from(key))).map_err(|_| Undecryptable)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encrypted_decrypts_and_arbitrary_bytes_do_no_harm(
            plaintext in prop::collection::vec(any::<u8>(), 0..64), noise in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            for (cipher, length) in [(Cipher::AesGcm, 16), (Cipher::AesGcm, 24), (Cipher::AesGcm, 32), (Cipher::AesCbc, 16),
                (Cipher::AesCbc, 24), (Cipher::AesCbc, 32), (Cipher::SecretBox, 32)] {
                let key = vec![5; length];
                let payload = cipher.encrypt(&key, "/registry/secrets/a/b", &plaintext).unwrap();
                prop_assert_eq!(cipher.decrypt(&key, "/registry/secrets/a/b", &payload), Ok(plaintext.clone()));
                let moved = cipher.decrypt(&key, "/registry/secrets/a/c", &payload);
                prop_assert_eq!(moved.is_err(), cipher == Cipher::AesGcm);
                let _ = cipher.decrypt(&key, "", &noise);
            }
        }
    }
}
