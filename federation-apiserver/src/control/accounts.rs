//! What every namespace has: the service account `default`, and the authority's certificate in the ConfigMap
//! `kube-root-ca.crt`. Whoever takes one away, or changes the certificate, finds it back, as with
//! kube-controller-manager.

use std::collections::BTreeSet;
use std::sync::Arc;

use revision_store::Entry;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::changes::Changes;
use super::hand::Hand;
use super::reconcile::{self, Reconciler};
use crate::object;
use crate::rest::{At, Rest};
use crate::status::ApiError;

const NAMESPACES: &str = "/registry/namespaces/";
const ACCOUNTS: &str = "/registry/serviceaccounts/";
const MAPS: &str = "/registry/configmaps/";
const ACCOUNT: &str = "default";
const MAP: &str = "kube-root-ca.crt";
/// The annotation that Kubernetes gives the ConfigMap, and its text.
const DESCRIPTION: (&str, &str) = (
    "kubernetes.io/description",
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the \
     internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes \
     clusters.",
);
/// Gives namespaces what they all have.
pub struct AccountControl {
    hand: Hand,
    authority: String,
    active: BTreeSet<String>,
}

impl AccountControl {
    /// With the authority's certificate, as PEM.
    pub fn new(rest: Arc<Rest>, authority: impl Into<String>) -> Self {
        let hand = Hand::new(rest, "service-account-controller");
        Self { hand, authority: authority.into(), active: BTreeSet::new() }
    }

    /// Follows the store until it is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let changes = Changes::new(Arc::clone(self.hand.rest().store()), [NAMESPACES]);
        reconcile::follow(self, changes.watching([NAMESPACES, ACCOUNTS, MAPS]), stop).await;
    }
}

impl Reconciler for AccountControl {
    type Key = String;

    fn forget(&mut self) {
        self.active.clear();
    }

    fn learn(&mut self, entry: &Entry, gone: bool) -> Vec<String> {
        if let Some(name) = entry.key.strip_prefix(NAMESPACES) {
            let stays = !gone
                && serde_json::from_slice::<Value>(&entry.value).is_ok_and(|one| !object::is_deleting(&one));
            if !stays {
                self.active.remove(name);
                return Vec::new();
            }
            let new = self.active.insert(name.to_owned());
            return new.then(|| name.to_owned()).into_iter().collect();
        }
        let account = entry.key.strip_prefix(ACCOUNTS).filter(|_| gone);
        let account = account.and_then(|rest| rest.strip_suffix(ACCOUNT));
        let map = entry.key.strip_prefix(MAPS).and_then(|rest| rest.strip_suffix(MAP));
        let namespace = account.or(map).and_then(|rest| rest.strip_suffix('/'));
        namespace.and_then(|namespace| self.active.get(namespace)).cloned().into_iter().collect()
    }

    async fn reconcile(&self, namespace: &String) -> Result<(), ApiError> {
        match furnish(&self.hand, namespace, &self.authority).await {
            // A namespace that is to go, or gone, needs nothing more.
            Err(error) if matches!(error.code(), 403 | 404) => Ok(()),
            done => done,
        }
    }
}

async fn furnish(hand: &Hand, namespace: &str, authority: &str) -> Result<(), ApiError> {
    let (accounts, maps) =
        (hand.resource("", "v1", "serviceaccounts")?, hand.resource("", "v1", "configmaps")?);
    let at = |resource, name| At { resource, namespace: Some(namespace), name, subresource: None };
    let (account, map) = (at(&accounts, ACCOUNT), at(&maps, MAP));
    if hand.get(account).await?.is_none() {
        hand.create(account, json!({"metadata": {"name": ACCOUNT}})).await?;
    }
    let data = json!({"ca.crt": authority});
    let (annotation, text) = DESCRIPTION;
    let there = hand
        .edit(map, |map| {
            let right = map["data"] == data && map["metadata"]["annotations"].get(annotation).is_some();
            if !right {
                map["data"] = data.clone();
                map["metadata"]["annotations"][annotation] = text.into();
            }
            !right
        })
        .await?;
    if there.is_none() {
        let metadata = json!({"name": MAP, "annotations": {annotation: text}});
        hand.create(map, json!({"metadata": metadata, "data": data})).await?;
    }
    Ok(())
}
