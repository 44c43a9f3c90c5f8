//! A template in another version than the type's, on servers that have both.

use federation_model::ObjectKey;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::federation::{on_shared, until};

const NAMESPACE: &str = "versions";
const KIND: &str = "FederatedHorizontalPodAutoscaler";
const PLURAL: &str = "federatedhorizontalpodautoscalers";

/// In autoscaling/v1, which has its target as a field of its own; the type is autoscaling/v2.
fn spec(percent: u32) -> Value {
    json!({
        "template": {"apiVersion": "autoscaling/v1", "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "maxReplicas": 3,
            "targetCPUUtilizationPercentage": percent,
        }},
        "placement": {"clusters": [{"name": "m1"}]},
    })
}

#[test]
fn a_template_of_another_version_is_written_in_it() {
    on_shared(|f| async move {
        f.namespace(NAMESPACE, json!({})).await;
        let key = ObjectKey::namespaced(NAMESPACE, "web");
        let live = || async {
            f.get("m1", "autoscaling/v2", "HorizontalPodAutoscaler", &key).await.unwrap_or_default()
        };
        let holds = |percent: u32| async move {
            live().await["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == percent
        };
        let status =
            || async { f.federated(PLURAL, NAMESPACE).get("web").await.unwrap().status.unwrap_or_default() };

        f.apply(KIND, NAMESPACE, "web", spec(50)).await;
        until("it is there", || holds(50)).await;
        f.apply(KIND, NAMESPACE, "web", spec(60)).await;
        until("it is updated", || holds(60)).await;
        until("all is well", || async { f.word(PLURAL, NAMESPACE, "web", "m1").await.is_empty() }).await;

        // The member's controller writes a status: there is nothing to push for that.
        let before = live().await;
        let api = f.on("m1", "autoscaling/v2", "HorizontalPodAutoscaler", Some(NAMESPACE));
        let merge = Patch::Merge(json!({"status": {"currentReplicas": 2, "desiredReplicas": 2}}));
        api.patch_status("web", &PatchParams::default(), &merge).await.unwrap();
        until("the status is shown", || async {
            let shown = |s: &Value| s["currentReplicas"] == 2;
            status().await.clusters.iter().any(|c| c.remote_status.as_ref().is_some_and(shown))
        })
        .await;
        assert_eq!(live().await["spec"], before["spec"]);

        let mut nowhere = spec(60);
        nowhere["template"]["apiVersion"] = "autoscaling/v9".into();
        f.apply(KIND, NAMESPACE, "web", nowhere).await;
        until("a version that is not served is told", || async {
            let told = |message: &String| message.contains("autoscaling/v9");
            status().await.clusters.iter().any(|c| c.message.as_ref().is_some_and(told))
        })
        .await;
        f.apply(KIND, NAMESPACE, "web", spec(70)).await;
        until("and can be corrected", || holds(70)).await;
    });
}
