//! The command line against real API servers: from an empty one to a federation with a member, and back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

use std::process::{Output, Stdio};
use std::time::Duration;

use federation_model::{Cell, FederatedTypeConfig, KubeFedCluster, KubeFedConfig};
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::wait::{Condition as _, await_condition, conditions};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use testbed::{ApiServer, Testbed};

const NAMESPACE: &str = "kube-federation-system";

/// What a command left behind.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn command(host: &ApiServer, arguments: &[&str]) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_fedd"));
    command.args(arguments).arg("--kubeconfig").arg(host.kubeconfig_path()).env_clear().kill_on_drop(true);
    command
}

async fn fedd(host: &ApiServer, arguments: &[&str]) -> Ended {
    ended(command(host, arguments).output().await.unwrap())
}

/// Runs a command that has to succeed; answers its stdout.
async fn done(host: &ApiServer, arguments: &[&str]) -> String {
    let ended = fedd(host, arguments).await;
    assert_eq!(ended.code, Some(0), "{arguments:?}\n{}\n{}", ended.stdout, ended.stderr);
    ended.stdout
}

/// Runs a command that has to fail with exit code 1; answers its stderr.
async fn refused(host: &ApiServer, arguments: &[&str]) -> String {
    let ended = fedd(host, arguments).await;
    assert_eq!(ended.code, Some(1), "{arguments:?}\n{}\n{}", ended.stdout, ended.stderr);
    ended.stderr
}

fn lines_with<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.contains(word)).collect()
}

async fn widgets_are_defined(client: &Client) {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "shortNames": ["wid"]},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "properties": {
                    "replicas": {"type": "integer", "format": "int32"}}}}}}}],
        }
    });
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    api.create(&PostParams::default(), &serde_json::from_value(definition).unwrap()).await.unwrap();
}

fn federated_widgets(client: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("types.kubefed.io", "v1beta1", "FederatedWidget");
    Api::namespaced_with(
        client.clone(),
        "default",
        &ApiResource::from_gvk_with_plural(&kind, "federatedwidgets"),
    )
}

