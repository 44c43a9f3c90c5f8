//! The whole of it by its command line: install, join, run; an object reaches its member, and goes. The member's token is
//! sealed by a KMS, whose health is told.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

#[path = "support/process.rs"]
mod process;

use std::time::Duration;

use federation_model::KubeFedCluster;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::wait::await_condition;
use process::{Daemon, done, fedd, within};
use serde_json::{Value, json};
use testbed::{KmsPlugin, Testbed};

fn federated(client: &Client, kind: &str, plural: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("types.kubefed.io", "v1beta1", kind);
    Api::namespaced_with(client.clone(), "shop", &ApiResource::from_gvk_with_plural(&kind, plural))
}

async fn create(api: &Api<DynamicObject>, kind: &str, name: &str, template: Value) {
    let object = json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": kind, "metadata": {"name": name, "namespace": "shop"},
        "spec": {"template": template, "placement": {"clusters": [{"name": "m1"}]}}});
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
}

/// Waits until `/readyz` begins so, and answers with all that it says.
async fn readyz(control_plane: &Daemon, path: &str, status: &str) -> String {
    within(status, async {
        loop {
            let answer = control_plane.ask(path).await;
            if answer.starts_with(status) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
}

/// The KMS goes away and comes back: it is told by the first call that it does not answer.
async fn the_health_of_the_kms_is_told(
    control_plane: &Daemon,
    kms: &mut KmsPlugin,
    client: &Client,
    other: &Secret,
) {
    let up = async |value: u8| {
        let line = format!("fedd_key_provider_up{{provider=\"vault\"}} {value}");
        let metrics = control_plane.ask("/metrics").await;
        assert!(metrics.lines().any(|l| l == line), "{line}\n{metrics}");
        metrics
    };
    assert!(up(1).await.contains("fedd_key_provider_keys_total{provider=\"vault\",call=\"unwrap\"} 1"));
    kms.stop();
    // Of another data key, which has not been opened yet.
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "kube-federation-system");
    let patch = Patch::Merge(json!({"data": other.data}));
    secrets.patch("m1-token", &PatchParams::default(), &patch).await.unwrap();
    let told = readyz(control_plane, "/readyz", "HTTP/1.1 503").await;
    assert!(told.contains("key-providers: vault: away: "), "{told}");
    readyz(control_plane, "/readyz?exclude=key-providers", "HTTP/1.1 200").await;
    up(0).await;
    kms.start_again().await.unwrap();
    readyz(control_plane, "/readyz", "HTTP/1.1 200").await;
    up(1).await;
}

#[tokio::test]
async fn an_object_reaches_its_member_and_goes() {
    let mut kms = KmsPlugin::start().await.unwrap();
    let testbed = Testbed::start().await.unwrap();
    let (host, member) = tokio::try_join!(testbed.api_server("host"), testbed.api_server("m1")).unwrap();
    let (on_host, kubeconfig) = (host.kubeconfig_path(), member.kubeconfig_path());
    done(&on_host, &["install", "--types", "configmaps"]).await;
    let config = testbed.folder().join("sealing.yaml");
    let content = json!({"apiVersion": "fedd.io/v1", "kind": "SealingConfiguration",
        "providers": [{"name": "vault", "kms": {"endpoint": kms.endpoint(), "timeoutSeconds": 2}}]});
    std::fs::write(&config, content.to_string()).unwrap();
    let flag = format!("--sealing-config={}", config.display());
    let client = host.client();
    // Twice, so that there is a token that is sealed with another data key.
    let join = ["join", "m1", "--cluster-kubeconfig", kubeconfig.to_str().unwrap(), &flag];
    done(&on_host, &join).await;
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "kube-federation-system");
    let first = secrets.get("m1-token").await.unwrap();
    done(&on_host, &join).await;
    let control_plane = Daemon::start(on_host.clone(), &["run", &flag]).await;

    let clusters: Api<KubeFedCluster> = Api::namespaced(client.clone(), "kube-federation-system");
    let ready =
        await_condition(clusters, "m1", |c: Option<&KubeFedCluster>| c.is_some_and(KubeFedCluster::is_ready));
    within("the member is ready", ready).await.unwrap();

    let namespace = serde_json::from_value(json!({"metadata": {"name": "shop"}})).unwrap();
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    create(
        &federated(&client, "FederatedNamespace", "federatednamespaces"),
        "FederatedNamespace",
        "shop",
        json!({}),
    )
    .await;
    let federated_config_maps = federated(&client, "FederatedConfigMap", "federatedconfigmaps");
    create(&federated_config_maps, "FederatedConfigMap", "colours", json!({"data": {"sky": "blue"}})).await;

    let there: Api<ConfigMap> = Api::namespaced(member.client(), "shop");
    let blue = |c: Option<&ConfigMap>| c.and_then(|c| c.data.as_ref()).is_some_and(|d| d["sky"] == "blue");
    within("the object is on the member", await_condition(there.clone(), "colours", blue)).await.unwrap();
    let stderr = fedd(&on_host, &["unjoin", "m1"]).output().await.unwrap().stderr;
    assert!(
        String::from_utf8_lossy(&stderr).contains("/shop/colours"),
        "{}",
        String::from_utf8_lossy(&stderr)
    );

    the_health_of_the_kms_is_told(&control_plane, &mut kms, &client, &first).await;

    federated_config_maps.delete("colours", &DeleteParams::default()).await.unwrap();
    within("the object is gone", await_condition(there, "colours", |c: Option<&ConfigMap>| c.is_none()))
        .await
        .unwrap();
    // A type is disabled while its controller runs: it stops, and says so.
    within(
        "the type is disabled",
        done(&on_host, &["disable", "configmaps", "--delete-crd", "--timeout", "30s"]),
    )
    .await;

    // No controller ends namespaces on this member, so its federated namespace stays, and is in the way.
    let unjoin = ["unjoin", "m1", "--cluster-kubeconfig", kubeconfig.to_str().unwrap()];
    assert_eq!(fedd(&on_host, &unjoin).output().await.unwrap().status.code(), Some(1));
    let of_m1 = |metrics: &str| metrics.lines().any(|line| line.contains("cluster=\"m1\""));
    assert!(of_m1(&control_plane.ask("/metrics").await));
    done(&on_host, &[&unjoin[..], &["--force"]].concat()).await;
    within("its series are gone", async {
        while of_m1(&control_plane.ask("/metrics").await) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;

    assert_eq!(control_plane.terminated().await.code(), Some(0));
}
