//! A type that not every member serves.

use federation_model::{ApiResourceReference, Scope};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::DeleteParams;
use serde_json::json;

use crate::federation::{becomes, define, dynamic, on_shared, settled, told, troubled};

fn gauges() -> CustomResourceDefinition {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "gauges.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"kind": "Gauge", "plural": "gauges", "singular": "gauge"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "properties": {
                    "level": {"type": "integer"}}}}}}}],
        }
    });
    serde_json::from_value(definition).unwrap()
}

#[test]
fn a_type_that_a_member_lacks_is_told_and_goes_there_once_it_is_served() {
    on_shared(|f| async move {
        let (has, lacks) = (f.members["m1"].client(), f.members["m2"].client());
        define(&has, &gauges()).await;
        f.enable(&ApiResourceReference {
            group: "example.com".to_owned(),
            version: "v1".to_owned(),
            kind: "Gauge".to_owned(),
            plural_name: "gauges".to_owned(),
            scope: Scope::Namespaced,
        })
        .await;
        f.namespace("gauges", json!({})).await;
        let spec = json!({"template": {"spec": {"level": 3}}, "placement": {"clusters": [{"name": "m1"}, {"name": "m2"}]}});
        f.apply("FederatedGauge", "gauges", "tank", spec).await;

        let on = |client| dynamic(client, "example.com/v1", "Gauge", "gauges", Some("gauges"));
        let full = |g: Option<&kube::api::DynamicObject>| g.is_some_and(|g| g.data["spec"]["level"] == 3);
        becomes("m1 holds it", on(&has), "tank", full).await;
        let federated = || f.federated("federatedgauges", "gauges");
        becomes("the status says that m2 does not serve it, and that m1 does", federated(), "tank", |o| {
            troubled(o, "m2", "its gauges cannot be listed")
                && told(o, "m1").is_some_and(|c| c.status.is_none() && c.version.is_some())
        })
        .await;

        define(&lacks, &gauges()).await;
        becomes("m2 holds it", on(&lacks), "tank", full).await;
        becomes("all is well", federated(), "tank", settled).await;

        // From now on m2 is watched as any other: what is deleted there comes back.
        on(&lacks).delete("tank", &DeleteParams::default()).await.unwrap();
        becomes("m2 holds it again", on(&lacks), "tank", full).await;
    });
}