#[tokio::test]
async fn an_empty_api_server_becomes_a_federation_and_types_come_and_go() {
    let testbed = Testbed::start().await.unwrap();
    let host = testbed.api_server("host").await.unwrap();
    let client = host.client();
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let configs: Api<FederatedTypeConfig> = Api::namespaced(client.clone(), NAMESPACE);

    // A dry run says what would be, and does none of it.
    let told = done(&host, &["install", "--types", "configmaps,deployments", "--dry-run"]).await;
    assert!(lines_with(&told, "created (dry run)").len() > 10, "{told}");
    assert!(definitions.list(&ListParams::default()).await.unwrap().items.is_empty());

    let told = done(&host, &["install", "--types", "configmaps,deployments"]).await;
    assert!(told.contains("federatedtypeconfig.core.kubefed.io/deployments.apps created"), "{told}");
    assert!(Api::<KubeFedConfig>::namespaced(client.clone(), NAMESPACE).get("kubefed").await.is_ok());
    assert_eq!(configs.list(&ListParams::default()).await.unwrap().items.len(), 3);
    // Again: nothing changes, nor does what people changed.
    let patch = json!({"spec": {"propagation": "Disabled"}});
    configs.patch("configmaps", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    let again = done(&host, &["install", "--types", "configmaps,deployments"]).await;
    assert_eq!(lines_with(&again, "unchanged").len(), again.lines().count(), "{again}");
    assert_eq!(lines_with(&told, "created").len(), again.lines().count());
    let table = done(&host, &["install", "--types", "configmaps", "-o", "table"]).await;
    assert!(table.starts_with("ON") && table.contains("OBJECT"), "{table}");

    // A custom resource, right after its definition was applied.
    widgets_are_defined(&client).await;
    let printed: Vec<Value> =
        fedd::yaml::parse_stream(&done(&host, &["enable", "wid", "-o", "yaml"]).await).unwrap();
    assert_eq!(printed.len(), 2);
    assert!(configs.get_opt("widgets.example.com").await.unwrap().is_none());
    let told = done(&host, &["enable", "Widget", "--propagating-annotations", "example.com/*"]).await;
    assert!(
        told.contains(
            "customresourcedefinition.apiextensions.k8s.io/federatedwidgets.types.kubefed.io created"
        ),
        "{told}"
    );
    let definition = definitions.get("federatedwidgets.types.kubefed.io").await.unwrap();
    let versions: Vec<_> = definition.spec.versions.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(versions, ["v1beta1", "v1beta2"]);
    assert!(serde_json::to_string(&definition).unwrap().contains("retainReplicas"));
    // Enabled again without a word about annotations, it keeps them.
    done(&host, &["enable", "widgets.example.com"]).await;
    let config = configs.get("widgets.example.com").await.unwrap();
    assert_eq!(config.spec.propagating_annotations.as_deref(), Some(&["example.com/*".to_owned()][..]));
    // Deployments have replicas, ConfigMaps have none: told by the API server's own description.
    for (resource, has) in [("statefulsets", true), ("configmaps", false)] {
        let printed = done(&host, &["enable", resource, "-o", "yaml"]).await;
        assert_eq!(printed.contains("retainReplicas"), has, "{resource}");
    }
    let stderr = refused(&host, &["enable", "gadgets"]).await;
    assert!(stderr.contains("gadgets"), "{stderr}");
    let stderr = refused(&host, &["enable", "federatedwidgets"]).await;
    assert!(stderr.contains("own kinds"), "{stderr}");

    // While objects exist, the definition stays.
    let widget = json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": "FederatedWidget",
        "metadata": {"name": "one", "namespace": "default"}, "spec": {}});
    federated_widgets(&client)
        .create(&PostParams::default(), &serde_json::from_value(widget).unwrap())
        .await
        .unwrap();
    let stderr = refused(&host, &["disable", "widgets", "--delete-crd"]).await;
    assert!(stderr.contains("default/one"), "{stderr}");
    federated_widgets(&client).delete("one", &DeleteParams::default()).await.unwrap();

    // A controller that runs is waited for.
    let running = json!({"status": {"observedGeneration": 1, "propagationController": "Running"}});
    configs
        .patch_status("widgets.example.com", &PatchParams::default(), &Patch::Merge(running))
        .await
        .unwrap();
    let stderr = refused(&host, &["disable", "widgets", "--timeout", "500ms"]).await;
    assert!(stderr.contains("has not stopped"), "{stderr}");
    assert!(configs.get_opt("widgets.example.com").await.unwrap().is_some());
    let waiting = tokio::spawn({
        let host = host.clone();
        async move { done(&host, &["disable", "widgets", "--delete-crd", "--timeout", "30s"]).await }
    });
    let generation = configs.get("widgets.example.com").await.unwrap().metadata.generation.unwrap();
    let stopped =
        json!({"status": {"observedGeneration": generation, "propagationController": "NotRunning"}});
    configs
        .patch_status("widgets.example.com", &PatchParams::default(), &Patch::Merge(stopped))
        .await
        .unwrap();
    let told = waiting.await.unwrap();
    assert!(told.contains("federatedwidgets.types.kubefed.io deleted"), "{told}");
    assert!(configs.get_opt("widgets.example.com").await.unwrap().is_none());
    let gone = await_condition(definitions, "federatedwidgets.types.kubefed.io", |d: Option<&_>| d.is_none());
    tokio::time::timeout(Duration::from_secs(30), gone).await.unwrap().unwrap();
}

async fn tenant_namespace(client: &Client, name: &str) {
    let namespace = json!({"metadata": {"name": name, "labels":
        {"fedd.io/tenant": "bank", "fedd.io/workspace-group": "prod"}}});
    let api: Api<Namespace> = Api::all(client.clone());
    api.create(&PostParams::default(), &serde_json::from_value(namespace).unwrap()).await.unwrap();
}

/// The member, as the federation opens it.
async fn opened(host: &Client, member: &ApiServer, cluster: &KubeFedCluster) -> (Client, String) {
    let secrets: Api<Secret> = Api::namespaced(host.clone(), NAMESPACE);
    let secret = secrets.get(&cluster.spec.secret_ref.name).await.unwrap();
    let token = String::from_utf8(secret.data.unwrap()["token"].0.clone()).unwrap();
    let mut config = member.kube_config();
    assert_eq!(cluster.spec.api_endpoint, member.url());
    config.auth_info = kube::config::AuthInfo { token: Some(token.clone().into()), ..Default::default() };
    (Client::try_from(config).unwrap(), token)
}

