//! A control plane of one namespace: with no more rights than that takes, it propagates what is there, and nobody
//! notices it elsewhere.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "support/process.rs"]
mod process;

use std::path::PathBuf;

use federation_model::{FederatedObject, KubeFedConfig};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::wait::{Condition, await_condition};
use process::{Daemon, done, within};
use serde_json::{Value, json};
use testbed::{ApiServer, ApiServerOptions, Testbed};

/// The control plane's namespace, and one that is none of its business.
const OURS: &str = "team";
const THEIRS: &str = "others";

/// What a control plane of one namespace needs, beside the definitions: everything of the federation in its namespace;
/// and of what has no namespace, the identity of the host, its own namespace's labels, the declared topology types, and
/// what tells the API server where its webhooks are.
fn rights() -> [Value; 4] {
    let subject = json!([{"kind": "ServiceAccount", "name": "fedd", "namespace": OURS}]);
    let bound = |kind: &str| {
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "fedd"});
        json!({"kind": format!("{kind}Binding"), "roleRef": role, "subjects": subject})
    };
    let reads = json!(["get", "list", "watch"]);
    let writes = json!(["get", "list", "watch", "create", "update", "patch", "delete"]);
    [
        json!({"kind": "Role", "rules": [
            {"apiGroups": ["core.kubefed.io", "types.kubefed.io", "fedd.io"], "resources": ["*"], "verbs": writes},
            {"apiGroups": [""], "resources": ["secrets"], "verbs": writes},
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": writes},
            {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
        ]}),
        bound("Role"),
        json!({"kind": "ClusterRole", "rules": [
            {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": [OURS], "verbs": reads},
            {"apiGroups": ["fedd.io"], "resources": ["topologytypes"], "verbs": reads},
            {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"],
             "verbs": ["get", "list", "watch", "patch"]},
            {"apiGroups": ["admissionregistration.k8s.io"],
             "resources": ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"],
             "verbs": ["get", "list", "watch", "create", "patch"]},
        ]}),
        bound("ClusterRole"),
    ]
}

async fn apply(client: &Client, api_version: &str, namespace: Option<&str>, name: &str, mut object: Value) {
    let kind = object["kind"].as_str().unwrap().to_owned();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind));
    object["apiVersion"] = api_version.into();
    object["metadata"]["name"] = name.into();
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    api.patch(name, &PatchParams::apply("test"), &Patch::Apply(object)).await.unwrap();
}

/// A kubeconfig of a service account that may do no more than [`rights`].
async fn with_few_rights(testbed: &Testbed, host: &ApiServer) -> PathBuf {
    let client = host.client();
    apply(&client, "v1", Some(OURS), "fedd", json!({"kind": "ServiceAccount"})).await;
    for right in rights() {
        let namespace = right["kind"].as_str().unwrap().starts_with("Role").then_some(OURS);
        apply(&client, "rbac.authorization.k8s.io/v1", namespace, "fedd", right).await;
    }
    let accounts: Api<ServiceAccount> = Api::namespaced(client, OURS);
    let request = TokenRequest::default();
    let answer = accounts.create_token_request("fedd", &PostParams::default(), &request).await.unwrap();
    let mut kubeconfig: Value = serde_json::from_str(host.kubeconfig()).unwrap();
    kubeconfig["users"][0]["user"] = json!({"token": answer.status.unwrap().token});
    let path = testbed.folder().join("few-rights");
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    path
}

fn federated(client: &Client, namespace: &str) -> Api<FederatedObject> {
    let kind = GroupVersionKind::gvk("types.kubefed.io", "v1beta1", "FederatedConfigMap");
    Api::namespaced_with(
        client.clone(),
        namespace,
        &ApiResource::from_gvk_with_plural(&kind, "federatedconfigmaps"),
    )
}

fn config_map(value: &str) -> Value {
    json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": "FederatedConfigMap", "metadata": {"name": "cm"},
        "spec": {"template": {"data": {"k": value}}, "placement": {"clusters": [{"name": "m1"}]}}})
}

async fn put(api: &Api<FederatedObject>, value: &str) {
    api.patch("cm", &PatchParams::apply("test"), &Patch::Apply(config_map(value))).await.unwrap();
}

fn is(value: &str) -> impl Condition<ConfigMap> {
    move |c: Option<&ConfigMap>| c.and_then(|c| c.data.as_ref()).is_some_and(|d| d["k"] == value)
}

