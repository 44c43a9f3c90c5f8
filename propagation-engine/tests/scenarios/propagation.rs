//! What propagation does when all is well.

use federation_model::ObjectKey;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::federation::{AT_ONCE, Federation, on_shared, until};

const CONFIG_MAP: (&str, &str) = ("v1", "ConfigMap");

async fn data(f: &Federation, member: &str, key: &ObjectKey) -> Value {
    f.get(member, CONFIG_MAP.0, CONFIG_MAP.1, key).await.map_or(Value::Null, |o| o["data"]["k"].clone())
}

fn on(value: &str, clusters: &[&str]) -> Value {
    let names: Vec<_> = clusters.iter().map(|n| json!({"name": n})).collect();
    json!({"template": {"data": {"k": value}}, "placement": {"clusters": names}})
}

#[test]
fn create_update_drift_and_delete() {
    on_shared(|f| async move {
        f.namespace("life", json!({})).await;
        let key = ObjectKey::namespaced("life", "cm");
        f.apply("FederatedConfigMap", "life", "cm", on("1", &["m1", "m2"])).await;
        until("m1 and m2 hold it", || async {
            data(f, "m1", &key).await == "1" && data(f, "m2", &key).await == "1"
        })
        .await;
        assert!(data(f, "m3", &key).await.is_null());
        until("the status says so", || async {
            let object = f.federated("federatedconfigmaps", "life").get("cm").await.unwrap();
            object
                .status
                .is_some_and(|s| s.conditions.iter().any(|c| c.status == "True") && s.clusters.len() == 2)
        })
        .await;

        f.apply("FederatedConfigMap", "life", "cm", on("2", &["m1", "m2"])).await;
        until("both are updated", || async {
            data(f, "m1", &key).await == "2" && data(f, "m2", &key).await == "2"
        })
        .await;

        let api = f.on("m1", CONFIG_MAP.0, CONFIG_MAP.1, Some("life"));
        api.patch(
            "cm",
            &PatchParams::default(),
            &Patch::Merge(json!({"data": {"k": "drift", "extra": "x"}})),
        )
        .await
        .unwrap();
        let took = until("drift is corrected", || async { data(f, "m1", &key).await == "2" }).await;
        assert!(took < AT_ONCE, "KubeFed needs 10 s; took {took:?}");
        api.delete("cm", &DeleteParams::default()).await.unwrap();
        until("a member-side delete is answered", || async { data(f, "m1", &key).await == "2" }).await;

        f.apply("FederatedConfigMap", "life", "cm", on("2", &["m2", "m3"])).await;
        until("it moved", || async {
            data(f, "m1", &key).await.is_null() && data(f, "m3", &key).await == "2"
        })
        .await;

        f.federated("federatedconfigmaps", "life").delete("cm", &DeleteParams::default()).await.unwrap();
        let took = until("it is gone", || async {
            f.word("federatedconfigmaps", "life", "cm", "m2").await == "gone"
        })
        .await;
        assert!(took < AT_ONCE, "KubeFed needs 10 s; took {took:?}");
        assert!(data(f, "m2", &key).await.is_null() && data(f, "m3", &key).await.is_null());
    });
}

#[test]
fn a_service_keeps_what_its_member_allots_and_its_own_annotations() {
    on_shared(|f| async move {
        f.namespace("svc", json!({})).await;
        let key = ObjectKey::namespaced("svc", "web");
        let spec = |port: u16, class: &str| {
            json!({
                "template": {
                    "metadata": {"annotations": {"service.beta.kubernetes.io/class": class, "other.io/x": "not pushed"}},
                    "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"name": "http", "port": port}]}},
                "placement": {"clusters": [{"name": "m1"}]}})
        };
        f.apply("FederatedService", "svc", "web", spec(80, "a")).await;
        until("m1 holds it", || async { f.get("m1", "v1", "Service", &key).await.is_some() }).await;
        let api = f.on("m1", "v1", "Service", Some("svc"));
        api.patch(
            "web",
            &PatchParams::default(),
            &Patch::Merge(json!({"metadata": {"annotations": {"lb.example.com/id": "lb-1"}}})),
        )
        .await
        .unwrap();
        api.patch_status(
            "web",
            &PatchParams::default(),
            &Patch::Merge(json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})),
        )
        .await
        .unwrap();
        until("the status comes back", || async {
            let object = f.federated("federatedservices", "svc").get("web").await.unwrap();
            object.status.is_some_and(|s| {
                s.clusters.iter().any(|c| {
                    c.remote_status
                        .as_ref()
                        .is_some_and(|r| r["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.1")
                        && c.remote_annotations.get("lb.example.com/id").is_some_and(|v| v == "lb-1")
                })
            })
        })
        .await;
        let before = f.get("m1", "v1", "Service", &key).await.unwrap();
        f.apply("FederatedService", "svc", "web", spec(80, "b")).await;
        until("the spec annotation is pushed", || async {
            f.get("m1", "v1", "Service", &key).await.unwrap()["metadata"]["annotations"]["service.beta.kubernetes.io/class"] == "b"
        })
        .await;
        let after = f.get("m1", "v1", "Service", &key).await.unwrap();
        assert_eq!(
            after["metadata"]["annotations"]["lb.example.com/id"], "lb-1",
            "the member's own annotation survives"
        );
        assert!(after["metadata"]["annotations"]["other.io/x"].is_null());
        assert_eq!(after["spec"]["clusterIP"], before["spec"]["clusterIP"]);
        assert_eq!(after["spec"]["ports"][0]["nodePort"], before["spec"]["ports"][0]["nodePort"]);
    });
}

