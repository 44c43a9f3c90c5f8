//! Keeps the authorizer's policy in line with the stored roles and bindings, and gives aggregated ClusterRoles their
//! rules ("Using RBAC Authorization", section "Aggregated ClusterRoles").

use std::sync::Arc;

use parking_lot::RwLock;
use revision_store::{Entry, EventKind};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::changes::{Change, Changes};
use super::hand::Hand;
use crate::auth::{Policy, RbacKind};
use crate::rest::{At, Rest};
use crate::status::ApiError;

const GROUP: &str = "rbac.authorization.k8s.io";
const KINDS: [RbacKind; 4] =
    [RbacKind::Role, RbacKind::ClusterRole, RbacKind::RoleBinding, RbacKind::ClusterRoleBinding];

/// Follows roles and bindings.
pub struct PolicyControl {
    hand: Hand,
    policy: Arc<RwLock<Policy>>,
    /// What is being read, until all of it has been.
    reading: Policy,
    changes: Changes,
}

impl PolicyControl {
    /// Keeps this policy. It is empty, and allows nobody but `system:masters`, until [`PolicyControl::load`].
    pub fn new(rest: Arc<Rest>, policy: Arc<RwLock<Policy>>) -> Self {
        let changes = Changes::new(Arc::clone(rest.store()), KINDS.map(prefix));
        let hand = Hand::new(rest, "clusterrole-aggregation-controller");
        Self { hand, policy, reading: Policy::default(), changes }
    }

    /// Returns when the policy is what is stored. A store that fails is asked again until it answers.
    pub async fn load(&mut self) {
        loop {
            let change = self.changes.next().await;
            let loaded = matches!(change, Change::Loaded);
            self.learn(change).await;
            if loaded {
                return;
            }
        }
    }

    /// Follows the store until it is cancelled.
    pub async fn run(mut self, stop: CancellationToken) {
        let follow = async {
            loop {
                let change = self.changes.next().await;
                self.learn(change).await;
            }
        };
        stop.run_until_cancelled(follow).await;
    }

    async fn learn(&mut self, change: Change) {
        let aggregates = match change {
            Change::Begin => {
                self.reading = Policy::default();
                false
            }
            Change::Found(entry) => {
                put(&mut self.reading, &entry);
                false
            }
            Change::Loaded => {
                *self.policy.write() = std::mem::take(&mut self.reading);
                true
            }
            Change::Event(event) => {
                let mut policy = self.policy.write();
                match event.kind {
                    EventKind::Put => put(&mut policy, &event.entry),
                    EventKind::Delete => remove(&mut policy, &event.entry.key),
                }
                event.entry.key.starts_with(&prefix(RbacKind::ClusterRole))
            }
        };
        if aggregates && let Err(error) = aggregate(&self.hand, &self.policy).await {
            tracing::warn!(%error, "the rules of an aggregated cluster role cannot be written yet");
            self.changes.begin_again();
        }
    }
}

/// Writes the rules of aggregated roles that are not what they should be. Roles that aggregate these come with the
/// events of these writes.
async fn aggregate(hand: &Hand, policy: &RwLock<Policy>) -> Result<(), ApiError> {
    let stale = policy.read().stale_aggregates();
    if stale.is_empty() {
        return Ok(());
    }
    let resource = hand.resource(GROUP, "v1", RbacKind::ClusterRole.resource())?;
    for (name, rules) in stale {
        let at = At { resource: &resource, namespace: None, name: &name, subresource: None };
        hand.edit(at, |role| {
            role["rules"] = json!(rules);
            true
        })
        .await?;
    }
    Ok(())
}

fn prefix(kind: RbacKind) -> String {
    format!("/registry/{}/", kind.resource())
}

/// The kind that is stored under a key, and the rest of the key.
fn kind_of(key: &str) -> Option<(RbacKind, &str)> {
    KINDS.into_iter().find_map(|kind| Some((kind, key.strip_prefix(&prefix(kind))?)))
}

fn put(policy: &mut Policy, entry: &Entry) {
    let Some((kind, _)) = kind_of(&entry.key) else { return };
    let read = serde_json::from_slice::<Value>(&entry.value).and_then(|object| policy.apply(kind, &object));
    if let Err(error) = read {
        tracing::error!(key = entry.key, %error, "this cannot be read and grants nothing");
        remove(policy, &entry.key);
    }
}

fn remove(policy: &mut Policy, key: &str) {
    let Some((kind, rest)) = kind_of(key) else { return };
    let (namespace, name) = rest.split_once('/').unwrap_or(("", rest));
    policy.remove(kind, namespace, name);
}
