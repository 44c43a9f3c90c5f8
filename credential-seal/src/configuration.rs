//! Providers as a file names them.
//!
//! ```yaml
//! apiVersion: fedd.io/v1
//! kind: SealingConfiguration
//! providers:            # the first seals, all open
//! - name: vault
//!   kms: {endpoint: unix:///run/kms/vault.sock, timeoutSeconds: 3}
//! - name: hsm
//!   pkcs11: {module: /usr/lib/softhsm/libsofthsm2.so, token: federation, keyLabel: kek, keyId: "01", pinFile: /etc/fedd/pin}
//! - name: old
//!   keyFile: {path: /etc/fedd/sealing.key}
//! openForSeconds: 86400   # how long providers may be away
//! ```

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::key_file::{KeyFile, KeyFileError};
use crate::kms_v2::{DEFAULT_TIMEOUT, EndpointError, KmsPlugin, socket_path};
use crate::{KeyProvider, Keyring, KeyringError, Limits};

/// What `apiVersion` and `kind` say.
pub const API_VERSION: &str = "fedd.io/v1";
/// See [`API_VERSION`].
pub const KIND: &str = "SealingConfiguration";

/// The file's content.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SealingConfiguration {
    /// [`API_VERSION`].
    pub api_version: String,
    /// [`KIND`].
    pub kind: String,
    /// The first seals, all open.
    pub providers: Vec<Provider>,
    /// Seconds for which unwrapped data keys are kept [default: a day]; [`Limits::open_for`].
    pub open_for_seconds: Option<u64>,
}

/// One provider: a name, and one of the others.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Provider {
    /// Its name, which is written into what it seals.
    pub name: String,
    /// A KMS plugin.
    pub kms: Option<Kms>,
    /// A key in a file.
    pub key_file: Option<File>,
    /// A key in an HSM.
    pub pkcs11: Option<Pkcs11>,
}

/// A KMS plugin.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kms {
    /// `unix:///PATH`.
    pub endpoint: String,
    /// Seconds that a call may take [default: 3].
    pub timeout_seconds: Option<u64>,
}

/// A key in a file.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct File {
    /// The file, with mode 600.
    pub path: PathBuf,
}

/// A key in an HSM.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pkcs11 {
    /// The vendor's library.
    pub module: PathBuf,
    /// Label of the token.
    pub token: String,
    /// Label of the AES keys.
    pub key_label: String,
    /// Id of the key that wraps, in hexadecimal digits; all keys with the label unwrap.
    pub key_id: String,
    /// File with the user's PIN, with mode 600.
    pub pin_file: PathBuf,
}

/// Why a configuration makes no keyring.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// It is of another kind.
    #[error("apiVersion {api_version:?}, kind {kind:?}; write {API_VERSION} and {KIND}")]
    Kind {
        /// What it says.
        api_version: String,
        /// What it says.
        kind: String,
    },
    /// A provider has none of the ways to keep a key, or several.
    #[error("providers[{0}]: say one of kms, keyFile and pkcs11")]
    One(usize),
    /// No plugin can be at the endpoint.
    #[error("providers[{0}].kms.endpoint: {1}")]
    Endpoint(usize, EndpointError),
    /// The file cannot be used.
    #[error("providers[{0}].keyFile: {1}")]
    KeyFile(usize, KeyFileError),
    /// The HSM cannot be used.
    #[cfg(feature = "pkcs11")]
    #[error("providers[{0}].pkcs11: {1}")]
    Pkcs11(usize, crate::pkcs11::Pkcs11Error),
    /// This program speaks no PKCS#11.
    #[cfg(not(feature = "pkcs11"))]
    #[error("providers[{0}].pkcs11: this program was built without the feature pkcs11")]
    Pkcs11(usize),
    /// A time that is none.
    #[error("{0}: must be 1 or more")]
    Time(String),
    /// Together they are no keyring.
    #[error("providers: {0}")]
    Keyring(#[from] KeyringError),
}

impl SealingConfiguration {
    /// The keyring, and warnings for whoever runs the program. Files are read; no plugin is asked.
    ///
    /// Must be called within a Tokio runtime. An HSM is logged into.
    ///
    /// # Errors
    /// A field says something that cannot be.
    pub fn keyring(&self) -> Result<(Keyring, Vec<String>), ConfigurationError> {
        if self.api_version != API_VERSION || self.kind != KIND {
            return Err(ConfigurationError::Kind {
                api_version: self.api_version.clone(),
                kind: self.kind.clone(),
            });
        }
        let mut limits = Limits::default();
        if let Some(seconds) = self.open_for_seconds {
            limits.open_for = positive(seconds, || "openForSeconds".to_owned())?;
        }
        let (mut providers, mut warnings) = (Vec::new(), Vec::new());
        for (index, provider) in self.providers.iter().enumerate() {
            providers.push(provider.open(index, &mut warnings)?);
        }
        Ok((Keyring::new(providers, limits)?, warnings))
    }
}

impl Provider {
    fn open(
        &self,
        index: usize,
        warnings: &mut Vec<String>,
    ) -> Result<Arc<dyn KeyProvider>, ConfigurationError> {
        match (&self.kms, &self.key_file, &self.pkcs11) {
            (Some(kms), None, None) => {
                let socket =
                    socket_path(&kms.endpoint).map_err(|error| ConfigurationError::Endpoint(index, error))?;
                let timeout = match kms.timeout_seconds {
                    Some(seconds) => positive(seconds, || format!("providers[{index}].kms.timeoutSeconds"))?,
                    None => DEFAULT_TIMEOUT,
                };
                Ok(Arc::new(KmsPlugin::new(&self.name, &socket, timeout)))
            }
            (None, Some(file), None) => {
                let (provider, warning) = KeyFile::open(&self.name, &file.path)
                    .map_err(|error| ConfigurationError::KeyFile(index, error))?;
                warnings.push(warning);
                Ok(Arc::new(provider))
            }
            #[cfg(feature = "pkcs11")]
            (None, None, Some(token)) => crate::pkcs11::Token::open(&self.name, token)
                .map(|token| Arc::new(token) as Arc<dyn KeyProvider>)
                .map_err(|error| ConfigurationError::Pkcs11(index, error)),
            #[cfg(not(feature = "pkcs11"))]
            (None, None, Some(_)) => Err(ConfigurationError::Pkcs11(index)),
            _ => Err(ConfigurationError::One(index)),
        }
    }
}

fn positive(seconds: u64, field: impl FnOnce() -> String) -> Result<Duration, ConfigurationError> {
    if seconds == 0 { Err(ConfigurationError::Time(field())) } else { Ok(Duration::from_secs(seconds)) }
}
