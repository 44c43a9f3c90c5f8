//! What becomes of a write after a webhook was called.

use serde_json::{Value, json};

use crate::status::ApiError;

/// Why a webhook has not let a write pass.
pub(super) enum Failure {
    /// It could not be called, or its answer is not one: its `failurePolicy` says what that means.
    Call(String),
    /// The write is refused, whatever the policy.
    Refused(ApiError),
}

impl Failure {
    pub(super) fn calling(why: impl std::fmt::Display) -> Self {
        Self::Call(format!("failed to call webhook: {why}"))
    }

    /// A webhook that would do something on a dry run.
    pub(super) fn dry_run(webhook: &str) -> Self {
        Self::Refused(ApiError::bad_request(format!(
            "admission webhook \"{webhook}\" does not support dry run"
        )))
    }

    /// What the client is told, or nothing if the failure is to be ignored.
    pub(super) fn told(self, webhook: &str, may_fail: bool) -> Option<ApiError> {
        match self {
            Self::Refused(error) => Some(error),
            Self::Call(why) if may_fail => {
                tracing::warn!(webhook, why, "a webhook failed, which its configuration allows");
                None
            }
            Self::Call(why) => {
                Some(ApiError::internal(format!("failed calling webhook \"{webhook}\": {why}")))
            }
        }
    }
}

/// The error that a client sees for a webhook's refusal, from the `Status` that it gave.
pub(super) fn denied(webhook: &str, status: &Value) -> ApiError {
    let denied = format!("admission webhook \"{webhook}\" denied the request");
    let text = |field: &str| status[field].as_str().filter(|text| !text.is_empty());
    let message = match text("message").or_else(|| text("reason")) {
        Some(why) => format!("{denied}: {why}"),
        None => format!("{denied} without explanation"),
    };
    let mut status = if status.is_object() { status.clone() } else { json!({}) };
    if status["code"].as_u64().unwrap_or(0) < 400 {
        status["code"] = 400.into();
    }
    status["message"] = message.into();
    ApiError::from_status(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_who_refused_and_why() {
        for (status, code, message) in [
            (json!(null), 400, "admission webhook \"w\" denied the request without explanation"),
            (json!({"message": "no", "code": 200}), 400, "admission webhook \"w\" denied the request: no"),
            (
                json!({"reason": "Forbidden", "code": 403}),
                403,
                "admission webhook \"w\" denied the request: Forbidden",
            ),
            (
                json!({"message": "", "code": 422}),
                422,
                "admission webhook \"w\" denied the request without explanation",
            ),
        ] {
            let error = denied("w", &status);
            assert_eq!((error.code(), error.to_string().as_str()), (code, message));
        }
    }

    #[test]
    fn only_failed_calls_may_be_ignored() {
        assert!(Failure::calling("x").told("w", true).is_none());
        assert!(Failure::dry_run("w").told("w", true).is_some());
        let told = Failure::calling("x").told("w", false).unwrap().to_string();
        assert_eq!(told, "Internal error occurred: failed calling webhook \"w\": failed to call webhook: x");
    }
}
