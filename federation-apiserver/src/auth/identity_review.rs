//! The reviews that ask who somebody is: TokenReview and SelfSubjectReview.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::auth::{Authenticated, Refusal, User};

/// A TokenReview's question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenQuestion {
    /// The token.
    pub token: String,
    /// The audiences of which it must have one; empty for the API server's own.
    pub audiences: Vec<String>,
}

impl TokenQuestion {
    /// Reads a TokenReview.
    pub fn read(request: &Value) -> Result<Self, Refusal> {
        let spec = &request["spec"];
        let token = spec["token"].as_str().unwrap_or_default();
        if token.is_empty() {
            let message = "token is required for TokenReview in authentication";
            return Err(Refusal::BadRequest(message.to_owned()));
        }
        let audiences = spec["audiences"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Ok(Self { token: token.to_owned(), audiences: audiences.map(str::to_owned).collect() })
    }
}

/// The TokenReview with its answer: what came of the token, or why it is none.
pub fn token_review(mut request: Value, outcome: Result<Authenticated, String>) -> Value {
    request["status"] = match outcome {
        Err(error) => json!({ "user": {}, "error": error }),
        Ok(Authenticated { user, audiences }) => {
            let mut status = json!({ "authenticated": true, "user": user });
            if !audiences.is_empty() {
                status["audiences"] = json!(audiences);
            }
            status
        }
    };
    request
}

/// Answers a SelfSubjectReview.
pub fn self_review(me: &User, now: Timestamp) -> Value {
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "SelfSubjectReview",
        "metadata": { "creationTimestamp": now.to_string() },
        "status": { "userInfo": me },
    })
}
