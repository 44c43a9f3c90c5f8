//! `AdmissionReview`: the question, and the checks of the answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::matching::Asked;
use crate::resource::Resource;

/// A version of `admission.k8s.io`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReviewVersion {
    V1,
    V1Beta1,
}

impl ReviewVersion {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "v1" => Some(Self::V1),
            "v1beta1" => Some(Self::V1Beta1),
            _ => None,
        }
    }

    fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "admission.k8s.io/v1",
            Self::V1Beta1 => "admission.k8s.io/v1beta1",
        }
    }
}

/// What is asked about, in the version of the webhook.
pub(super) struct Question<'a> {
    pub(super) asked: &'a Asked<'a>,
    /// The resource in the version of the objects.
    pub(super) resource: &'a Resource,
    /// `Null` for a delete.
    pub(super) object: &'a Value,
    /// `Null` for a create.
    pub(super) old: &'a Value,
    /// `UserInfo`.
    pub(super) user: &'a Value,
    pub(super) dry_run: bool,
    /// `CreateOptions` and the like.
    pub(super) options: &'a Value,
}

impl Question<'_> {
    /// The review as it is sent.
    pub(super) fn review(&self, version: ReviewVersion, uid: &str) -> Value {
        let mut request = self.request();
        request["uid"] = uid.into();
        request["object"] = self.object.clone();
        request["oldObject"] = self.old.clone();
        json!({"kind": "AdmissionReview", "apiVersion": version.api_version(), "request": request})
    }

    /// The request without its objects, as conditions see it.
    pub(super) fn request(&self) -> Value {
        let kind = |of: &Resource| json!({"group": of.group, "version": of.version, "kind": of.kind});
        let resource =
            |of: &Resource| json!({"group": of.group, "version": of.version, "resource": of.plural});
        let mut request = json!({
            "kind": kind(self.resource),
            "resource": resource(self.resource),
            "requestKind": kind(self.asked.resource),
            "requestResource": resource(self.asked.resource),
            "operation": self.asked.operation.name(),
            "userInfo": self.user,
            "dryRun": self.dry_run,
            "options": self.options,
        });
        for (field, text) in [
            ("subResource", self.asked.subresource),
            ("requestSubResource", self.asked.subresource),
            ("name", self.asked.name),
            ("namespace", self.asked.namespace),
        ] {
            if !text.is_empty() {
                request[field] = text.into();
            }
        }
        request
    }
}

/// An answer that is well formed.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Verdict {
    pub(super) allowed: bool,
    /// A `Status`, or null.
    pub(super) status: Value,
    pub(super) warnings: Vec<String>,
    /// A JSON patch; empty if there is none.
    pub(super) patch: Vec<u8>,
    /// How the patch is to be read.
    pub(super) patch_type: String,
}

/// Reads the answer to a review. Only a mutating webhook may answer with a patch.
///
/// # Errors
/// What is wrong with it.
pub(super) fn verdict(
    version: ReviewVersion,
    uid: &str,
    mutating: bool,
    review: &Value,
) -> Result<Verdict, String> {
    let response = &review["response"];
    if !response.is_object() {
        return Err("webhook response was absent".to_owned());
    }
    let text = |field: &str| response[field].as_str().unwrap_or_default();
    let patch = STANDARD.decode(text("patch")).map_err(|error| format!("illegal base64 data: {error}"))?;
    let mut patch_type = response["patchType"].as_str().map(str::to_owned);
    if version == ReviewVersion::V1 {
        if text("uid") != uid {
            return Err(format!("expected response.uid=\"{uid}\", got \"{}\"", text("uid")));
        }
        let (is, kind) = (review["apiVersion"].as_str().unwrap_or_default(), &review["kind"]);
        let kind = kind.as_str().unwrap_or_default();
        let wanted = version.api_version();
        if is != wanted || kind != "AdmissionReview" {
            return Err(format!(
                "expected webhook response of {wanted}, Kind=AdmissionReview, got {is}, Kind={kind}"
            ));
        }
        let wrong = match (mutating, patch.is_empty(), patch_type.as_deref()) {
            (true, false, None) => Some("webhook returned response.patch but not response.patchType"),
            (true, true, Some(_)) => Some("webhook returned response.patchType but not response.patch"),
            (true, _, Some("")) => Some("webhook returned invalid response.patchType of \"\""),
            (false, false, _) => Some("validating webhook may not return response.patch"),
            (false, _, Some(_)) => Some("validating webhook may not return response.patchType"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(wrong.to_owned());
        }
    } else {
        // The older version did not ask for a type, and knew one only.
        patch_type = Some("JSONPatch".to_owned());
    }
    let warnings = response["warnings"].as_array().into_iter().flatten();
    Ok(Verdict {
        allowed: response["allowed"] == true,
        status: response["status"].clone(),
        warnings: warnings.filter_map(Value::as_str).map(str::to_owned).collect(),
        patch: if mutating { patch } else { Vec::new() },
        patch_type: patch_type.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(response: Value) -> Value {
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
    }

    #[test]
    fn answers_that_are_not_to_the_question_are_refused() {
        let patch = STANDARD.encode("[]");
        for (mutating, review, wrong) in [
            (
                true,
                json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}),
                "webhook response was absent",
            ),
            (true, answer(json!({"uid": "b", "allowed": true})), "expected response.uid=\"a\", got \"b\""),
            (
                true,
                json!({"apiVersion": "v1", "kind": "Pod", "response": {"uid": "a"}}),
                "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got v1, Kind=Pod",
            ),
            (
                true,
                answer(json!({"uid": "a", "patch": patch})),
                "webhook returned response.patch but not response.patchType",
            ),
            (
                true,
                answer(json!({"uid": "a", "patchType": "JSONPatch"})),
                "webhook returned response.patchType but not response.patch",
            ),
            (
                false,
                answer(json!({"uid": "a", "patch": patch, "patchType": "JSONPatch"})),
                "validating webhook may not return response.patch",
            ),
            (
                false,
                answer(json!({"uid": "a", "patchType": "JSONPatch"})),
                "validating webhook may not return response.patchType",
            ),
        ] {
            assert_eq!(verdict(ReviewVersion::V1, "a", mutating, &review).unwrap_err(), wrong);
        }
    }

    #[test]
    fn an_older_answer_needs_no_uid_and_no_patch_type() {
        let review = json!({"response": {"allowed": true, "patch": STANDARD.encode("[]")}});
        let verdict = verdict(ReviewVersion::V1Beta1, "a", true, &review).unwrap();
        assert_eq!(
            (verdict.allowed, verdict.patch, verdict.patch_type),
            (true, b"[]".to_vec(), "JSONPatch".to_owned())
        );
    }
}