#[tokio::test]
async fn a_member_joins_and_leaves_nothing_when_it_goes() {
    let testbed = Testbed::start().await.unwrap();
    let (host, member) = tokio::try_join!(testbed.api_server("host"), testbed.api_server("m1")).unwrap();
    let client = host.client();
    let clusters: Api<KubeFedCluster> = Api::namespaced(client.clone(), NAMESPACE);
    let path = member.kubeconfig_path();
    let kubeconfig = ["--cluster-kubeconfig", path.to_str().unwrap()];
    let join = |more: &[&'static str]| -> Vec<&str> { [&["join", "m1"], &kubeconfig[..], more].concat() };
    done(&host, &["install", "--types", "configmaps"]).await;

    // Nothing is written anywhere when something is wrong.
    let stderr = refused(&host, &join(&["--cell", "bank-prod/rz00a"])).await;
    assert!(stderr.contains("kubectl create namespace bank-prod"), "{stderr}");
    assert!(Api::<Namespace>::all(member.client()).get_opt(NAMESPACE).await.unwrap().is_none());
    tenant_namespace(&client, "bank-prod").await;
    let told = done(&host, &join(&["--dry-run"])).await;
    assert_eq!(lines_with(&told, "created (dry run)").len(), told.lines().count(), "{told}");
    assert!(clusters.list(&ListParams::default()).await.unwrap().items.is_empty());

    let tenant =
        ["--tenant", "bank", "--workspace-group", "prod", "--label", "zone=a", "--cell", "bank-prod/rz00a"];
    done(&host, &join(&tenant)).await;
    let cluster = clusters.get("m1").await.unwrap();
    assert_eq!(cluster.labels()["fedd.io/tenant"], "bank");
    assert_eq!(cluster.annotations()["fedd.io/joined-as"], format!("{NAMESPACE}/m1-host"));
    assert!(cluster.annotations().contains_key("fedd.io/token-expires"));
    let cell: Cell = Api::namespaced(client.clone(), "bank-prod").get("rz00a").await.unwrap();
    assert_eq!(cell.spec.cluster_name, "m1");
    let (through, first) = opened(&client, &member, &cluster).await;
    let config_map = json!({"metadata": {"name": "by-token"}});
    let config_maps: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::namespaced(through, "default");
    config_maps.create(&PostParams::default(), &serde_json::from_value(config_map).unwrap()).await.unwrap();

    // Again: a new token, the same labels; another scope is refused.
    let rows: Value = serde_json::from_str(&done(&host, &join(&["-o", "json"])).await).unwrap();
    let configured = rows.as_array().unwrap().iter().filter(|row| row["action"] == "configured");
    assert!(configured.into_iter().any(|row| row["object"] == "secret/m1-token"), "{rows}");
    let cluster = clusters.get("m1").await.unwrap();
    assert_eq!(
        (cluster.labels()["zone"].as_str(), cluster.labels()["fedd.io/tenant"].as_str()),
        ("a", "bank")
    );
    assert_ne!(opened(&client, &member, &cluster).await.1, first);
    let stderr = refused(&host, &join(&["--tenant", "shop", "--workspace-group", "prod"])).await;
    assert!(stderr.contains("bank/prod") && stderr.contains("shop/prod"), "{stderr}");

    // With a cell on it, it stays.
    let unjoin = ["unjoin", "m1", kubeconfig[0], kubeconfig[1]];
    let stderr = refused(&host, &unjoin).await;
    assert!(stderr.contains("cell/bank-prod/rz00a"), "{stderr}");
    Api::<Cell>::namespaced(client.clone(), "bank-prod")
        .delete("rz00a", &DeleteParams::default())
        .await
        .unwrap();
    let placed = json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": "FederatedConfigMap",
        "metadata": {"name": "c", "namespace": "bank-prod"}, "spec": {"placement": {"clusters": [{"name": "m1"}]}}});
    let kind = GroupVersionKind::gvk("types.kubefed.io", "v1beta1", "FederatedConfigMap");
    let resource = ApiResource::from_gvk_with_plural(&kind, "federatedconfigmaps");
    let federated: Api<DynamicObject> = Api::namespaced_with(client.clone(), "bank-prod", &resource);
    federated.create(&PostParams::default(), &serde_json::from_value(placed).unwrap()).await.unwrap();
    // It goes nowhere while its namespace does not.
    done(&host, &[&unjoin[..], &["--dry-run"]].concat()).await;
    let kind = GroupVersionKind::gvk("types.kubefed.io", "v1beta1", "FederatedNamespace");
    let resource = ApiResource::from_gvk_with_plural(&kind, "federatednamespaces");
    let namespaces: Api<DynamicObject> = Api::namespaced_with(client.clone(), "bank-prod", &resource);
    let namespace = json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": "FederatedNamespace",
        "metadata": {"name": "bank-prod", "namespace": "bank-prod"}, "spec": {"placement": {"clusterSelector": {}}}});
    namespaces.create(&PostParams::default(), &serde_json::from_value(namespace).unwrap()).await.unwrap();
    let stderr = refused(&host, &unjoin).await;
    assert!(stderr.contains("federatedconfigmap/bank-prod/c"), "{stderr}");
    namespaces.delete("bank-prod", &DeleteParams::default()).await.unwrap();
    federated.delete("c", &DeleteParams::default()).await.unwrap();

    done(&host, &unjoin).await;
    nothing_is_left(&client, &member.client()).await;
}

