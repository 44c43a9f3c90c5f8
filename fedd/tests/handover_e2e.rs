//! The file of `fedd serve` is handed over to kine and a stock kube-apiserver, and taken back: federated objects are there in
//! both forms.
//!
//! The kube-apiserver stores JSON (`--storage-media-type`): that is what the embedded one reads of built-in kinds.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "support/process.rs"]
mod process;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fedd::embedded::{Embedded, EmbeddedOptions, Opened, Storage};
use fedd::manifest::choose_types;
use fedd::settings;
use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use process::{Daemon, within};
use serde_json::{Value, json};
use testbed::{ApiServerOptions, Testbed};

const FORMS: [&str; 2] = ["v1beta1", "v1beta2"];

async fn embedded(file: &Path) -> Embedded {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Opened { store, secrets, .. } = Storage::file(file.to_owned()).open().await.unwrap();
    let options = EmbeddedOptions {
        store,
        secrets,
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        hosts: Vec::new(),
        namespace: "kube-federation-system".to_owned(),
        types: choose_types(Some(&["configmaps".to_owned()])).unwrap(),
        settings: settings::written_out(),
        audit: None,
        metrics: Arc::default(),
    };
    Embedded::start(options).await.unwrap()
}

fn api(client: &Client, form: &str) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("types.kubefed.io", form, "FederatedConfigMap");
    let resource = ApiResource::from_gvk_with_plural(&gvk, "federatedconfigmaps");
    Api::namespaced_with(client.clone(), "app", &resource)
}

fn object(form: &str, name: &str, spec: Value) -> DynamicObject {
    let object = json!({"apiVersion": format!("types.kubefed.io/{form}"), "kind": "FederatedConfigMap",
        "metadata": {"name": name}, "spec": spec});
    serde_json::from_value(object).unwrap()
}

fn by_cluster(value: &str) -> Value {
    json!({"template": {"data": {"k": value}}, "placement": {"clusters": [{"name": "rz00a.app"}]}})
}

fn by_cell(value: &str) -> Value {
    json!({"topologyType": "cell", "template": {"data": {"k": value}}, "placement": {"topologies": [{"name": "rz00a"}]},
        "overrides": [{"topologyName": "rz00a", "topologyOverrides": [{"path": "/data/k", "value": "w"}]}]})
}

/// Uid, version and spec of every object, by form and name.
async fn everything(client: &Client) -> BTreeMap<(String, String), Value> {
    let mut all = BTreeMap::new();
    for form in FORMS {
        for one in api(client, form).list(&ListParams::default()).await.unwrap() {
            let metadata = &one.metadata;
            let told = json!([metadata.uid, metadata.resource_version, one.data["spec"]]);
            all.insert((form.to_owned(), metadata.name.clone().unwrap()), told);
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn federated_objects_go_to_a_stock_api_server_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fedd.db");
    let server = embedded(&file).await;
    let client = server.client().clone();
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": "app"}})).unwrap();
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    for number in 0..10 {
        let (form, spec) =
            if number % 2 == 0 { ("v1beta1", by_cluster("ours")) } else { ("v1beta2", by_cell("ours")) };
        let object = object(form, &format!("o{number}"), spec);
        api(&client, form).create(&PostParams::default(), &object).await.unwrap();
    }
    let ours = everything(&client).await;
    assert_eq!(ours.len(), 20);
    server.stop().await;

    let testbed = Testbed::start().await.unwrap();
    let flags = vec!["--storage-media-type=application/json".to_owned()];
    let options = ApiServerOptions { sqlite: Some(file.clone()), flags, ..ApiServerOptions::default() };
    let stock = testbed.api_server_with("successor", options).await.unwrap();
    // There, conversion is by webhook: it puts itself into the definitions.
    let webhooks = Daemon::start(stock.kubeconfig_path(), &["webhook"]).await;
    let there = stock.client();
    assert_eq!(everything(&there).await, ours);

    let changed = json!({"spec": {"template": {"data": {"k": "theirs"}}}});
    api(&there, "v1beta2").patch("o1", &PatchParams::default(), &Patch::Merge(&changed)).await.unwrap();
    api(&there, "v1beta1").patch("o2", &PatchParams::default(), &Patch::Merge(&changed)).await.unwrap();
    for (form, name, spec) in
        [("v1beta1", "by-cluster", by_cluster("theirs")), ("v1beta2", "by-cell", by_cell("theirs"))]
    {
        api(&there, form).create(&PostParams::default(), &object(form, name, spec)).await.unwrap();
    }
    api(&there, "v1beta2").delete("o3", &DeleteParams::default()).await.unwrap();
    // Its cache hears of a write from kine a moment later.
    let settled = async {
        loop {
            let all = everything(&there).await;
            if all.len() == 22 {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let theirs = within("one object is gone and two are new", settled).await;
    drop(webhooks);
    drop(stock);
    drop(testbed);

    let server = embedded(&file).await;
    let client = server.client().clone();
    assert_eq!(everything(&client).await, theirs);
    let after = object("v1beta2", "after", by_cell("ours"));
    api(&client, "v1beta2").create(&PostParams::default(), &after).await.unwrap();
    assert_eq!(everything(&client).await.len(), 24);
    server.stop().await;
}
