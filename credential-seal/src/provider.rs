//! Who keeps the key above the keys.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::SecretBytes;

/// A data key, encrypted by a provider. It may be stored beside what it encrypts, and read by everybody.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WrappedKey {
    /// The provider's key that wrapped it. Public and stable; a provider never gives one id to two keys.
    pub key_id: String,
    /// The wrapped bytes.
    pub ciphertext: Vec<u8>,
    /// What the provider wants back when it unwraps.
    pub annotations: BTreeMap<String, Vec<u8>>,
}

/// Something that wraps data keys with a key that it does not give away.
#[async_trait]
pub trait KeyProvider: Send + Sync + 'static {
    /// Its name: unique among those used together, and written into what is sealed.
    fn name(&self) -> &str;

    /// Wraps a data key with the present key.
    ///
    /// # Errors
    /// It is away, refuses, or answers nonsense.
    async fn wrap(&self, key: &SecretBytes) -> Result<WrappedKey, ProviderError>;

    /// Unwraps a data key, with whichever of its keys wrapped it.
    ///
    /// # Errors
    /// It is away, refuses (such as for a key that was deleted), or answers nonsense.
    async fn unwrap_key(&self, wrapped: &WrappedKey) -> Result<SecretBytes, ProviderError>;

    /// Whether it is well: the id of the key that wraps now.
    ///
    /// # Errors
    /// It is not.
    async fn status(&self) -> Result<String, ProviderError>;
}

/// Why a provider did not do it. What it was asked to wrap or unwrap is in none of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// It cannot be reached, is too slow, or says that it is not well. It may be well again later.
    #[error("away: {0}")]
    Away(String),
    /// It answered that it will not do it, such as for a key that was deleted.
    #[error("refused: {0}")]
    Refused(String),
    /// Its answer breaks the rules.
    #[error("answered nonsense: {0}")]
    Nonsense(String),
}

impl ProviderError {
    /// One word for metrics and conditions.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Away(_) => "Away",
            Self::Refused(_) => "Refused",
            Self::Nonsense(_) => "Nonsense",
        }
    }
}

/// What somebody else said, short and on one line, to be put into a message.
pub(crate) fn quoted(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(256).collect();
    line.trim().to_owned()
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}
