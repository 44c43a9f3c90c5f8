//! `PropagatedVersion`s, and fights, on servers whose rules count here: subresources and `managedFields`.

use federation_model::{Feature, FeatureGates, ObjectKey, Settings};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use crate::federation::{AT_ONCE, Federation, dynamic, on_own, until};

fn records(f: &Federation, namespace: &str) -> Api<DynamicObject> {
    let (api_version, plural) = ("core.kubefed.io/v1alpha1", "propagatedversions");
    dynamic(&f.host.client(), api_version, "PropagatedVersion", plural, Some(namespace))
}

async fn record(f: &Federation, name: &str) -> Value {
    let record = records(f, "t").get_opt(name).await.unwrap();
    record.map_or(Value::Null, |record| serde_json::to_value(record).unwrap())
}

fn on(template: &Value) -> Value {
    json!({"template": template, "placement": {"clusters": [{"name": "m1"}]}})
}

async fn live(f: &Federation, api_version: &str, kind: &str, name: &str) -> Value {
    f.get("m1", api_version, kind, &ObjectKey::namespaced("t", name)).await.unwrap_or_default()
}

#[test]
fn records_are_kubefeds_and_fights_are_told() {
    let gates = FeatureGates::default().with(Feature::VersionsInStatus, false);
    on_own(Settings { gates, ..Settings::default() }, &["m1"], |f| async move {
        f.namespace("t", json!({})).await;
        a_record_follows_its_object(&f).await;
        a_fight_is_told(&f).await;
    });
}

async fn a_record_follows_its_object(f: &Federation) {
    f.apply("FederatedConfigMap", "t", "a", on(&json!({"data": {"k": "1"}}))).await;
    until("it is recorded", || async {
        record(f, "configmap-a").await["status"]["clusterVersions"][0]["clusterName"] == "m1"
    })
    .await;
    let (told, object) = (record(f, "configmap-a").await, live(f, "v1", "ConfigMap", "a").await);
    let version = object["metadata"]["resourceVersion"].as_str().unwrap();
    assert_eq!(told["status"]["clusterVersions"][0]["version"], format!("rv:{version}"));
    let federated = f.federated("federatedconfigmaps", "t").get("a").await.unwrap();
    assert_eq!(told["metadata"]["ownerReferences"][0]["uid"], federated.metadata.uid.unwrap());

    f.stop_engine();
    f.apply("FederatedConfigMap", "t", "b", on(&json!({"data": {"k": "1"}}))).await;
    f.start_engine();
    until("the other engine works", || async { !record(f, "configmap-b").await.is_null() }).await;
    assert_eq!(live(f, "v1", "ConfigMap", "a").await, object, "it knows what was written");
    assert_eq!(record(f, "configmap-a").await, told);

    let api = f.federated("federatedconfigmaps", "t");
    api.delete("a", &kube::api::DeleteParams::default()).await.unwrap();
    until("its record goes too", || async { record(f, "configmap-a").await.is_null() }).await;
}

async fn a_fight_is_told(f: &Federation) {
    let template = json!({"spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        },
    }});
    f.apply("FederatedDeployment", "t", "web", on(&template)).await;
    let replicas = || async { live(f, "apps/v1", "Deployment", "web").await["spec"]["replicas"].clone() };
    let api = f.on("m1", "apps/v1", "Deployment", Some("t"));
    let scaler = PatchParams { field_manager: Some("scaler".to_owned()), ..PatchParams::default() };
    for round in 1..=5 {
        until("it is as wanted", || async { replicas().await == 1 }).await;
        let scale = Patch::Merge(json!({"spec": {"replicas": 1 + round}}));
        api.patch_scale("web", &scaler, &scale).await.unwrap();
    }
    let took = until("it is told", || async {
        f.word("federateddeployments", "t", "web", "m1").await == "Contested"
    })
    .await;
    assert!(took < AT_ONCE, "{took:?}");
    let status = f.federated("federateddeployments", "t").get("web").await.unwrap().status.unwrap();
    let words = status.clusters[0].message.clone().unwrap();
    assert!(words.starts_with("scaler keeps changing spec.replicas; "), "{words}");
}
