//! How a federated object goes, from what came of the plans: pure, and one value for all clusters.

use std::sync::Arc;

use federation_model::{ClusterStatus, FederatedCondition, FederatedStatus, reason};
use jiff::Timestamp;

use crate::federated_type::FederatedType;
use crate::observed::Observed;
use crate::outcome::Outcome;
use crate::plan::Recorded;
use crate::registry::ClusterInfo;
use crate::selection::{NamespaceGate, Selection};

/// One cluster, as the status sees it.
#[derive(Clone, Debug)]
pub struct ClusterView {
    /// The cluster.
    pub cluster: Arc<ClusterInfo>,
    /// What came of the last plan; none when there was none yet.
    pub outcome: Option<Outcome>,
    /// What was last written.
    pub recorded: Option<Recorded>,
    /// The member's object.
    pub observed: Option<Arc<Observed>>,
    /// Whether the cache of the member's objects can be trusted.
    pub synced: bool,
}

/// The status of a federated object. `views` are all clusters that its scope reaches, by name.
///
/// Times are kept from `previous` as KubeFed does: the transition's changes with status or reason, the update's with
/// anything.
pub fn federated_status(
    selection: &Selection,
    ty: &FederatedType,
    views: &[ClusterView],
    versions_in_status: bool,
    previous: Option<&FederatedStatus>,
    now: Timestamp,
) -> FederatedStatus {
    let entry = &selection.entry;
    let clusters: Vec<_> = views
        .iter()
        .filter_map(|view| {
            let before = previous.into_iter().flat_map(|p| &p.clusters).find(|c| c.name == view.cluster.name);
            cluster_status(selection, ty, view, versions_in_status, before)
        })
        .collect();
    let held = clusters.iter().filter(|c| c.held_by_mask == Some(true)).count();
    let troubled: Vec<&str> =
        clusters.iter().filter(|c| c.status.is_some()).map(|c| c.name.as_str()).collect();
    let (reason, message) = if let Err(error) = &entry.placement {
        (reason::COMPUTE_PLACEMENT_FAILED, error.to_string())
    } else if matches!(selection.gate, NamespaceGate::NotFederated) && !entry.is_deleting() {
        let namespace = entry.key.namespace.as_deref().unwrap_or_default();
        (
            reason::NAMESPACE_NOT_FEDERATED,
            format!(
                "namespace {namespace} has no FederatedNamespace {namespace}, so nothing in it is placed; create one"
            ),
        )
    } else if !troubled.is_empty() {
        (reason::CHECK_CLUSTERS, format!("see status of {}", some_of(&troubled)))
    } else if held > 0 {
        ("", format!("{held} of {} wait behind the placement mask", clusters.len()))
    } else {
        ("", String::new())
    };
    let mut condition = FederatedCondition {
        type_: reason::PROPAGATION.to_owned(),
        status: if reason.is_empty() { "True" } else { "False" }.to_owned(),
        reason: (!reason.is_empty()).then(|| reason.to_owned()),
        message: (!message.is_empty()).then_some(message),
        last_update_time: None,
        last_transition_time: None,
    };
    let now = seconds(now);
    let before = previous.and_then(|p| p.conditions.iter().find(|c| c.type_ == condition.type_));
    condition.last_transition_time = match before {
        Some(b) if b.status == condition.status && b.reason == condition.reason => {
            b.last_transition_time.clone()
        }
        _ => None,
    }
    .or_else(|| Some(now.clone()));
    condition.last_update_time = before.and_then(|b| b.last_update_time.clone());
    let mut status = FederatedStatus {
        observed_generation: entry.object.metadata.generation,
        conditions: vec![condition],
        clusters,
    };
    if previous != Some(&status) {
        status.conditions[0].last_update_time = Some(now);
    }
    status
}

/// The first few of some names.
pub(crate) fn some_of(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let text = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// RFC 3339 in whole seconds, as Kubernetes writes times.
pub(crate) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A cluster's line, unless it has nothing to do with the object.
fn cluster_status(
    selection: &Selection,
    ty: &FederatedType,
    view: &ClusterView,
    versions_in_status: bool,
    before: Option<&ClusterStatus>,
) -> Option<ClusterStatus> {
    let cluster = &view.cluster;
    let selected = selection.selects(cluster);
    let runs = view.recorded.as_ref().is_some_and(|r| r.revision == selection.entry.revision(&cluster.name));
    let held = view.outcome == Some(Outcome::Held { due: true });
    let (status, message) = match &view.outcome {
        _ if !cluster.ready && (selected || view.recorded.is_some()) => {
            (Some(reason::CLUSTER_NOT_READY), Some(cluster.trouble.clone()))
        }
        Some(Outcome::Problem { reason, message }) => (Some(*reason), Some(message.clone())),
        Some(Outcome::WaitingForRemoval) => (Some(reason::WAITING_FOR_REMOVAL), None),
        // Runs what it is to run, or has not been asked yet since the object changed.
        None | Some(Outcome::Current) if selected && !runs => {
            (Some(reason::PENDING), Some("waits in the member's queue".to_owned()))
        }
        _ => (None, None),
    };
    if !selected && status.is_none() && !held && view.recorded.is_none() {
        return None;
    }
    let observed = view.observed.as_ref().filter(|_| ty.collect_status);
    // Facts that are missing change nothing: what a member said last stays until it says something else.
    let kept = before.filter(|_| ty.collect_status && !view.synced);
    Some(ClusterStatus {
        name: cluster.name.clone(),
        status: status.map(str::to_owned),
        message: message.filter(|m| !m.is_empty()),
        revision: view.recorded.as_ref().map(|r| r.revision.clone()).filter(|_| versions_in_status),
        version: view.recorded.as_ref().map(|r| r.version.clone()).filter(|_| versions_in_status),
        held_by_mask: held.then_some(true),
        remote_status: match kept {
            Some(before) => before.remote_status.clone(),
            None => observed.and_then(|o| o.status.as_deref().cloned()),
        },
        remote_annotations: match kept {
            Some(before) => before.remote_annotations.clone(),
            None => observed.map(|o| ty.policy.status_of(&o.annotations)).unwrap_or_default(),
        },
    })
}

/// Clusters that may still hold a copy of an object that is being deleted, each with the reason for people. When there
/// is none, the object can go.
///
/// A cluster that is not ready, or whose objects cannot be listed, counts when it was written to, or when the placement
/// names it and it was ever reached; one that was never reached holds nothing.
pub fn deletion_blockers(selection: &Selection, views: &[ClusterView]) -> Vec<(String, String)> {
    views
        .iter()
        .filter_map(|view| {
            let cluster = &view.cluster;
            let known = cluster.ready && view.synced;
            let words = if known {
                view.observed.as_ref().map(|_| "its object is still there".to_owned())
            } else {
                let may = view.recorded.is_some() || cluster.server.is_some() && selection.may_hold(cluster);
                may.then(|| {
                    if cluster.ready {
                        "its objects cannot be listed".to_owned()
                    } else {
                        cluster.trouble.clone()
                    }
                })
            };
            words.map(|w| (cluster.name.clone(), w))
        })
        .collect()
}
