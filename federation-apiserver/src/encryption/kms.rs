//! A KMS plugin as provider of encryption at rest: `EncryptedObject` of k8s.io/apiserver, `envelope/kmsv2/v2`.

use std::collections::BTreeMap;

use credential_seal::data_key::{DataKey, random};
use credential_seal::{KeySource, ProviderError, WrappedKey};
use prost::Message;

use super::cipher::{Cipher, Undecryptable};

/// What is stored behind the prefix.
#[derive(Clone, PartialEq, Message)]
struct EncryptedObject {
    #[prost(bytes = "vec", tag = "1")]
    encrypted_data: Vec<u8>,
    #[prost(string, tag = "2")]
    key_id: String,
    #[prost(bytes = "vec", tag = "3")]
    encrypted_dek_source: Vec<u8>,
    #[prost(btree_map = "string, bytes", tag = "4")]
    annotations: BTreeMap<String, Vec<u8>>,
    #[prost(int32, tag = "5")]
    encrypted_dek_source_type: i32,
}

/// The data key encrypts itself: what kube-apiserver wrote before 1.29.
const DATA_KEY: i32 = 0;
/// The data key is a seed; each value has a key of its own.
const SEED: i32 = 1;
/// Bytes that make a value's key from the seed.
const INFO: usize = 32;

/// Why a value was not read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum KmsError {
    #[error("KMS provider {name} {error}")]
    Provider { name: String, error: ProviderError },
    #[error("it is no EncryptedObject that this version knows")]
    Malformed,
    #[error(transparent)]
    Undecryptable(#[from] Undecryptable),
}

fn failed(source: &KeySource, error: ProviderError) -> KmsError {
    KmsError::Provider { name: source.name().to_owned(), error }
}

/// Encrypts with a key of the value's own.
pub(super) async fn encrypt(
    source: &KeySource,
    storage_key: &str,
    plaintext: &[u8],
) -> Result<Vec<u8>, KmsError> {
    let with = source.to_seal().await.map_err(|error| failed(source, error))?;
    let info = random(INFO).map_err(|_| Undecryptable)?;
    let key = with.key.derive::<32>(&[&info]);
    let encrypted = Cipher::AesGcm.encrypt(&key[..], storage_key, plaintext)?;
    let object = EncryptedObject {
        encrypted_data: [info, encrypted].concat(),
        key_id: with.wrapped.key_id.clone(),
        encrypted_dek_source: with.wrapped.ciphertext.clone(),
        annotations: with.wrapped.annotations.clone(),
        encrypted_dek_source_type: SEED,
    };
    Ok(object.encode_to_vec())
}

/// Decrypts; with it comes whether the value is to be written anew.
pub(super) async fn decrypt(
    source: &KeySource,
    storage_key: &str,
    payload: &[u8],
) -> Result<(Vec<u8>, bool), KmsError> {
    let object = EncryptedObject::decode(payload).map_err(|_| KmsError::Malformed)?;
    let wrapped = WrappedKey {
        key_id: object.key_id,
        ciphertext: object.encrypted_dek_source,
        annotations: object.annotations,
    };
    let key = source.to_open(&wrapped).await.map_err(|error| failed(source, error))?;
    let plaintext = opened(&key, object.encrypted_dek_source_type, storage_key, &object.encrypted_data)?;
    let stale = object.encrypted_dek_source_type != SEED || source.is_stale(&wrapped.key_id);
    Ok((plaintext, stale))
}

fn opened(key: &DataKey, source_type: i32, storage_key: &str, data: &[u8]) -> Result<Vec<u8>, KmsError> {
    match source_type {
        DATA_KEY => Ok(Cipher::AesGcm.decrypt(key.secret().expose(), storage_key, data)?),
        SEED => {
            let (info, data) = data.split_at_checked(INFO).ok_or(KmsError::Malformed)?;
            Ok(Cipher::AesGcm.decrypt(&key.derive::<32>(&[info])[..], storage_key, data)?)
        }
        _ => Err(KmsError::Malformed),
    }
}
