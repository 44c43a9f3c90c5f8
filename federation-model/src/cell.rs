//! `Cell`: a deployment unit of a tenant, on one member cluster.

use std::collections::BTreeMap;

use kube::{CustomResource, ResourceExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{KubeFedCluster, NameTemplate, NameTemplateError, annotation, label};

/// A deployment unit of the tenant whose namespace it stands in. Several cells may share a cluster.
///
/// fedd keeps one more `KubeFedCluster` for each, `<cell>.<namespace>` in the federation's namespace.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "fedd.io",
    version = "v1alpha1",
    kind = "Cell",
    plural = "cells",
    singular = "cell",
    namespaced,
    status = "CellStatus",
    derive = "PartialEq",
    printcolumn = r#"{"name":"Cluster","type":"string","jsonPath":".spec.clusterName"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct CellSpec {
    /// Name of the `KubeFedCluster` whose access the cell uses. It cannot change: a cell does not move by itself.
    #[schemars(length(min = 1, max = 253), extend("x-kubernetes-validations" = [
        {"rule": "self == oldSelf", "message": "clusterName cannot change: make a new cell, widen the placement to it, then take this one out"}
    ]))]
    pub cluster_name: String,
    /// Labels of the cell, for topology selectors.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// How the cell's objects are told apart on the member; absent, they have the federated object's name and namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<CellTarget>,
}

/// Name templates for a cell's objects on the member. It cannot change while the cell lives: objects would be left behind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CellTarget {
    /// Template of the namespace, over `{namespace}` (required) and `{cell}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Template of the name, over `{name}` (required) and `{cell}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Whether the cell can be deployed to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CellStatus {
    /// Generation of the cell that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: the cell's `KubeFedCluster` is in place and its cluster is ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<CellCondition>,
}

/// A condition in Kubernetes' standard form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CellCondition {
    /// The condition's name.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One CamelCase word.
    pub reason: String,
    /// For people.
    pub message: String,
    /// When the status last changed, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
}

/// Placeholders of [`CellTarget::namespace`].
pub const TARGET_NAMESPACE_PLACEHOLDERS: [&str; 2] = ["namespace", "cell"];
/// Placeholders of [`CellTarget::name`].
pub const TARGET_NAME_PLACEHOLDERS: [&str; 2] = ["name", "cell"];

/// Name of the `KubeFedCluster` of a cell. A namespace has no dot, so it splits back one way only.
pub fn cell_cluster_name(cell: &str, namespace: &str) -> String {
    format!("{cell}.{namespace}")
}

/// The cell and namespace in the name of a cell's `KubeFedCluster`.
pub fn split_cell_cluster_name(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('.').filter(|(cell, namespace)| !cell.is_empty() && !namespace.is_empty())
}

impl Cell {
    /// Name of the cell's `KubeFedCluster`.
    pub fn cluster_object_name(&self) -> String {
        cell_cluster_name(&self.name_any(), &self.namespace().unwrap_or_default())
    }

    /// The `KubeFedCluster` of the cell: the access of `cluster`, and these labels: the cell's, with the scope's of its
    /// tenant.
    pub fn derive_cluster(
        &self,
        cluster: &KubeFedCluster,
        labels: BTreeMap<String, String>,
    ) -> KubeFedCluster {
        let mut derived = KubeFedCluster::new(&self.cluster_object_name(), cluster.spec.clone());
        derived.metadata.namespace.clone_from(&cluster.metadata.namespace);
        let mut labels = labels;
        labels.insert(label::CELL.to_owned(), self.name_any());
        labels.insert(label::CELL_NAMESPACE.to_owned(), self.namespace().unwrap_or_default());
        derived.metadata.labels = Some(labels);
        let mut annotations =
            BTreeMap::from([(annotation::ACCESS_OF.to_owned(), self.spec.cluster_name.clone())]);
        if let Some(tunnel) = cluster.tunnel() {
            annotations.insert(annotation::TUNNEL.to_owned(), tunnel.to_owned());
        }
        if let Some(target) = &self.spec.target {
            let templates =
                [(annotation::TARGET_NAMESPACE, &target.namespace), (annotation::TARGET_NAME, &target.name)];
            for (key, template) in templates {
                if let Some(template) = template {
                    annotations.insert(key.to_owned(), template.clone());
                }
            }
        }
        derived.metadata.annotations = Some(annotations);
        derived
    }
}

impl CellTarget {
    /// Reads both templates; the error is the first bad one's, with the field's name.
    pub fn parse(
        &self,
    ) -> Result<(Option<NameTemplate>, Option<NameTemplate>), (&'static str, NameTemplateError)> {
        let namespace = self
            .namespace
            .as_deref()
            .map(|t| NameTemplate::parse(t, &TARGET_NAMESPACE_PLACEHOLDERS, "namespace"))
            .transpose()
            .map_err(|e| ("namespace", e))?;
        let name = self
            .name
            .as_deref()
            .map(|t| NameTemplate::parse(t, &TARGET_NAME_PLACEHOLDERS, "name"))
            .transpose()
            .map_err(|e| ("name", e))?;
        Ok((namespace, name))
    }
}