fn propagated(object: Option<&FederatedObject>) -> bool {
    object.and_then(|o| o.status.as_ref()).is_some_and(|s| s.conditions.iter().any(|c| c.status == "True"))
}

#[tokio::test]
async fn a_control_plane_of_one_namespace_needs_and_touches_that_namespace_alone() {
    let testbed = Testbed::start().await.unwrap();
    let audited = || ApiServerOptions { audit_writes: true, ..ApiServerOptions::default() };
    let (host, member) = tokio::try_join!(
        testbed.api_server_with("host", audited()),
        testbed.api_server_with("m1", audited())
    )
    .unwrap();
    let (client, on_member) = (host.client(), member.client());
    let (admin, kubeconfig) = (host.kubeconfig_path(), member.kubeconfig_path());
    let ours = ["--federation-namespace", OURS];
    done(&admin, &[&["install", "--types", "configmaps"], &ours[..]].concat()).await;
    let configs: Api<KubeFedConfig> = Api::namespaced(client.clone(), OURS);
    let scope = json!({"spec": {"scope": "Namespaced"}});
    configs.patch("kubefed", &PatchParams::default(), &Patch::Merge(scope)).await.unwrap();
    done(
        &admin,
        &[&["join", "m1", "--cluster-kubeconfig", kubeconfig.to_str().unwrap()], &ours[..]].concat(),
    )
    .await;

    // In the other namespace: a federated object like ours, and on the member one that looks like somebody's.
    for client in [&client, &on_member] {
        apply(client, "v1", None, THEIRS, json!({"kind": "Namespace"})).await;
    }
    put(&federated(&client, THEIRS), "theirs").await;
    let labels = json!({"kubefed.io/managed": "true"});
    let stray = json!({"kind": "ConfigMap", "metadata": {"labels": labels}, "data": {"k": "stray"}});
    apply(&on_member, "v1", Some(THEIRS), "stray", stray).await;
    let stray: Api<ConfigMap> = Api::namespaced(on_member.clone(), THEIRS);
    let stray_before = stray.get("stray").await.unwrap();
    let theirs_before = federated(&client, THEIRS).get("cm").await.unwrap();

    let few_rights = with_few_rights(&testbed, &host).await;
    let daemon = Daemon::start(
        few_rights,
        &["run", ours[0], ours[1], "--log-level", "info,fedd=debug,propagation_engine=debug"],
    )
    .await;
    let (object, there) = (federated(&client, OURS), Api::<ConfigMap>::namespaced(on_member.clone(), OURS));
    put(&object, "1").await;
    within("it is on the member", await_condition(there.clone(), "cm", is("1"))).await.unwrap();
    within("its status is told", await_condition(object.clone(), "cm", propagated)).await.unwrap();
    let drift = json!({"data": {"k": "drift"}});
    there.patch("cm", &PatchParams::default(), &Patch::Merge(drift)).await.unwrap();
    within("drift is corrected", await_condition(there.clone(), "cm", is("1"))).await.unwrap();
    put(&object, "2").await;
    within("it is updated", await_condition(there.clone(), "cm", is("2"))).await.unwrap();
    object.delete("cm", &DeleteParams::default()).await.unwrap();
    within("it is gone", await_condition(object, "cm", |o: Option<&FederatedObject>| o.is_none()))
        .await
        .unwrap();
    assert!(there.get_opt("cm").await.unwrap().is_none());

    // Nobody was asked for what is not granted, and nothing elsewhere was touched.
    let forbidden: Vec<_> = daemon.log().into_iter().filter(|line| line.contains("forbidden")).collect();
    assert!(forbidden.is_empty(), "{forbidden:#?}");
    assert_eq!(federated(&client, THEIRS).get("cm").await.unwrap().metadata, theirs_before.metadata);
    assert_eq!(stray.get("stray").await.unwrap().metadata, stray_before.metadata);
    for (server, account) in
        [(&host, "system:serviceaccount:team:fedd"), (&member, "system:serviceaccount:team:m1-")]
    {
        let writes = server.writes().await.unwrap();
        let ours: Vec<_> = writes.into_iter().filter(|w| w.user.starts_with(account)).collect();
        assert!(!ours.is_empty());
        for write in ours {
            let registers = [
                "customresourcedefinitions",
                "validatingwebhookconfigurations",
                "mutatingwebhookconfigurations",
            ];
            let in_place = write.namespace == OURS || registers.contains(&write.resource.as_str());
            assert!(in_place && write.code != 403, "{write:?}");
        }
    }
}
