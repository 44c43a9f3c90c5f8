//! API servers of one testbed: apart from each other, and kept over a stop.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Namespace, ServiceAccount},
    rbac::v1::ClusterRole,
};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, ListParams, PostParams, WatchEvent, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;
use testbed::{ApiServer, ApiServerOptions, Binary, Testbed, kubectl_path};

fn config_maps(server: &ApiServer) -> Api<ConfigMap> {
    Api::default_namespaced(server.client())
}

fn config_map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
}

async fn names(server: &ApiServer) -> Vec<String> {
    let all = config_maps(server).list(&ListParams::default()).await.unwrap();
    all.into_iter().filter_map(|object| object.metadata.name).collect()
}

#[tokio::test]
async fn two_servers_on_one_etcd_start_at_once_and_do_not_see_each_others_objects() {
    let testbed = Testbed::start().await.unwrap();
    let (one, two) = tokio::try_join!(testbed.api_server("one"), testbed.api_server("two")).unwrap();
    assert_ne!(one.url(), two.url());

    config_maps(&one).create(&PostParams::default(), &config_map("only-in-one")).await.unwrap();
    assert!(names(&one).await.contains(&"only-in-one".to_owned()));
    assert!(!names(&two).await.contains(&"only-in-one".to_owned()));

    let version = one.client().apiserver_version().await.unwrap();
    assert_eq!(version.git_version, Binary::KubeApiserver.version());
    assert_eq!((version.major.as_str(), version.minor.as_str()), ("1", "36"));

    // Neither server trusts, nor is trusted with, what belongs to the other.
    let mut mixed = one.kube_config();
    mixed.cluster_url = two.url().parse().unwrap();
    let mixed = Client::try_from(mixed).unwrap();
    assert!(mixed.apiserver_version().await.is_err());
}

#[tokio::test]
async fn a_stopped_server_comes_back_with_its_data_on_its_port() {
    let testbed = Testbed::start().await.unwrap();
    let server = testbed.api_server("member").await.unwrap();
    let objects = config_maps(&server);
    let written = objects.create(&PostParams::default(), &config_map("kept")).await.unwrap();
    let (url, first) = (server.url().to_owned(), server.process_id().await);

    server.stop().await.unwrap();
    server.stop().await.unwrap();
    assert_eq!((server.process_id().await, server.pid()), (None, None));
    assert!(objects.get("kept").await.is_err(), "a stopped server answered");

    server.start_again().await.unwrap();
    server.start_again().await.unwrap();
    assert_eq!(server.url(), url);
    assert!(server.pid().is_some());
    assert_eq!(server.process_id().await, server.pid());
    assert_ne!(server.pid(), first);
    assert_eq!(objects.get("kept").await.unwrap(), written);
}

#[tokio::test]
async fn a_paused_server_hangs_until_it_is_resumed() {
    let testbed = Testbed::start().await.unwrap();
    let server = testbed.api_server("member").await.unwrap();
    let objects = config_maps(&server);
    server.pause().await.unwrap();
    let answer = tokio::time::timeout(Duration::from_millis(500), objects.list(&ListParams::default())).await;
    assert!(answer.is_err(), "a paused server answered");
    server.resume().await.unwrap();
    objects.list(&ListParams::default()).await.unwrap();
}

#[tokio::test]
async fn the_kubeconfig_file_opens_the_server() {
    let testbed = Testbed::start().await.unwrap();
    let server = testbed.api_server("host").await.unwrap();
    assert!(server.kubeconfig_path().starts_with(testbed.folder()));
    let kubeconfig = Kubeconfig::read_from(server.kubeconfig_path()).unwrap();
    assert_eq!(kubeconfig.current_context.as_deref(), Some("host"));
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    assert_eq!(config.cluster_url.to_string().trim_end_matches('/'), server.url());
    let namespaces: Api<Namespace> = Api::all(Client::try_from(config).unwrap());
    namespaces.get("kube-system").await.unwrap();
}

#[tokio::test]
async fn a_token_of_a_service_account_opens_its_own_server_only() {
    let testbed = Testbed::start().await.unwrap();
    let (one, two) = tokio::try_join!(testbed.api_server("one"), testbed.api_server("two")).unwrap();
    let accounts: Api<ServiceAccount> = Api::default_namespaced(one.client());
    let account = serde_json::from_value(json!({"metadata": {"name": "reader"}})).unwrap();
    accounts.create(&PostParams::default(), &account).await.unwrap();
    let request = serde_json::from_value(json!({"spec": {"audiences": []}})).unwrap();
    let token = accounts.create_token_request("reader", &PostParams::default(), &request).await.unwrap();
    let token = token.status.unwrap().token.unwrap();

    let answer_of = async |server: &ApiServer| {
        let mut config = Config::new(server.url().parse().unwrap());
        config.root_cert = server.kube_config().root_cert;
        config.auth_info.token = Some(token.clone().into());
        let accounts: Api<ServiceAccount> = Api::default_namespaced(Client::try_from(config).unwrap());
        match accounts.get("reader").await {
            Err(kube::Error::Api(status)) => status.code,
            other => panic!("{other:?}"),
        }
    };
    // Known, and without any role; then unknown.
    assert_eq!(answer_of(&one).await, 403);
    assert_eq!(answer_of(&two).await, 401);
}

