//! The token of a list in pages: which revision is listed, and where the last page ended.
//!
//! The form is kube-apiserver's, so that a client that moves between the two goes on.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::status::ApiError;

const VERSION: &str = "meta.k8s.io/v1";

#[derive(Serialize, Deserialize)]
struct Token {
    v: String,
    rv: i64,
    start: String,
}

/// What a token says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The revision listed; `None` for "the newest" (a list that could not go on consistently).
    pub(super) revision: Option<u64>,
    /// The last key that was answered with, after the prefix.
    pub(super) after: String,
}

impl Position {
    pub(super) fn encode(&self) -> String {
        let token = Token {
            v: VERSION.to_owned(),
            rv: self.revision.and_then(|rv| i64::try_from(rv).ok()).unwrap_or(-1),
            start: format!("{}\0", self.after),
        };
        // A struct of strings and a number is always JSON.
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
    }

    pub(super) fn decode(text: &str) -> Result<Self, ApiError> {
        let wrong = |why: String| ApiError::bad_request(format!("continue key is not valid: {why}"));
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|e| wrong(e.to_string()))?;
        let token: Token = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
        if token.v != VERSION {
            return Err(wrong(format!("incorrect encoded start key version {}", token.v)));
        }
        if token.rv == 0 {
            return Err(wrong("incorrect encoded start resourceVersion (version meta.k8s.io/v1)".to_owned()));
        }
        if token.start.is_empty() || token.start.starts_with('/') || token.start.contains("..") {
            return Err(wrong("incorrect encoded start key".to_owned()));
        }
        Ok(Self {
            revision: u64::try_from(token.rv).ok(),
            after: token.start.trim_end_matches('\0').to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back() {
        for revision in [Some(7), None] {
            let position = Position { revision, after: "ns/a".to_owned() };
            assert_eq!(Position::decode(&position.encode()).unwrap(), position);
        }
        for wrong in ["", "???", "e30", "eyJ2IjoieCJ9"] {
            assert_eq!(Position::decode(wrong).unwrap_err().code(), 400, "{wrong}");
        }
    }
}
