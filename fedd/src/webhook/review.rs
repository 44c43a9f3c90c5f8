//! AdmissionReview (`admission.k8s.io/v1`) as values: read a request, write a response.

use base64::Engine as _;
use serde::Deserialize;
use serde_json::{Value, json};

/// API version of the reviews that are understood.
pub const API_VERSION: &str = "admission.k8s.io/v1";

/// What an API server asks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Identifies the request; the response repeats it.
    pub uid: String,
    /// Kind of the object, in the version that the rule matched: the user's.
    pub kind: Kind,
    /// Resource that is written.
    pub resource: Resource,
    /// Subresource that is written; empty for the object itself.
    #[serde(default)]
    pub sub_resource: String,
    /// Name of the object; empty for a create that leaves it to the API server.
    #[serde(default)]
    pub name: String,
    /// Namespace of the object; empty for cluster-scoped ones.
    #[serde(default)]
    pub namespace: String,
    /// What is done.
    pub operation: Operation,
    /// The object as it would be; absent for deletions.
    #[serde(default)]
    pub object: Option<Value>,
    /// The object as it is; absent for creations.
    #[serde(default)]
    pub old_object: Option<Value>,
    /// Whether nothing will be stored. Admission here has no side effects, so that it makes no difference.
    #[serde(default)]
    pub dry_run: bool,
}

/// A kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Kind {
    /// API group; empty for the core group.
    #[serde(default)]
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
}

/// A resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Resource {
    /// API group; empty for the core group.
    #[serde(default)]
    pub group: String,
    /// API version.
    pub version: String,
    /// Plural name.
    pub resource: String,
}

/// What is done to the object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// It is made.
    #[default]
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
    /// It is connected to (exec, proxy, …).
    Connect,
}

/// A review that cannot be read; the answer is HTTP 400.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// Not JSON, or not of the expected shape.
    #[error("not an AdmissionReview: {0}")]
    Shape(#[from] serde_json::Error),
    /// Another version, or none.
    #[error("apiVersion: '{0}' is not supported; send {API_VERSION}")]
    Version(String),
    /// There is no request in it.
    #[error("request: missing")]
    NoRequest,
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// As it is.
    Allow,
    /// With these JSON patch operations (RFC 6902) applied; an empty list is [`Verdict::Allow`].
    Patch(Vec<Value>),
    /// Not.
    Deny(Denial),
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// HTTP status of the user's request: 403 for what is refused, 500 for what could not be checked.
    pub code: u16,
    /// Kubernetes' word for the status.
    pub reason: &'static str,
    /// One line per finding, each `field: what is wrong and what to write`.
    pub message: String,
}

impl Verdict {
    /// Allows when nothing was found; else refuses with every finding.
    pub fn from_findings(findings: &[String]) -> Self {
        if findings.is_empty() {
            return Self::Allow;
        }
        Self::Deny(Denial { code: 403, reason: "Forbidden", message: findings.join("\n") })
    }

    /// Refuses because something could not be looked up; the user may try again.
    pub fn unchecked(message: String) -> Self {
        Self::Deny(Denial { code: 500, reason: "InternalError", message })
    }
}

impl Request {
    /// The object's name. A deletion of a whole collection asks about every object, each without its name in the request.
    pub fn object_name(&self) -> &str {
        Some(self.name.as_str())
            .filter(|name| !name.is_empty())
            .or_else(|| self.object.as_ref()?.pointer("/metadata/name")?.as_str())
            .or_else(|| self.old_object.as_ref()?.pointer("/metadata/name")?.as_str())
            .unwrap_or_default()
    }

    /// Whether the object is on its way out: then it is let pass, so that finalizers can be taken off.
    pub fn is_being_deleted(&self) -> bool {
        [&self.object, &self.old_object]
            .into_iter()
            .flatten()
            .any(|object| object.pointer("/metadata/deletionTimestamp").is_some_and(|t| !t.is_null()))
    }
}

/// Reads a review.
pub fn parse(body: &[u8]) -> Result<Request, ReviewError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Review {
        #[serde(default)]
        api_version: String,
        #[serde(default)]
        request: Option<Request>,
    }
    let review: Review = serde_json::from_slice(body)?;
    if review.api_version != API_VERSION {
        return Err(ReviewError::Version(review.api_version));
    }
    review.request.ok_or(ReviewError::NoRequest)
}

/// Writes the review that answers the request with this uid.
pub fn respond(uid: &str, verdict: Verdict) -> Value {
    let mut response = json!({"uid": uid, "allowed": true});
    match verdict {
        Verdict::Allow => {}
        Verdict::Patch(operations) if operations.is_empty() => {}
        Verdict::Patch(operations) => {
            let patch =
                base64::engine::general_purpose::STANDARD.encode(Value::Array(operations).to_string());
            response["patchType"] = json!("JSONPatch");
            response["patch"] = json!(patch);
        }
        Verdict::Deny(Denial { code, reason, message }) => {
            response["allowed"] = json!(false);
            response["status"] = json!({"metadata": {}, "status": "Failure", "code": code, "reason": reason, "message": message});
        }
    }
    json!({"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review(request: &Value) -> Vec<u8> {
        json!({"apiVersion": API_VERSION, "kind": "AdmissionReview", "request": request})
            .to_string()
            .into_bytes()
    }

    #[test]
    fn a_request_is_read() {
        let request = parse(&review(&json!({
            "uid": "u1",
            "kind": {"group": "fedd.io", "version": "v1alpha1", "kind": "Cell"},
            "resource": {"group": "fedd.io", "version": "v1alpha1", "resource": "cells"},
            "name": "rz00a", "namespace": "bank", "operation": "DELETE", "userInfo": {}, "object": null,
            "oldObject": {"metadata": {"name": "rz00a"}}, "dryRun": true, "options": null,
        })))
        .unwrap();
        assert_eq!(
            (request.uid.as_str(), request.operation, request.dry_run),
            ("u1", Operation::Delete, true)
        );
        assert!(request.object.is_none());
        assert!(!request.is_being_deleted());
        let of_a_collection = Request { name: String::new(), ..request };
        assert_eq!(of_a_collection.object_name(), "rz00a");
    }

    #[test]
    fn bad_reviews_are_told_apart() {
        assert!(matches!(parse(b"{"), Err(ReviewError::Shape(_))));
        assert!(matches!(parse(b"{}"), Err(ReviewError::Version(_))));
        let empty = json!({"apiVersion": API_VERSION}).to_string();
        assert!(matches!(parse(empty.as_bytes()), Err(ReviewError::NoRequest)));
        let old = json!({"apiVersion": "admission.k8s.io/v1beta1", "request": {}}).to_string();
        assert!(parse(old.as_bytes()).is_err());
    }

    #[test]
    fn answers_repeat_the_uid_and_say_why() {
        let allowed = respond("u", Verdict::from_findings(&[]));
        assert_eq!(allowed["response"], json!({"uid": "u", "allowed": true}));
        let denied = respond("u", Verdict::from_findings(&["a: b".into(), "c: d".into()]));
        assert_eq!(denied["response"]["status"]["code"], 403);
        assert_eq!(denied["response"]["status"]["message"], "a: b\nc: d");
        let patched = respond("u", Verdict::Patch(vec![json!({"op": "add", "path": "/x", "value": 1})]));
        assert_eq!(patched["response"]["patchType"], "JSONPatch");
        assert_eq!(respond("u", Verdict::Patch(vec![]))["response"], json!({"uid": "u", "allowed": true}));
    }
}
