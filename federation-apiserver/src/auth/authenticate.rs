//! From a request's credentials to its user.

use std::{collections::HashMap, future::Future};

use jiff::Timestamp;

use crate::auth::{
    Live, Reference, TokenKeys, User,
    client_certificate::ClientCertificate,
    fingerprint::{Sha256, sha256},
};

/// A user who has proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    /// The user, a member of `system:authenticated`.
    pub user: User,
    /// Those of the wanted audiences that the credential is for; empty if it is for none in particular.
    pub audiences: Vec<String>,
}

/// Tokens that were told to the server when it was started. Only their hashes are kept, so that the time of a
/// comparison tells nothing about them.
#[derive(Clone, Debug, Default)]
pub struct StaticTokens {
    users: HashMap<Sha256, User>,
}

/// Every way to prove who one is.
pub struct Authenticators {
    /// Known tokens.
    pub tokens: StaticTokens,
    /// The keys of service accounts' tokens.
    pub keys: TokenKeys,
    /// Whether a request without credentials is `system:anonymous`; else it is refused.
    pub anonymous: bool,
}

/// The credentials that a request shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'a> {
    /// The client's certificate, verified against the authority.
    pub certificate: Option<&'a ClientCertificate>,
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
}

/// Why a request is answered 401. The client is told `Unauthorized` alone; this is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unauthenticated(pub String);

impl StaticTokens {
    /// Adds a token.
    pub fn insert(&mut self, token: &str, user: User) {
        self.users.insert(sha256(token.as_bytes()), user);
    }

    /// The user of a token.
    pub fn user(&self, token: &str) -> Option<&User> {
        self.users.get(&sha256(token.as_bytes()))
    }
}

impl Authenticators {
    /// The user of a request: by certificate, else by token, else anonymous. A token that is not good is refused even
    /// where anonymous requests are not.
    ///
    /// `lookup` gives what the store has of an object that a token refers to.
    pub async fn authenticate<F, L>(
        &self,
        credentials: Credentials<'_>,
        now: Timestamp,
        lookup: L,
    ) -> Result<User, Unauthenticated>
    where
        L: Fn(Reference) -> F,
        F: Future<Output = Option<Live>>,
    {
        let mut wrong = None;
        match credentials.certificate.map(|certificate| certificate.user(now)) {
            Some(Ok(Some(user))) => return Ok(user.clone().authenticated()),
            Some(Err(error)) => wrong = Some(error.to_string()),
            Some(Ok(None)) | None => {}
        }
        if let Some(token) = credentials.authorization.and_then(bearer_token) {
            match self.authenticate_token(token, &[], now, lookup).await {
                Ok(authenticated) => return Ok(authenticated.user),
                Err(error) => wrong = Some(error),
            }
        }
        match wrong {
            Some(error) => Err(Unauthenticated(error)),
            None if self.anonymous => Ok(User::anonymous()),
            None => Err(Unauthenticated("no credentials".to_owned())),
        }
    }

    /// The user of a token for one of these audiences; the API server's own if there are none. The error is the text
    /// that a TokenReview gives.
    pub async fn authenticate_token<F, L>(
        &self,
        token: &str,
        audiences: &[String],
        now: Timestamp,
        lookup: L,
    ) -> Result<Authenticated, String>
    where
        L: Fn(Reference) -> F,
        F: Future<Output = Option<Live>>,
    {
        if let Some(user) = self.tokens.user(token) {
            let audiences = if audiences.is_empty() { self.keys.audiences() } else { audiences };
            return Ok(Authenticated { user: user.clone().authenticated(), audiences: audiences.to_vec() });
        }
        let verified = self.keys.verify(token, audiences, now).map_err(invalid)?;
        let Some(verified) = verified else { return Err(INVALID.to_owned()) };
        for reference in verified.claims.references() {
            let live = lookup(reference.clone()).await;
            reference.confirm(live.as_ref(), now).map_err(invalid)?;
        }
        Ok(Authenticated { user: verified.claims.user().authenticated(), audiences: verified.audiences })
    }
}

const INVALID: &str = "invalid bearer token";

fn invalid(error: impl ToString) -> String {
    format!("[{INVALID}, {}]", error.to_string())
}

/// The token in a header `Authorization: Bearer …`.
pub fn bearer_token(authorization: &str) -> Option<&str> {
    let mut parts = authorization.trim().splitn(3, ' ');
    let (scheme, token) = (parts.next()?, parts.next()?);
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