async fn nothing_is_left(host: &Client, member: &Client) {
    assert!(
        Api::<KubeFedCluster>::namespaced(host.clone(), NAMESPACE).get_opt("m1").await.unwrap().is_none()
    );
    assert!(Api::<Secret>::namespaced(host.clone(), NAMESPACE).get_opt("m1-token").await.unwrap().is_none());
    let role = "kubefed-controller-manager:m1-host";
    assert!(Api::<ClusterRole>::all(member.clone()).get_opt(role).await.unwrap().is_none());
    assert!(Api::<ClusterRoleBinding>::all(member.clone()).get_opt(role).await.unwrap().is_none());
    let accounts: Api<ServiceAccount> = Api::namespaced(member.clone(), NAMESPACE);
    assert!(accounts.get_opt("m1-host").await.unwrap().is_none());
    // No controller ends namespaces here; it is told to.
    let namespace = Api::<Namespace>::all(member.clone()).get_opt(NAMESPACE).await.unwrap();
    assert!(namespace.is_none_or(|n| n.metadata.deletion_timestamp.is_some()));
}

#[tokio::test]
async fn a_dead_member_is_taken_out_by_force_and_an_eternal_token_needs_a_controller() {
    let testbed = Testbed::start().await.unwrap();
    let (host, member) = tokio::try_join!(testbed.api_server("host"), testbed.api_server("m1")).unwrap();
    let client = host.client();
    let path = member.kubeconfig_path();
    let kubeconfig = ["--cluster-kubeconfig", path.to_str().unwrap()];
    done(&host, &["install", "--no-types"]).await;
    let join = ["join", "m1", kubeconfig[0], kubeconfig[1], "--token-secret", "--timeout", "2s"];
    let stderr = refused(&host, &join).await;
    assert!(stderr.contains("kube-controller-manager"), "{stderr}");
    assert!(
        Api::<Secret>::namespaced(client.clone(), NAMESPACE).get_opt("m1-token").await.unwrap().is_none()
    );
    {
        let _controllers = member.controller_manager(&["serviceaccount-token-controller"]).await.unwrap();
        done(&host, &["join", "m1", kubeconfig[0], kubeconfig[1], "--token-secret"]).await;
    }
    let cluster: KubeFedCluster = Api::namespaced(client.clone(), NAMESPACE).get("m1").await.unwrap();
    assert!(!cluster.annotations().contains_key("fedd.io/token-expires"));
    let (through, _) = opened(&client, &member, &cluster).await;
    // Nothing is federated: it opens what health checks read, and no more.
    let namespaces: Api<Namespace> = Api::all(through);
    namespaces.get("kube-system").await.unwrap();
    assert!(namespaces.list(&ListParams::default()).await.unwrap_err().to_string().contains("forbidden"));

    member.stop().await.unwrap();
    let unjoin = ["unjoin", "m1", kubeconfig[0], kubeconfig[1], "--timeout", "5s"];
    let stderr = refused(&host, &unjoin).await;
    assert!(stderr.contains("--force"), "{stderr}");
    let told = done(&host, &[&unjoin[..], &["--force"]].concat()).await;
    assert!(
        told.contains("m1-host left") && told.contains("kubefedcluster.core.kubefed.io/m1 deleted"),
        "{told}"
    );
    assert!(Api::<Secret>::namespaced(client, NAMESPACE).get_opt("m1-token").await.unwrap().is_none());
}

#[tokio::test]
async fn what_installs_installs_what_crds_prints() {
    let testbed = Testbed::start().await.unwrap();
    let host = testbed.api_server("host").await.unwrap();
    done(&host, &["install"]).await;
    // Every definition is established, and what is printed for kubectl applies to it without a change.
    let definitions: Api<CustomResourceDefinition> = Api::all(host.client());
    let crds = tokio::process::Command::new(env!("CARGO_BIN_EXE_fedd"))
        .args(["crds", "--crds-only"])
        .stderr(Stdio::inherit())
        .output()
        .await
        .unwrap();
    let crds: Vec<CustomResourceDefinition> =
        fedd::yaml::parse_stream(&String::from_utf8(crds.stdout).unwrap()).unwrap();
    for crd in crds {
        let name = crd.name_any();
        let before = definitions.get(&name).await.unwrap();
        assert!(conditions::is_crd_established().matches_object(Some(&before)), "{name}");
        let params = PatchParams::apply("kubectl").force();
        let after = definitions.patch(&name, &params, &Patch::Apply(&crd)).await.unwrap();
        assert_eq!(after.metadata.generation, before.metadata.generation, "{name}");
    }
}
