//! Terminating namespaces: their content goes, then they go ("Namespaces", and kube-controller-manager's namespace
//! controller, whose conditions and words these are).

mod conditions;
mod content;

use std::collections::BTreeSet;
use std::sync::Arc;

use revision_store::Entry;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::changes::Changes;
use super::hand::Hand;
use super::reconcile::{self, Reconciler};
use super::stored::Stored;
use crate::object;
use crate::resource::Resource;
use crate::rest::{At, Rest};
use crate::status::ApiError;

const PREFIX: &str = "/registry/namespaces/";
/// The finalizer, in `spec`, that every namespace has until its content is gone.
const KUBERNETES: &str = "kubernetes";
/// Empties terminating namespaces.
pub struct NamespaceControl {
    hand: Hand,
    terminating: BTreeSet<String>,
}

impl NamespaceControl {
    /// Nothing is known yet.
    pub fn new(rest: Arc<Rest>) -> Self {
        Self { hand: Hand::new(rest, "namespace-controller"), terminating: BTreeSet::new() }
    }

    /// Follows the store until it is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        // Whatever happens to an object in a terminating namespace counts, be it of a kind that comes later.
        let changes = Changes::new(Arc::clone(self.hand.rest().store()), [PREFIX]).watching(["/registry/"]);
        reconcile::follow(self, changes, stop).await;
    }
}

impl Reconciler for NamespaceControl {
    type Key = String;

    fn forget(&mut self) {
        self.terminating.clear();
    }

    fn learn(&mut self, entry: &Entry, gone: bool) -> Vec<String> {
        if let Some(name) = entry.key.strip_prefix(PREFIX) {
            if gone || !is_terminating(&entry.value) {
                self.terminating.remove(name);
                return Vec::new();
            }
            self.terminating.insert(name.to_owned());
            return vec![name.to_owned()];
        }
        if self.terminating.is_empty() {
            return Vec::new();
        }
        let namespace = entry.key.rsplit('/').nth(1);
        namespace.and_then(|namespace| self.terminating.get(namespace)).cloned().into_iter().collect()
    }

    async fn reconcile(&self, name: &String) -> Result<(), ApiError> {
        empty(&self.hand, name).await
    }
}

fn is_terminating(value: &[u8]) -> bool {
    serde_json::from_slice::<Value>(value).is_ok_and(|namespace| {
        object::is_deleting(&namespace)
            && namespace["spec"]["finalizers"].as_array().is_some_and(|all| !all.is_empty())
    })
}

/// Deletes what is in a terminating namespace, tells what remains, and lets go of the namespace if nothing does.
async fn empty(hand: &Hand, name: &str) -> Result<(), ApiError> {
    let namespaces = hand.resource("", "v1", "namespaces")?;
    let at = At { resource: &namespaces, namespace: None, name, subresource: None };
    // The facts behind a deletion are read from the store, not remembered.
    let Some(namespace) = hand.get(at).await? else { return Ok(()) };
    if !object::is_deleting(&namespace) {
        return Ok(());
    }
    let mut stored: Vec<Arc<Resource>> =
        Stored::of(hand.rest().catalog()).resources().filter(|one| one.namespaced).cloned().collect();
    stored.sort_by(|a, b| (&a.group, &a.plural).cmp(&(&b.group, &b.plural)));
    let remaining = content::delete(hand, &stored, name).await;
    let now = object::time(hand.now());
    let status = At { subresource: Some("status"), ..at };
    let live = hand
        .edit(status, |namespace| {
            object::is_deleting(namespace) && conditions::tell(namespace, &remaining, &now)
        })
        .await?;
    if let Some(error) = remaining.errors.into_iter().next() {
        return Err(error);
    }
    if live.is_none() || !remaining.resources.is_empty() {
        // Every change of what remains is an event.
        return Ok(());
    }
    let finalize = At { subresource: Some("finalize"), ..at };
    hand.edit(finalize, |namespace| {
        if !object::is_deleting(namespace) {
            return false;
        }
        let finalizers = namespace["spec"]["finalizers"].as_array().cloned().unwrap_or_default();
        let others: Vec<Value> = finalizers.iter().filter(|one| *one != KUBERNETES).cloned().collect();
        let had = others.len() < finalizers.len();
        namespace["spec"]["finalizers"] = json!(others);
        had
    })
    .await?;
    Ok(())
}
