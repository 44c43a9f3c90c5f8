//! Which clusters are to hold an object.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt as _};
use serde::{Deserialize, Serialize};

/// Clusters by name, or by their labels.
///
/// KubeFed's rules: names that are there, even none, win over the selector; no selector selects nothing; an empty one
/// selects every cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// Clusters by name; an empty list selects nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clusters: Option<Vec<ClusterReference>>,
    /// Clusters by label; read when no names are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_selector: Option<LabelSelector>,
}

/// A cluster by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterReference {
    /// The cluster's name.
    pub name: String,
}

/// A placement that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlacementError {
    /// The selector is not one.
    #[error("spec.placement.clusterSelector: {0}; operators are In, NotIn, Exists and DoesNotExist")]
    Selector(String),
}

/// A placement, ready to be asked about any number of clusters.
#[derive(Clone, Debug)]
pub enum CompiledPlacement {
    /// Nothing is selected.
    Nothing,
    /// By name.
    Names(BTreeSet<String>),
    /// By label.
    Labels(Selector),
}

impl Placement {
    /// Compiles an optional placement; none selects nothing.
    pub fn compile(placement: Option<&Self>) -> Result<CompiledPlacement, PlacementError> {
        let Some(placement) = placement else { return Ok(CompiledPlacement::Nothing) };
        if let Some(clusters) = &placement.clusters {
            return Ok(CompiledPlacement::Names(clusters.iter().map(|c| c.name.clone()).collect()));
        }
        match &placement.cluster_selector {
            None => Ok(CompiledPlacement::Nothing),
            Some(selector) => Selector::try_from(selector.clone())
                .map(CompiledPlacement::Labels)
                .map_err(|e| PlacementError::Selector(e.to_string())),
        }
    }
}

impl CompiledPlacement {
    /// Whether a cluster of this name and these labels is selected.
    pub fn selects(&self, name: &str, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Nothing => false,
            Self::Names(names) => names.contains(name),
            Self::Labels(selector) => selector.matches(labels),
        }
    }
}
