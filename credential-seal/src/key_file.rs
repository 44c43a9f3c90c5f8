//! A key in a file, for development.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use aws_lc_rs::aead::NONCE_LEN;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::SecretBytes;
use crate::data_key::{decrypt, encrypt, random};
use crate::provider::{KeyProvider, ProviderError, WrappedKey, hex, quoted};

/// A provider whose key is in a file: 32 bytes in base64, as `openssl rand -base64 32` writes them.
///
/// Who can read the file can open everything, so this protects a copy of the database and nothing else.
pub struct KeyFile {
    name: String,
    key_id: String,
    key: Zeroizing<[u8; 32]>,
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot read the key file {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others can read it.
    #[error("the key file {} has mode {mode:03o}, and others than its owner may not read or write it: chmod 600 it", .path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is no key in it.
    #[error("the key file {} does not hold 32 bytes in base64: write them by `openssl rand -base64 32`", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
    },
}

impl KeyFile {
    /// Reads a key file. With it comes a warning, to be shown to whoever runs the program.
    ///
    /// # Errors
    /// It cannot be read, others can read it, or it holds no key.
    pub fn open(name: impl Into<String>, path: &Path) -> Result<(Self, String), KeyFileError> {
        let name = name.into();
        let failed = |source| KeyFileError::Read { path: path.to_owned(), source };
        let mut file = fs::File::open(path).map_err(failed)?;
        // Of the open file: a path could be another one by then.
        let mode = file.metadata().map_err(failed)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Mode { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::with_capacity(128));
        // A key has 44 letters; a longer file is something else.
        (&mut file).take(128).read_to_string(&mut text).map_err(failed)?;
        let decoded = STANDARD.decode(text.trim()).map(Zeroizing::new);
        let Some(bytes) = decoded.ok().filter(|bytes| bytes.len() == 32) else {
            return Err(KeyFileError::Content { path: path.to_owned() });
        };
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(&bytes);
        let warning = format!(
            "provider {name} has its key in the file {}: whoever reads that file reads every credential, so it is for \
             development; use a KMS plugin or PKCS#11 where it counts",
            path.display()
        );
        Ok((Self { name, key_id: key_id(&key), key }, warning))
    }
}

/// The first 8 bytes of a hash of the key, as hexadecimal digits.
fn key_id(key: &[u8; 32]) -> String {
    let input = Zeroizing::new([b"credential-seal key file v1".as_slice(), key].concat());
    hex(&digest(&SHA256, &input).as_ref()[..8])
}

#[async_trait]
impl KeyProvider for KeyFile {
    fn name(&self) -> &str {
        &self.name
    }

    async fn wrap(&self, key: &SecretBytes) -> Result<WrappedKey, ProviderError> {
        let away = |error: &dyn std::fmt::Display| ProviderError::Away(error.to_string());
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&random(NONCE_LEN).map_err(|error| away(&error))?);
        let sealed =
            encrypt(&self.key, nonce, self.key_id.as_bytes(), key.expose()).map_err(|error| away(&error))?;
        let ciphertext = [nonce.as_slice(), &sealed].concat();
        Ok(WrappedKey { key_id: self.key_id.clone(), ciphertext, annotations: BTreeMap::new() })
    }

    async fn unwrap_key(&self, wrapped: &WrappedKey) -> Result<SecretBytes, ProviderError> {
        if wrapped.key_id != self.key_id {
            return Err(ProviderError::Refused(format!(
                "the file holds key {}, and {} is wanted",
                self.key_id,
                quoted(&wrapped.key_id)
            )));
        }
        let refused = || ProviderError::Refused("the wrapped key is damaged".to_owned());
        let (nonce, ciphertext) = wrapped.ciphertext.split_first_chunk::<NONCE_LEN>().ok_or_else(refused)?;
        decrypt(&self.key, *nonce, self.key_id.as_bytes(), ciphertext).map_err(|_| refused())
    }

    async fn status(&self) -> Result<String, ProviderError> {
        Ok(self.key_id.clone())
    }
}

impl std::fmt::Debug for KeyFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KeyFile")
            .field("name", &self.name)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}