#[test]
fn a_mask_holds_the_others_at_their_generation() {
    on_shared(|f| async move {
        f.namespace("mask", json!({})).await;
        let key = ObjectKey::namespaced("mask", "web");
        let spec = |image: &str, mask: Value| {
            let mut spec = json!({
                "template": {"spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {
                    "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]}}}},
                "placement": {"clusterSelector": {}}});
            if !mask.is_null() {
                spec["placementMask"] = json!({"clusters": mask});
            }
            spec
        };
        let generation = |member: &'static str| {
            let key = key.clone();
            async move {
                f.get(member, "apps/v1", "Deployment", &key)
                    .await
                    .map_or(0, |o| o["metadata"]["generation"].as_i64().unwrap())
            }
        };
        f.apply("FederatedDeployment", "mask", "web", spec("web:1", Value::Null)).await;
        until("first release", || async {
            generation("m1").await == 1 && generation("m2").await == 1 && generation("m3").await == 1
        })
        .await;
        f.apply("FederatedDeployment", "mask", "web", spec("web:2", json!([{"name": "m1"}]))).await;
        until("m1 is at 2, the others wait", || async {
            generation("m1").await == 2
                && f.word("federateddeployments", "mask", "web", "m2").await == "held"
                && f.word("federateddeployments", "mask", "web", "m3").await == "held"
        })
        .await;
        assert_eq!((generation("m2").await, generation("m3").await), (1, 1));
        f.apply("FederatedDeployment", "mask", "web", spec("web:2", Value::Null)).await;
        until("all are at 2", || async { generation("m2").await == 2 && generation("m3").await == 2 }).await;
    });
}

#[test]
fn an_object_that_a_member_has_already_is_adopted() {
    on_shared(|f| async move {
        f.namespace("adopt", json!({})).await;
        until("the namespace is there", || async {
            f.get("m1", "v1", "Namespace", &ObjectKey::cluster("adopt")).await.is_some()
        })
        .await;
        let m1 = f.members["m1"].client();
        crate::federation::apply(
            &m1,
            "v1",
            "ConfigMap",
            "configmaps",
            Some("adopt"),
            "cm",
            json!({"data": {"k": "theirs", "z": "y"}}),
        )
        .await;
        let key = ObjectKey::namespaced("adopt", "cm");
        f.apply("FederatedConfigMap", "adopt", "cm", on("ours", &["m1"])).await;
        until("it is ours", || async { data(f, "m1", &key).await == "ours" }).await;
        let object = f.get("m1", "v1", "ConfigMap", &key).await.unwrap();
        assert_eq!(
            object["data"],
            json!({"k": "ours"}),
            "what the template does not say goes, as in KubeFed"
        );
        assert_eq!(object["metadata"]["labels"]["kubefed.io/managed"], "true");
    });
}

#[test]
fn what_a_member_refuses_is_told_in_its_own_words() {
    on_shared(|f| async move {
        f.namespace("refuse", json!({})).await;
        let spec = json!({"template": {"spec": {"ports": [{"port": 99999}]}}, "placement": {"clusters": [{"name": "m1"}, {"name": "m2"}]}});
        f.apply("FederatedService", "refuse", "bad", spec).await;
        until("told", || async {
            f.word("federatedservices", "refuse", "bad", "m1").await == "CreationFailed"
        })
        .await;
        let status = f.federated("federatedservices", "refuse").get("bad").await.unwrap().status.unwrap();
        let message = status.clusters[0].message.clone().unwrap();
        assert!(message.contains("spec.ports[0].port: Invalid value: 99999"), "{message}");
        let events = crate::federation::dynamic(
            &f.host.client(),
            "events.k8s.io/v1",
            "Event",
            "events",
            Some("refuse"),
        );
        until("an event says so too", || async {
            events
                .list(&kube::api::ListParams::default())
                .await
                .unwrap()
                .items
                .iter()
                .any(|e| e.data["reason"] == "CreateInClusterFailed")
        })
        .await;
    });
}
