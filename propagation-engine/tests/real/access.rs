//! Members that cannot be opened: a wrong authority, a token that does not count any more.

use std::time::Duration;

use federation_model::KubeFedCluster;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::federation::{Federation, NAMESPACE, becomes, dynamic, on_shared, settled, troubled};

/// Names of the tenant's namespace, and of its clusters: on the member that all tests share, and on one of its own.
const TENANT: &str = "doors";
const OPEN: &str = "doors-open";
const SHUT: &str = "doors-shut";

/// Nothing that a member in trouble does may take longer for the others.
const AT_ONCE: Duration = Duration::from_secs(2);

/// On both clusters, with this value.
fn on_both(value: &str) -> Value {
    json!({"template": {"data": {"k": value}}, "placement": {"clusters": [{"name": OPEN}, {"name": SHUT}]}})
}

async fn holds(server: &testbed::ApiServer, value: &str) -> Duration {
    let api = dynamic(&server.client(), "v1", "ConfigMap", "configmaps", Some(TENANT));
    becomes(value, api, "cm", |c| c.is_some_and(|c| c.data["data"]["k"] == value)).await
}

/// Whether the health check says that the member cannot be opened, in a message with these words.
fn unhealthy(words: &str) -> impl Fn(Option<&KubeFedCluster>) -> bool {
    move |cluster| {
        let offline = cluster.and_then(|c| c.condition("Offline"));
        offline.is_some_and(|c| c.status == "True" && c.message.as_ref().is_some_and(|m| m.contains(words)))
    }
}

async fn set_authority(f: &Federation, pem: &str) {
    let bundle = json!({"spec": {"caBundle": ByteString(pem.as_bytes().to_vec())}});
    f.clusters().patch(SHUT, &PatchParams::default(), &Patch::Merge(bundle)).await.unwrap();
}

#[test]
fn a_member_that_does_not_open_delays_nobody_says_why_and_catches_up() {
    on_shared(|f| async move {
        let labels = [("fedd.io/tenant", TENANT), ("fedd.io/workspace-group", "test")];
        let shut = f.spare("shut").await;
        f.join(OPEN, "m1", &labels).await;
        f.ready(OPEN).await;
        let federated = || f.federated("federatedconfigmaps", TENANT);

        // Joined with the certificate of another authority.
        f.join_server(SHUT, &shut, &labels).await;
        set_authority(f, f.members["m1"].ca_pem()).await;
        let why = "invalid peer certificate";
        becomes("its condition says why", f.clusters(), SHUT, unhealthy(why)).await;
        f.namespace(TENANT, json!(labels.into_iter().collect::<std::collections::BTreeMap<_, _>>())).await;
        f.apply("FederatedConfigMap", TENANT, "cm", on_both("1")).await;
        let took = holds(&f.members["m1"], "1").await;
        assert!(took < AT_ONCE, "{took:?}");
        becomes("the status says why", federated(), "cm", |o| troubled(o, SHUT, why)).await;
        set_authority(f, shut.ca_pem()).await;
        holds(&shut, "1").await;
        becomes("all is well", federated(), "cm", settled).await;

        // The certificate of another authority again, now that it is a member like any other.
        set_authority(f, f.members["m1"].ca_pem()).await;
        becomes("its condition says why", f.clusters(), SHUT, unhealthy(why)).await;
        f.apply("FederatedConfigMap", TENANT, "cm", on_both("2")).await;
        let took = holds(&f.members["m1"], "2").await;
        assert!(took < AT_ONCE, "{took:?}");
        becomes("the status says why", federated(), "cm", |o| troubled(o, SHUT, why)).await;
        set_authority(f, shut.ca_pem()).await;
        holds(&shut, "2").await;
        becomes("all is well", federated(), "cm", settled).await;

        // Its account is gone, and the token with it. (The API server believes in a token for ten seconds more.)
        let accounts: Api<ServiceAccount> = Api::namespaced(shut.client(), "kube-system");
        accounts.delete("fedd", &DeleteParams::default()).await.unwrap();
        becomes("its condition says why", f.clusters(), SHUT, unhealthy("Unauthorized")).await;
        f.apply("FederatedConfigMap", TENANT, "cm", on_both("3")).await;
        let took = holds(&f.members["m1"], "3").await;
        assert!(took < AT_ONCE, "{took:?}");
        becomes("the status says why", federated(), "cm", |o| troubled(o, SHUT, "Unauthorized")).await;
        let there = dynamic(&shut.client(), "v1", "ConfigMap", "configmaps", Some(TENANT));
        assert_eq!(there.get("cm").await.unwrap().data["data"]["k"], "2");

        // Another token, in the same Secret; nothing is started anew.
        f.join_server(SHUT, &shut, &labels).await;
        holds(&shut, "3").await;
        becomes("all is well", federated(), "cm", settled).await;

        // The new access is what the member is watched by, too.
        there.delete("cm", &DeleteParams::default()).await.unwrap();
        holds(&shut, "3").await;
        f.clusters().delete(SHUT, &DeleteParams::default()).await.unwrap();
        let secrets = dynamic(&f.host.client(), "v1", "Secret", "secrets", Some(NAMESPACE));
        secrets.delete(SHUT, &DeleteParams::default()).await.unwrap();
    });
}
