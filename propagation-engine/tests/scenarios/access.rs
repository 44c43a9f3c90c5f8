//! Members that cannot be opened: a wrong authority, a token that does not count any more.

use std::collections::BTreeMap;
use std::time::Duration;

use federation_model::KubeFedCluster;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use crate::federation::{AT_ONCE, Federation, becomes, dynamic, on_shared, settled, troubled};
use crate::servers::Server;

/// Names of the tenant's namespace, and of its clusters: on the member that all tests share, and on one of its own.
const TENANT: &str = "doors";
const OPEN: &str = "doors-open";
const SHUT: &str = "doors-shut";
/// Another tenant's namespace, and its cluster: on the same API server as [`SHUT`], through an access of its own.
const NEIGHBOUR: &str = "neighbour";

/// On these clusters, with this value.
fn on(clusters: &[&str], value: &str) -> Value {
    let clusters: Vec<_> = clusters.iter().map(|name| json!({"name": name})).collect();
    json!({"template": {"data": {"k": value}}, "placement": {"clusters": clusters}})
}

fn in_namespace(server: &Server, namespace: &str) -> Api<DynamicObject> {
    dynamic(&server.client(), "v1", "ConfigMap", "configmaps", Some(namespace))
}

async fn holds(config_maps: Api<DynamicObject>, value: &str) -> Duration {
    becomes(value, config_maps, "cm", |c| c.is_some_and(|c| c.data["data"]["k"] == value)).await
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
        f.namespace(TENANT, json!(BTreeMap::from(labels))).await;
        f.apply("FederatedConfigMap", TENANT, "cm", on(&[OPEN, SHUT], "1")).await;
        let took = holds(in_namespace(&f.members["m1"], TENANT), "1").await;
        assert!(took < AT_ONCE, "{took:?}");
        becomes("the status says why", federated(), "cm", |o| troubled(o, SHUT, why)).await;
        set_authority(f, shut.ca_pem()).await;
        holds(in_namespace(&shut, TENANT), "1").await;
        becomes("all is well", federated(), "cm", settled).await;

        // The certificate of another authority again, now that it is a member like any other. Another tenant's access to
        // the same API server is as good as before, whatever fails through this one.
        let next_door = [("fedd.io/tenant", NEIGHBOUR), ("fedd.io/workspace-group", "test")];
        f.join_server(NEIGHBOUR, &shut, &next_door).await;
        f.ready(NEIGHBOUR).await;
        f.namespace(NEIGHBOUR, json!(BTreeMap::from(next_door))).await;
        f.apply("FederatedConfigMap", NEIGHBOUR, "cm", on(&[NEIGHBOUR], "0")).await;
        becomes("it is there", in_namespace(&shut, NEIGHBOUR), "cm", |c| c.is_some()).await;
        set_authority(f, f.members["m1"].ca_pem()).await;
        for name in ["a", "b", "c", "d"] {
            f.apply("FederatedConfigMap", TENANT, name, on(&[SHUT], "1")).await;
            becomes("the status says why", federated(), name, |o| troubled(o, SHUT, why)).await;
        }
        for value in ["1", "2", "3"] {
            f.apply("FederatedConfigMap", NEIGHBOUR, "cm", on(&[NEIGHBOUR], value)).await;
            let took = holds(in_namespace(&shut, NEIGHBOUR), value).await;
            assert!(took < AT_ONCE, "{took:?}");
        }
        becomes("its condition says why", f.clusters(), SHUT, unhealthy(why)).await;
        f.apply("FederatedConfigMap", TENANT, "cm", on(&[OPEN, SHUT], "2")).await;
        let took = holds(in_namespace(&f.members["m1"], TENANT), "2").await;
        assert!(took < AT_ONCE, "{took:?}");
        becomes("the status says why", federated(), "cm", |o| troubled(o, SHUT, why)).await;
        set_authority(f, shut.ca_pem()).await;
        holds(in_namespace(&shut, TENANT), "2").await;
        becomes("all is well", federated(), "cm", settled).await;

        // Its account is gone, and the token with it. (The API server believes in a token for ten seconds more.)
        let accounts: Api<ServiceAccount> = Api::namespaced(shut.client(), "kube-system");
        accounts.delete("fedd", &DeleteParams::default()).await.unwrap();
        becomes("its condition says why", f.clusters(), SHUT, unhealthy("Unauthorized")).await;
        f.apply("FederatedConfigMap", TENANT, "cm", on(&[OPEN, SHUT], "3")).await;
        let took = holds(in_namespace(&f.members["m1"], TENANT), "3").await;
        assert!(took < AT_ONCE, "{took:?}");
        becomes("the status says why", federated(), "cm", |o| troubled(o, SHUT, "Unauthorized")).await;
        let there = in_namespace(&shut, TENANT);
        assert_eq!(there.get("cm").await.unwrap().data["data"]["k"], "2");

        // Another token, in the same Secret; nothing is started anew.
        f.join_server(SHUT, &shut, &labels).await;
        holds(in_namespace(&shut, TENANT), "3").await;
        becomes("all is well", federated(), "cm", settled).await;

        // The new access is what the member is watched by, too.
        there.delete("cm", &DeleteParams::default()).await.unwrap();
        holds(in_namespace(&shut, TENANT), "3").await;
    });
}
