//! CustomResourceDefinitions of every kind, as data.

mod explain;
mod federated;
mod kubefed;
mod types;

pub use self::federated::{ConversionWebhook, FederatedKind, federated_crd};
pub use self::types::{DefaultType, default_types, type_config};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

use crate::{
    Cell, FederatedTypeConfig, KubeFedCluster, KubeFedConfig, ReplicaSchedulingPreference, TopologyType,
};

/// The kinds around the federated ones: KubeFed's, and ours.
pub fn core_crds() -> Vec<CustomResourceDefinition> {
    let derived = [
        KubeFedCluster::crd(),
        KubeFedConfig::crd(),
        FederatedTypeConfig::crd(),
        ReplicaSchedulingPreference::crd(),
        Cell::crd(),
        TopologyType::crd(),
    ];
    let mut crds: Vec<_> = derived.iter().map(explain::explained).collect();
    crds.extend(kubefed::records());
    for crd in &mut crds {
        // A label that tells these from the cluster's other definitions; the federated ones carry it too.
        crd.metadata.labels.get_or_insert_default().insert(COMPONENT.0.to_owned(), COMPONENT.1.to_owned());
    }
    crds
}

/// The label on every definition of ours.
pub(crate) const COMPONENT: (&str, &str) = ("app.kubernetes.io/part-of", "fedd");

/// Reads a definition that was written as JSON in this module.
#[allow(
    clippy::expect_used,
    reason = "the JSON is a literal of this module, and every one is made in the tests"
)]
pub(crate) fn literal(json: serde_json::Value) -> CustomResourceDefinition {
    serde_json::from_value(json).expect("a definition of this module is well-formed")
}
