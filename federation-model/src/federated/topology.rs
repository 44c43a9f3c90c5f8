//! The topology form (`types.kubefed.io/v1beta2`).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FederatedCondition, Override};

/// A federated object in the topology form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopologyObject {
    /// `types.kubefed.io/v1beta2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// The federated kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Kubernetes metadata.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[serde(default)]
    pub spec: TopologySpec,
    /// How it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<TopologyFormStatus>,
}

/// What is wanted, by topology.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopologySpec {
    /// What the names below are: `cell`, `cluster` (the default), or a declared `TopologyType`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology_type: Option<String>,
    /// The plain object, without kind, name and namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Value>,
    /// Topologies that are to hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<TopologyPlacement>,
    /// Topologies that may be touched; absent: all, empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement_mask: Option<TopologyMask>,
    /// What differs per topology.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrides: Option<Vec<TopologyOverride>>,
    /// Whether the members' own `spec.replicas` stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_replicas: Option<bool>,
}

/// Topologies by name, or by their labels; the rules are the cluster form's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopologyPlacement {
    /// Topologies by name; an empty list selects nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topologies: Option<Vec<TopologyReference>>,
    /// Topologies by label; read when no names are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology_selector: Option<LabelSelector>,
}

/// A topology by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologyReference {
    /// The topology's name.
    pub name: String,
}

/// Topologies that may be touched. An empty list: none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologyMask {
    /// The topologies.
    #[serde(default)]
    pub topologies: Vec<TopologyReference>,
}

/// What differs in one topology.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopologyOverride {
    /// The topology.
    pub topology_name: String,
    /// Patches, applied in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology_overrides: Option<Vec<Override>>,
}

/// How a federated object goes, by topology.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopologyFormStatus {
    /// Generation that the rest speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// As in the cluster form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<FederatedCondition>,
    /// Per topology.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topologies: Vec<TopologyStatus>,
}

/// How it goes in one topology: the same facts as [`super::ClusterStatus`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopologyStatus {
    /// The topology.
    pub name: String,
    /// Absent when all is as wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The revision that the member runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Version of the member's object after our last write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `true` when something is due that the placement mask holds back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by_mask: Option<bool>,
    /// The member object's own `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_status: Option<Value>,
    /// The member object's own annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remote_annotations: BTreeMap<String, String>,
}
