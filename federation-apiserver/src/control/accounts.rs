//! What every namespace has: the service account `default`, and the authority's certificate in the ConfigMap
//! `kube-root-ca.crt`. Whoever takes one away, or changes the certificate, finds it back, as with
//! kube-controller-manager.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::{StreamExt as _, stream};
use revision_store::EventKind;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::changes::{Change, Changes};
use super::hand::Hand;
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
/// How many namespaces are seen to at once.
const AT_ONCE: usize = 16;

/// Gives namespaces what they all have.
pub struct AccountControl {
    hand: Hand,
    changes: Changes,
    authority: String,
    active: BTreeSet<String>,
    due: BTreeSet<String>,
}

impl AccountControl {
    /// With the authority's certificate, as PEM.
    pub fn new(rest: Arc<Rest>, authority: impl Into<String>) -> Self {
        let changes =
            Changes::new(Arc::clone(rest.store()), [NAMESPACES]).watching([NAMESPACES, ACCOUNTS, MAPS]);
        Self {
            hand: Hand::new(rest, "service-account-controller"),
            changes,
            authority: authority.into(),
            active: BTreeSet::new(),
            due: BTreeSet::new(),
        }
    }

    /// Follows the store until it is cancelled.
    pub async fn run(mut self, stop: CancellationToken) {
        let follow = async {
            loop {
                let change = self.changes.next().await;
                self.learn(change);
                while let Some(change) = self.changes.next_now() {
                    self.learn(change);
                }
                self.see_to_due().await;
            }
        };
        stop.run_until_cancelled(follow).await;
    }

    fn learn(&mut self, change: Change) {
        let (entry, gone) = match change {
            Change::Begin => {
                self.active.clear();
                self.due.clear();
                return;
            }
            Change::Loaded => return,
            Change::Found(entry) => (entry, false),
            Change::Event(event) => (event.entry, event.kind == EventKind::Delete),
        };
        if let Some(name) = entry.key.strip_prefix(NAMESPACES) {
            let stays = !gone
                && serde_json::from_slice::<Value>(&entry.value).is_ok_and(|one| !object::is_deleting(&one));
            if !stays {
                self.active.remove(name);
                self.due.remove(name);
            } else if self.active.insert(name.to_owned()) {
                self.due.insert(name.to_owned());
            }
            return;
        }
        let account = entry.key.strip_prefix(ACCOUNTS).filter(|_| gone);
        let account = account.and_then(|rest| rest.strip_suffix(ACCOUNT));
        let map = entry.key.strip_prefix(MAPS).and_then(|rest| rest.strip_suffix(MAP));
        let namespace = account.or(map).and_then(|rest| rest.strip_suffix('/'));
        if let Some(namespace) = namespace.filter(|one| self.active.contains(*one)) {
            self.due.insert(namespace.to_owned());
        }
    }

    async fn see_to_due(&mut self) {
        let due = std::mem::take(&mut self.due);
        if due.is_empty() {
            return;
        }
        let (hand, authority) = (&self.hand, self.authority.as_str());
        let done: Vec<Result<(), ApiError>> = stream::iter(due)
            .map(|namespace| furnish(hand, namespace, authority))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for error in done.into_iter().filter_map(Result::err) {
            // A namespace that is to go, or gone, needs nothing more.
            if !matches!(error.code(), 403 | 404) {
                tracing::warn!(%error, "a namespace lacks its default account or authority yet");
                self.changes.begin_again();
            }
        }
    }
}

async fn furnish(hand: &Hand, namespace: String, authority: &str) -> Result<(), ApiError> {
    let (accounts, maps) =
        (hand.resource("", "v1", "serviceaccounts")?, hand.resource("", "v1", "configmaps")?);
    let at = |resource, name| At { resource, namespace: Some(namespace.as_str()), name, subresource: None };
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
