//! Sealing and opening with real providers.

use std::sync::Arc;

use crate::data_key::{NoRandomness, NotAuthentic, random};
use crate::envelope;
use crate::format::{FormatError, SALT_LENGTH, Sealed};
use crate::key_source::{Health, KeySource, Limits};
use crate::provider::{KeyProvider, ProviderError, quoted};
use crate::{Identity, SecretBytes};

/// Several providers: the first seals, all open. So a new one is put in front, everything is sealed anew, and then the
/// old one is taken away.
#[derive(Debug)]
pub struct Keyring {
    sources: Vec<KeySource>,
}

/// Why providers make no keyring.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// There are none.
    #[error("no provider is named, and one is needed to seal")]
    Empty,
    /// Two of them have one name.
    #[error("two providers are called {0:?}: give each a name of its own")]
    SameName(String),
    /// A name cannot be.
    #[error("provider name {0:?} has {len} bytes, and has 1 to 255", len = .0.len())]
    Name(String),
}

/// Why a value was not sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The provider gave no key.
    #[error("key provider {provider} {error}")]
    Provider {
        /// Its name.
        provider: String,
        /// What it said.
        error: ProviderError,
    },
    /// The value does not fit the format.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// There are no random numbers.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// Why a value was not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is no sealed value.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The provider that sealed it is not among those named.
    #[error("sealed by the key provider {0:?}, which is not configured: add it behind the others")]
    UnknownProvider(String),
    /// The provider gave no key.
    #[error("key provider {provider} {error}")]
    Provider {
        /// Its name.
        provider: String,
        /// What it said.
        error: ProviderError,
    },
    /// It is not what was sealed, or not where.
    #[error("{identity}: {error}")]
    NotAuthentic {
        /// What it was opened as.
        identity: Identity,
        /// The same in words.
        error: NotAuthentic,
    },
}

impl OpenError {
    /// Whether the same may succeed later, with nothing changed but the provider's mood.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Provider { error: ProviderError::Away(_) | ProviderError::Nonsense(_), .. })
    }
}

impl Keyring {
    /// A keyring of providers in their order.
    ///
    /// # Errors
    /// There are none, or names are not unique.
    pub fn new(providers: Vec<Arc<dyn KeyProvider>>, limits: Limits) -> Result<Self, KeyringError> {
        if providers.is_empty() {
            return Err(KeyringError::Empty);
        }
        let mut names = std::collections::BTreeSet::new();
        for provider in &providers {
            let name = provider.name();
            if name.is_empty() || name.len() > 255 {
                return Err(KeyringError::Name(name.to_owned()));
            }
            if !names.insert(name.to_owned()) {
                return Err(KeyringError::SameName(name.to_owned()));
            }
        }
        Ok(Self { sources: providers.into_iter().map(|provider| KeySource::new(provider, limits)).collect() })
    }

    /// Seals a value for a place, with the first provider.
    ///
    /// # Errors
    /// The provider gives no key, or the value is too long.
    pub async fn seal(&self, identity: &Identity, plaintext: &SecretBytes) -> Result<Vec<u8>, SealError> {
        self.seal_noted(identity, None, plaintext).await
    }

    /// The same, with a note that anybody can read and nobody can change.
    ///
    /// # Errors
    /// As for [`Keyring::seal`].
    pub async fn seal_noted(
        &self,
        identity: &Identity,
        note: Option<&str>,
        plaintext: &SecretBytes,
    ) -> Result<Vec<u8>, SealError> {
        let source = &self.sources[0];
        let failed = |error| SealError::Provider { provider: source.name().to_owned(), error };
        let with = source.to_seal().await.map_err(failed)?;
        let mut salt = [0; SALT_LENGTH];
        salt.copy_from_slice(&random(SALT_LENGTH)?);
        Ok(envelope::seal(source.name(), &with.wrapped, &with.key, salt, identity, note, plaintext)?)
    }

    /// Opens a value at the place that it was sealed for.
    ///
    /// # Errors
    /// It is no sealed value, not authentic, or its provider is not here or gives no key.
    pub async fn open(&self, identity: &Identity, sealed: &[u8]) -> Result<SecretBytes, OpenError> {
        self.open_noted(identity, sealed).await.map(|(plaintext, _)| plaintext)
    }

    /// The same, with the note that was sealed with it.
    ///
    /// # Errors
    /// As for [`Keyring::open`].
    pub async fn open_noted(
        &self,
        identity: &Identity,
        sealed: &[u8],
    ) -> Result<(SecretBytes, Option<String>), OpenError> {
        let sealed = Sealed::read(sealed)?;
        let source = self
            .sources
            .iter()
            .find(|source| source.name() == sealed.provider)
            .ok_or_else(|| OpenError::UnknownProvider(quoted(&sealed.provider)))?;
        let key = source
            .to_open(&sealed.key)
            .await
            .map_err(|error| OpenError::Provider { provider: source.name().to_owned(), error })?;
        let opened = envelope::open(&sealed, &key, identity);
        source.note_opening(&sealed.key, opened.is_ok()).await;
        match opened {
            Ok(plaintext) => Ok((plaintext, sealed.note)),
            Err(error) => Err(OpenError::NotAuthentic { identity: identity.clone(), error }),
        }
    }

    /// Whether a value is to be sealed anew: it is of another provider than the first, or of a key that it replaced. As
    /// of the last [`Keyring::check`] or seal.
    pub fn is_stale(&self, sealed: &Sealed) -> bool {
        let first = &self.sources[0];
        sealed.provider != first.name() || first.is_stale(&sealed.key.key_id)
    }

    /// Asks each provider how it is.
    pub async fn check(&self) -> Vec<Health> {
        for source in &self.sources {
            // What it said is in the health.
            let _ = source.check().await;
        }
        self.health()
    }

    /// How each provider is, without asking.
    pub fn health(&self) -> Vec<Health> {
        self.sources.iter().map(KeySource::health).collect()
    }
}