#[tokio::test]
async fn an_administrators_token_opens_everything_of_its_own_server() {
    let testbed = Testbed::start().await.unwrap();
    let (one, two) = tokio::try_join!(testbed.api_server("one"), testbed.api_server("two")).unwrap();
    one.token("fedd").await.unwrap();
    // What is there already is no error.
    let token = one.token("fedd").await.unwrap();
    let with_token = |server: &ApiServer| {
        let mut config = Config::new(server.url().parse().unwrap());
        config.root_cert = server.kube_config().root_cert;
        config.auth_info.token = Some(token.clone().into());
        Client::try_from(config).unwrap()
    };
    let roles = Api::<ClusterRole>::all(with_token(&one)).list(&ListParams::default()).await.unwrap();
    assert!(!roles.items.is_empty());
    let refused = Api::<ClusterRole>::all(with_token(&two)).list(&ListParams::default()).await;
    assert!(matches!(&refused, Err(kube::Error::Api(status)) if status.code == 401), "{refused:?}");
}

#[tokio::test]
async fn kubectl_reads_a_server_by_its_kubeconfig() {
    let testbed = Testbed::start().await.unwrap();
    let server = testbed.api_server("host").await.unwrap();
    let output = std::process::Command::new(kubectl_path().await.unwrap())
        .arg("--kubeconfig")
        .arg(server.kubeconfig_path())
        .args(["--context", "host", "get", "namespace", "default", "--output=name"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "namespace/default\n", "{output:?}");
}

#[tokio::test]
async fn writes_are_read_back_from_the_audit_log() {
    let testbed = Testbed::start().await.unwrap();
    let options = ApiServerOptions { audit_writes: true, ..ApiServerOptions::default() };
    let server = testbed.api_server_with("host", options).await.unwrap();
    let objects = config_maps(&server);
    objects.create(&PostParams::default(), &config_map("one")).await.unwrap();
    objects.get("one").await.unwrap();
    objects.create(&PostParams::default(), &config_map("one")).await.unwrap_err();
    let writes = server.writes().await.unwrap();
    let writes: Vec<_> = writes
        .iter()
        .filter(|write| write.resource == "configmaps" && write.name == "one")
        .map(|write| (write.verb.as_str(), write.namespace.as_str(), write.user.as_str(), write.code))
        .collect();
    let user = "testbed-administrator";
    assert_eq!(writes, [("create", "default", user, 201), ("create", "default", user, 409)]);
}

#[tokio::test]
async fn names_are_checked_and_given_once() {
    let testbed = Testbed::start().await.unwrap();
    let refused = testbed.api_server("No Name").await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("DNS label"), "{refused}");
    let options =
        ApiServerOptions { flags: vec!["--no-such-flag".to_owned()], ..ApiServerOptions::default() };
    let failed = testbed.api_server_with("twice", options).await.map(drop).unwrap_err().to_string();
    assert!(failed.contains("unknown flag: --no-such-flag"), "{failed}");
    let refused = testbed.api_server("twice").await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("already has a server"), "{refused}");
}

#[tokio::test]
async fn a_controller_manager_finishes_namespaces_and_rolls_out_deployments() {
    let testbed = Testbed::start().await.unwrap();
    let server = testbed.api_server("host").await.unwrap();
    let controllers = ["namespace-controller", "deployment-controller", "serviceaccount-token-controller"];
    let manager = server.controller_manager(&controllers).await.unwrap();
    assert_eq!(manager.api_server().name(), "host");

    let deployments: Api<Deployment> = Api::default_namespaced(server.client());
    let deployment = serde_json::from_value(json!({
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web"}]},
        }},
    }))
    .unwrap();
    deployments.create(&PostParams::default(), &deployment).await.unwrap();
    let seen = async {
        let mut events = deployments.watch(&WatchParams::default(), "0").await.unwrap().boxed();
        while let Some(event) = events.try_next().await.unwrap() {
            if let WatchEvent::Added(object) | WatchEvent::Modified(object) = event
                && object.status.is_some_and(|status| status.observed_generation == Some(1))
            {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), seen).await.expect("no controller saw the Deployment");

    let namespaces: Api<Namespace> = Api::all(server.client());
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": "short-lived"}})).unwrap();
    let created = namespaces.create(&PostParams::default(), &namespace).await.unwrap();
    let from = created.metadata.resource_version.unwrap();
    namespaces.delete("short-lived", &DeleteParams::default()).await.unwrap();
    let gone = async {
        let only = WatchParams::default().fields("metadata.name=short-lived");
        let mut events = namespaces.watch(&only, &from).await.unwrap().boxed();
        while let Some(event) = events.try_next().await.unwrap() {
            if matches!(event, WatchEvent::Deleted(_)) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), gone).await.expect("the namespace was never finished");
}
