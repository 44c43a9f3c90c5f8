//! Encryption at rest: a store whose values are encrypted as kube-apiserver encrypts them, so that either reads what the
//! other wrote.
//!
//! | module | holds |
//! | --- | --- |
//! | `configuration` | the file of `--encryption-provider-config` |
//! | `cipher` | aesgcm, aescbc and secretbox: pure |
//! | `kms` | a KMS plugin's provider: data keys from `credential_seal` |
//! | `rules` | which resource is written and read by which providers |
//! | `store` | the store in front of the store |
//!
//! The formats are those of k8s.io/apiserver, `pkg/storage/value`.

mod cipher;
mod configuration;
mod kms;
mod rules;
mod store;

pub use configuration::{EncryptionConfiguration, EncryptionConfigurationError};
pub use rules::{Encryption, ValueError};
pub use store::{EncryptedStore, Rewritten};

/// What every encrypted value begins with.
const ENCRYPTED: &[u8] = b"k8s:enc:";
