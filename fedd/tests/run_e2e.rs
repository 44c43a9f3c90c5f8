//! The whole of it by its command line: install, join, run; an object reaches its member, and goes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

use std::process::Stdio;
use std::time::Duration;

use federation_model::KubeFedCluster;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};
use testbed::{ApiServer, Testbed};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

/// More than anything here takes on two busy cores.
const PATIENCE: Duration = Duration::from_mins(1);

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let Ok(done) = tokio::time::timeout(PATIENCE, future).await else {
        panic!("not within {} s: {what}", PATIENCE.as_secs());
    };
    done
}

fn fedd(host: &ApiServer, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fedd"));
    command.args(arguments).arg("--kubeconfig").arg(host.kubeconfig_path()).env_clear().kill_on_drop(true);
    command
}

async fn done(host: &ApiServer, arguments: &[&str]) {
    let output = fedd(host, arguments).output().await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A port that is free now. The API server has to know the webhook's before it listens.
fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

async fn ask(address: &str, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Starts the control plane; answers it, and where it serves health and metrics.
async fn running(host: &ApiServer) -> (Child, String) {
    let webhook = format!("127.0.0.1:{}", free_port());
    let url = format!("https://{webhook}");
    let ports = ["--healthz-addr", "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0", "--log-format", "json"];
    let mut child = fedd(host, &["run", "--webhook-addr", &webhook, "--webhook-url", &url])
        .args(ports)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = within("its address", async {
        loop {
            let line = log.next_line().await.unwrap().unwrap();
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["message"] == "--healthz-addr is served" {
                return line["address"].as_str().unwrap().to_owned();
            }
        }
    })
    .await;
    // The rest is shown if the test fails.
    tokio::spawn(async move {
        while let Ok(Some(line)) = log.next_line().await {
            println!("{line}");
        }
    });
    (child, address)
}

fn federated(client: &Client, kind: &str, plural: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("types.kubefed.io", "v1beta1", kind);
    Api::namespaced_with(client.clone(), "shop", &ApiResource::from_gvk_with_plural(&kind, plural))
}

async fn create(api: &Api<DynamicObject>, kind: &str, name: &str, template: Value) {
    let object = json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": kind, "metadata": {"name": name, "namespace": "shop"},
        "spec": {"template": template, "placement": {"clusters": [{"name": "m1"}]}}});
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
}

#[tokio::test]
async fn an_object_reaches_its_member_and_goes() {
    let testbed = Testbed::start().await.unwrap();
    let (host, member) = tokio::try_join!(testbed.api_server("host"), testbed.api_server("m1")).unwrap();
    done(&host, &["install", "--types", "configmaps"]).await;
    let kubeconfig = member.kubeconfig_path();
    done(&host, &["join", "m1", "--cluster-kubeconfig", kubeconfig.to_str().unwrap()]).await;
    let (mut control_plane, health) = running(&host).await;

    let client = host.client();
    let clusters: Api<KubeFedCluster> = Api::namespaced(client.clone(), "kube-federation-system");
    let ready =
        await_condition(clusters, "m1", |c: Option<&KubeFedCluster>| c.is_some_and(KubeFedCluster::is_ready));
    within("the member is ready", ready).await.unwrap();
    within("fedd is ready", async {
        while !ask(&health, "/readyz").await.starts_with("HTTP/1.1 200") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;

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
    let stderr = fedd(&host, &["unjoin", "m1"]).output().await.unwrap().stderr;
    assert!(
        String::from_utf8_lossy(&stderr).contains("/shop/colours"),
        "{}",
        String::from_utf8_lossy(&stderr)
    );

    federated_config_maps.delete("colours", &DeleteParams::default()).await.unwrap();
    within("the object is gone", await_condition(there, "colours", |c: Option<&ConfigMap>| c.is_none()))
        .await
        .unwrap();
    // A type is disabled while its controller runs: it stops, and says so.
    within(
        "the type is disabled",
        done(&host, &["disable", "configmaps", "--delete-crd", "--timeout", "30s"]),
    )
    .await;

    // No controller ends namespaces on this member, so its federated namespace stays, and is in the way.
    let unjoin = ["unjoin", "m1", "--cluster-kubeconfig", kubeconfig.to_str().unwrap()];
    assert_eq!(fedd(&host, &unjoin).output().await.unwrap().status.code(), Some(1));
    let of_m1 = |metrics: &str| metrics.lines().any(|line| line.contains("cluster=\"m1\""));
    assert!(of_m1(&ask(&health, "/metrics").await));
    done(&host, &[&unjoin[..], &["--force"]].concat()).await;
    within("its series are gone", async {
        while of_m1(&ask(&health, "/metrics").await) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;

    let id = control_plane.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let status = within("it ends", control_plane.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0));
}
