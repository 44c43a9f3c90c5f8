//! Credentials that are sealed where they are stored, and opened in memory only.

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Secret;

use super::Token;

/// Key in the data of a member's Secret that holds the sealed token, in the place of the token itself.
pub const SEALED_TOKEN_KEY: &str = "token.sealed";

/// The sealed token of a Secret, if that is what it holds.
pub fn sealed_token(secret: &Secret) -> Option<&[u8]> {
    secret.data.as_ref()?.get(SEALED_TOKEN_KEY).map(|bytes| bytes.0.as_slice())
}

/// Opens what members' Secrets hold sealed.
pub trait OpenSealed: Send + Sync {
    /// The token.
    ///
    /// # Errors
    /// It does not open. The words hold nothing secret.
    fn open<'a>(&'a self, secret: &'a Secret) -> BoxFuture<'a, Result<Token, NotOpened>>;
}

/// Why a sealed token was not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct NotOpened {
    /// For people.
    pub words: String,
    /// Whether the same may succeed later: the key provider is away.
    pub transient: bool,
}
