//! How a federated object goes, per cluster.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a federated object goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FederatedStatus {
    /// Generation of the federated object that the rest speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// One condition, `Propagation`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<FederatedCondition>,
    /// Per cluster that the object is, or may be, on; sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<ClusterStatus>,
}

/// A condition in KubeFed's form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FederatedCondition {
    /// `Propagation`.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True` when every cluster is as wanted.
    pub status: String,
    /// One of [`reason`]'s; empty when the status is `True`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For people: what is wrong and where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When something was last written to a cluster or the list changed, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<String>,
    /// When status or reason last changed, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<String>,
}

/// How it goes in one cluster. `name`, `status` and `remoteStatus` are KubeFed's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// The cluster.
    pub name: String,
    /// Absent when all is as wanted, else one of [`reason`]'s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// For people: the member's own words where it refused something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The revision (hash of template and overrides) that the member runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Version of the member's object after our last write of that revision: `gen:<generation>` or `rv:<resourceVersion>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `true` when something is due that the placement mask holds back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by_mask: Option<bool>,
    /// The member object's own `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_status: Option<Value>,
    /// The member object's annotations that are its own (the annotation policy's status keys).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remote_annotations: BTreeMap<String, String>,
}

/// Words of conditions and of cluster statuses. All but the last group are KubeFed's.
pub mod reason {
    /// Type of the one condition.
    pub const PROPAGATION: &str = "Propagation";
    /// Condition: see the clusters' own words.
    pub const CHECK_CLUSTERS: &str = "CheckClusters";
    /// Condition: the clusters could not be listed.
    pub const CLUSTER_RETRIEVAL_FAILED: &str = "ClusterRetrievalFailed";
    /// Condition: the placement cannot be meant.
    pub const COMPUTE_PLACEMENT_FAILED: &str = "ComputePlacementFailed";
    /// Condition: the namespace is not federated, so nothing in it is placed.
    pub const NAMESPACE_NOT_FEDERATED: &str = "NamespaceNotFederated";
    /// Cluster: the object is being deleted there.
    pub const WAITING_FOR_REMOVAL: &str = "WaitingForRemoval";
    /// Cluster: it is not ready.
    pub const CLUSTER_NOT_READY: &str = "ClusterNotReady";
    /// Cluster: its objects of this type could not be listed.
    pub const CACHED_RETRIEVAL_FAILED: &str = "CachedRetrievalFailed";
    /// Cluster: the object could not be made from its template.
    pub const COMPUTE_RESOURCE_FAILED: &str = "ComputeResourceFailed";
    /// Cluster: its overrides do not apply.
    pub const APPLY_OVERRIDES_FAILED: &str = "ApplyOverridesFailed";
    /// Cluster: a create was refused.
    pub const CREATION_FAILED: &str = "CreationFailed";
    /// Cluster: an update was refused.
    pub const UPDATE_FAILED: &str = "UpdateFailed";
    /// Cluster: a delete was refused.
    pub const DELETION_FAILED: &str = "DeletionFailed";
    /// Cluster: the managed label could not be taken off.
    pub const LABEL_REMOVAL_FAILED: &str = "LabelRemovalFailed";
    /// Cluster: the object could not be read.
    pub const RETRIEVAL_FAILED: &str = "RetrievalFailed";
    /// Cluster: it holds an object of that name already, and adoption is off.
    pub const ALREADY_EXISTS: &str = "AlreadyExists";
    /// Cluster: no client could be made from its configuration.
    pub const CLIENT_RETRIEVAL_FAILED: &str = "ClientRetrievalFailed";
    /// Cluster: its object says `kubefed.io/managed: "false"`.
    pub const MANAGED_LABEL_FALSE: &str = "ManagedLabelFalse";
    /// Cluster: a create was not answered in time.
    pub const CREATION_TIMED_OUT: &str = "CreationTimedOut";
    /// Cluster: an update was not answered in time.
    pub const UPDATE_TIMED_OUT: &str = "UpdateTimedOut";
    /// Cluster: a delete was not answered in time.
    pub const DELETION_TIMED_OUT: &str = "DeletionTimedOut";
    /// Cluster: taking the managed label off was not answered in time.
    pub const LABEL_REMOVAL_TIMED_OUT: &str = "LabelRemovalTimedOut";
    /// Cluster (ours): the object would be another than the federated object stands for; nothing was written.
    pub const IDENTITY_CHANGED: &str = "IdentityChanged";
    /// Cluster (ours): another cell of the same API server needs a different object of that name.
    pub const CONFLICTING_CELLS: &str = "ConflictingCells";
    /// Cluster (ours): somebody there keeps undoing what is written; corrections are made less and less often.
    pub const CONTESTED: &str = "Contested";
    /// Cluster (ours): what is due waits in the member's queue.
    pub const PENDING: &str = "Pending";
}
