//! KubeFed's kinds without a spec of their own type: its records, and the status of its Services.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use super::literal;

/// `PropagatedVersion`, `ClusterPropagatedVersion`, `FederatedServiceStatus`.
pub(super) fn records() -> Vec<CustomResourceDefinition> {
    let version_status = json!({
        "type": "object",
        "description": "Versions of what was written.",
        "required": ["templateVersion", "overridesVersion"],
        "properties": {
            "templateVersion": {"type": "string", "description": "Hash of the template that was written."},
            "overridesVersion": {"type": "string", "description": "Hash of the overrides that were applied."},
            "clusterVersions": {
                "type": "array",
                "description": "The member objects' versions after the write, by cluster.",
                "items": {"type": "object", "required": ["clusterName", "version"], "properties": {
                    "clusterName": {"type": "string", "description": "The cluster."},
                    "version": {"type": "string", "description": "gen:<generation> or rv:<resourceVersion>."}}}}}
    });
    let mut service_status = record(
        "FederatedServiceStatus",
        "federatedservicestatuses",
        "Namespaced",
        "KubeFed's separate status of a FederatedService. Here a federated object's own status says it.",
        json!({}),
    );
    service_status["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["clusterStatus"] = json!({
        "type": "array",
        "description": "The Service's status in each cluster.",
        "items": {"type": "object", "required": ["clusterName"], "properties": {
            "clusterName": {"type": "string", "description": "The cluster."},
            "status": {"type": "object", "description": "The Service's status there.", "x-kubernetes-preserve-unknown-fields": true}}}
    });
    let mut records: Vec<_> = [
        (
            "PropagatedVersion",
            "propagatedversions",
            "Namespaced",
            "What KubeFed last wrote to each member for one namespaced federated object.",
        ),
        (
            "ClusterPropagatedVersion",
            "clusterpropagatedversions",
            "Cluster",
            "What KubeFed last wrote to each member for one cluster-scoped federated object.",
        ),
    ]
    .into_iter()
    .map(|(kind, plural, scope, description)| {
        let mut crd = record(kind, plural, scope, description, json!({"status": {}}));
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"] =
            version_status.clone();
        literal(crd)
    })
    .collect();
    records.push(literal(service_status));
    records
}

fn record(kind: &str, plural: &str, scope: &str, description: &str, subresources: Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.core.kubefed.io")},
        "spec": {
            "group": "core.kubefed.io",
            "scope": scope,
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List")},
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true,
                "subresources": subresources,
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "description": description,
                    "properties": {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}}}
            }]
        }
    })
}
