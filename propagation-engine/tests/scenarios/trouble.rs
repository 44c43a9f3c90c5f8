//! Servers that stop, hang and come back; engines that are killed.

use std::time::{Duration, Instant};

use federation_model::{ObjectKey, Settings};
use serde_json::{Value, json};

use crate::federation::{AT_ONCE, Federation, on_own, until};

fn on(value: &str, clusters: &[&str]) -> Value {
    let names: Vec<_> = clusters.iter().map(|n| json!({"name": n})).collect();
    json!({"template": {"data": {"k": value}}, "placement": {"clusters": names}})
}

async fn holds(f: &Federation, member: &str, name: &str, value: &str) -> bool {
    f.get(member, "v1", "ConfigMap", &ObjectKey::namespaced("t", name))
        .await
        .is_some_and(|o| o["data"]["k"] == value)
}

#[test]
fn a_stopped_and_a_hanging_member_delay_nobody_and_catch_up() {
    let settings = Settings {
        health_period: Duration::from_secs(1),
        health_timeout: Duration::from_secs(1),
        ..Settings::default()
    };
    on_own(settings, &["m1", "m2"], |f| async move {
        f.namespace("t", json!({})).await;
        f.apply("FederatedConfigMap", "t", "a", on("1", &["m1", "m2"])).await;
        until("both hold it", || async {
            holds(&f, "m1", "a", "1").await && holds(&f, "m2", "a", "1").await
        })
        .await;

        f.members["m2"].stop().await.unwrap();
        f.apply("FederatedConfigMap", "t", "a", on("2", &["m1", "m2"])).await;
        let took = until("m1 goes on", || async { holds(&f, "m1", "a", "2").await }).await;
        assert!(took < AT_ONCE, "{took:?}");
        until("m2's trouble is told", || async {
            !["", "-"].contains(&f.word("federatedconfigmaps", "t", "a", "m2").await.as_str())
        })
        .await;
        f.members["m2"].start_again().await.unwrap();
        until("m2 caught up", || async {
            holds(&f, "m2", "a", "2").await && f.word("federatedconfigmaps", "t", "a", "m2").await.is_empty()
        })
        .await;

        f.members["m2"].pause().await.unwrap();
        f.apply("FederatedConfigMap", "t", "a", on("3", &["m1", "m2"])).await;
        let took = until("m1 goes on", || async { holds(&f, "m1", "a", "3").await }).await;
        assert!(took < AT_ONCE, "{took:?}");
        until("m2's silence is told", || async {
            !["", "-"].contains(&f.word("federatedconfigmaps", "t", "a", "m2").await.as_str())
        })
        .await;
        f.members["m2"].resume().await.unwrap();
        until("m2 caught up", || async {
            holds(&f, "m2", "a", "3").await && f.word("federatedconfigmaps", "t", "a", "m2").await.is_empty()
        })
        .await;

        // The host itself goes away and comes back.
        f.host.stop().await.unwrap();
        let cm = f.on("m1", "v1", "ConfigMap", Some("t"));
        cm.patch(
            "a",
            &kube::api::PatchParams::default(),
            &kube::api::Patch::Merge(json!({"data": {"k": "drift"}})),
        )
        .await
        .unwrap();
        until("drift is corrected without the host", || async { holds(&f, "m1", "a", "3").await }).await;
        f.host.start_again().await.unwrap();
        let start = Instant::now();
        loop {
            let api = f.federated("federatedconfigmaps", "t");
            let patch = kube::api::Patch::Merge(json!({"spec": {"template": {"data": {"k": "4"}}}}));
            if api.patch("a", &kube::api::PatchParams::default(), &patch).await.is_ok() {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "the host does not take writes");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        until("all goes on", || async { holds(&f, "m1", "a", "4").await && holds(&f, "m2", "a", "4").await })
            .await;

        // Another engine finds all as it should be, and goes on.
        f.stop_engine();
        f.apply("FederatedConfigMap", "t", "b", on("1", &["m1"])).await;
        f.start_engine();
        until("the other engine goes on", || async { holds(&f, "m1", "b", "1").await }).await;
    });
}
