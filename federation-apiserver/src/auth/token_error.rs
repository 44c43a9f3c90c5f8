//! What is wrong with a token.

use crate::auth::quote::{quoted, quoted_list};

/// Why a token is not accepted, in kube-apiserver's words.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The key that signs tokens cannot be used.
    #[error("service account key: {0}; write a PKCS#8 PEM private key, ECDSA P-256 or P-384, or RSA")]
    Key(String),
    /// No key of ours has signed the token.
    #[error("invalid signature, no keys found")]
    NoKey,
    /// The signature, or what it is about, is broken.
    #[error("token could not be verified: {0}")]
    Broken(#[from] jsonwebtoken::errors::Error),
    /// The token is for others.
    #[error(
        "token audiences {} is invalid for the target audiences {}",
        quoted_list(token),
        quoted_list(target)
    )]
    Audiences {
        /// The token's.
        token: Vec<String>,
        /// Those of which it would need one.
        target: Vec<String>,
    },
    /// After `exp`.
    #[error("service account token has expired")]
    Expired,
    /// Before `nbf`.
    #[error("service account token is not valid yet")]
    NotValidYet,
    /// Before `iat`.
    #[error("service account token is issued in the future")]
    IssuedInTheFuture,
    /// The account is not there.
    #[error("serviceaccounts {} not found", quoted(.0))]
    NoAccount(String),
    /// The account was made anew.
    #[error("service account UID ({live}) does not match claim ({claimed})")]
    OtherAccount {
        /// The uid in the store.
        live: String,
        /// The uid in the token.
        claimed: String,
    },
    /// The account is on its way out.
    #[error("service account {namespace}/{name} has been deleted")]
    DeletedAccount {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The secret, pod or node was made anew.
    #[error("{kind} UID ({live}) does not match service account {kind} ref claim ({claimed})")]
    OtherObject {
        /// `secret`, `pod` or `node`.
        kind: &'static str,
        /// The uid in the store.
        live: String,
        /// The uid in the token.
        claimed: String,
    },
    /// The secret, pod or node is gone.
    #[error("service account token has been invalidated")]
    Invalidated,
}
