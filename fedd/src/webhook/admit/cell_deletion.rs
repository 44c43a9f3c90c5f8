//! A cell that holds something must not be deleted.

use federation_model::{Cell, KubeFedCluster, KubeFedClusterSpec, cell_cluster_name};
use serde::Deserialize as _;
use tenancy::{Labels, ScopeKeys};

use crate::placed::Placed;
use crate::webhook::review::{Request, Verdict};

/// The cluster of the cell that is to be deleted, as far as placement goes: the engine may not have made it yet, so it is
/// worked out as the engine does.
pub fn cluster_of_cell(request: &Request, keys: &ScopeKeys, namespace: &Labels) -> KubeFedCluster {
    let name = cell_cluster_name(request.object_name(), &request.namespace);
    let cell = request.old_object.as_ref().and_then(|old| Cell::deserialize(old).ok());
    let labels = cell.map(|cell| keys.cell_cluster_labels(&cell.spec.labels, namespace));
    let mut cluster = KubeFedCluster::new(&name, KubeFedClusterSpec::default());
    cluster.metadata.labels = labels;
    cluster
}

/// Whether a cell may be deleted, given what is placed on it.
pub fn cell_deletion(cell: &str, namespace: &str, placed: &[Placed]) -> Verdict {
    if placed.is_empty() {
        return Verdict::Allow;
    }
    let objects: Vec<_> = placed.iter().map(|p| format!("{} {}", p.kind, p.key)).collect();
    Verdict::from_findings(&[format!(
        "metadata.deletionTimestamp: cell {cell} (cluster {}) still holds {}; take the cell out of their placements first",
        cell_cluster_name(cell, namespace),
        objects.join(", ")
    )])
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_model::ObjectKey;
    use kube::ResourceExt as _;
    use serde_json::json;

    #[test]
    fn the_cluster_has_the_cells_labels_and_the_namespaces_scope() {
        let cell = json!({"metadata": {"name": "rz00a", "namespace": "bank"},
            "spec": {"clusterName": "m1", "labels": {"zone": "a", "fedd.io/tenant": "other"}}});
        let request = Request {
            name: "rz00a".to_owned(),
            namespace: "bank".to_owned(),
            old_object: Some(cell),
            ..Request::default()
        };
        let keys = ScopeKeys::default();
        let namespace = [("fedd.io/tenant", "bank"), ("fedd.io/workspace-group", "prod")]
            .map(|(k, v)| (k.into(), v.into()));
        let cluster = cluster_of_cell(&request, &keys, &Labels::from(namespace));
        assert_eq!(cluster.name_any(), "rz00a.bank");
        let expected = json!({"zone": "a", "fedd.io/tenant": "bank", "fedd.io/workspace-group": "prod"});
        assert_eq!(json!(cluster.labels()), expected);
    }

    #[test]
    fn a_refusal_says_what_is_there_and_what_to_do() {
        let placed = Placed { kind: "FederatedConfigMap".into(), key: ObjectKey::namespaced("bank", "cm") };
        let Verdict::Deny(denial) = cell_deletion("rz00a", "bank", &[placed]) else { panic!("allowed") };
        assert!(
            denial.message.contains("FederatedConfigMap bank/cm")
                && denial.message.contains("take the cell out")
        );
        assert_eq!(cell_deletion("rz00a", "bank", &[]), Verdict::Allow);
    }
}
