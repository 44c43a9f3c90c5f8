//! The federation's admission, asked by a function call: the same questions and answers as over HTTPS.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use federation_apiserver::admission::{Attributes, Operation, Plugin};
use federation_apiserver::status::{ApiError, Reason};
use federation_model::{Feature, Settings};
use http::Request;
use serde_json::{Value, json};
use tower_service::Service as _;

use super::USER;
use crate::webhook;
use crate::webhook::admit::readable_token;
use crate::webhook::register::paths;
use crate::webhook::review::API_VERSION;
use crate::webhook::state::Lookups;

/// Largest answer: a patch is not longer than an object.
const LONGEST_ANSWER: usize = 16 << 20;

/// Asks the webhooks' handlers about every write that they have to do with.
#[derive(Default)]
pub(super) struct Admission {
    asked: OnceLock<Asked>,
}

struct Asked {
    lookups: Arc<Lookups>,
    /// The namespace in which Secrets may not hold readable tokens, with the gate SealedCredentialsOnly on.
    sealed_only_in: Option<String>,
    router: Router,
}

impl Admission {
    /// From now on, every write is asked about. Until then, only fedd itself writes.
    pub(super) fn follow(&self, lookups: Arc<Lookups>, settings: Settings, namespace: &str) {
        let sealed_only = settings.gates.is_on(Feature::SealedCredentialsOnly);
        let sealed_only_in = sealed_only.then(|| namespace.to_owned());
        let router = webhook::in_process(lookups.clone(), settings);
        // It is followed once, after the start.
        let _ = self.asked.set(Asked { lookups, sealed_only_in, router });
    }

    async fn ask(&self, write: &mut Attributes<'_>, mutating: bool) -> Result<(), ApiError> {
        let resource = write.resource;
        if write.subresource.is_some() || !resource.custom || is_only_ending(write) {
            return Ok(());
        }
        let Some(Asked { lookups, router, .. }) = self.asked.get() else {
            return if write.user.name == USER { Ok(()) } else { Err(not_yet()) };
        };
        let named = (resource.group.as_str(), resource.version.as_str(), resource.plural.as_str());
        let asked: Vec<&str> = {
            let (none, follow) = (BTreeSet::new(), lookups.federated());
            let federated = follow.borrow();
            let federated = federated.as_ref().unwrap_or(&none);
            paths(mutating, named, write.operation.name(), federated).collect()
        };
        for path in asked {
            let review = review_of(write);
            let answer = answered(router.clone(), path, &review).await?;
            let response = &answer["response"];
            if response["allowed"] != true {
                return Err(ApiError::from_status(&response["status"]));
            }
            if let Some(patch) = response["patch"].as_str() {
                let patch: json_patch::Patch = base64::engine::general_purpose::STANDARD
                    .decode(patch)
                    .map_err(ApiError::internal)
                    .and_then(|bytes| serde_json::from_slice(&bytes).map_err(ApiError::internal))?;
                json_patch::patch(&mut write.object, &patch).map_err(ApiError::internal)?;
            }
        }
        Ok(())
    }
}

/// Refuses a Secret of the federation's namespace that holds a readable token.
fn refuse_plain(write: &Attributes<'_>, namespace: &str) -> Result<(), ApiError> {
    let resource = write.resource;
    let is_secret = resource.group.is_empty() && resource.plural == "secrets";
    if !is_secret || write.namespace != Some(namespace) {
        return Ok(());
    }
    match readable_token(&write.object, write.old) {
        Some(words) => {
            let message = format!("secrets {:?} is forbidden: {words}", write.name);
            Err(ApiError::new(Reason::Forbidden, message))
        }
        None => Ok(()),
    }
}

fn not_yet() -> ApiError {
    ApiError::new(Reason::ServiceUnavailable, "the federation is starting; try again").retry_after(1)
}

/// Whether an update does nothing to an object that is being deleted but let it go: a finalizer must come off whatever
/// is wrong with the object. Labels are a scope, and deletions go by it.
fn is_only_ending(write: &Attributes<'_>) -> bool {
    let metadata = &write.object["metadata"];
    let same_labels = write.old.is_some_and(|old| old["metadata"].get("labels") == metadata.get("labels"));
    write.operation == Operation::Update && !metadata["deletionTimestamp"].is_null() && same_labels
}

fn review_of(write: &Attributes<'_>) -> Value {
    let resource = write.resource;
    let object = (!write.object.is_null()).then_some(&write.object);
    json!({
        "apiVersion": API_VERSION,
        "kind": "AdmissionReview",
        "request": {
            "uid": "in-process",
            "kind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
            "resource": {"group": resource.group, "version": resource.version, "resource": resource.plural},
            "name": write.name,
            "namespace": write.namespace.unwrap_or_default(),
            "operation": write.operation.name(),
            "object": object,
            "oldObject": write.old,
            "dryRun": write.dry_run,
        },
    })
}

async fn answered(mut router: Router, path: &str, review: &Value) -> Result<Value, ApiError> {
    let request = Request::post(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Body::from(review.to_string()))
        .map_err(ApiError::internal)?;
    let Ok(answer) = router.call(request).await;
    let bytes = axum::body::to_bytes(answer.into_body(), LONGEST_ANSWER).await.map_err(ApiError::internal)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let text = String::from_utf8_lossy(&bytes);
        ApiError::internal(format!("admission at {path} answered {text:?}: {error}"))
    })
}

#[async_trait]
impl Plugin for Admission {
    async fn admit(&self, write: &mut Attributes<'_>) -> Result<(), ApiError> {
        self.ask(write, true).await
    }

    async fn validate(&self, write: &mut Attributes<'_>) -> Result<(), ApiError> {
        if let Some(Asked { sealed_only_in: Some(namespace), .. }) = self.asked.get() {
            refuse_plain(write, namespace)?;
        }
        self.ask(write, false).await
    }
}
