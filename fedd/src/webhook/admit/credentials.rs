//! Secrets that hold a readable token, where the gate `SealedCredentialsOnly` is on.

use federation_model::TOKEN_KEY;
use serde_json::Value;

use crate::webhook::review::{Request, Verdict};

/// Why a Secret of the federation's namespace is refused; none if it is not.
///
/// It holds a readable token that it did not hold before: one that held it may still be changed otherwise. Tokens of
/// service accounts, which the API server's own controllers write, are no member's.
pub fn readable_token(object: &Value, old: Option<&Value>) -> Option<String> {
    let token = |object: &Value| {
        object["data"][TOKEN_KEY].as_str().filter(|token| !token.is_empty()).map(str::to_owned)
    };
    let readable = token(object)?;
    let of_account = object["type"] == "kubernetes.io/service-account-token";
    if of_account || old.and_then(token) == Some(readable) {
        return None;
    }
    Some(format!(
        "data.{TOKEN_KEY} holds a readable token, and the gate SealedCredentialsOnly is on; seal it by `fedd join` or \
         `fedd credentials seal` with --sealing-config"
    ))
}

/// `Secret`.
pub fn validate_credentials(request: &Request) -> Verdict {
    let object = request.object.as_ref().unwrap_or(&Value::Null);
    let findings: Vec<_> = readable_token(object, request.old_object.as_ref()).into_iter().collect();
    Verdict::from_findings(&findings)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_that_comes_in_readable_is_refused() {
        let secret =
            |token: &str| json!({"type": "Opaque", "data": {"token": token, "sealed-token": "eA=="}});
        assert!(readable_token(&secret("eA=="), None).unwrap().contains("fedd credentials seal"));
        assert!(readable_token(&secret("eA=="), Some(&secret("eQ=="))).is_some(), "another one");
        assert!(readable_token(&secret("eA=="), Some(&secret("eA=="))).is_none(), "it was there before");
        assert!(readable_token(&secret(""), None).is_none());
        assert!(readable_token(&json!({"data": {"sealed-token": "eA=="}}), None).is_none());
        assert!(readable_token(&json!({"type": "Opaque"}), None).is_none());
        let of_account = json!({"type": "kubernetes.io/service-account-token", "data": {"token": "eA=="}});
        assert!(readable_token(&of_account, None).is_none());
    }
}
