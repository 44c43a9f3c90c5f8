//! The objects of the quick start.

use federation_model::DEFAULT_FEDERATION_NAMESPACE;
use kube::Client;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use super::cells::CELLS;
use super::members::Members;
use crate::apply::apply;
use crate::manifest::Manifest;

/// Registers the members, declares the cells, and releases a Deployment and a ConfigMap to the cells of the bank.
pub(super) async fn apply_all(client: &Client, members: &Members) -> anyhow::Result<()> {
    let mut objects = Vec::new();
    for (secret, cluster) in members.registrations(DEFAULT_FEDERATION_NAMESPACE) {
        objects.extend([Manifest::of(&secret)?, Manifest::of(&cluster)?]);
    }
    let mut tenants: Vec<(&str, &str)> = CELLS.iter().map(|place| (place.namespace, place.tenant)).collect();
    tenants.dedup();
    for (namespace, tenant) in &tenants {
        objects.push(manifest(
            "namespaces",
            json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": namespace, "labels": {"fedd.io/tenant": tenant, "fedd.io/workspace-group": "prod"}},
            }),
        )?);
    }
    for place in &CELLS {
        let mut cell = json!({
            "apiVersion": "fedd.io/v1alpha1", "kind": "Cell",
            "metadata": {"name": place.cell, "namespace": place.namespace},
            "spec": {"clusterName": place.member},
        });
        if let Some(template) = place.target {
            cell["spec"]["target"] = json!({"namespace": template});
        }
        objects.push(manifest("cells", cell)?);
    }
    for (namespace, _) in &tenants {
        let cells: Vec<Value> = CELLS
            .iter()
            .filter(|place| place.namespace == *namespace)
            .map(|place| json!({"name": place.cell}))
            .collect();
        objects.push(manifest(
            "federatednamespaces",
            federated("FederatedNamespace", namespace, namespace, &cells, json!({})),
        )?);
        objects.push(manifest(
            "federateddeployments",
            federated("FederatedDeployment", "web", namespace, &cells, deployment()),
        )?);
        objects.push(manifest(
            "federatedconfigmaps",
            federated(
                "FederatedConfigMap",
                "settings",
                namespace,
                &cells,
                json!({"data": {"colour": "blue"}}),
            ),
        )?);
    }
    for object in &objects {
        apply(client, object, false).await?;
    }
    Ok(())
}

fn federated(kind: &str, name: &str, namespace: &str, cells: &[Value], template: Value) -> Value {
    json!({
        "apiVersion": "types.kubefed.io/v1beta2", "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"topologyType": "cell", "placement": {"topologies": cells}, "template": template},
    })
}

fn deployment() -> Value {
    let labels = json!({"app": "web"});
    json!({"spec": {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "web", "image": "example.org/web:1"}]},
        },
    }})
}

fn manifest(plural: &str, value: Value) -> anyhow::Result<Manifest> {
    let object: DynamicObject = serde_json::from_value(value.clone())?;
    let types = object.types.unwrap_or_default();
    let kind = GroupVersionKind::try_from(&types)?;
    Ok(Manifest {
        resource: ApiResource::from_gvk_with_plural(&kind, plural),
        namespace: object.metadata.namespace,
        name: object.metadata.name.unwrap_or_default(),
        value,
    })
}
