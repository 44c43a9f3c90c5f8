//! Terminating definitions: their objects go, then they go ("Extend the Kubernetes API with
//! CustomResourceDefinitions", section "Delete a CustomResourceDefinition"). The conditions are kube-apiserver's.

use std::collections::BTreeMap;
use std::sync::Arc;

use revision_store::Entry;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::changes::Changes;
use super::condition;
use super::finalizers;
use super::hand::Hand;
use super::reconcile::{self, Reconciler};
use super::stored::Stored;
use crate::definition::{CLEANUP, PREFIX};
use crate::object;
use crate::rest::{At, Rest};
use crate::status::ApiError;

/// Deletes the objects of terminating definitions, which have the finalizer
/// `customresourcecleanup.apiextensions.k8s.io` until that is done.
pub struct DefinitionContentControl {
    hand: Hand,
    /// Where the objects of each terminating definition are.
    terminating: BTreeMap<String, String>,
}

impl DefinitionContentControl {
    /// Nothing is known yet.
    pub fn new(rest: Arc<Rest>) -> Self {
        Self { hand: Hand::new(rest, "crd-finalizer"), terminating: BTreeMap::new() }
    }

    /// Follows the store until it is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let changes = Changes::new(Arc::clone(self.hand.rest().store()), [PREFIX]).watching(["/registry/"]);
        reconcile::follow(self, changes, stop).await;
    }
}

impl Reconciler for DefinitionContentControl {
    type Key = String;

    fn forget(&mut self) {
        self.terminating.clear();
    }

    fn learn(&mut self, entry: &Entry, gone: bool) -> Vec<String> {
        if let Some(name) = entry.key.strip_prefix(PREFIX) {
            self.terminating.remove(name);
            let definition: Value = serde_json::from_slice(&entry.value).unwrap_or_default();
            if gone || !is_terminating(&definition) {
                return Vec::new();
            }
            self.terminating.insert(name.to_owned(), prefix(&definition));
            return vec![name.to_owned()];
        }
        let whose = self.terminating.iter().filter(|(_, prefix)| gone && entry.key.starts_with(*prefix));
        whose.map(|(name, _)| name.clone()).collect()
    }

    async fn reconcile(&self, name: &String) -> Result<(), ApiError> {
        end(&self.hand, name).await
    }
}

fn is_terminating(definition: &Value) -> bool {
    object::is_deleting(definition) && object::finalizers(definition).contains(&CLEANUP)
}

/// The key of all its objects.
fn prefix(definition: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!(
        "/registry/{}/{}/",
        text(&definition["spec"]["group"]),
        text(&definition["spec"]["names"]["plural"])
    )
}

/// Deletes the objects of a terminating definition, and lets go of it if none is left.
async fn end(hand: &Hand, name: &str) -> Result<(), ApiError> {
    let definitions = hand.resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")?;
    let at = At { resource: &definitions, namespace: None, name, subresource: None };
    let Some(definition) = hand.get(at).await?.filter(is_terminating) else { return Ok(()) };
    let conditions = definition["status"]["conditions"].as_array();
    let established = conditions
        .is_some_and(|all| all.iter().any(|one| one["type"] == "Established" && one["status"] == "True"));
    if !established {
        return tell(hand, at, ("False", "NeverEstablished", "resource was never established")).await;
    }
    tell(hand, at, ("True", "InstanceDeletionInProgress", "CustomResource deletion is in progress")).await?;
    let deleted = delete_objects(hand, &prefix(&definition)).await;
    if let Err(error) = deleted {
        let message = format!("could not issue all deletes: {error}");
        tell(hand, at, ("True", "InstanceDeletionFailed", &message)).await?;
        return Err(error);
    }
    let left = hand.rest().store().count(&prefix(&definition)).await.map_err(crate::rest::store_error)?;
    if left == 0 {
        tell(hand, at, ("False", "InstanceDeletionCompleted", "removed all instances")).await?;
    }
    // What is left has finalizers; its end is an event.
    Ok(())
}

async fn delete_objects(hand: &Hand, prefix: &str) -> Result<(), ApiError> {
    let stored = Stored::of(hand.rest().catalog());
    let mut resources = stored.resources();
    let Some(resource) = resources.find(|one| prefix.strip_suffix('/') == Some(&*one.key_prefix)) else {
        return Err(ApiError::no_such_path());
    };
    hand.delete_all(At { resource, namespace: None, name: "", subresource: None }).await
}

/// Sets the condition `Terminating`. When it no longer holds, the finalizer goes with it.
async fn tell(
    hand: &Hand,
    at: At<'_>,
    (status, reason, message): (&str, &str, &str),
) -> Result<(), ApiError> {
    let now = object::time(hand.now());
    let terminating = json!({"type": "Terminating", "status": status, "reason": reason, "message": message});
    hand.edit(At { subresource: Some("status"), ..at }, |definition| {
        if !is_terminating(definition) {
            return false;
        }
        let before = definition.clone();
        condition::set(&mut definition["status"]["conditions"], terminating.clone(), &now);
        if status == "False" {
            finalizers::remove(definition, CLEANUP);
        }
        *definition != before
    })
    .await?;
    Ok(())
}
