//! Envelope encryption of credentials.
//!
//! A value is sealed with AES-256-GCM under a key that is derived for it alone from a *data key*. The data key is
//! *wrapped* by a [`KeyProvider`] (a KMS plugin, an HSM, a key file) and stored with the value. What is sealed opens only
//! for the [`Identity`] that it was sealed for: moved to another object, it does not.
//!
//! | module | holds | does I/O |
//! | --- | --- | --- |
//! | [`mod@format`] | how a sealed value is written | no |
//! | [`envelope`], [`data_key`] | sealing and opening with a given data key | no |
//! | [`provider`] | what a key provider is | no |
//! | [`kms_v2`], [`key_file`], [`pkcs11`](https://docs.oasis-open.org/pkcs11/) | providers | yes |
//! | [`key_source`] | a provider with a bounded memory of data keys | by its provider |
//! | [`Keyring`] | several providers: the first seals, all open | by its providers |
//! | [`configuration`] | providers as a file names them | reads key files |
//!
//! ```
//! use std::sync::Arc;
//! use credential_seal::{Identity, Keyring, Limits, SecretBytes, key_file::KeyFile};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use std::os::unix::fs::OpenOptionsExt;
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("key");
//! # let mut file = std::fs::OpenOptions::new().write(true).create(true).mode(0o600).open(&path)?;
//! # std::io::Write::write_all(&mut file, b"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")?;
//! let (key_file, warning) = KeyFile::open("development", &path)?;
//! eprintln!("{warning}");
//! let keyring = Keyring::new(vec![Arc::new(key_file)], Limits::default())?;
//! let identity = Identity {
//!     cluster_uid: "4dd7b7b1-66d1-4ce1-9d3c-0a1e3c5e2a5f".into(),
//!     namespace: "kube-federation-system".into(),
//!     name: "rz00-token".into(),
//!     field: "data/token".into(),
//! };
//! let sealed = keyring.seal(&identity, &SecretBytes::new(b"open sesame".to_vec())).await?;
//! assert_eq!(keyring.open(&identity, &sealed).await?.expose(), b"open sesame");
//!
//! let elsewhere = Identity { name: "rz01-token".into(), ..identity };
//! assert!(keyring.open(&elsewhere, &sealed).await.is_err());
//! # Ok(())
//! # }
//! ```

pub mod configuration;
pub mod data_key;
pub mod envelope;
pub mod format;
mod identity;
pub mod key_file;
pub mod key_source;
mod keyring;
pub mod kms_v2;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
pub mod provider;
mod secret;

pub use identity::Identity;
pub use key_source::{Health, KeySource, Limits};
pub use keyring::{Keyring, KeyringError, OpenError, SealError};
pub use provider::{KeyProvider, ProviderError, WrappedKey};
pub use secret::SecretBytes;
