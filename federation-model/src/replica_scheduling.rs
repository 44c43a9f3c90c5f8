//! `ReplicaSchedulingPreference`: how replicas are spread (KubeFed's).

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the replicas of the federated workload of the same name and namespace are spread over clusters.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "scheduling.kubefed.io",
    version = "v1alpha1",
    kind = "ReplicaSchedulingPreference",
    plural = "replicaschedulingpreferences",
    singular = "replicaschedulingpreference",
    shortname = "rsp",
    namespaced,
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaSchedulingPreferenceSpec {
    /// `FederatedDeployment` or `FederatedReplicaSet`.
    pub target_kind: String,
    /// Replicas over all clusters.
    pub total_replicas: i32,
    /// Whether running replicas may move when the preference or the clusters change.
    #[serde(default)]
    pub rebalance: bool,
    /// Whether only clusters of the workload's selector (and its namespace's) are candidates.
    #[serde(default)]
    pub intersect_with_cluster_selector: bool,
    /// Preferences by cluster name; `*` stands for the others. Empty: all clusters alike.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clusters: BTreeMap<String, ClusterPreferences>,
}

/// What one cluster is to get.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterPreferences {
    /// Replicas that it gets first.
    #[serde(default)]
    pub min_replicas: i64,
    /// Replicas that it gets at most; absent: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_replicas: Option<i64>,
    /// Its share of the rest, relative to the others' weights.
    #[serde(default)]
    pub weight: i64,
}
